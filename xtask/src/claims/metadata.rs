//! The table of what the server keeps, from docs/metadata.toml. That every column of the schema stands there is a test of server-core.

use super::METADATA;
use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    table: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    /// Until when a row stays.
    kept: String,
    /// The operations that write it.
    written: String,
    /// Name, who can read it, what it is.
    columns: Vec<(String, Reach, String)>,
}

/// What the server can do with a column.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reach {
    /// Read it.
    Clear,
    /// Keep it: the key is not on the server.
    Sealed,
    /// Compare it: a hash or a keyed hash of something.
    Hashed,
}

/// The table as Markdown, one row for each table of the database.
pub(super) fn table(text: &str) -> Result<String> {
    let all: Metadata = toml::from_str(text).context(METADATA)?;
    let mut page =
        String::from("| table | clear to the server | sealed or hashed | kept until | written by |\n|---|---|---|---|---|\n");
    for table in &all.table {
        for (column, _, what) in &table.columns {
            if what.trim().is_empty() || what.contains('|') {
                bail!("{METADATA}: {}.{column} says nothing, or has a bar in it", table.name);
            }
        }
        let of = |wanted: &[Reach]| -> String {
            let fitting = table.columns.iter().filter(|(_, reach, _)| wanted.contains(reach));
            fitting.map(|(column, reach, what)| format!("`{column}` {}{what}", mark(*reach))).collect::<Vec<_>>().join("; ")
        };
        let (clear, closed) = (of(&[Reach::Clear]), of(&[Reach::Sealed, Reach::Hashed]));
        page.push_str(&format!("| `{}` | {clear} | {closed} | {} | {} |\n", table.name, table.kept, table.written));
    }
    Ok(page)
}

const fn mark(reach: Reach) -> &'static str {
    match reach {
        Reach::Clear => "",
        Reach::Sealed => "(sealed) ",
        Reach::Hashed => "(hash) ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_a_row_and_an_empty_word_is_refused() {
        let one = |what: &str| {
            format!(
                "[[table]]\nname = \"session\"\nkept = \"an hour\"\nwritten = \"log-in\"\ncolumns = [[\"a\", \"clear\", \"who\"], [\"b\", \"hashed\", \"{what}\"]]\n"
            )
        };
        let page = table(&one("the token")).unwrap();
        assert!(page.ends_with("| `session` | `a` who | `b` (hash) the token | an hour | log-in |\n"), "{page}");
        assert!(table(&one("")).is_err());
        assert!(table(&one("x").replace("hashed", "secret")).is_err());
    }
}
