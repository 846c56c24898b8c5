//! One of each: who owns a group, who is in it, who was put out, who never was, and who has no device yet.

use mls::leaf::SUITE_ID;
use server::clock;
use shared::{
    Bytes, ConversationId, DeviceId, MessageId,
    http::{Claimed, Commit, Committed, CreateConversation, Rows},
    policy::{Kind, Policy, Role as InGroup},
};

use crate::{
    app::TestApp,
    people::{Browser, register},
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// No session.
    Anonymous,
    /// A session without a device, of the member's account.
    Unenrolled,
    /// Another account.
    Other,
    /// An account that was in the group and was put out.
    Gone,
    /// An account that is in it.
    Member,
}

/// In the order in which they ask: what a member does changes things.
pub(super) const ROLES: [Role; 5] = [Role::Anonymous, Role::Other, Role::Gone, Role::Unenrolled, Role::Member];

/// Everybody, and the group.
pub(super) struct Cast<'a> {
    pub(super) app: &'a TestApp,
    pub(super) owner: Browser<'a>,
    pub(super) member: Browser<'a>,
    /// Another device of the member's.
    pub(super) second: DeviceId,
    pub(super) unenrolled: Browser<'a>,
    pub(super) other: Browser<'a>,
    pub(super) gone: Browser<'a>,
    pub(super) group: ConversationId,
    /// The row of the commit that put somebody out: the last one that he may read.
    pub(super) end: u64,
}

impl<'a> Cast<'a> {
    pub(super) async fn gather(app: &'a TestApp) -> Self {
        let (mut owner, mut member) = (register(app, "olivia").await, register(app, "mia").await);
        let (mut gone, other) = (register(app, "gordon").await, register(app, "otto").await);
        let group = found(&mut owner).await;
        let packages = [claim(&mut owner, &member, group).await, claim(&mut owner, &gone, group).await];
        change(&mut owner, group, &packages, &[]).await;
        member.join().await;
        gone.join().await;
        let leaves = gone.id();
        let end = change(&mut owner, group, &[], &[leaves]).await;
        catch_up(&mut member, group, end).await;
        let mut second = member.elsewhere().await;
        assert_eq!(second.enrol().await.status, 200);
        member.person = second.person.clone();
        let unenrolled = member.elsewhere().await;
        Self { app, owner, second: second.id(), member, unenrolled, other, gone, group, end }
    }

    /// The browser of a role; nobody has none.
    pub(super) fn of(&mut self, role: Role) -> Option<&mut Browser<'a>> {
        match role {
            Role::Anonymous => None,
            Role::Unenrolled => Some(&mut self.unenrolled),
            Role::Other => Some(&mut self.other),
            Role::Gone => Some(&mut self.gone),
            Role::Member => Some(&mut self.member),
        }
    }
}

async fn found(owner: &mut Browser<'_>) -> ConversationId {
    let conversation = ConversationId(clock::random());
    let roles = vec![(owner.person.account, InGroup::Owner)];
    let policy = Policy { kind: Kind::Group, suite_floor: SUITE_ID, archive: 0, predecessor: None, roles };
    let mut group = owner.mls.create(conversation, &policy, clock::now());
    let group_info = owner.mls.info(&group, true);
    let commit = owner.mls.commit(&mut group, MessageId(clock::random()), &[], &[]);
    let body = CreateConversation { conversation, kind: Kind::Group.byte(), with: None, group_info, commit };
    let created: Committed = owner.send(owner.request("POST", "/api/conversations").cbor(&body)).await.read();
    assert_eq!(created.number, 1);
    owner.mls.merge(&mut group);
    owner.groups.insert(conversation, group);
    conversation
}

async fn claim(by: &mut Browser<'_>, whom: &Browser<'_>, group: ConversationId) -> Bytes {
    let epoch = by.groups[&group].epoch();
    let claimed: Claimed = by.claim(whom.person.account, group, epoch).await.read();
    claimed.packages.into_iter().next().unwrap().package
}

async fn change(by: &mut Browser<'_>, group: ConversationId, adds: &[Bytes], removes: &[DeviceId]) -> u64 {
    let commit = pending(by, group, adds, removes);
    let path = format!("/api/conversations/{group}/commits");
    let committed: Committed = by.send(by.request("POST", &path).cbor(&commit)).await.read();
    by.mls.merge(by.groups.get_mut(&group).unwrap());
    committed.number
}

/// A commit that fits the current epoch and is not sent yet.
pub(super) fn pending(by: &mut Browser<'_>, group: ConversationId, adds: &[Bytes], removes: &[DeviceId]) -> Commit {
    let state = by.groups.get_mut(&group).unwrap();
    by.mls.commit(state, MessageId(clock::random()), adds, removes)
}

async fn catch_up(who: &mut Browser<'_>, group: ConversationId, number: u64) {
    let rows: Rows = who.get(&format!("/api/conversations/{group}/rows?after={}", number - 1)).await.read();
    let body = rows.rows[0].body.clone().unwrap();
    who.mls.process(who.groups.get_mut(&group).unwrap(), body.as_slice());
}
