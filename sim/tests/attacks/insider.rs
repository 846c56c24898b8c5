//! A member without our checks: a browser's own rows, openmls, and nobody who says no.

use std::ops::{Deref, DerefMut};

use mls::{group, leaf::DeviceSigner, openmls::prelude::*, rules};
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId,
    authenticated::{CommitData, MessageData},
    frame::{Append, ClientFrame},
    http,
    label::Label,
    signature,
};
use sim::insider::Content;

use crate::stage::Stage;

/// One of a stage's browsers that has gone bad.
pub(crate) struct Insider {
    at: usize,
    conversation: ConversationId,
    inner: sim::insider::Insider,
}

impl Deref for Insider {
    type Target = sim::insider::Insider;
    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Insider {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl Insider {
    /// Takes what a browser has on its disk. The browser must not be used any more where this one sends.
    pub(crate) fn of(stage: &Stage, at: usize, conversation: ConversationId) -> Self {
        let snapshot = stage.browsers[at].disk.as_ref().unwrap().1.load().unwrap();
        Self { at, conversation, inner: sim::insider::Insider::of(snapshot, conversation).unwrap() }
    }

    /// Devices in the tree.
    pub(crate) fn roster(&self) -> Vec<DeviceId> {
        rules::check_members(self.group.members()).unwrap().iter().map(rules::Leaf::device).collect()
    }

    /// An honest-looking content.
    pub(crate) fn content(message: MessageId, text: &str) -> Content {
        Content::text(message, text)
    }

    /// Seals a content as message `id`, counter `n`; `change` may lie in the authenticated data.
    pub(crate) fn seal(&mut self, id: MessageId, n: u64, content: &Content, change: impl FnOnce(&mut MessageData)) -> Vec<u8> {
        self.inner.seal(id, n, content, change).unwrap()
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
        let inner = &mut self.inner;
        inner.group.set_aad(CommitData { message, device: inner.device }.encode());
        // Who comes in needs the tree; a group info with it is not what members give the server.
        let tree = !adds.is_empty();
        let mut builder = inner
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
            .load_psks(inner.provider.storage())
            .unwrap()
            .create_group_info(true)
            .use_ratchet_tree_extension(tree)
            .build(inner.provider.rand(), inner.provider.crypto(), &inner.signer, |_| true)
            .unwrap()
            .stage_commit(&inner.provider)
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
