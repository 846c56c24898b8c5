//! A key package as it is uploaded.

use mls::{
    Provider, Store, group,
    leaf::{self, CREDENTIAL, POLICY, SUITE, made_at},
    openmls_traits::OpenMlsProvider as _,
};
use shared::{Bytes, Millis, certificate::Certified, limits};

/// How a package may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Handed out once.
    Once,
    /// Handed out again and again when nothing else is left.
    LastResort,
}

/// A package that may be handed out.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) how: Use,
    /// Its KeyPackageRef.
    pub(crate) reference: Vec<u8>,
    /// When it was made: its not_before plus one day.
    pub(crate) created: Millis,
    pub(crate) body: Bytes,
}

/// Why not; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAcceptable(pub(crate) &'static str);

/// Is this a fresh package of exactly this device, in our suite, with what our leaves must be able to, 401 days wide?
pub(crate) fn check(bytes: &Bytes, how: Use, owner: &Certified, now: Millis) -> Result<Package, NotAcceptable> {
    if bytes.0.len() > limits::KEY_PACKAGE {
        return Err(NotAcceptable("size"));
    }
    let provider = Provider::new(Store::default()).map_err(|_| NotAcceptable("no randomness"))?;
    let package = group::key_package(bytes.as_slice(), provider.crypto()).map_err(|_| NotAcceptable("invalid"))?;
    let node = package.leaf_node();
    let who = leaf::check(node.credential(), node.signature_key().as_slice()).map_err(|_| NotAcceptable("credential"))?;
    if who != *owner {
        return Err(NotAcceptable("of another device"));
    }
    let able = node.capabilities();
    if package.ciphersuite() != SUITE || !able.extensions().contains(&POLICY) || !able.credentials().contains(&CREDENTIAL) {
        return Err(NotAcceptable("suite or capabilities"));
    }
    if package.last_resort() != (how == Use::LastResort) {
        return Err(NotAcceptable("use"));
    }
    let made = made_at(&package).ok_or(NotAcceptable("width"))?;
    let fresh = match how {
        Use::Once => limits::PACKAGE_FRESH,
        Use::LastResort => limits::LAST_RESORT_FRESH,
    };
    let seconds = now.0 / 1_000;
    // A client's clock may run ahead by an hour; more would let a package live longer than it should.
    if made.saturating_add(fresh) < seconds || made > seconds.saturating_add(3_600) {
        return Err(NotAcceptable("age"));
    }
    let reference = package.hash_ref(provider.crypto()).map_err(|_| NotAcceptable("reference"))?.as_slice().to_vec();
    Ok(Package { how, reference, created: Millis(made.saturating_mul(1_000)), body: bytes.clone() })
}
