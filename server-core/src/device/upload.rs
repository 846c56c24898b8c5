//! A device as it is enrolled: certificate, run token and packages, checked against the statement that names it.

use shared::{Bytes, certificate::Certificate, http::DeviceUpload, limits, statement::Statement};

use crate::{
    context::Context,
    mls_group::package::{self, Package, Use},
    refusal::{Refusal, errors},
};

errors! {
    /// Why an uploaded device is refused.
    UploadError {
        /// The certificate can't be read, does not verify, or does not fit the statement.
        Certificate = BadCertificate;
        /// The run token is not 16 bytes.
        Run = Malformed;
        /// A package is not acceptable.
        Package = BadPackage;
        /// More one-time packages than the pool holds.
        Pool = TooLarge;
    }
}

/// A device whose certificate and packages were verified under the statement's identity key.
#[derive(Debug)]
pub(crate) struct NewDevice {
    pub(crate) certificate: Certificate,
    pub(crate) run: Bytes,
    pub(crate) packages: Vec<Package>,
}

/// Verifies everything a new device brings.
///
/// # Errors
/// [`UploadError`].
pub(crate) fn verify(context: &Context<'_>, upload: &DeviceUpload, statement: &Statement) -> Result<NewDevice, Refusal> {
    let content = statement.content();
    let certificate = Certificate::parse(upload.certificate.as_slice()).map_err(|_| UploadError::Certificate)?;
    let certified = certificate.clone().verify(&content.identity).map_err(|_| UploadError::Certificate)?;
    let stated = statement.device(certificate.device).ok_or(UploadError::Certificate)?;
    let fits = certificate.account == content.account
        && certificate.statement == content.number
        && certificate.key == stated.key
        && certificate.suites == stated.suites
        && certificate.suites.contains(&mls::leaf::SUITE_ID);
    if !fits {
        return Err(UploadError::Certificate.into());
    }
    if upload.run.0.len() != 16 {
        return Err(UploadError::Run.into());
    }
    if upload.packages.len() > limits::POOL {
        return Err(UploadError::Pool.into());
    }
    let once = upload.packages.iter().map(|bytes| (bytes, Use::Once));
    let packages = once
        .chain([(&upload.last_resort, Use::LastResort)])
        .map(|(bytes, how)| package::check(bytes, how, &certified, context.now).map_err(|_| UploadError::Package))
        .collect::<Result<_, _>>()?;
    Ok(NewDevice { certificate, run: upload.run.clone(), packages })
}
