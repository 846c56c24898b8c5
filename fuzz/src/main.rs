//! The engine around one target, named by `SOTTO_FUZZ`. With `SOTTO_SEEDS` its seeds are written into that folder first.
#![no_main]

use std::{env, fs, path::Path, sync::LazyLock};

/// The target of this process.
static TARGET: LazyLock<&fuzz::Target> = LazyLock::new(|| {
    let name = env::var("SOTTO_FUZZ").unwrap_or_default();
    fuzz::target(&name).unwrap_or_else(|| panic!("SOTTO_FUZZ names no target: {name:?}"))
});

fn write_seeds() {
    let Some(folder) = env::var_os("SOTTO_SEEDS") else { return };
    for (at, seed) in (TARGET.seeds)().into_iter().enumerate() {
        fs::write(Path::new(&folder).join(format!("seed-{at:02}")), seed).expect("the folder of the seeds can be written");
    }
}

libfuzzer_sys::fuzz_target!(init: write_seeds(), |data: &[u8]| (TARGET.run)(data));
