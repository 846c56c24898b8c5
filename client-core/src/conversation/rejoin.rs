//! Coming back into the note to self when no own browser is left to add this one.
//!
//! Every leaf of that group must carry this account's own identity key, so a server can at most serve an older state of one's
//! own devices. Conversations with others wait for a member instead: without an anchor from the archive a joiner could be
//! led into an old branch (protocol §3, devices).

use shared::{ConversationId, MessageId, Millis, authenticated::CommitData, http as body, policy::Kind, time::SECOND};

use crate::{
    http::{self, Draft},
    mls::External,
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits},
    view::SystemLine,
};

/// How long a Welcome of an own online browser is waited for.
const PATIENCE: u64 = 3 * SECOND;

/// A way back, under way.
pub(crate) struct Rejoining {
    pub(crate) at: Millis,
    pub(crate) asked: bool,
    prepared: Option<(u32, External)>,
}

impl Session {
    /// The note exists and this device is not in it.
    pub(crate) fn rejoin_later(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let at = ctx.now.plus(PATIENCE + ctx.entropy.below(PATIENCE));
        self.rejoining.insert(id, Rejoining { at, asked: false, prepared: None });
    }

    pub(crate) fn rejoin_due(&mut self, ctx: &mut Ctx<'_>) {
        let awaited = |conv: Option<&crate::rows::Conv>| conv.is_some_and(|conv| conv.standing == Standing::Awaited);
        self.rejoining.retain(|id, _| awaited(self.convs.get(id)));
        let now = ctx.now;
        let due: Vec<_> = self.rejoining.iter().filter(|(_, r)| !r.asked && r.at <= now).map(|(id, _)| *id).collect();
        for id in due {
            if let Some(rejoining) = self.rejoining.get_mut(&id) {
                rejoining.asked = true;
            }
            self.ask(ctx, Waits::GroupInfo { conversation: id }, Draft::get(format!("/api/conversations/{id}/group-info")));
        }
    }

    pub(crate) fn group_info(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        let prepared = http::cbor::<body::GroupInfo>(answer).ok().and_then(|info| self.prepare(ctx, id, &info));
        let Some((draft, generation, external)) = prepared else { return self.rejoin_later(ctx, id) };
        if let Some(rejoining) = self.rejoining.get_mut(&id) {
            rejoining.prepared = Some((generation, external));
            self.ask(ctx, Waits::Rejoin { conversation: id }, draft);
        }
    }

    fn prepare(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, info: &body::GroupInfo) -> Option<(Draft, u32, External)> {
        let message = MessageId(ctx.entropy.array());
        let data = CommitData { message, device: self.me.device };
        let at = (id, info.generation);
        let external = self.groups.join_external(at, info.group_info.as_slice(), info.tree.as_slice(), &data).ok()?;
        let me = self.me.account;
        let own = external
            .leaves
            .iter()
            .all(|leaf| leaf.account() == me && leaf.who.identity().as_slice() == self.me.identity.as_slice());
        if !own || external.policy.kind != Kind::Note || !external.policy.names(me) || external.made.epoch != info.epoch {
            return None;
        }
        let (commit, _) = self.commit_body(info.generation, message, &external.made);
        let draft = Draft::cbor(Method::Post, &format!("/api/conversations/{id}/commits"), &commit);
        Some((draft, info.generation, external))
    }

    pub(crate) fn rejoined(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        let prepared = self.rejoining.remove(&id).and_then(|rejoining| rejoining.prepared);
        let (Some((generation, external)), Ok(committed)) = (prepared, http::cbor::<body::Committed>(answer)) else { return };
        if self.convs.get(&id).is_none_or(|conv| conv.standing != Standing::Awaited) {
            return;
        }
        self.groups.joined_external(external.rows);
        let now = ctx.now;
        if let Some(conv) = self.conversation(id) {
            conv.standing = Standing::Joined;
            conv.generation = generation;
            conv.cursor = committed.number;
            conv.since = committed.number;
            conv.peers.clear();
            conv.since_path = 0;
            conv.path_at = now;
        }
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(committed.number);
        self.system_line(id, committed.number, 0, committed.at, SystemLine::JoinedLate);
        self.acknowledge(id);
        self.catch_up_anyway(ctx, id);
        self.pump(ctx, id);
    }
}
