//! The one file that is shipped: the server with the page inside.

use crate::{process, root, web};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Builds the page, then the server around it, and says where the binary lies.
pub(crate) fn dist() -> Result<PathBuf> {
    web::build()?;
    process::run(&mut process::cargo(["build", "--release", "--package", "server", "--bin", "sotto"]))?;
    let binary = root::target().join("release/sotto");
    if binary.is_file() { Ok(binary) } else { bail!("{} was not built", binary.display()) }
}
