//! Own commits: made, offered again and again with the same id, merged when their number has come.

use sha2::{Digest as _, Sha256};
use shared::{Bytes, Code, ConversationId, MessageId, authenticated::CommitData, http as body, label::Label};

use super::place;
use crate::{
    http::{self, Draft, Refusal},
    mls::{Candidate, Made},
    output::Method,
    rows::{Conv, Pending, Standing},
    session::{Ctx, Session, Waits},
    view::SystemLine,
};

impl Session {
    /// The wire form of a commit, and the hash an echo must match.
    pub(crate) fn commit_body(&self, generation: u32, message: MessageId, made: &Made) -> (body::Commit, Bytes) {
        let hash: [u8; 32] = Sha256::digest(&made.commit).into();
        let body = body::Commit {
            generation,
            epoch: made.epoch,
            message,
            commit: made.commit.clone().into(),
            signature: self.sign(Label::CommitBytes, &hash),
            group_info: made.group_info.clone().into(),
            welcome: made.welcome.clone().map(Bytes),
        };
        (body, hash.into())
    }

    /// Renews the own path: heals, and lets this device send on after many messages.
    pub(crate) fn renew_path(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        self.begin_commit(ctx, id, vec![]);
    }

    /// Makes a commit, unless one is under way.
    pub(crate) fn begin_commit(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, candidates: Vec<Candidate>) -> bool {
        let idle = |conv: &&Conv| conv.standing == Standing::Joined && conv.pending.is_none() && conv.behind.is_none();
        let Some(conv) = self.convs.get(&id).filter(idle) else { return false };
        let generation = conv.generation;
        let message = MessageId(ctx.entropy.array());
        let data = CommitData { message, device: self.me.device };
        let devices: Vec<_> = candidates.iter().map(|candidate| candidate.who.certificate().device).collect();
        // Whoever commits takes leaves of own devices along that are gone.
        let stale = if conv.stale { self.stale_leaves(id) } else { vec![] };
        let Ok(made) = self.groups.commit((id, generation), candidates, &stale, &data) else { return false };
        let (body, hash) = self.commit_body(generation, message, &made);
        let pending = Pending {
            message,
            epoch: made.epoch,
            body: shared::codec::encode(&body).into(),
            hash,
            creates: false,
            number: None,
        };
        if let Some(conv) = self.conversation(id) {
            conv.pending = Some(pending);
        }
        self.expect_first(id, devices.into_iter());
        self.push_commit(ctx, id);
        true
    }

    /// Offers the own commit under way, if there is one and nobody is asking already.
    pub(crate) fn push_commit(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(pending) = self.convs.get(&id).and_then(|conv| conv.pending.clone()) else { return };
        let asking = self.is_asking(|waits| matches!(waits, Waits::Commit { conversation } if *conversation == id));
        if asking || pending.number.is_some() || self.behind(id).is_some() {
            return;
        }
        self.ask(ctx, Waits::Commit { conversation: id }, commit_draft(id, pending));
    }

    /// Another commit has taken the epoch, and dropped the own one: its outcome is certain.
    pub(super) fn drop_commit(&mut self, id: ConversationId) {
        if let Some(conv) = self.conversation(id) {
            conv.pending = None;
        }
        self.stop_asking(|waits| matches!(waits, Waits::Commit { conversation } if *conversation == id));
    }

    /// The server stored the commit: it is merged when every row before it has been applied.
    pub(crate) fn commit_accepted(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        let Ok(committed) = http::numbered::<body::Committed>(answer) else { return };
        let Some(conv) = self.conversation(id) else { return };
        let Some(pending) = conv.pending.as_mut() else { return };
        pending.number = Some(committed.number);
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(committed.number);
        self.commit_passed(ctx, id);
        self.catch_up(ctx, id);
    }

    /// Merges the own commit when its number is the next.
    pub(crate) fn commit_passed(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(conv) = self.convs.get(&id) else { return };
        let Some(pending) = conv.pending.as_ref().filter(|pending| pending.number == Some(conv.cursor + 1)) else { return };
        let (creates, number, generation) = (pending.creates, conv.cursor + 1, conv.generation);
        if self.groups.merge_pending((id, generation)).is_err() {
            return self.stuck(ctx, id, None);
        }
        let now = ctx.now;
        if let Some(commit) = self.convs.get_mut(&id).and_then(|conv| conv.pending.take()) {
            self.keep_commit(ctx, id, commit);
        }
        if let Some(conv) = self.conversation(id) {
            conv.cursor = number;
            conv.since_path = 0;
            conv.path_at = now;
            if creates {
                conv.standing = Standing::Joined;
                conv.since = number;
            }
        }
        self.live.entry(id).or_default().refused = 0;
        self.look_at_wanted(ctx, id);
        if creates {
            self.system_line(id, number, place::ROW, now, SystemLine::Started);
            self.created(id);
        }
        self.acknowledge(ctx, id);
        self.look_at_leaves_in(ctx, id);
        self.after_epoch(ctx, id);
    }

    /// A new epoch: what was held can be sealed again. While rows are missing it need not be the last one: then who applies
    /// them goes on.
    pub(crate) fn after_epoch(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let cursor = self.convs.get(&id).map_or(0, |conv| conv.cursor);
        let live = self.live.entry(id).or_default();
        if cursor >= live.head {
            live.hold = false;
            self.pump(ctx, id);
        }
    }

    /// The server refused the commit; for every code but a stale epoch its outcome is certain now.
    pub(crate) fn commit_refused(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, refusal: &Refusal) {
        let Some(pending) = self.convs.get(&id).and_then(|conv| conv.pending.clone()) else { return };
        match refusal.code() {
            // Another commit took the epoch: applying it drops the own one, and what is still wanted is done again.
            Some(Code::StaleEpoch) if !pending.creates => self.catch_up_anyway(ctx, id),
            Some(Code::ConversationExists) if pending.creates => {
                self.creation_lost(ctx, id, refusal.failure.detail.as_deref());
            }
            _ if pending.creates => self.creation_refused(ctx, id, refusal),
            _ => {
                let generation = self.convs.get(&id).map_or(0, |conv| conv.generation);
                let _: Result<(), _> = self.groups.clear_pending((id, generation));
                let now = ctx.now;
                if let Some(conv) = self.conversation(id) {
                    conv.pending = None;
                    // Not at once again: the reason would be the same.
                    conv.path_at = now;
                    conv.stale = false;
                }
                self.look_at_wanted(ctx, id);
                self.pump(ctx, id);
            }
        }
    }
}

/// The request that offers an own commit: that which creates the conversation has another door.
pub(crate) fn commit_draft(id: ConversationId, commit: Pending) -> Draft {
    let path = if commit.creates { "/api/conversations".to_owned() } else { format!("/api/conversations/{id}/commits") };
    Draft::raw_cbor(Method::Post, &path, commit.body.0)
}
