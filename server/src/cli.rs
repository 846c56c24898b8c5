//! Commands and options (api.md "Commands"). Exit codes: 0 fine, 1 failed while running, 2 wrong use or configuration.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    certs_command,
    config::{Config, ConfigError, Layer},
    doctor, serve,
};

/// End-to-end encrypted chat in the browser, with a server nobody has to trust.
#[derive(Debug, Parser)]
#[command(name = "sotto", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Options),
    /// Print the version and what it was built from.
    Version,
    /// Check configuration, folder, keys, certificates and database, and change nothing.
    Doctor(Options),
    /// Print where the certificates lie and how to trust the local authority.
    Certs(Options),
}

const PRECEDENCE: &str = "Every option is also an environment variable (SOTTO_DATA_DIR, SOTTO_LISTEN, …) and a key of the \
configuration file (data_dir, listen, …). A flag wins over the environment, the environment over the file, the file over the default.";

#[derive(Debug, Default, Args)]
#[command(after_help = PRECEDENCE)]
struct Options {
    /// Folder of database, keys and certificates [default: $STATE_DIRECTORY, else $XDG_DATA_HOME/sotto, else ~/.local/share/sotto]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address to listen on; may stand several times.
    #[arg(
        help = "Address to listen on; may stand several times [default: [::]:5001, IPv4 too]",
        long,
        value_name = "ADDR:PORT"
    )]
    listen: Vec<String>,
    /// Your own certificate chain, PEM; switches HSTS on [default: a local authority's, made in certs/]
    #[arg(long, value_name = "FILE")]
    cert: Option<String>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// The address people type.
    #[arg(
        help = "The address people type, as https://chat.example.org [default: none; the names of the certificate]",
        long,
        value_name = "URL"
    )]
    public_url: Option<String>,
    /// May anybody make an account: open or closed [default: open]
    #[arg(long, value_name = "open|closed")]
    registration: Option<String>,
    /// Configuration file, TOML [default: none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Form of the log on standard error: plain or json [default: plain]
    #[arg(long, value_name = "plain|json")]
    log: Option<String>,
    /// Serve the web client from this folder, as `vite build --watch` writes it
    #[arg(long, value_name = "DIR", hide = true)]
    web_dir: Option<String>,
}

impl Options {
    fn resolve(self) -> Result<Config, ConfigError> {
        let file = self.config.clone().or_else(|| std::env::var_os("SOTTO_CONFIG").map(PathBuf::from));
        let layer = Layer {
            data_dir: self.data_dir,
            listen: (!self.listen.is_empty()).then_some(self.listen),
            cert: self.cert,
            key: self.key,
            public_url: self.public_url,
            registration: self.registration,
            log: self.log,
            web_dir: self.web_dir,
            limits: None,
        };
        Config::resolve(layer, &|name| std::env::var_os(name), file.as_deref())
    }
}

/// Parses, runs, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to standard output with code 0.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match cli.command {
        Command::Version => {
            println!("{}", version());
            ExitCode::SUCCESS
        }
        Command::Serve(options) => with(options, serve::run),
        Command::Doctor(options) => with(options, |config| doctor::run(&config)),
        Command::Certs(options) => with(options, |config| certs_command::run(&config)),
    }
}

/// The version and what it was built from.
#[must_use]
pub fn version() -> String {
    let kind = if cfg!(debug_assertions) { "debug" } else { "release" };
    let page = if crate::assets::EMBEDDED.is_empty() { "without the web client" } else { "with the web client inside" };
    format!("sotto {} ({kind}, {page}, socket protocol {})", env!("CARGO_PKG_VERSION"), shared::frame::VERSION)
}

fn with(options: Options, command: impl FnOnce(Config) -> anyhow::Result<()>) -> ExitCode {
    let config = match options.resolve() {
        Ok(config) => config,
        Err(error) => return fail(&error.to_string(), 2),
    };
    match command(config) {
        Ok(()) => ExitCode::SUCCESS,
        // Wrong use found later (a weak key file, a folder of somebody else) is still wrong use.
        Err(error) => fail(&format!("{error:#}"), if error.downcast_ref::<ConfigError>().is_some() { 2 } else { 1 }),
    }
}

fn fail(text: &str, code: u8) -> ExitCode {
    eprintln!("sotto: {text}");
    ExitCode::from(code)
}
