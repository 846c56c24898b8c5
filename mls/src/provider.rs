//! [`Crypto`] and a [`Store`] behind openmls' provider trait.

use openmls_traits::OpenMlsProvider;

use crate::{crypto::Crypto, store::Store};

/// What openmls calls for cryptography, randomness and storage.
pub struct Provider {
    crypto: Crypto,
    store: Store,
}

/// The system gave no randomness to seed the generator with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

impl Provider {
    /// Over a store.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn new(store: Store) -> Result<Self, NoRandomness> {
        Ok(Self { crypto: Crypto::new().map_err(|_| NoRandomness)?, store })
    }

    /// The store below.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = Crypto;
    type RandProvider = Crypto;
    type StorageProvider = Store;

    fn storage(&self) -> &Store {
        &self.store
    }
    fn crypto(&self) -> &Crypto {
        &self.crypto
    }
    fn rand(&self) -> &Crypto {
        &self.crypto
    }
}
