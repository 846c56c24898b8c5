//! `cargo xtask run`: the release binary on https://localhost:5001 with a data folder inside the work tree.

use crate::{dist, process, root};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Builds what changed and becomes the server, so that signals reach it and its exit code is ours.
pub(crate) fn run(options: &[String]) -> Result<()> {
    let binary = dist::dist()?;
    let mut command: Command = process::program(binary, ["serve", "--data-dir"]);
    command.arg(root::root().join(".sotto")).args(options).stdin(Stdio::inherit());
    Err(command.exec()).with_context(|| process::shown(&command))
}
