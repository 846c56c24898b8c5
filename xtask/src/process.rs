//! Starts other programs and says which one failed.

use crate::root;
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A program with its arguments, run at the top of the work tree and with cargo's own programs first in `PATH`.
pub(crate) fn program<I, S>(name: impl AsRef<OsStr>, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root::root()).env("PATH", path()).stdin(Stdio::null());
    // What cargo tells this very program about itself must not leak into the builds it starts.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    command
}

/// Cargo itself.
pub(crate) fn cargo<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    program("cargo", arguments)
}

/// A program of the node world, run in `folder`.
pub(crate) fn node<I, S>(folder: &Path, name: &str, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = program(name, arguments);
    command.current_dir(folder);
    command
}

/// `PATH` with the folder of cargo's programs in front.
pub(crate) fn path() -> OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(root::cargo_bin()).chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

/// The command as one would type it; of a word with many lines (a script) only the first.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let first = |word: &OsStr| word.to_string_lossy().lines().next().unwrap_or_default().to_string();
    words.map(first).collect::<Vec<_>>().join(" ")
}

/// Runs to the end, output straight through.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("> {}", shown(command));
    let status = command.status().with_context(|| format!("could not start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end, output straight through and also returned (standard output and error, in the order of arrival).
pub(crate) fn tee(command: &mut Command) -> Result<String> {
    eprintln!("> {}", shown(command));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("could not start `{}`", shown(command)))?;
    let out = child.stdout.take().ok_or_else(|| anyhow!("no output pipe"))?;
    let err = child.stderr.take().ok_or_else(|| anyhow!("no error pipe"))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    copy(Box::new(out), sender.clone());
    copy(Box::new(err), sender);
    let mut all = String::new();
    loop {
        match receiver.recv_timeout(AFTERWARDS) {
            Ok(line) => {
                // A closed console is no reason to stop a build.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
                all.push_str(&line);
                all.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            // Something the program left behind may hold its pipes open for ever.
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let status = child.wait()?;
    if !status.success() {
        let before = all.lines().count().saturating_sub(LAST);
        let last: Vec<&str> = all.lines().skip(before).collect();
        bail!("`{}` ended with {status}; it said last:\n{}", shown(command), last.join("\n"));
    }
    Ok(all)
}

/// Lines of a failed program that its error repeats.
const LAST: usize = 12;

/// How long to listen to the pipes of a program that has ended.
const AFTERWARDS: Duration = Duration::from_millis(500);

fn copy(from: Box<dyn Read + Send>, to: Sender<String>) {
    thread::spawn(move || {
        let mut lines = BufReader::new(from);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_string();
            line.clear();
            if to.send(text).is_err() {
                return;
            }
        }
    });
}

/// What the program prints, or nothing if it is missing or fails.
pub(crate) fn said(name: &str, arguments: &[&str]) -> Option<String> {
    let output = program(name, arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_leaves_behind_does_not_hold_us_up() {
        let start = std::time::Instant::now();
        let said = tee(&mut program("sh", ["-c", "sleep 30 & echo one; echo two >&2"])).unwrap();
        assert!(said.contains("one") && said.contains("two"));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_fails_is_named() {
        let told = tee(&mut program("sh", ["-c", "seq 100; exit 3"])).unwrap_err().to_string();
        assert!(told.contains("exit 3"), "{told}");
        assert!(told.ends_with("\n99\n100") && told.lines().count() == LAST + 1, "{told}");
    }
}
