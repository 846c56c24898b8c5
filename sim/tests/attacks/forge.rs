//! Identities of an attacker's making: everything a server can produce that has no identity key but its own.

use ed25519_dalek::SigningKey;
use mls::{
    Provider, Store, group,
    leaf::{self, DeviceSigner, SUITE, SUITE_ID},
    openmls::prelude::*,
};
use shared::{
    AccountId, Bytes, DeviceId,
    certificate::Certificate,
    handle::Handle,
    statement::{Content, StatedDevice, Statement},
};

/// A device with keys of the attacker's.
pub(crate) struct Forged {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) identity: SigningKey,
    pub(crate) certificate: Certificate,
    pub(crate) signer: DeviceSigner,
    pub(crate) provider: Provider,
}

impl Forged {
    /// Says that it is a device of `account`, under an identity key of its own.
    pub(crate) fn of(account: AccountId, seed: u8) -> Self {
        Self::certified(account, &SigningKey::from_bytes(&[seed; 32]), seed)
    }

    /// A device certified by this identity key.
    pub(crate) fn certified(account: AccountId, identity: &SigningKey, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed.wrapping_add(100); 32]);
        let device = DeviceId([seed; 16]);
        let public = key.verifying_key().to_bytes();
        let certificate = Certificate::issue(identity, account, device, public, 1, &[SUITE_ID]).unwrap();
        let provider = Provider::new(Store::default()).unwrap();
        Self { account, device, identity: identity.clone(), certificate, signer: DeviceSigner(key), provider }
    }

    pub(crate) fn stated(&self) -> StatedDevice {
        StatedDevice { id: self.device, key: self.certificate.key, suites: vec![SUITE_ID] }
    }

    pub(crate) fn credential(&self) -> CredentialWithKey {
        leaf::credential(&self.identity.verifying_key().to_bytes(), &self.certificate)
    }

    /// A key package made at `seconds`.
    pub(crate) fn package(&self, seconds: u64) -> KeyPackage {
        self.package_with(SUITE, leaf::lifetime(seconds))
    }

    pub(crate) fn package_with(&self, suite: Ciphersuite, lifetime: Lifetime) -> KeyPackage {
        let capabilities = Capabilities::new(
            None,
            Some(&[SUITE, suite]),
            Some(&[leaf::POLICY, ExtensionType::LastResort]),
            None,
            Some(&[leaf::CREDENTIAL]),
        );
        let bundle = KeyPackage::builder()
            .leaf_node_capabilities(capabilities)
            .key_package_lifetime(lifetime)
            .build(suite, &self.provider, &self.signer, self.credential())
            .unwrap();
        bundle.into_key_package()
    }

    /// Its bytes.
    pub(crate) fn package_bytes(&self, seconds: u64) -> Bytes {
        bytes(self.package(seconds))
    }

    /// The first statement of an account under the attacker's identity key.
    pub(crate) fn first_statement(&self, handle: &str) -> Statement {
        let content = Content {
            account: self.account,
            handle: Handle::parse(handle).unwrap(),
            identity: self.identity.verifying_key().to_bytes(),
            number: 1,
            previous: [0; 32],
            generation: 1,
            vault_number: 1,
            secrets: [0; 32],
            devices: vec![self.stated()],
        };
        content.sign(&self.identity, None).unwrap()
    }

    /// The next statement of somebody's chain, signed by the attacker's identity key alone: what a reset looks like.
    pub(crate) fn reset(&self, before: &Statement) -> Statement {
        let before_content = before.content().clone();
        let content = Content {
            identity: self.identity.verifying_key().to_bytes(),
            number: before_content.number + 1,
            previous: before.hash(),
            devices: vec![self.stated()],
            ..before_content
        };
        content.sign(&self.identity, None).unwrap()
    }
}

/// The bytes of a key package.
pub(crate) fn bytes(package: KeyPackage) -> Bytes {
    group::bytes(&MlsMessageOut::from(package)).unwrap().into()
}
