//! A device's side of MLS, as short as it can be.

use ed25519_dalek::SigningKey;
use mls::{
    Provider, Store,
    group::{self, bytes, group_id},
    leaf::{self, DeviceSigner, SUITE, capabilities, lifetime},
    openmls::prelude::*,
    rules,
};
use sha2::{Digest as _, Sha256};
use shared::{
    Bytes, ConversationId, DeviceId, MessageId, Millis,
    authenticated::{CommitData, MessageData},
    certificate::Certificate,
    http::Commit,
    label::Label,
    limits,
    policy::Policy,
    signature,
};

/// Keys, certificate and MLS state of one device.
pub(crate) struct MlsDevice {
    pub(crate) key: SigningKey,
    pub(crate) identity: [u8; 32],
    pub(crate) certificate: Certificate,
    pub(crate) provider: Provider,
}

impl MlsDevice {
    pub(crate) fn new(key: SigningKey, identity: [u8; 32], certificate: Certificate) -> Self {
        Self { key, identity, certificate, provider: Provider::new(Store::default()).unwrap() }
    }
    pub(crate) fn id(&self) -> DeviceId {
        self.certificate.device
    }
    fn signer(&self) -> DeviceSigner {
        DeviceSigner(self.key.clone())
    }
    fn credential(&self) -> CredentialWithKey {
        leaf::credential(&self.identity, &self.certificate)
    }
    pub(crate) fn package(&self, now: Millis, last_resort: bool) -> Bytes {
        self.package_with(lifetime(now.0 / 1_000), last_resort)
    }
    /// A package as wide as ours are, made some days ago.
    pub(crate) fn old_package(&self, now: Millis, days: u64, last_resort: bool) -> Bytes {
        self.package_with(lifetime(now.0 / 1_000 - days * 86_400), last_resort)
    }
    /// A package a day too narrow.
    pub(crate) fn narrow_package(&self, now: Millis) -> Bytes {
        let from = now.0 / 1_000 - limits::PACKAGE_BEFORE;
        self.package_with(Lifetime::init(from, from + limits::PACKAGE_WIDTH - 86_400), false)
    }
    fn package_with(&self, lifetime: Lifetime, last_resort: bool) -> Bytes {
        let mut builder =
            KeyPackage::builder().leaf_node_capabilities(capabilities(self.provider.rand())).key_package_lifetime(lifetime);
        if last_resort {
            builder = builder.mark_as_last_resort();
        }
        let bundle = builder.build(SUITE, &self.provider, &self.signer(), self.credential()).unwrap();
        bytes(&MlsMessageOut::from(bundle.into_key_package())).unwrap().into()
    }
    pub(crate) fn create(&self, conversation: ConversationId, policy: &Policy, now: Millis) -> TestGroup {
        self.create_as(conversation, 0, policy, now)
    }
    /// A generation of a conversation.
    pub(crate) fn create_as(&self, conversation: ConversationId, generation: u32, policy: &Policy, now: Millis) -> TestGroup {
        let _: Result<(), _> = MlsGroup::load(self.provider.storage(), &group_id(conversation, generation))
            .unwrap()
            .map_or(Ok(()), |mut group| group.delete(self.provider.storage()));
        let capabilities = capabilities(self.provider.rand());
        let config = group::create_config(policy, capabilities, lifetime(now.0 / 1_000)).unwrap();
        let id = group_id(conversation, generation);
        let group = MlsGroup::new_with_group_id(&self.provider, &self.signer(), &config, id, self.credential()).unwrap();
        TestGroup { group, last: [0; 32] }
    }
    pub(crate) fn info(&self, group: &TestGroup, tree: bool) -> Bytes {
        let info = group.group.export_group_info(self.provider.crypto(), &self.signer(), tree).unwrap();
        bytes(&info).unwrap().into()
    }
    pub(crate) fn join(&self, welcome: &Bytes) -> TestGroup {
        let welcome = group::welcome(welcome.as_slice()).unwrap();
        let staged = StagedWelcome::build_from_welcome(&self.provider, &group::join_config(), welcome)
            .unwrap()
            .skip_lifetime_validation()
            .build()
            .unwrap();
        TestGroup { group: staged.into_group(&self.provider).unwrap(), last: [0; 32] }
    }
    /// A commit that adds and removes; it stays pending until [`MlsDevice::merge`].
    pub(crate) fn commit(&self, group: &mut TestGroup, message: MessageId, adds: &[Bytes], removes: &[DeviceId]) -> Commit {
        self.commit_as(group, message, CommitData { message, device: self.id() }.encode(), adds, removes)
    }
    pub(crate) fn commit_as(
        &self,
        group: &mut TestGroup,
        message: MessageId,
        aad: Vec<u8>,
        adds: &[Bytes],
        removes: &[DeviceId],
    ) -> Commit {
        let crypto = self.provider.crypto();
        let adds: Vec<_> = adds.iter().map(|b| group::key_package(b.as_slice(), crypto).unwrap()).collect();
        let leaves = rules::check_members(group.group.members()).unwrap();
        let index = |id: &DeviceId| LeafNodeIndex::new(leaves.iter().find(|leaf| leaf.device() == *id).unwrap().index);
        let removes: Vec<_> = removes.iter().map(index).collect();
        let epoch = group.group.epoch().as_u64();
        let (_, generation) = group::parse_group_id(group.group.group_id()).unwrap();
        group.group.set_aad(aad);
        let bundle = group
            .group
            .commit_builder()
            .force_self_update(true)
            .propose_adds(adds)
            .propose_removals(removes)
            .load_psks(self.provider.storage())
            .unwrap()
            .create_group_info(true)
            .use_ratchet_tree_extension(true)
            .build(self.provider.rand(), crypto, &self.signer(), |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let (commit, welcome, _) = bundle.into_messages();
        let ahead = Provider::new(self.provider.store().fork()).unwrap();
        let mut copy = MlsGroup::load(ahead.storage(), group.group.group_id()).unwrap().unwrap();
        copy.merge_pending_commit(&ahead).unwrap();
        let info = copy.export_group_info(ahead.crypto(), &self.signer(), false).unwrap();
        let commit = bytes(&commit).unwrap();
        self.sealed(generation, epoch, message, commit, bytes(&info).unwrap(), welcome.map(|w| bytes(&w).unwrap()))
    }
    fn sealed(
        &self,
        generation: u32,
        epoch: u64,
        message: MessageId,
        commit: Vec<u8>,
        info: Vec<u8>,
        welcome: Option<Vec<u8>>,
    ) -> Commit {
        let signature = signature::sign(&self.key, Label::CommitBytes, &Sha256::digest(&commit)).into();
        let (commit, group_info, welcome) = (commit.into(), info.into(), welcome.map(Bytes));
        Commit { generation, epoch, message, commit, signature, group_info, welcome }
    }
    pub(crate) fn merge(&self, group: &mut TestGroup) {
        group.group.merge_pending_commit(&self.provider).unwrap();
    }
    pub(crate) fn clear(&self, group: &mut TestGroup) {
        group.group.clear_pending_commit(self.provider.storage()).unwrap();
    }
    /// Joins without an invitation.
    pub(crate) fn join_external(&self, info: &shared::http::GroupInfo, message: MessageId) -> (TestGroup, Commit) {
        use mls::tls_codec::Deserialize as _;
        let tree = RatchetTreeIn::tls_deserialize_exact(info.tree.as_slice()).unwrap();
        let parameters = LeafNodeParameters::builder().with_capabilities(capabilities(self.provider.rand())).build();
        let (group, bundle) = MlsGroup::external_commit_builder()
            .with_config(group::join_config())
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .with_aad(CommitData { message, device: self.id() }.encode())
            .build_group(&self.provider, group::group_info(info.group_info.as_slice()).unwrap(), self.credential())
            .unwrap()
            .leaf_node_parameters(parameters)
            .load_psks(self.provider.storage())
            .unwrap()
            .build(self.provider.rand(), self.provider.crypto(), &self.signer(), |_| true)
            .unwrap()
            .finalize(&self.provider)
            .unwrap();
        let (commit, _, _) = bundle.into_messages();
        let group = TestGroup { group, last: [0; 32] };
        let own = self.info(&group, false).0;
        let commit = self.sealed(info.generation, info.epoch, message, bytes(&commit).unwrap(), own, None);
        (group, commit)
    }
    /// Seals a text.
    pub(crate) fn seal(&self, group: &mut TestGroup, n: u64, message: MessageId, text: &[u8]) -> Bytes {
        let c = shared::authenticated::commitment(&[7; 32], text);
        let mut transcript = [0; 16];
        transcript.copy_from_slice(&group.group.public_group().group_context().confirmed_transcript_hash()[..16]);
        let data = MessageData { message, n, commitment: c, previous: group.last, transcript };
        group.last = c;
        group.group.set_aad(data.encode());
        bytes(&group.group.create_message(&self.provider, &self.signer(), text).unwrap()).unwrap().into()
    }
    /// Opens a message, or applies a commit of somebody else.
    pub(crate) fn process(&self, group: &mut TestGroup, row: &[u8]) -> Option<Vec<u8>> {
        let message = group.group.process_message(&self.provider, group::protocol_message(row).unwrap()).unwrap();
        match message.into_content() {
            ProcessedMessageContent::ApplicationMessage(text) => Some(text.into_bytes()),
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                group.group.merge_staged_commit(&self.provider, *staged).unwrap();
                None
            }
            _ => panic!("neither message nor commit"),
        }
    }
}

/// One device's group.
pub(crate) struct TestGroup {
    group: MlsGroup,
    last: [u8; 32],
}

impl TestGroup {
    pub(crate) fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }
    /// Epoch and confirmed transcript hash.
    pub(crate) fn end(&self) -> (u64, [u8; 32]) {
        let hash = self.group.public_group().group_context().confirmed_transcript_hash();
        (self.epoch(), hash.try_into().unwrap())
    }
}
