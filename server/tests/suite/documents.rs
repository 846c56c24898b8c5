//! Sections of docs/API.md that are made from the code. Run with `SOTTO_WRITE_DOCS=1` to write them anew.

use std::{fmt::Write as _, fs, path::Path};

use server::http::headers;
use shared::Code;

fn codes() -> String {
    let mut table = String::from("| code | status | what is told | what a client does |\n|---|---|---|---|\n");
    for code in Code::ALL {
        let _ = writeln!(table, "| `{}` | {} | {} | {} |", code.as_str(), code.status(), code.text(), code.advice());
    }
    table
}

fn header_table() -> String {
    let mut table = String::from("| header | value | why |\n|---|---|---|\n");
    for (name, value, why) in headers::ALWAYS {
        let _ = writeln!(table, "| `{name}` | `{value}` | {why} |");
    }
    let (name, value) = headers::STRICT_TRANSPORT_SECURITY;
    let _ = writeln!(
        table,
        "| `{name}` | `{value}` | only with a certificate of one's own: with the local authority it would spoil other ports of localhost |"
    );
    table
}

#[test]
fn the_tables_of_the_api_document_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let old = fs::read_to_string(&path).unwrap();
    let mut new = old.clone();
    for (name, table) in [("codes", codes()), ("headers", header_table())] {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let from = new.find(&begin).unwrap_or_else(|| panic!("{begin} is missing")) + begin.len();
        let to = new.find(&end).unwrap_or_else(|| panic!("{end} is missing"));
        new.replace_range(from..to, &format!("\n{table}\n"));
    }
    if std::env::var_os("SOTTO_WRITE_DOCS").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert_eq!(old, new, "run the test with SOTTO_WRITE_DOCS=1");
    }
}
