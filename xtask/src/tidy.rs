//! `cargo xtask tidy`: the rules of the house that a program can check. Each rule is one function from the tree to what is wrong with it,
//! and each has a test in which a planted violation is found.

mod crates;
mod docs;
mod everywhere;
mod requirements;
mod tree;
mod web;

use anyhow::{Result, bail};
pub(crate) use tree::{Tree, names, shipped};

/// What is wrong, and where.
type Found = Vec<String>;

type Rule = (&'static str, fn(&Tree) -> Found);

const RULES: [Rule; 20] = [
    ("crates depend on each other only downwards", crates::direction),
    ("the cores know no I/O, clock or randomness", crates::pure),
    ("openmls stays in the crate and the folders called mls", crates::openmls),
    ("SQL drivers stay in their folders", crates::drivers),
    ("opaque-ke stays in the account folders", crates::opaque),
    ("the server holds no SQL", crates::server_sql),
    ("no SQL is put together from strings", crates::built_sql),
    ("unsafe stands in one reasoned file", crates::unsafe_code),
    ("lints are expected with a reason, never allowed", crates::allowed),
    ("only web/src/core knows the worker", web::worker),
    ("no inline style, handler or HTML string on the page", web::inline),
    ("colours and sizes come from the tokens", web::tokens),
    ("nothing switches certificate checks off", everywhere::certificates),
    ("nothing names the machine it was written on", everywhere::machines),
    ("packages come from the public registries", everywhere::registries),
    ("what must be one is there in one version", everywhere::one_version),
    ("no note is left for later", everywhere::later),
    ("every path the documents name exists", docs::paths),
    ("no test is switched off", everywhere::switched_off),
    ("every requirement has its row, and every done one its test", requirements::trace),
];

/// Applies every rule to the tree.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let found = rule(&tree);
        if !found.is_empty() {
            broken += 1;
            println!("tidy: {name}:");
            found.iter().for_each(|line| println!("  {line}"));
        }
    }
    if broken > 0 {
        bail!("tidy: {broken} of {} rules are broken", RULES.len());
    }
    println!("tidy: {} rules hold over {} files", RULES.len(), tree.files.len());
    Ok(())
}
