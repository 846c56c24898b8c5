//! Two devices, one group of suite 0x004D: create, add, join, both ways, self-update, remove.

use ed25519_dalek::SigningKey;
use mls::{group, leaf, provider::Provider, store::Store};
use openmls::prelude::*;
use shared::{AccountId, ConversationId, DeviceId, certificate::Certificate, policy::Policy};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use crate::timed;

struct Device {
    provider: Provider,
    signer: leaf::DeviceSigner,
    credential: CredentialWithKey,
}

impl Device {
    fn new(byte: u8) -> Self {
        let (identity, key) = (SigningKey::from_bytes(&[byte; 32]), SigningKey::from_bytes(&[byte + 100; 32]));
        let public = key.verifying_key().to_bytes();
        let suites = [u16::from(leaf::SUITE)];
        let certificate = Certificate::issue(&identity, account(byte), DeviceId([byte; 16]), public, 1, &suites).unwrap();
        Self {
            provider: Provider::new(Store::from_rows([])).unwrap(),
            signer: leaf::DeviceSigner(key),
            credential: leaf::credential(&identity.verifying_key().to_bytes(), &certificate),
        }
    }

    fn package(&self) -> KeyPackage {
        let builder = KeyPackage::builder().leaf_node_capabilities(leaf::capabilities(self.provider.rand()));
        let bundle = builder
            .key_package_lifetime(leaf::lifetime(seconds()))
            .build(leaf::SUITE, &self.provider, &self.signer, self.credential.clone())
            .unwrap();
        bundle.key_package().clone()
    }

    fn open(&self, object: &mut MlsGroup, bytes: &[u8]) -> ProcessedMessageContent {
        object.process_message(&self.provider, group::protocol_message(bytes).unwrap()).unwrap().into_content()
    }
}

fn account(byte: u8) -> AccountId {
    AccountId([byte; 16])
}

fn plain(content: ProcessedMessageContent) -> Vec<u8> {
    let ProcessedMessageContent::ApplicationMessage(message) = content else { unreachable!("a message is a message") };
    message.into_bytes()
}

fn seconds() -> u64 {
    (js_sys::Date::now() / 1_000.0) as u64
}

#[wasm_bindgen_test]
fn a_group_of_two_under_x_wing() {
    assert_eq!(u16::from(leaf::SUITE), 0x004d);
    let (ann, ben) = (Device::new(1), Device::new(2));
    let package = timed("a key package", || ben.package());
    let policy = Policy::direct(account(1), account(2), 0x004d);
    let config = group::create_config(&policy, leaf::capabilities(ann.provider.rand()), leaf::lifetime(seconds())).unwrap();
    let id = group::group_id(ConversationId([9; 16]), 0);
    let mut hers = timed("a group", || {
        MlsGroup::new_with_group_id(&ann.provider, &ann.signer, &config, id, ann.credential.clone()).unwrap()
    });
    let (commit, welcome, _) = timed("adding one", || hers.add_members(&ann.provider, &ann.signer, &[package]).unwrap());
    hers.merge_pending_commit(&ann.provider).unwrap();
    let (commit, welcome) = (group::bytes(&commit).unwrap(), group::bytes(&welcome).unwrap());
    console_log!("bytes: commit {}, welcome with the tree {}", commit.len(), welcome.len());
    let mut his = timed("joining", || {
        let staged = StagedWelcome::build_from_welcome(&ben.provider, &group::join_config(), group::welcome(&welcome).unwrap());
        staged.unwrap().skip_lifetime_validation().build().unwrap().into_group(&ben.provider).unwrap()
    });

    let text = [b'x'; 300];
    let sealed = timed("sealing 300 bytes", || hers.create_message(&ann.provider, &ann.signer, &text).unwrap());
    let sealed = group::bytes(&sealed).unwrap();
    console_log!("bytes: a message of 300 is {}", sealed.len());
    let opened = timed("opening it", || ben.open(&mut his, &sealed));
    assert_eq!(plain(opened), text);
    let back = group::bytes(&his.create_message(&ben.provider, &ben.signer, b"and back").unwrap()).unwrap();
    let opened = ann.open(&mut hers, &back);
    assert_eq!(plain(opened), b"and back");

    let update = timed("a self-update", || {
        let parameters = LeafNodeParameters::default();
        his.self_update(&ben.provider, &ben.signer, parameters).unwrap().into_commit()
    });
    his.merge_pending_commit(&ben.provider).unwrap();
    let ProcessedMessageContent::StagedCommitMessage(staged) = ann.open(&mut hers, &group::bytes(&update).unwrap()) else {
        unreachable!("a commit is a commit");
    };
    hers.merge_staged_commit(&ann.provider, *staged).unwrap();
    assert_eq!(hers.epoch(), his.epoch());
    assert_eq!(hers.epoch_authenticator().as_slice(), his.epoch_authenticator().as_slice());

    let mut bent = group::bytes(&hers.create_message(&ann.provider, &ann.signer, b"bent").unwrap()).unwrap();
    bent.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    assert!(his.process_message(&ben.provider, group::protocol_message(&bent).unwrap()).is_err());
}
