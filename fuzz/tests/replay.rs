//! Plays seeds, corpus and everything that ever crashed back through the targets.

use std::{collections::BTreeSet, fs, path::Path};

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn inputs(target: &fuzz::Target) -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = ["corpus", "crashes"].map(|kept| files(&here.join(kept).join(target.name)));
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} begins with nothing", target.name);
    // Of whole cores only the first seeds: the corpus grew out of all of them.
    let seeds = seeds.into_iter().take(if target.whole { 3 } else { usize::MAX }).collect();
    [vec![seeds], kept.to_vec()].concat().concat()
}

#[test]
fn every_input_of_the_past_keeps_every_promise() {
    for target in fuzz::TARGETS.iter().filter(|target| !target.whole) {
        for input in inputs(target) {
            (target.run)(&input);
            // Every cut and a flip in each byte of what is short.
            if input.len() <= 256 {
                for at in 0..input.len() {
                    (target.run)(&input[..at]);
                    let mut flipped = input.clone();
                    flipped[at] ^= 1 << (at % 8);
                    (target.run)(&flipped);
                }
            }
        }
    }
}

#[test]
fn every_script_of_the_past_leaves_the_cores_whole() {
    for target in fuzz::TARGETS.iter().filter(|target| target.whole) {
        inputs(target).iter().for_each(|input| (target.run)(input));
    }
}

#[test]
fn every_kept_input_belongs_to_a_target() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known: BTreeSet<_> = fuzz::TARGETS.iter().map(|target| target.name.to_owned()).collect();
    for kept in ["corpus", "crashes"] {
        let Ok(entries) = fs::read_dir(here.join(kept)) else { continue };
        let folders = entries.map(Result::unwrap).filter(|entry| entry.path().is_dir());
        let folders = folders.map(|entry| entry.file_name().into_string().unwrap());
        assert_eq!(folders.filter(|name| !known.contains(name)).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
