//! Every world that once failed is tried again.

use std::path::Path;

use sim::{checks, regression::Regression, world::World};

#[test]
fn worlds_that_once_failed_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut broken = vec![];
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Regression { seed, shape } = Regression::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut world = World::new(seed, shape);
        world.run();
        let found = checks::judge(&mut world);
        tried += 1;
        if !found.is_empty() {
            broken.push(format!("{}: {}", path.display(), found.join("; ")));
        }
    }
    assert!(tried > 0, "sim/regressions is empty");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
