//! A member without our checks: a browser's own rows, openmls, and nobody who says no.

use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};
use mls::{
    Provider, Store, group,
    leaf::{self, DeviceSigner},
    openmls::prelude::*,
    rules,
};
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis,
    authenticated::{self, CommitData, MessageData},
    certificate::Certificate,
    codec,
    frame::{Append, ClientFrame},
    http,
    label::Label,
    signature,
};

use crate::stage::Stage;

/// The rows it needs of the browser's own.
#[derive(Decode)]
#[cbor(map)]
struct Me {
    #[n(0)]
    account: AccountId,
    #[n(2)]
    identity: Bytes,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    secret: Bytes,
    #[n(5)]
    certificate: Bytes,
}

/// What a message says inside.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Content {
    #[n(0)]
    pub(crate) message: MessageId,
    #[n(1)]
    pub(crate) statement: u64,
    #[n(2)]
    pub(crate) statement_hash: Bytes,
    #[n(3)]
    pub(crate) parents: Vec<MessageId>,
    #[n(4)]
    pub(crate) sent_at: Millis,
    #[n(5)]
    pub(crate) root: Option<Bytes>,
    #[n(6)]
    pub(crate) kind: u16,
    #[n(7)]
    pub(crate) text: Option<String>,
}

/// See the module.
pub(crate) struct Insider {
    pub(crate) at: usize,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) provider: Provider,
    pub(crate) signer: DeviceSigner,
    pub(crate) credential: CredentialWithKey,
    pub(crate) group: MlsGroup,
    pub(crate) conversation: ConversationId,
}

impl Insider {
    /// Takes what a browser has on its disk. The browser must not be used any more where this one sends.
    pub(crate) fn of(stage: &Stage, at: usize, conversation: ConversationId) -> Self {
        let snapshot = stage.browsers[at].disk.as_ref().unwrap().1.load().unwrap();
        let (mut me, mut rows) = (None, vec![]);
        for row in snapshot.rows {
            match row.space {
                client_core::Space::Meta if row.key == b"me" => me = minicbor::decode::<Me>(&row.value.unwrap()).ok(),
                client_core::Space::Mls => rows.push((row.key, row.value.unwrap().into())),
                _ => {}
            }
        }
        let me = me.unwrap();
        let provider = Provider::new(Store::from_rows(rows)).unwrap();
        let group = MlsGroup::load(provider.storage(), &group::group_id(conversation, 0)).unwrap().unwrap();
        let certificate = Certificate::parse(me.certificate.as_slice()).unwrap();
        Self {
            at,
            account: me.account,
            device: me.device,
            provider,
            signer: DeviceSigner(SigningKey::from_bytes(&me.secret.array().unwrap())),
            credential: leaf::credential(&me.identity.array().unwrap(), &certificate),
            group,
            conversation,
        }
    }

    /// Devices in the tree.
    pub(crate) fn roster(&self) -> Vec<DeviceId> {
        rules::check_members(self.group.members()).unwrap().iter().map(rules::Leaf::device).collect()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// An honest-looking content.
    pub(crate) fn content(message: MessageId, text: &str) -> Content {
        Content {
            message,
            statement: 1,
            statement_hash: Bytes(vec![0; 8]),
            parents: vec![],
            sent_at: Millis(1),
            root: None,
            kind: 0,
            text: Some(text.to_owned()),
        }
    }

    /// Seals a content as message `id`, counter `n`; `change` may lie in the authenticated data.
    pub(crate) fn seal(&mut self, id: MessageId, n: u64, content: &Content, change: impl FnOnce(&mut MessageData)) -> Vec<u8> {
        let k = [9; 32];
        let cbor = codec::encode(content);
        let transcript = *self.group.public_group().group_context().confirmed_transcript_hash().first_chunk().unwrap();
        let mut data =
            MessageData { message: id, n, commitment: authenticated::commitment(&k, &cbor), previous: [0; 32], transcript };
        change(&mut data);
        let mut envelope = [&k[..], &u32::try_from(cbor.len()).unwrap().to_be_bytes(), &cbor].concat();
        envelope.resize(envelope.len().next_power_of_two().max(256), 0);
        self.group.set_aad(data.encode());
        let message = self.group.create_message(&self.provider, &self.signer, &envelope).unwrap();
        group::bytes(&message).unwrap()
    }

    /// Offers a sealed message to the honest server.
    pub(crate) fn append(
        &self,
        stage: &mut Stage,
        message: MessageId,
        n: u64,
        sealed: Vec<u8>,
    ) -> Vec<shared::frame::ServerFrame> {
        let append = Append {
            request: 900_000 + n,
            conversation: self.conversation,
            generation: 0,
            epoch: self.epoch(),
            n,
            message,
            sealed: sealed.into(),
        };
        stage.raw_frame(self.at, &ClientFrame::Append(append))
    }

    /// A commit of these inline proposals; the bytes, and the body an honest server would be given.
    pub(crate) fn commit(
        &mut self,
        message: MessageId,
        adds: Vec<KeyPackage>,
        removes: Vec<LeafNodeIndex>,
    ) -> (Vec<u8>, http::Commit) {
        self.commit_of(message, adds, removes, vec![], None)
    }

    /// The same with proposals of any kind that openmls makes; those it has proposed before go in by reference.
    pub(crate) fn commit_of(
        &mut self,
        message: MessageId,
        adds: Vec<KeyPackage>,
        removes: Vec<LeafNodeIndex>,
        others: Vec<Proposal>,
        extensions: Option<Extensions<GroupContext>>,
    ) -> (Vec<u8>, http::Commit) {
        let epoch = self.epoch();
        self.group.set_aad(CommitData { message, device: self.device }.encode());
        // Who comes in needs the tree; a group info with it is not what members give the server.
        let tree = !adds.is_empty();
        let mut builder = self
            .group
            .commit_builder()
            .force_self_update(true)
            .propose_adds(adds)
            .propose_removals(removes)
            .add_proposals(others);
        if let Some(extensions) = extensions {
            builder = builder.propose_group_context_extensions(extensions).unwrap();
        }
        let bundle = builder
            .load_psks(self.provider.storage())
            .unwrap()
            .create_group_info(true)
            .use_ratchet_tree_extension(tree)
            .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let (commit, welcome, info) = bundle.into_messages();
        let bytes = group::bytes(&commit).unwrap();
        let body = http::Commit {
            generation: 0,
            epoch,
            message,
            commit: bytes.clone().into(),
            signature: signed(&self.signer, &bytes).into(),
            group_info: info.map(|info| group::bytes(&info).unwrap()).unwrap_or_default().into(),
            welcome: welcome.map(|welcome| Bytes(group::bytes(&welcome).unwrap())),
        };
        (bytes, body)
    }

    /// Puts a row into the server's log behind the server's back, as a server does that checks nothing.
    pub(crate) fn plant(&self, stage: &Stage, kind: u8, message: MessageId, body: &[u8]) -> u64 {
        let signature = signed(&self.signer, body);
        plant(stage, self.conversation, (self.account, self.device), (kind, &signature), self.epoch(), message, body)
    }
}

/// A device's signature over a commit.
pub(crate) fn signed(signer: &DeviceSigner, commit: &[u8]) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(commit).into();
    signature::sign(&signer.0, Label::CommitBytes, &digest).to_vec()
}

/// See [`Insider::plant`]; under any name, of a kind and with a signature.
pub(crate) fn plant(
    stage: &Stage,
    conversation: ConversationId,
    (account, device): (AccountId, DeviceId),
    (kind, signature): (u8, &[u8]),
    epoch: u64,
    message: MessageId,
    body: &[u8],
) -> u64 {
    let sql = &stage.database.sql;
    let head: i64 =
        sql.query_row("SELECT head_seq FROM conv WHERE conv_id = ?1", [conversation.as_bytes()], |row| row.get(0)).unwrap();
    sql.execute(
        "INSERT INTO conv_msg (conv_id, seq, kind, generation, epoch, sender, sender_account, cmid, at_ms, clear, body, sig)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, x'', ?9, ?10)",
        rusqlite::params![
            conversation.as_bytes(),
            head + 1,
            kind,
            i64::try_from(epoch).unwrap(),
            device.as_bytes(),
            account.as_bytes(),
            message.as_bytes(),
            i64::try_from(stage.now.0).unwrap(),
            body,
            signature
        ],
    )
    .unwrap();
    sql.execute("UPDATE conv SET head_seq = ?2 WHERE conv_id = ?1", rusqlite::params![conversation.as_bytes(), head + 1])
        .unwrap();
    u64::try_from(head + 1).unwrap()
}

/// Tells a browser that there is more to read.
pub(crate) fn hint(stage: &mut Stage, at: usize, conversation: ConversationId, number: u64) {
    let head = shared::frame::Cursor { conversation, number };
    stage.push(at, shared::frame::ServerFrame::Head(head));
}
