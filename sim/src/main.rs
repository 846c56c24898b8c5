//! `sim [--from SEED] [--seeds N] [--long]`: runs seeds, prints every broken promise with its one-line reproduction, and how
//! often each fault happened; one that never did is an error.
#![forbid(unsafe_code)]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
};

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

/// What one thread has done.
#[derive(Default)]
struct Tally {
    counts: Counts,
    failed: u64,
    texts: usize,
    done: u64,
}

fn work(next: &AtomicU64, end: u64, shape: Shape, long: bool) -> Tally {
    let mut tally = Tally::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return tally;
        }
        let mut world = World::new(seed, shape);
        world.run();
        let found = checks::judge(&mut world);
        tally.counts.add(&world.dice.counts);
        tally.texts += world.kept.len();
        tally.done += 1;
        if !found.is_empty() {
            tally.failed += 1;
            let again = format!("  again: cargo xtask sim --from {seed} --seeds 1{}", if long { " --long" } else { "" });
            let lines: Vec<String> = found.iter().take(12).map(|line| format!("  {line}")).collect();
            println!("seed {seed}: {} steps, {} s\n{}\n{again}", world.steps(), world.seconds(), lines.join("\n"));
        }
    }
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
    let next = AtomicU64::new(asked.from);
    let end = asked.from.saturating_add(asked.seeds);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // A world lives in one thread; worlds know nothing of each other.
    let runs: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next, end, shape, asked.long))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let (mut counts, mut failed, mut texts, mut done) = (Counts::default(), 0u64, 0usize, 0u64);
    for run in &runs {
        counts.add(&run.counts);
        failed += run.failed;
        texts += run.texts;
        done += run.done;
    }
    // A thread that panicked counts nothing: its seeds are missing here.
    failed += asked.seeds - done;
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
