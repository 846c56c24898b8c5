//! Two people in one conversation, and rows sealed ahead of the measurement: real MLS, valid authenticated data, a real
//! commit after every 500 rows.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use hyper::body::Bytes as Frame;
use shared::{
    AccountId, ConversationId, MessageId,
    frame::{Append, ClientFrame, Cursor},
    http::{Claim, Claimed, Commit, Committed, CreateConversation},
    limits,
    policy::Policy,
};

use crate::{
    http::Body,
    person::{Person, now, random},
    place::Place,
    socket::Socket,
    speaking::device::{MlsDevice, TestGroup},
};

/// An envelope around 300 bytes of text (protocol §4): 36 bytes, about 90 of CBOR, padded to the next bucket.
const ENVELOPE: usize = 512;

/// What leaves next.
pub(crate) enum Item {
    /// An `Append` frame and the request it names.
    Row { request: u64, frame: Frame },
    /// The body of a commit, for HTTP.
    Commit(Vec<u8>),
}

/// One who writes and one who reads.
pub(crate) struct Pair {
    pub(crate) conversation: ConversationId,
    pub(crate) writer: Person,
    pub(crate) reader: Person,
    pub(crate) ready: VecDeque<Item>,
    /// Last row each of them has.
    pub(crate) number: u64,
    pub(crate) sockets: Option<(Socket, Socket)>,
    mls: MlsDevice,
    group: TestGroup,
    n: u64,
}

impl Pair {
    /// Registers two people and makes their conversation.
    pub(crate) async fn new(place: &Place, n: usize) -> Result<Self> {
        let (mut writer, mls) = Person::register(place, 2 * n, 1).await?;
        let (reader, _) = Person::register(place, 2 * n + 1, 1).await?;
        let conversation = ConversationId(random());
        let mut packages = vec![];
        for account in [writer.account, reader.account] {
            packages.extend(claim(&mut writer, account, conversation).await?);
        }
        let policy = Policy::direct(writer.account, reader.account, mls::leaf::SUITE_ID);
        let mut group = mls.create(conversation, &policy, now());
        let group_info = mls.info(&group, true);
        let commit = mls.commit(&mut group, MessageId(random()), &packages, &[]);
        let body = CreateConversation { conversation, kind: 0, with: Some(reader.account), group_info, commit };
        let created: Committed = writer.http.cbor("POST", "/api/conversations", Body::cbor(&body)).await?;
        if created.number != 1 {
            bail!("the first commit has number {}", created.number);
        }
        mls.merge(&mut group);
        writer.http.close();
        let (ready, sockets) = (VecDeque::new(), None);
        Ok(Self { conversation, writer, reader, ready, number: 1, sockets, mls, group, n: 0 })
    }

    /// Both connect and know every row there is.
    pub(crate) async fn connect(&mut self) -> Result<()> {
        let known = vec![Cursor { conversation: self.conversation, number: self.number }];
        let (writer, _) = self.writer.connect(known.clone()).await?;
        let (reader, _) = self.reader.connect(known).await?;
        self.reader.http.close();
        self.sockets = Some((writer, reader));
        Ok(())
    }

    /// Seals until so many rows are ready.
    pub(crate) fn refill(&mut self, rows: usize) {
        let there = self.ready.iter().filter(|item| matches!(item, Item::Row { .. })).count();
        for _ in there..rows {
            if self.n > 0 && self.n.is_multiple_of(limits::ROWS_IN_EPOCH) {
                let commit: Commit = self.mls.commit(&mut self.group, MessageId(random()), &[], &[]);
                self.mls.merge(&mut self.group);
                self.ready.push_back(Item::Commit(shared::codec::encode(&commit)));
            }
            self.n += 1;
            let (epoch, message) = (self.group.epoch(), MessageId(random()));
            let sealed = self.mls.seal(&mut self.group, self.n, message, &random::<ENVELOPE>());
            let append =
                Append { request: self.n, conversation: self.conversation, generation: 0, epoch, n: self.n, message, sealed };
            self.ready.push_back(Item::Row { request: self.n, frame: ClientFrame::Append(append).encode().into() });
        }
    }

    /// Where commits of this conversation go.
    pub(crate) fn commits(&self) -> String {
        format!("/api/conversations/{}/commits", self.conversation)
    }
}

async fn claim(by: &mut Person, account: AccountId, conversation_id: ConversationId) -> Result<Vec<shared::Bytes>> {
    let claim = Claim { conversation_id, generation: 0, epoch: 0, device_id: None };
    let path = format!("/api/accounts/{account}/key-packages/claim");
    let claimed: Claimed = by.http.cbor("POST", &path, Body::json(&claim)?).await.context("claim")?;
    Ok(claimed.packages.into_iter().map(|claimed| claimed.package).collect())
}
