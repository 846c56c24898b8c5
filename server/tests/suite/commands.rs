//! The program itself: exit codes, help, the lines of the start, SIGTERM.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

fn sotto() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sotto"));
    command.env_clear();
    command
}

fn run(arguments: &[&str]) -> Output {
    sotto().args(arguments).output().unwrap()
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("sotto-command-{}", server::clock::random_hex::<8>()))
}

#[test]
fn exit_codes_are_0_for_fine_and_2_for_wrong_use() {
    assert_eq!(run(&["version"]).status.code(), Some(0));
    assert!(String::from_utf8_lossy(&run(&["version"]).stdout).starts_with("sotto 0."));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    for wrong in [&[][..], &["dance"], &["serve", "--nonsense"], &["serve", "--data-dir", "x", "--listen", "5001"], &["serve"]]
    {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn help_shows_every_option_with_its_default() {
    let help = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();
    for (option, default) in [
        ("--data-dir", "$STATE_DIRECTORY, else $XDG_DATA_HOME/sotto, else ~/.local/share/sotto"),
        ("--listen", "[::]:5001"),
        ("--cert", "local authority"),
        ("--key", "private key"),
        ("--public-url", "none"),
        ("--registration", "open"),
        ("--config", "none"),
    ] {
        assert!(help.contains(option) && help.contains(default), "{option}: {help}");
    }
    assert!(!help.contains("web-dir"));
}

#[test]
fn a_key_file_others_may_read_and_an_unknown_key_are_told_with_the_remedy() {
    let folder = scratch();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(folder.join("server.keys"), "secret").unwrap();
    let data = folder.display().to_string();
    let output = run(&["serve", "--data-dir", &data, "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("server.keys") && text.contains("remedy: chmod 600"), "{text}");
    assert_eq!(run(&["doctor", "--data-dir", &data]).status.code(), Some(1));
    let file = folder.join("sotto.toml");
    fs::write(&file, "secret_key = \"changeme\"\n").unwrap();
    let output = sotto().args(["serve", "--data-dir", &data]).env("SOTTO_CONFIG", &file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("secret_key") && text.contains("sotto.toml") && text.contains("remedy"), "{text}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn serve_says_what_it_does_then_ready_and_ends_on_sigterm() {
    let folder = scratch();
    let data = folder.display().to_string();
    let mut child = sotto()
        .args(["serve", "--data-dir", &data])
        .env("SOTTO_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = vec![];
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines.last().unwrap() == "ready" {
            break;
        }
    }
    let text = lines.join("\n");
    assert!(text.contains("open https://localhost:") && text.contains("open https://127.0.0.1:"), "{text}");
    assert!(
        text.contains(&data) && text.contains("SHA-256") && text.contains("ca.pem") && text.contains("to trust it"),
        "{text}"
    );
    let port: u16 = lines[0].rsplit(':').next().unwrap().parse().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(), "ready means ready");
    assert_eq!(run(&["doctor", "--data-dir", &data]).status.code(), Some(0));
    let certs = String::from_utf8(run(&["certs", "--data-dir", &data]).stdout).unwrap();
    assert!(certs.contains("ca.pem") && certs.contains("key.pem") && certs.contains("names localhost"), "{certs}");
    let memory = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let resident = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!("resident when idle: {kib} KiB");
    assert!(kib < 40 * 1024 * if cfg!(debug_assertions) { 2 } else { 1 }, "{resident}");
    let start = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
    for (name, mode) in [("server.keys", 0o600), ("certs/ca.key", 0o600), ("certs/key.pem", 0o600), ("", 0o700)] {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    fs::remove_dir_all(folder).unwrap();
}
