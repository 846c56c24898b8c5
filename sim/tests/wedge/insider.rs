//! A member without our client: openmls over the rows of a real browser's store, with a cryptography that spoils one thing.
//! Whatever stands around the spoiled value is right: signatures, hashes, tags and the device's signature fit.

use std::sync::Mutex;

use client_core::{Method, Space};
use ed25519_dalek::SigningKey;
use mls::{
    Provider, Store,
    group::{self, group_id},
    leaf::DeviceSigner,
    openmls::prelude::*,
    openmls_traits::{
        crypto::OpenMlsCrypto,
        types::{AeadType, CryptoError, ExporterSecret, HpkeConfig, HpkeKeyPair, KemOutput},
    },
    tls_codec::SecretVLBytes,
};
use sha2::{Digest as _, Sha256};
use shared::{Bytes, ConversationId, DeviceId, MessageId, authenticated::CommitData, codec, http, label::Label, signature};

use sim::stage::Stage;

/// What is spoiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// Nothing: an honest commit.
    Nothing,
    /// The path secrets for everybody.
    PathForAll,
    /// The path secret in this place only.
    PathFor(usize),
    /// The confirmation tag; the group info has the same.
    ConfirmationTag,
    /// The membership tag.
    MembershipTag,
    /// The path secrets for everybody, and the external key of the group info is not one.
    PathAndExternalKey,
    /// The first path secret, and the external key of the group info is one nobody has.
    PathAndOthersKey,
}

type Inner = <Provider as OpenMlsProvider>::CryptoProvider;

/// libcrux, but for one thing.
struct Crypto {
    inner: Inner,
    how: Spoil,
    seals: Mutex<usize>,
    exporting: Mutex<bool>,
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        self.inner.supports(ciphersuite)
    }
    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.inner.supported_ciphersuites()
    }
    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_extract(hash, salt, ikm)
    }
    /// The confirmation tag is the only MAC over a bare transcript hash.
    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        if self.how == Spoil::ConfirmationTag && message.len() == 32 {
            return self.inner.hmac(hash, key, b"something else");
        }
        self.inner.hmac(hash, key, message)
    }
    fn hkdf_expand(&self, hash: HashType, prk: &[u8], info: &[u8], length: usize) -> Result<SecretVLBytes, CryptoError> {
        self.inner.hkdf_expand(hash, prk, info, length)
    }
    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.hash(hash, data)
    }
    fn aead_encrypt(&self, alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_encrypt(alg, key, data, nonce, aad)
    }
    fn aead_decrypt(&self, alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.aead_decrypt(alg, key, data, nonce, aad)
    }
    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        self.inner.signature_key_gen(alg)
    }
    fn verify_signature(&self, alg: SignatureScheme, data: &[u8], key: &[u8], signed: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify_signature(alg, data, key, signed)
    }
    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(alg, data, key)
    }
    fn hpke_seal(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let mut sealed = self.inner.hpke_seal(config, key, info, aad, plain)?;
        if info.windows(14).any(|window| window == b"UpdatePathNode") {
            let mut seals = self.seals.lock().unwrap();
            let spoiled = match self.how {
                Spoil::PathForAll | Spoil::PathAndExternalKey => true,
                Spoil::PathFor(place) => *seals == place,
                Spoil::PathAndOthersKey => *seals == 0,
                _ => false,
            };
            *seals += 1;
            if spoiled {
                let mut bytes = sealed.ciphertext.as_slice().to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                sealed.ciphertext = bytes.into();
            }
        }
        Ok(sealed)
    }
    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.hpke_open(config, input, key, info, aad)
    }
    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        self.inner.hpke_setup_sender_and_export(config, key, info, context, length)
    }
    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        self.inner.hpke_setup_receiver_and_export(config, enc, key, info, context, length)
    }
    /// While a group info is exported the external key pair is derived. A key of the right length that is not one: no integer in
    /// it is below ML-KEM's modulus.
    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        let exporting = *self.exporting.lock().unwrap();
        if self.how == Spoil::PathAndOthersKey && exporting {
            return self.inner.derive_hpke_keypair(config, &[7; 32]);
        }
        let mut pair = self.inner.derive_hpke_keypair(config, ikm)?;
        if self.how == Spoil::PathAndExternalKey && exporting {
            pair.public.iter_mut().for_each(|byte| *byte = 0xFF);
        }
        Ok(pair)
    }
}

/// openmls' provider with that cryptography.
struct Spoiled {
    store: Store,
    crypto: Crypto,
}

impl OpenMlsProvider for Spoiled {
    type CryptoProvider = Crypto;
    type RandProvider = Inner;
    type StorageProvider = Store;
    fn storage(&self) -> &Store {
        &self.store
    }
    fn crypto(&self) -> &Crypto {
        &self.crypto
    }
    fn rand(&self) -> &Inner {
        &self.crypto.inner
    }
}

impl Spoiled {
    fn new(store: Store, how: Spoil) -> Self {
        let crypto = Crypto { inner: Inner::new().unwrap(), how, seals: Mutex::new(0), exporting: Mutex::new(false) };
        Self { store, crypto }
    }
}

/// What a browser's store holds of its owner; the rest is skipped.
#[derive(minicbor::Decode)]
#[cbor(map)]
struct Me {
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    secret: Bytes,
}

/// A commit by the member behind this browser, whose own core is dead, as its request. `generation` is the group's.
pub(crate) fn commit(table: &Stage, at: usize, conversation: ConversationId, generation: u32, how: Spoil) -> http::Commit {
    let snapshot = table.browsers[at].disk.as_ref().unwrap().1.load().unwrap();
    let mut rows = vec![];
    let mut me = None;
    for row in snapshot.rows {
        let value = row.value.unwrap();
        match row.space {
            Space::Mls => rows.push((row.key, value.into())),
            Space::Meta if row.key == b"me" => me = Some(minicbor::decode::<Me>(&value).unwrap()),
            _ => {}
        }
    }
    let me = me.unwrap();
    let key = SigningKey::from_bytes(&me.secret.array().unwrap());
    let signer = DeviceSigner(key.clone());
    let mut message = [0; 16];
    message[..8].copy_from_slice(&table.now.0.to_be_bytes());
    let message = MessageId(message);

    let provider = Spoiled::new(Store::from_rows(rows), how);
    let mut object = MlsGroup::load(provider.storage(), &group_id(conversation, generation)).unwrap().unwrap();
    let epoch = object.epoch().as_u64();
    object.set_aad(CommitData { message, device: me.device }.encode());
    let bundle = object
        .commit_builder()
        .force_self_update(true)
        .load_psks(provider.storage())
        .unwrap()
        .create_group_info(false)
        .build(provider.rand(), provider.crypto(), &signer, |_| true)
        .unwrap()
        .stage_commit(&provider)
        .unwrap();
    let (commit, _, _) = bundle.into_messages();
    let mut commit = group::bytes(&commit).unwrap();
    if how == Spoil::MembershipTag {
        *commit.last_mut().unwrap() ^= 1;
    }
    object.merge_pending_commit(&provider).unwrap();
    *provider.crypto.exporting.lock().unwrap() = true;
    let info = object.export_group_info(provider.crypto(), &signer, false).unwrap();
    let signed = signature::sign(&key, Label::CommitBytes, &Sha256::digest(&commit)).into();
    let group_info = group::bytes(&info).unwrap().into();
    http::Commit { generation, epoch, message, commit: commit.into(), signature: signed, group_info, welcome: None }
}

/// Makes it and posts it; the status of the answer.
pub(crate) fn disturb(table: &mut Stage, at: usize, conversation: ConversationId, generation: u32, how: Spoil) -> u16 {
    table.close(at);
    let commit = commit(table, at, conversation, generation, how);
    let path = format!("/api/conversations/{conversation}/commits");
    table.raw(at, Method::Post, &path, Some((http::CBOR, codec::encode(&commit)))).status
}
