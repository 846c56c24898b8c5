//! `sim [--from SEED] [--seeds N] [--long]`: runs seeds, prints every broken promise with its one-line reproduction, and how
//! often each fault happened; one that never did is an error.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use sim::{
    checks,
    faults::{Counts, Fault},
    world::{Shape, World},
};

/// What the command line asks for.
struct Asked {
    from: u64,
    seeds: u64,
    long: bool,
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { from: 1, seeds: 300, long: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number =
            |name: &str| words.next().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{name} needs a number"));
        match word.as_str() {
            "--from" => asked.from = number("--from")?,
            "--seeds" => asked.seeds = number("--seeds")?,
            "--long" => asked.long = true,
            other => return Err(format!("unknown option {other}; usage: sim [--from SEED] [--seeds N] [--long]")),
        }
    }
    Ok(asked)
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let shape = if asked.long { Shape { people: 6, texts: 20_000 } } else { Shape { people: 3, texts: 60 } };
    let (mut counts, mut failed, mut texts) = (Counts::default(), 0u64, 0usize);
    for seed in asked.from..asked.from.saturating_add(asked.seeds) {
        let mut world = World::new(seed, shape);
        world.run();
        let found = checks::judge(&mut world);
        counts.add(&world.dice.counts);
        texts += world.kept.len();
        if !found.is_empty() {
            failed += 1;
            println!("seed {seed}: {} steps, {} s", world.steps(), world.seconds());
            found.iter().take(6).for_each(|line| println!("  {line}"));
            println!("  again: cargo xtask sim --from {seed} --seeds 1{}", if asked.long { " --long" } else { "" });
        }
    }
    println!("faults:");
    let mut absent = vec![];
    for fault in Fault::ALL {
        let count = counts.0.get(&fault).copied().unwrap_or(0);
        println!("  {fault:?}: {count}");
        if count == 0 {
            absent.push(fault);
        }
    }
    println!("sim: {} passed, {failed} failed; {texts} texts", asked.seeds - failed);
    if asked.seeds >= 100 && !absent.is_empty() {
        println!("faults that never happened: {absent:?}");
        return ExitCode::FAILURE;
    }
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
