//! The processes that are measured: started, looked at through `/proc`, ended.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{person::random, place::Place};

/// Limits that would measure themselves instead of the server are out of the way; everything else is as shipped.
const CONFIG: &str =
    "[limits]\nconnections = 60000\nlogins_per_minute = 1000\nrows_per_second = 10000000\nrows_at_once = 1000000\n";
/// A server that is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(60);
/// Linux counts processor time in hundredths on every architecture it is built for here.
const TICKS: f64 = 100.0;

/// A folder that is gone with its owner.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let name: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("sotto-bench-{name}"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left in the temporary place does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { child, lines })
    }

    async fn line(&mut self) -> Result<String> {
        timeout(PATIENCE, self.lines.next_line()).await.context("it says nothing")??.context("it ended at once")
    }

    fn proc(&self, file: &str) -> Result<String> {
        let id = self.child.id().context("it has ended")?;
        Ok(fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // The name may hold blanks; after it come the fields from the third on: utime and stime are the 14th and 15th.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).context("a strange stat");
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }

    /// Bytes of the process itself in memory, without what it shares with the disk cache.
    pub(crate) fn memory(&self) -> Result<f64> {
        let rollup = self.proc("smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).context("no line Anonymous")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1_024.0)
    }

    /// Ends it in good order, so that the database is one file.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().context("it has ended")?;
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        let ended = timeout(PATIENCE, self.child.wait()).await??;
        if !told.success() || !ended.success() {
            bail!("the server ended with {ended}");
        }
        Ok(())
    }

    /// Ends it at once, as a power cut would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The server under test and the way to it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) place: Place,
}

impl Server {
    /// Starts the binary on a folder, on this port or on any.
    pub(crate) async fn start(binary: &Path, folder: &Path, port: Option<u16>) -> Result<Self> {
        let port = match port {
            Some(port) => port,
            None => TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
        };
        let config = folder.join("bench.toml");
        fs::write(&config, CONFIG)?;
        let data = folder.join("data");
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(&data).arg("--config").arg(&config);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).stderr(Stdio::null());
        let mut process = Process::start(&mut command).with_context(|| binary.display().to_string())?;
        while process.line().await? != "ready" {}
        let place = Place::new(SocketAddr::from(([127, 0, 0, 1], port)), &data.join("certs/ca.pem"))?;
        Ok(Self { process, place })
    }
}

/// The certificate that a server has made in this folder.
pub(crate) fn certs(folder: &Path) -> PathBuf {
    folder.join("data/certs")
}

/// The database of a server in this folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("data/sotto.db")
}

/// Starts this very program as the floor.
pub(crate) async fn floor(folder: &Path, durable: bool) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor").arg("--certs").arg(certs(folder));
    if durable {
        command.arg("--database").arg(folder.join("floor.db"));
    }
    let mut process = Process::start(&mut command)?;
    let address: SocketAddr = process.line().await?.parse()?;
    Ok(Server { process, place: Place::new(address, &certs(folder).join("ca.pem"))? })
}
