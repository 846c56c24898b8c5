//! What openmls leaves to the application, tried with real groups: each commit here is valid MLS and must be refused by the rules.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: what fails here fails the test")]

use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use mls::{
    Provider, Store, group,
    leaf::{self, DeviceSigner, SUITE, SUITE_ID},
    openmls::prelude::*,
    rules::{self, Change, Refused},
};
use shared::{AccountId, ConversationId, DeviceId, certificate::Certificate, policy::Policy};

const HERE: ConversationId = ConversationId([9; 16]);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn account(n: u8) -> AccountId {
    AccountId([n; 16])
}

struct Device {
    signer: DeviceSigner,
    credential: CredentialWithKey,
    provider: Provider,
}

impl Device {
    /// Device `d` of account `a`, certified by identity key `i`.
    fn new(a: u8, i: u8, d: u8) -> Self {
        let identity = SigningKey::from_bytes(&[i; 32]);
        let key = SigningKey::from_bytes(&[a ^ (d << 3) ^ 0x55; 32]);
        let public = key.verifying_key().to_bytes();
        let certificate = Certificate::issue(&identity, account(a), DeviceId([d; 16]), public, 1, &[SUITE_ID]).unwrap();
        let credential = leaf::credential(&identity.verifying_key().to_bytes(), &certificate);
        Self { signer: DeviceSigner(key), credential, provider: Provider::new(Store::default()).unwrap() }
    }

    fn package(&self, lifetime: Lifetime) -> KeyPackage {
        KeyPackage::builder()
            .leaf_node_capabilities(leaf::capabilities(self.provider.rand()))
            .key_package_lifetime(lifetime)
            .build(SUITE, &self.provider, &self.signer, self.credential.clone())
            .unwrap()
            .into_key_package()
    }

    fn create(&self, policy: &Policy) -> MlsGroup {
        let config = group::create_config(policy, leaf::capabilities(self.provider.rand()), leaf::lifetime(now())).unwrap();
        let id = group::group_id(HERE, 0);
        MlsGroup::new_with_group_id(&self.provider, &self.signer, &config, id, self.credential.clone()).unwrap()
    }

    fn commit(&self, object: &mut MlsGroup, adds: Vec<KeyPackage>, removes: Vec<LeafNodeIndex>) -> (Vec<u8>, Option<Vec<u8>>) {
        let bundle = object
            .commit_builder()
            .force_self_update(true)
            .propose_adds(adds)
            .propose_removals(removes)
            .load_psks(self.provider.storage())
            .unwrap()
            .use_ratchet_tree_extension(true)
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let (commit, welcome, _) = bundle.into_messages();
        (group::bytes(&commit).unwrap(), welcome.map(|welcome| group::bytes(&welcome).unwrap()))
    }

    fn join(&self, welcome: &[u8]) -> MlsGroup {
        let staged = StagedWelcome::build_from_welcome(&self.provider, &group::join_config(), group::welcome(welcome).unwrap());
        staged.unwrap().skip_lifetime_validation().build().unwrap().into_group(&self.provider).unwrap()
    }

    /// What this member says of another's commit.
    fn judge(&self, object: &mut MlsGroup, commit: &[u8]) -> Result<Change, Refused> {
        let message = object.process_message(&self.provider, group::protocol_message(commit).unwrap()).unwrap();
        let sender = message.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else { panic!("no commit") };
        rules::check_commit(object.public_group(), &sender, &staged)
    }
}

/// Alice (account 1) and Bob (account 2) in a direct conversation.
fn pair() -> (Device, MlsGroup, Device, MlsGroup) {
    let (alice, bob) = (Device::new(1, 11, 1), Device::new(2, 12, 1));
    let mut a = alice.create(&Policy::direct(account(1), account(2), SUITE_ID));
    let (_, welcome) = alice.commit(&mut a, vec![bob.package(leaf::lifetime(now()))], vec![]);
    a.merge_pending_commit(&alice.provider).unwrap();
    let b = bob.join(&welcome.unwrap());
    (alice, a, bob, b)
}

#[test]
fn an_honest_addition_of_an_own_device_is_accepted() {
    let (alice, mut a, bob, mut b) = pair();
    let phone = Device::new(1, 11, 2);
    let (commit, _) = alice.commit(&mut a, vec![phone.package(leaf::lifetime(now()))], vec![]);
    let change = bob.judge(&mut b, &commit).unwrap();
    assert_eq!(change.added.len(), 1);
    assert_eq!(change.added[0].certificate().account, account(1));
    assert!(!change.external && change.removed.is_empty());
}

#[test]
fn r9_a_third_account_is_refused_in_a_direct_conversation() {
    let (alice, mut a, bob, mut b) = pair();
    let mallory = Device::new(3, 13, 1);
    let (commit, _) = alice.commit(&mut a, vec![mallory.package(leaf::lifetime(now()))], vec![]);
    assert_eq!(bob.judge(&mut b, &commit), Err(Refused::Policy));
}

#[test]
fn r11_a_ghost_device_under_another_identity_is_refused() {
    // Named like Alice's, certified by somebody else: the oldest trick of a lying server.
    let (alice, mut a, bob, mut b) = pair();
    let ghost = Device::new(1, 66, 7);
    let (commit, _) = alice.commit(&mut a, vec![ghost.package(leaf::lifetime(now()))], vec![]);
    assert_eq!(bob.judge(&mut b, &commit), Err(Refused::TwoIdentities));
}

#[test]
fn r7_a_second_leaf_of_one_device_is_refused() {
    let (alice, mut a, bob, mut b) = pair();
    let phone = Device::new(1, 11, 2);
    let (first, _) = alice.commit(&mut a, vec![phone.package(leaf::lifetime(now()))], vec![]);
    a.merge_pending_commit(&alice.provider).unwrap();
    let message = b.process_message(&bob.provider, group::protocol_message(&first).unwrap()).unwrap();
    let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else { panic!("no commit") };
    b.merge_staged_commit(&bob.provider, *staged).unwrap();
    // The same device id under another device key: MLS itself sees two different leaves.
    let identity = SigningKey::from_bytes(&[11; 32]);
    let key = SigningKey::from_bytes(&[77; 32]);
    let public = key.verifying_key().to_bytes();
    let certificate = Certificate::issue(&identity, account(1), DeviceId([2; 16]), public, 1, &[SUITE_ID]).unwrap();
    let twin = Device {
        signer: DeviceSigner(key),
        credential: leaf::credential(&identity.verifying_key().to_bytes(), &certificate),
        provider: Provider::new(Store::default()).unwrap(),
    };
    let (commit, _) = alice.commit(&mut a, vec![twin.package(leaf::lifetime(now()))], vec![]);
    assert_eq!(bob.judge(&mut b, &commit), Err(Refused::Duplicate));
}

#[test]
fn r8_a_package_of_another_width_is_refused() {
    let (alice, mut a, bob, mut b) = pair();
    let phone = Device::new(1, 11, 2);
    let short = Lifetime::init(now() - 3_600, now() + 30 * 86_400);
    let (commit, _) = alice.commit(&mut a, vec![phone.package(short)], vec![]);
    assert_eq!(bob.judge(&mut b, &commit), Err(Refused::Lifetime));
}

#[test]
fn r9_nobody_removes_the_other_one_from_a_direct_conversation() {
    let (alice, mut a, bob, mut b) = pair();
    let tablet = Device::new(2, 12, 2);
    let (first, _) = bob.commit(&mut b, vec![tablet.package(leaf::lifetime(now()))], vec![]);
    b.merge_pending_commit(&bob.provider).unwrap();
    let change = alice.judge(&mut a, &first).unwrap();
    assert_eq!(change.actor.certificate().account, account(2));
    let message = {
        // judge consumed the message; a fresh member view is needed to merge it
        let reload = MlsGroup::load(alice.provider.storage(), &group::group_id(HERE, 0)).unwrap().unwrap();
        drop(std::mem::replace(&mut a, reload));
        a.process_message(&alice.provider, group::protocol_message(&first).unwrap()).unwrap()
    };
    let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else { panic!("no commit") };
    a.merge_staged_commit(&alice.provider, *staged).unwrap();
    let (commit, _) = alice.commit(&mut a, vec![], vec![LeafNodeIndex::new(2)]);
    assert_eq!(bob.judge(&mut b, &commit), Err(Refused::Policy));
}

#[test]
fn r1_a_leaf_without_a_certificate_is_no_member() {
    let alice = Device::new(1, 11, 1);
    let a = alice.create(&Policy::note(account(1), SUITE_ID));
    assert!(rules::check_members(a.members()).is_ok());
    let forged = a.members().map(|mut member| {
        member.signature_key = vec![1; 32];
        member
    });
    assert_eq!(rules::check_members(forged), Err(Refused::Certificate));
}

#[test]
fn r4_the_context_holds_exactly_the_policy_and_what_is_required() {
    let (_, a, _, _) = pair();
    let policy = rules::check_context(a.public_group().group_context()).unwrap();
    assert_eq!(policy, Policy::direct(account(1), account(2), SUITE_ID));
    let leaves = rules::check_members(a.members()).unwrap();
    assert!(rules::check_named(&policy, &leaves).is_ok());
    assert_eq!(rules::check_named(&Policy::direct(account(1), account(5), SUITE_ID), &leaves), Err(Refused::Policy));
}

#[test]
fn a_savepoint_takes_back_one_call_and_the_journal_knows_the_rest() {
    let alice = Device::new(1, 11, 1);
    let mut a = alice.create(&Policy::note(account(1), SUITE_ID));
    let store = alice.provider.store();
    assert!(!store.changes().is_empty());
    store.commit();
    assert!(store.changes().is_empty());
    let before = store.len();
    let savepoint = store.savepoint();
    let _ = alice.commit(&mut a, vec![], vec![]);
    assert!(!store.changes().is_empty());
    store.rollback_to(savepoint);
    assert!(store.changes().is_empty(), "as if nothing had been called");
    assert_eq!(store.len(), before);
    let again = MlsGroup::load(alice.provider.storage(), &group::group_id(HERE, 0)).unwrap().unwrap();
    assert!(again.pending_commit().is_none());
}
