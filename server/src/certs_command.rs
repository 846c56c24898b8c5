//! `sotto certs`: where the certificates lie and how to trust the local authority. Makes them when there are none.

use anyhow::Result;

use crate::{
    certificates::{Identity, trust_lines},
    config::Config,
    data_dir::DataDir,
};

/// Prints paths, names and instructions.
///
/// # Errors
/// When folder or certificates can't be used.
pub fn run(config: &Config) -> Result<()> {
    let folder = DataDir::open(&config.data_dir)?;
    let identity = Identity::obtain(config, &folder)?;
    match &config.own_certificate {
        Some(own) => println!("certificate {}\nkey {}", own.cert.display(), own.key.display()),
        None => {
            for (what, file) in
                [("authority", "ca.pem"), ("authority's key", "ca.key"), ("certificate", "cert.pem"), ("key", "key.pem")]
            {
                println!("{what} {}", folder.certs().join(file).display());
            }
        }
    }
    let names: Vec<String> = identity.names.iter().map(ToString::to_string).collect();
    println!("names {}", names.join(" "));
    for line in trust_lines(&identity) {
        println!("{line}");
    }
    Ok(())
}
