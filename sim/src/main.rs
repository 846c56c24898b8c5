//! `sim [--from SEED] [--seeds N] [--people N] [--texts N] [--long] [--threads N] [--until-red] [--keep DIR] [--trace]`: runs
//! worlds, prints every broken promise with the one line that brings it back, and how often each fault happened; one that never did
//! is an error. `--keep` writes a file for each failed world into DIR, `--trace` tells all that happens. Under a clock that can be moved (see `sim::clock`)
//! browsers' clocks are wrong and days pass.
#![forbid(unsafe_code)]

use std::{
    cell::RefCell,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use sim::{
    checks,
    clock::Clock,
    faults::{Counts, Fault, Source},
    regression::Regression,
    world::{Shape, World},
};

/// So many seeds have met every fault.
const ENOUGH: u64 = 100;
/// Worlds of `--long`: with [`Shape::long`] a million texts.
const LONG: u64 = 50;

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    from: u64,
    seeds: Option<u64>,
    people: Option<usize>,
    texts: Option<usize>,
    threads: Option<usize>,
    long: bool,
    until_red: bool,
    trace: bool,
    keep: Option<PathBuf>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self { from: 1, ..Self::default() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            let number = |text: String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
            let count = |text: String| text.parse::<usize>().map_err(|error| format!("{text}: {error}"));
            match word.as_str() {
                "--from" => asked.from = number(value()?)?,
                "--seeds" => asked.seeds = Some(number(value()?)?),
                "--people" => asked.people = Some(count(value()?)?),
                "--texts" => asked.texts = Some(count(value()?)?),
                "--threads" => asked.threads = Some(count(value()?)?),
                "--keep" => asked.keep = Some(value()?.into()),
                "--long" => asked.long = true,
                "--trace" => asked.trace = true,
                "--until-red" => asked.until_red = true,
                other => return Err(format!("unknown option {other}; the head of sim/src/main.rs lists them")),
            }
        }
        Ok(asked)
    }

    fn shape(&self, seed: u64) -> Shape {
        let usual = if self.long { Shape::long() } else { Shape::short(seed) };
        Shape { people: self.people.unwrap_or(usual.people), texts: self.texts.unwrap_or(usual.texts) }
    }

    fn seeds(&self) -> u64 {
        // Who names a shape means one world.
        let usual = if self.long { LONG } else { 2_000 };
        self.seeds.unwrap_or_else(|| if self.people.is_some() || self.texts.is_some() { 1 } else { usual })
    }
}

/// What one thread has done.
#[derive(Default)]
struct Tally {
    counts: Counts,
    failed: u64,
    texts: usize,
    steps: u64,
    done: u64,
}

thread_local! {
    /// The world this thread is in, for the report of a panic.
    static PRESENT: RefCell<Option<Regression>> = const { RefCell::new(None) };
}

fn work(asked: &Asked, next: &AtomicU64, red: &AtomicBool, mut clock: Option<Clock>) -> Tally {
    let mut tally = Tally::default();
    let end = asked.from.saturating_add(asked.seeds());
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || (asked.until_red && red.load(Ordering::Relaxed)) {
            return tally;
        }
        let regression = Regression { seed, shape: asked.shape(seed) };
        PRESENT.with_borrow_mut(|present| *present = Some(regression));
        let mut world = World::under(seed, regression.shape, clock.take());
        world.trace = asked.trace;
        world.run();
        let found = checks::judge(&mut world);
        tally.counts.add(&world.dice.counts);
        tally.texts += world.kept.len();
        tally.steps += world.steps();
        tally.done += 1;
        if let Some(first) = found.first() {
            tally.failed += 1;
            red.store(true, Ordering::Relaxed);
            let lines: Vec<String> = found.iter().take(12).map(|line| format!("  {line}")).collect();
            println!("seed {seed}: {} steps, {} s\n{}", world.steps(), world.seconds(), lines.join("\n"));
            println!("  again: cargo xtask sim {}", regression.options());
            println!("red: seed {seed}: {}", first.lines().next().unwrap_or_default());
            keep(asked, &regression, first);
        }
        clock = world.into_clock();
    }
}

/// A failing world becomes a file.
fn keep(asked: &Asked, regression: &Regression, why: &str) {
    let Some(folder) = &asked.keep else { return };
    let file = folder.join(format!("seed-{}.txt", regression.seed));
    let why = why.lines().next().unwrap_or_default();
    match std::fs::write(&file, regression.text(why)) {
        Ok(()) => println!("  kept: {}", file.display()),
        Err(error) => println!("  {} can't be written: {error}", file.display()),
    }
}

fn main() -> ExitCode {
    let begin = Instant::now();
    let prepared = Asked::read(std::env::args().skip(1)).and_then(|asked| Ok((asked, Clock::found()?)));
    let (asked, clock) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        if let Some(regression) = PRESENT.with_borrow(|present| *present) {
            println!("red: seed {}: panicked\n  again: cargo xtask sim {}", regression.seed, regression.options());
        }
    }));
    let (next, red) = (AtomicU64::new(asked.from), AtomicBool::new(false));
    let moving = clock.is_some();
    // The clock is the whole process's.
    let usual = if moving { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let threads = if moving { 1 } else { asked.threads.unwrap_or(usual) };
    let mut clock = clock;
    // A world lives in one thread; worlds know nothing of each other.
    let runs: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let clock = clock.take();
                let (asked, next, red) = (&asked, &next, &red);
                scope.spawn(move || work(asked, next, red, clock))
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    report(&asked, &runs, moving, begin)
}

fn report(asked: &Asked, runs: &[Tally], moving: bool, begin: Instant) -> ExitCode {
    let mut all = Tally::default();
    for run in runs {
        all.counts.add(&run.counts);
        all.failed += run.failed;
        all.texts += run.texts;
        all.steps += run.steps;
        all.done += run.done;
    }
    // A thread that panicked counts nothing: its seeds are missing here.
    if !asked.until_red {
        all.failed += asked.seeds() - all.done;
    }
    println!("faults:");
    for fault in Fault::ALL.into_iter().filter(|fault| moving || fault.source() != Source::Clock) {
        println!("  {fault:?}: {}", all.counts.0.get(&fault).copied().unwrap_or(0));
    }
    let minutes = begin.elapsed().as_secs_f64() / 60.0;
    let (passed, clock) = (all.done.min(asked.seeds() - all.failed), if moving { " under a moving clock" } else { "" });
    println!(
        "sim: {passed} worlds passed, {} failed; {} texts, {} steps in {minutes:.1} min{clock}",
        all.failed, all.texts, all.steps
    );
    let absent = all.counts.absent(moving);
    if asked.seeds() >= ENOUGH && !asked.until_red && !absent.is_empty() {
        println!("sim: faults that never happened: {absent:?}");
        return ExitCode::FAILURE;
    }
    if all.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
