//! Nothing is kept that the threat model does not name.

use std::collections::{BTreeMap, BTreeSet};

use crate::{sql::Sql, tests::world::World};

/// Every column of every table, as the migrations leave them.
fn schema(sql: &mut dyn Sql) -> BTreeSet<String> {
    let statement = "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut found = BTreeSet::new();
    for mut row in sql.query(statement, &[]).unwrap() {
        found.insert(format!("{}.{}", row.take::<String>().unwrap(), row.take::<String>().unwrap()));
    }
    found
}

/// The entries of docs/metadata.toml, as `table.column`; a table or column that stands twice is refused.
fn explained() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metadata.toml");
    let all: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for table in all["table"].as_array().unwrap() {
        for column in table["columns"].as_array().unwrap() {
            let name = format!("{}.{}", table["name"].as_str().unwrap(), column[0].as_str().unwrap());
            assert!(found.insert(name.clone(), column[1].as_str().unwrap().to_string()).is_none(), "{name} stands twice");
        }
    }
    found
}

fn unexplained(columns: &BTreeSet<String>) -> Vec<String> {
    let explained = explained();
    columns.iter().filter(|name| !explained.contains_key(*name)).cloned().collect()
}

#[test]
fn every_column_is_explained() {
    let columns = World::new().read(|sql| Ok(crate::refusal::Done::quiet(schema(sql)))).unwrap().answer;
    assert!(columns.contains("conv_msg.body"));
    assert_eq!(unexplained(&columns), Vec::<String>::new(), "in docs/metadata.toml");
    let gone: Vec<String> = explained().into_keys().filter(|name| !columns.contains(name)).collect();
    assert_eq!(gone, Vec::<String>::new(), "explained, but not in the schema");
}

#[test]
fn a_column_nobody_explained_is_found() {
    let mut world = World::new();
    let columns = world
        .write(|sql, _| {
            sql.execute("ALTER TABLE account ADD COLUMN phone TEXT", &[])?;
            Ok(crate::refusal::Done::quiet(schema(sql)))
        })
        .unwrap()
        .answer;
    assert_eq!(unexplained(&columns), ["account.phone"]);
}
