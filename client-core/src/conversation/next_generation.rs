//! The next generation: the same conversation in a new group, for when no external commit leads back into the old one
//! (protocol §3). Its context names where the old one ended; numbers, counters and outbox run on.
//!
//! The opener makes it apart from the store, like an external commit. Everybody else gets a Welcome, and changes over when every
//! row before the first one of the new generation has been passed and the old one ended where the new one says.

use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId,
    authenticated::CommitData,
    frame::WelcomeItem,
    http as body,
    policy::{Kind, Policy, Predecessor, Role},
    time::{MINUTE, SECOND},
};

use super::{place, rejoin::Rejoining};
use crate::{
    http::{self, Draft},
    mls::{Candidate, Joined},
    output::Method,
    rows::{EVIDENCE, Next, Standing},
    session::{Ctx, Session, Waits},
    view::SystemLine,
};

/// The reason named in the context (docs/PROTOCOL.md §3).
const WEDGE: u8 = 0;
/// Of several that may open it the one with the lower leaf begins so much earlier.
const TURN: u64 = 400;
/// What a commit nobody can follow counts, and an external one, which may be the fault of whoever made the group info.
const COMMIT: u64 = 2;
const EXTERNAL: u64 = 1;
/// A device with so much within [`SPAN`] is answered by the next generation …
const TOO_MUCH: u64 = 6;
/// … and one with so much is left out of it, and not added again for as long.
pub(super) const LEFT_OUT: u64 = COMMIT;
const SPAN: u64 = 10 * MINUTE;

/// Packages for the next generation, being claimed.
pub(crate) struct Opening {
    policy: Policy,
    candidates: Vec<Candidate>,
    left: usize,
}

impl Session {
    /// What this device has lately done here that nobody can follow.
    pub(super) fn disturbances(&self, id: ConversationId, device: DeviceId, now: shared::Millis) -> u64 {
        let lately = |key: &[u8]| {
            let at = key.get(EVIDENCE.len()..).and_then(|rest| rest.first_chunk::<8>()).map_or(0, |at| u64::from_be_bytes(*at));
            at.saturating_add(SPAN) > now.0
        };
        let of_it = |kept: &crate::Evidence| kept.genuine && kept.conversation == id && kept.device == device;
        let counted = self.evidence.iter().filter(|(key, kept)| of_it(kept) && lately(key));
        counted.map(|(_, kept)| if kept.external { EXTERNAL } else { COMMIT }).sum()
    }

    /// Is coming back of no use, for the next commit will be as bad?
    pub(super) fn too_often(&self, ctx: &Ctx<'_>, id: ConversationId) -> bool {
        let device = self.convs.get(&id).and_then(|conv| conv.wedge.as_ref()).and_then(|wedge| wedge.device);
        device.is_some_and(|device| self.disturbances(id, device, ctx.now) >= TOO_MUCH)
    }

    /// Opens the next generation, if this account may: in its turn, unless another's first row comes before.
    pub(super) fn open_generation(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some((generation, with)) = self.convs.get(&id).map(|conv| (conv.generation, conv.with)) else { return };
        let turn = self.groups.place((id, generation)).map_or(0, |(_, leaf)| u64::from(leaf)) * TURN;
        let me = self.me.account;
        let Some(rejoining) = self.rejoining.get_mut(&id) else { return };
        let Some(ahead) = rejoining.ahead.as_ref() else { return self.rejoin_later(ctx, id) };
        let (Ok((epoch, transcript)), Ok(policy)) = (ahead.shadow.end(), ahead.shadow.policy()) else {
            return self.rejoin_later(ctx, id);
        };
        if policy.kind == Kind::Group && policy.role(me) < Role::Admin {
            return self.rejoin_later(ctx, id);
        }
        if !rejoining.waited {
            rejoining.waited = true;
            return rejoining.wait_until(ctx.now.plus(turn));
        }
        let predecessor = Some(Predecessor { generation, epoch, transcript, reason: WEDGE });
        let accounts = if with == me { vec![me] } else { vec![with, me] };
        rejoining.asked = true;
        rejoining.opening =
            Some(Opening { policy: Policy { predecessor, ..policy }, candidates: vec![], left: accounts.len() });
        let claim = body::Claim { conversation_id: id, generation: generation.saturating_add(1), epoch: 0, device_id: None };
        for account in accounts {
            let draft = Draft::json(Method::Post, &format!("/api/accounts/{account}/key-packages/claim"), &claim);
            self.ask(ctx, Waits::ClaimForNext { conversation: id, account }, draft);
        }
    }

    pub(crate) fn claimed_for_next(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, account: AccountId, answer: &[u8]) {
        let Ok(claimed) = http::cbor::<body::Claimed>(answer) else { return self.rejoin_failed(ctx, id) };
        let now = ctx.now;
        let candidates: Vec<Candidate> = claimed
            .packages
            .iter()
            .filter(|package| package.device != self.me.device && self.disturbances(id, package.device, now) < LEFT_OUT)
            .filter_map(|package| self.candidate(package, account, now))
            .collect();
        self.next_candidates(ctx, id, candidates);
    }

    /// Packages of one account are there, or it has none to give: its devices are added later, as any that waits.
    pub(crate) fn next_candidates(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, candidates: Vec<Candidate>) {
        let Some(opening) = self.rejoining.get_mut(&id).and_then(|rejoining| rejoining.opening.as_mut()) else { return };
        opening.candidates.extend(candidates);
        opening.left = opening.left.saturating_sub(1);
        if opening.left == 0 {
            self.make_generation(ctx, id);
        }
    }

    fn make_generation(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some((generation, with, kind)) = self.convs.get(&id).map(|conv| (conv.generation, conv.with, conv.kind)) else {
            return;
        };
        let opening = self.rejoining.get_mut(&id).and_then(|rejoining| rejoining.opening.take());
        let Some(Opening { policy, candidates, .. }) = opening else { return };
        let message = MessageId(ctx.entropy.array());
        let data = CommitData { message, device: self.me.device };
        let seconds = ctx.now.0 / SECOND;
        let made = self.groups.continue_as((id, generation), generation.saturating_add(1), &policy, candidates, &data, seconds);
        let Ok((group_info, external)) = made else { return self.rejoin_failed(ctx, id) };
        let (commit, _) = self.commit_body(generation.saturating_add(1), message, &external.made);
        let create = body::CreateConversation {
            conversation: id,
            kind,
            with: (kind != Kind::Group.byte()).then_some(with),
            group_info: group_info.into(),
            commit,
        };
        if let Some(rejoining) = self.rejoining.get_mut(&id) {
            rejoining.prepared = Some((generation.saturating_add(1), external));
            let draft = Draft::cbor(Method::Post, "/api/conversations", &create);
            self.ask(ctx, Waits::Rejoin { conversation: id }, draft);
        }
    }

    /// A Welcome into a later generation of a conversation this device is in: kept until the old one has been read to its end.
    /// False when it does not continue it.
    pub(super) fn take_next(&mut self, ctx: &mut Ctx<'_>, item: &WelcomeItem, joined: &Joined) -> bool {
        let id = item.conversation;
        let Some(conv) = self.convs.get(&id) else { return false };
        let Some(before) = joined.policy.predecessor.as_ref().filter(|before| before.generation == conv.generation) else {
            return false;
        };
        let own = self.groups.shadow((id, conv.generation)).and_then(|shadow| shadow.policy());
        let same = |own: Policy| Policy { predecessor: None, ..own } == Policy { predecessor: None, ..joined.policy.clone() };
        if item.number <= conv.cursor || !own.is_ok_and(same) {
            return false;
        }
        let next = Next {
            generation: item.generation,
            number: item.number,
            epoch: before.epoch,
            transcript: Bytes::from(before.transcript),
            by: item.account,
            at: ctx.now,
        };
        if let Some(conv) = self.conversation(id) {
            conv.next = Some(next);
        }
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(item.number);
        self.change_over(ctx, id);
        self.catch_up_anyway(ctx, id);
        true
    }

    /// Changes over when the next row is the first of the new generation.
    pub(super) fn change_over(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(conv) = self.convs.get(&id) else { return };
        let (Some(next), old, standing) = (conv.next.clone(), conv.generation, conv.standing) else { return };
        let ahead = self.rejoining.get(&id).and_then(|rejoining| rejoining.ahead.as_ref());
        let (cursor, missed, end) = match (standing, ahead) {
            (Standing::Stuck, Some(ahead)) => (ahead.cursor, ahead.missed, ahead.shadow.end()),
            (Standing::Joined, _) => (conv.cursor, 0, self.groups.shadow((id, old)).and_then(|shadow| shadow.end())),
            _ => return,
        };
        if cursor + 1 != next.number {
            return;
        }
        let ends = end.is_ok_and(|(epoch, transcript)| epoch == next.epoch && next.transcript.as_slice() == transcript);
        if !ends {
            // Nobody who read what this device has read opened it.
            let _: Result<(), _> = self.groups.delete((id, next.generation));
            if let Some(conv) = self.conversation(id) {
                conv.next = None;
            }
            return self.system_line(id, next.number, place::WEDGE, next.at, SystemLine::Altered);
        }
        let _: Result<(), _> = self.groups.delete((id, old));
        self.rejoining.remove(&id);
        self.enter_generation(ctx, id, next.generation, next.number, missed);
        let name = self.person(next.by).name;
        self.system_line(id, next.number, place::ROW, next.at, SystemLine::Renewed { name });
        self.acknowledge(ctx, id);
        self.catch_up_anyway(ctx, id);
        self.pump(ctx, id);
    }

    /// A row of a later generation comes next. Its Welcome is waited for a little; after that this device is one of those that
    /// wait to be added.
    pub(super) fn left_behind(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        if self.convs.get(&id).is_some_and(|conv| conv.next.is_some()) {
            return self.change_over(ctx, id);
        }
        let at = ctx.now.plus(SECOND);
        let rejoining = self.rejoining.entry(id).or_insert_with(|| Rejoining::at(at));
        let offered = rejoining.is_offered();
        if rejoining.left_behind && !offered {
            let head = self.live.get(&id).map_or(0, |live| live.head);
            if let Some(conv) = self.conversation(id) {
                conv.standing = Standing::Awaited;
                // Whatever stands between here and where this device comes in again is not for it, and that is said.
                let (next, count) = (conv.cursor + 1, head.saturating_sub(conv.cursor).max(1));
                self.system_line(id, next, place::MISSING, ctx.now, SystemLine::Hole { count });
            }
            self.rejoining.remove(&id);
            // With a leaf there it comes in by replacing that, else it is added as any that waits.
            return self.ask_conversations(ctx);
        }
        rejoining.left_behind = true;
        rejoining.wait_until(at);
    }
}
