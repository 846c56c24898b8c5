//! `sotto doctor`: looks at everything a start needs and changes nothing.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Result, bail};
use server_core::Store;

use crate::{
    assets,
    config::Config,
    data_dir::{DataDir, check_private},
    keys,
};

/// One line for each check; an error when one of them is bad.
///
/// # Errors
/// When something would keep the server from starting.
pub fn run(config: &Config) -> Result<()> {
    let mut report = Report::default();
    report.fine(&format!("configuration, data folder by {}", config.data_dir_place));
    if config.data_dir.exists() {
        look(config, &mut report);
    } else {
        report.fine(&format!("data folder {} will be made by the first start", config.data_dir.display()));
    }
    if assets::EMBEDDED.is_empty() && !cfg!(debug_assertions) {
        report.bad("the web client is not inside this program", "make it with `cargo xtask dist`");
    }
    if report.bad > 0 { bail!("{} of {} checks are bad", report.bad, report.all) } else { Ok(()) }
}

#[derive(Default)]
struct Report {
    all: u32,
    bad: u32,
}

impl Report {
    fn fine(&mut self, text: &str) {
        self.all += 1;
        println!("fine  {text}");
    }
    fn bad(&mut self, text: &str, remedy: &str) {
        self.all += 1;
        self.bad += 1;
        println!("BAD   {text}\n      remedy: {remedy}");
    }
    fn result(&mut self, what: &str, result: &Result<()>) {
        match result {
            Ok(()) => self.fine(what),
            Err(error) => {
                self.all += 1;
                self.bad += 1;
                println!("BAD   {error:#}");
            }
        }
    }
}

fn look(config: &Config, report: &mut Report) {
    let folder = DataDir::look(&config.data_dir);
    match fs::metadata(folder.path()).map(|metadata| metadata.permissions().mode() & 0o777) {
        Ok(0o700) => report.fine(&format!("data folder {} is closed to others", folder.path().display())),
        Ok(mode) => report.bad(
            &format!("data folder {} has mode {mode:04o}", folder.path().display()),
            "the next start sets it to 0700, or refuses when other things lie in it",
        ),
        Err(error) => report.bad(&format!("data folder {}: {error}", folder.path().display()), "give another --data-dir"),
    }
    match (folder.keys().exists(), folder.database().exists()) {
        (true, _) => report.result("server.keys is whole and private", &keys::read(&folder).map(drop)),
        (false, true) => {
            report.bad("server.keys is missing beside the database", "put the old one back from where you keep it")
        }
        (false, false) => report.fine("server.keys will be made by the first start"),
    }
    if folder.database().exists() {
        let opened = Store::open_reader(&folder.database()).map(drop).map_err(Into::into);
        report.result("the database opens", &opened);
    }
    if config.own_certificate.is_none() && folder.certs().join("ca.pem").exists() {
        private(report, &folder.certs().join("ca.key"));
        private(report, &folder.certs().join("key.pem"));
    }
    if let Some(own) = &config.own_certificate {
        let usable = crate::certificates::Identity::obtain(config, &folder).map(drop);
        report.result(&format!("certificate {} fits its key and is in time", own.cert.display()), &usable);
    }
}

fn private(report: &mut Report, path: &Path) {
    report.result(&format!("{} is private", path.display()), &check_private(path, 0o077));
}
