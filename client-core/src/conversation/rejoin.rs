//! Coming in by an external commit (RFC 9420 §12.4.3.2), for a device that nobody else can bring in.
//!
//! What it must fit, so that no server can lead it into an old branch: after a commit that could not be applied, the own last
//! state run forward (`repair`); in the note to self, after a Welcome that could not be opened, and where nobody lets a new
//! browser in for a minute (ADR 0009), leaves that are all browsers of the newest statements.

use mls::rules::Leaf;
use shared::{
    Code, ConversationId, MessageId, Millis, authenticated::CommitData, http as body, policy::Kind, time::MINUTE, time::SECOND,
};

use super::{next_generation::Opening, place, repair::Ahead};
use crate::{
    http::{self, Draft, Refusal},
    mls::{External, GroupError},
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits},
    view::SystemLine,
};

/// How long a Welcome of an own online browser is waited for.
pub(super) const PATIENCE: u64 = 3 * SECOND;
/// How long a member of a conversation of two is waited for: whoever is online acts within seconds.
pub(super) const ALONE: u64 = MINUTE;
/// So many tries of a device that can't follow go by without a pause: others come back in at the same time.
const AT_ONCE: u32 = 8;

/// A way in, under way.
pub(crate) struct Rejoining {
    pub(crate) at: Millis,
    pub(crate) asked: bool,
    /// Of a group this device was in.
    pub(super) ahead: Option<Ahead>,
    pub(super) prepared: Option<(u32, External)>,
    /// Of the next generation: this device's turn has come, and what it gathers for it.
    pub(super) waited: bool,
    pub(super) opening: Option<Opening>,
    /// The next row is of a later generation, and the Welcome into that has not come.
    pub(super) left_behind: bool,
    failures: u32,
}

impl Rejoining {
    pub(super) const fn at(at: Millis) -> Self {
        Self { at, asked: false, ahead: None, prepared: None, waited: false, opening: None, left_behind: false, failures: 0 }
    }

    /// The next step is due then.
    pub(super) const fn wait_until(&mut self, at: Millis) {
        self.at = at;
        self.asked = false;
    }

    /// Is an external commit under way?
    pub(super) const fn is_offered(&self) -> bool {
        self.prepared.is_some()
    }
}

/// Why no external commit is offered now.
enum Not {
    /// The answer is of another state than the one this device arrived at, or of one it must not come into.
    Yet,
    /// Nobody can come in from this group info.
    Ever,
}

impl Session {
    /// The conversation exists and this device is not in it.
    pub(crate) fn rejoin_later(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let longer = self.rejoining.get(&id).map_or(0, |rejoining| rejoining.failures.saturating_sub(AT_ONCE).min(6));
        self.rejoin_in(ctx, id, (PATIENCE << longer).min(5 * MINUTE));
    }

    /// So long, and a little more, is waited for somebody who lets it in.
    pub(super) fn rejoin_in(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, pause: u64) {
        let at = ctx.now.plus(pause + ctx.entropy.below(PATIENCE));
        self.rejoin_at(id, at);
    }

    /// The next step of the way into a conversation is due then; a way that has not begun begins with it.
    pub(super) fn rejoin_at(&mut self, id: ConversationId, at: Millis) {
        self.rejoining.entry(id).or_insert_with(|| Rejoining::at(at)).wait_until(at);
    }

    pub(crate) fn rejoin_due(&mut self, ctx: &mut Ctx<'_>) {
        let out = |standing| matches!(standing, Standing::Awaited | Standing::Stuck);
        self.rejoining
            .retain(|id, rejoining| rejoining.left_behind || self.convs.get(id).is_some_and(|conv| out(conv.standing)));
        let now = ctx.now;
        let due: Vec<_> = self.rejoining.iter().filter(|(_, r)| !r.asked && r.at <= now).map(|(id, _)| *id).collect();
        for id in due {
            if self.rejoining.get(&id).is_some_and(|rejoining| rejoining.left_behind) {
                self.left_behind(ctx, id);
            } else if self.is_stuck(id) {
                self.repair(ctx, id);
            } else {
                self.ask_group_info(ctx, id);
            }
        }
    }

    pub(super) fn ask_group_info(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        if let Some(rejoining) = self.rejoining.get_mut(&id) {
            rejoining.asked = true;
        }
        self.ask(ctx, Waits::GroupInfo { conversation: id }, Draft::get(format!("/api/conversations/{id}/group-info")));
    }

    pub(crate) fn group_info(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        // A Welcome that came while this was asked has let the device in: coming in once more would throw its own leaf out.
        if self.convs.get(&id).is_none_or(|conv| !matches!(conv.standing, Standing::Awaited | Standing::Stuck)) {
            return;
        }
        let Ok(info) = http::cbor::<body::GroupInfo>(answer) else { return self.rejoin_later(ctx, id) };
        match self.prepare(ctx, id, &info) {
            Ok((draft, external)) => {
                if let Some(rejoining) = self.rejoining.get_mut(&id) {
                    rejoining.prepared = Some((info.generation, external));
                    self.ask(ctx, Waits::Rejoin { conversation: id }, draft);
                }
            }
            Err(Not::Ever) if self.is_stuck(id) => self.open_generation(ctx, id),
            Err(Not::Yet | Not::Ever) => self.rejoin_failed(ctx, id),
        }
    }

    fn prepare(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, info: &body::GroupInfo) -> Result<(Draft, External), Not> {
        if self.too_often(ctx, id) {
            return Err(Not::Ever);
        }
        let ahead = self.rejoining.get(&id).and_then(|rejoining| rejoining.ahead.as_ref());
        let stuck = ahead.is_some();
        let tree = match ahead {
            Some(Ahead { shadow, .. }) if shadow.fits(info.group_info.as_slice()) => shadow.tree().map_err(|_| Not::Yet)?,
            Some(_) => return Err(Not::Yet),
            None => info.tree.0.clone(),
        };
        let message = MessageId(ctx.entropy.array());
        let data = CommitData { message, device: self.me.device };
        let external = self
            .groups
            .join_external((id, info.generation), info.group_info.as_slice(), &tree, &data)
            .map_err(|error| if error == GroupError::External { Not::Ever } else { Not::Yet })?;
        if external.made.epoch != info.epoch {
            return Err(Not::Yet);
        }
        if !stuck && !self.may_come_in(id, &external) {
            // A browser that is not known yet may be a new one: both statements are read before the next try.
            if let Some(with) = self.convs.get(&id).map(|conv| conv.with).filter(|with| *with != self.me.account) {
                self.checked.remove(&with);
                self.know(ctx, with);
            }
            self.ask_statements(ctx, self.me.account);
            return Err(Not::Yet);
        }
        let (commit, _) = self.commit_body(info.generation, message, &external.made);
        Ok((Draft::cbor(Method::Post, &format!("/api/conversations/{id}/commits"), &commit), external))
    }

    /// Without a state of its own to start from a device comes into a note to self, whose leaves are all its own account's, and
    /// into a conversation of two whose leaves are all browsers of the newest statements (ADR 0009): whoever was removed since
    /// an old branch and signed out is none.
    fn may_come_in(&self, id: ConversationId, external: &External) -> bool {
        let me = self.me.account;
        let Some(conv) = self.convs.get(&id) else { return false };
        let named = external.policy.names(me) && external.policy.names(conv.with);
        let own = |leaf: &Leaf| leaf.account() == me && leaf.who.identity().as_slice() == self.me.identity.as_slice();
        // The device that this very profile was before may stand there: nobody but its own account can take its leaf away.
        let former = |leaf: &Leaf| own(leaf) && self.me.retired.contains(&leaf.device());
        // A restore took the newest statement known here: others of its number and above may certify own browsers (ADR 0011).
        let doubted = |leaf: &Leaf| own(leaf) && self.me.statement_doubted;
        let stated = |leaf: &Leaf| former(leaf) || doubted(leaf) || self.is_stated(leaf.who.certificate(), leaf.who.identity());
        let fits = match external.policy.kind {
            Kind::Note => external.leaves.iter().all(own),
            Kind::Direct => self.checked.contains(&conv.with) && external.leaves.iter().all(stated),
            Kind::Group => false,
        };
        named && fits && !self.lives_elsewhere(id, conv.with) && Kind::from_byte(conv.kind) == Some(external.policy.kind)
    }

    pub(crate) fn rejoined(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        let Some(standing) = self.convs.get(&id).map(|conv| conv.standing) else { return };
        let Some(Rejoining { ahead, prepared: Some((generation, external)), .. }) = self.rejoining.remove(&id) else { return };
        let Ok(committed) = http::numbered::<body::Committed>(answer) else { return self.rejoin_later(ctx, id) };
        if !matches!(standing, Standing::Awaited | Standing::Stuck) {
            return;
        }
        self.groups.joined_external((id, generation), external.rows);
        let number = committed.number;
        let stuck = ahead.is_some();
        let renewed = self.convs.get(&id).is_some_and(|conv| conv.generation != generation);
        // Between the last row run over and the own commit there are messages only: a commit would have taken the epoch.
        let missed = ahead.as_ref().map_or(0, |ahead| ahead.missed + number.saturating_sub(ahead.cursor + 1));
        self.enter_generation(ctx, id, generation, number, missed);
        if !stuck {
            if let Some(conv) = self.conversation(id) {
                conv.since = number;
                conv.peers.clear();
            }
            self.system_line(id, number, place::ROW, committed.at, SystemLine::JoinedLate);
        } else if renewed {
            let name = self.person(self.me.account).name;
            self.system_line(id, number, place::ROW, committed.at, SystemLine::Renewed { name });
        } else {
            self.be_quiet(ctx, id);
        }
        self.look_at_wanted(ctx, id);
        self.look_at_leaves_in(ctx, id);
        self.acknowledge(ctx, id);
        self.catch_up_anyway(ctx, id);
        self.pump(ctx, id);
    }

    /// This device is in at this number, after so many messages that it has no keys for.
    pub(super) fn enter_generation(&mut self, ctx: &Ctx<'_>, id: ConversationId, generation: u32, number: u64, missed: u64) {
        let Some(conv) = self.conversation(id) else { return };
        conv.standing = Standing::Joined;
        conv.generation = generation;
        conv.cursor = number;
        conv.wedge = None;
        conv.next = None;
        conv.pending = None;
        conv.since_path = 0;
        conv.path_at = ctx.now;
        if missed > 0 {
            conv.peers.clear();
            self.system_line(id, number.saturating_sub(1), place::MISSING, ctx.now, SystemLine::Hole { count: missed });
        }
        self.came_in(id);
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(number);
        live.hold = false;
        live.altered = 0;
    }

    /// The server did not take it. When another's commit came first, the next try joins from that one.
    pub(crate) fn rejoin_refused(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, refusal: &Refusal) {
        if let Some(rejoining) = self.rejoining.get_mut(&id) {
            rejoining.prepared = None;
            rejoining.opening = None;
        }
        match refusal.code() {
            Some(Code::StaleEpoch | Code::StaleGeneration) if self.is_stuck(id) => {
                self.repair_soon(ctx, id);
                self.catch_up_anyway(ctx, id);
            }
            _ => self.rejoin_failed(ctx, id),
        }
    }

    pub(crate) fn rejoin_failed(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(rejoining) = self.rejoining.get_mut(&id) else { return };
        rejoining.prepared = None;
        rejoining.opening = None;
        rejoining.failures += 1;
        let often = rejoining.failures > AT_ONCE;
        if often || !self.is_stuck(id) {
            return self.rejoin_later(ctx, id);
        }
        // Somebody else has come back in meanwhile: his rows are asked for although no hint of them may have come.
        self.repair_soon(ctx, id);
        self.catch_up_anyway(ctx, id);
    }

    fn is_stuck(&self, id: ConversationId) -> bool {
        self.convs.get(&id).is_some_and(|conv| conv.standing == Standing::Stuck)
    }
}
