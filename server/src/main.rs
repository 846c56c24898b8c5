//! The `sotto` program: everything is in the library, so that tests start the same server in their own process.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
