//! Everything one types while working on Sotto: `cargo xtask run`, `test`, `dist`, `tidy` and what they are made of.
//!
//! This crate knows no protocol and no cryptography. It uses little beside the standard library,
//! so that it is up in seconds on a machine that has compiled nothing yet.

mod canaries;
mod claims;
mod digest;
mod dist;
mod e2e;
mod fuzz;
mod mutation;
mod process;
mod readable;
mod root;
mod serve;
mod sim;
mod size;
mod stages;
mod tidy;
mod tools;
mod web;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  run [options]            build everything and serve https://localhost:5001 (options go to `sotto serve`)
  test [stage…]            every check there is, or only the named ones; `test --list` names them
  dist                     the release binary target/release/sotto, web client inside
  tidy                     the rules of the house that a program can check
  claims [--write]         every promise of docs/claims.toml against the last run of `test tests`; --write makes the generated tables
  web                      the WebAssembly core and the page, into web/dist
  sim [options]            many clients and one server in one thread, from one seed
  canaries [name…]         plants each bug of mutants/ and shows which seed or test notices it
  bench [browser] [--json] the figures of docs/PERFORMANCE.md; without `browser` load for the server, with
                           --only rates,people and --sockets 1000,10000,50000 (needs as many files: ulimit -n);
                           with it --only page,core,away and --browser firefox
  fuzz [--seconds N] [target…]
                           every fuzz target, or the named ones, a minute each
  mutation [crate…]        changes the code in a copy of the tree, one place at a time, and shows what no test notices (hours)
  e2e [chromium|firefox] [filter]
                           the browser suite against the release binary
  screens [chromium|firefox] [filter]
                           how the screens behave over canned data
  shots                    a picture of every screen into docs/shots
  size                     what a first visit has to load, against its budget
  readable                 searches what the last browser run left on the server for its texts
  tools                    only checks and installs what the other commands need
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "run" => serve::run(rest),
        "test" => stages::run(rest),
        "dist" => dist::dist().map(|binary| println!("{}", binary.display())),
        "tidy" => tidy::run(),
        "claims" => claims::run(rest),
        "web" => web::build().map(|dist| println!("{}", dist.display())),
        "sim" => sim::run(rest),
        "canaries" => canaries::run(rest),
        "bench" => e2e::bench(rest),
        "fuzz" => fuzz::run(rest),
        "mutation" => mutation::run(rest),
        "e2e" => e2e::run(rest),
        "screens" => e2e::screens(rest).map(drop),
        "shots" => e2e::shots(),
        "size" => size::check().map(|lines| lines.iter().for_each(|line| println!("{line}"))),
        "readable" => readable::check().map(|lines| lines.iter().for_each(|line| println!("{line}"))),
        "tools" => tools::all(),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no command {other:?}; `cargo xtask help` lists them"),
    }
}
