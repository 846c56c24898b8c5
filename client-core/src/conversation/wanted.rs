//! Devices that wait to be added: by an own online device first, else by any member, after a pause by its leaf's place.

use shared::{
    ConversationId, DeviceId,
    frame::Wanted,
    http as body,
    time::{MINUTE, SECOND},
};

use super::next_generation::LEFT_OUT;
use crate::{
    http::{self, Draft},
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits, WantedDevice},
};

impl Session {
    /// The server says that a device of a member account has no leaf here. It is remembered until it has one.
    pub(crate) fn want(&mut self, ctx: &mut Ctx<'_>, wanted: Wanted) {
        let id = wanted.conversation;
        if wanted.device == self.me.device || self.wanted.contains_key(&(id, wanted.device)) {
            return;
        }
        let pause = if wanted.account == self.me.account {
            0
        } else {
            let generation = self.convs.get(&id).map_or(0, |conv| conv.generation);
            let (_, leaf) = self.groups.place((id, generation)).unwrap_or_default();
            (1 + u64::from(leaf)) * SECOND + ctx.entropy.below(SECOND)
        };
        let waiting = WantedDevice { account: wanted.account, at: ctx.now.plus(pause), asked: false, failures: 0 };
        self.wanted.insert((id, wanted.device), waiting);
        self.add_wanted(ctx);
    }

    /// Adds whom it is time to add: first the newest statement, then the package, then the commit.
    pub(crate) fn add_wanted(&mut self, ctx: &mut Ctx<'_>) {
        if !self.link.is_online() {
            return;
        }
        let now = ctx.now;
        let due: Vec<_> =
            self.wanted.iter().filter(|(_, w)| !w.asked && w.at <= now).map(|(key, w)| (*key, w.account)).collect();
        for ((conversation, device), account) in due {
            let conv = self.convs.get(&conversation);
            let (joined, named, idle, generation) = conv.map_or((false, true, false, 0), |conv| {
                let named = account == self.me.account || account == conv.with;
                (conv.standing == Standing::Joined, named, conv.pending.is_none(), conv.generation)
            });
            let inside = joined && self.groups.has_device((conversation, generation), device).unwrap_or(false);
            let left_out = self.disturbances(conversation, device, now) >= LEFT_OUT;
            if inside || !named {
                self.wanted.remove(&(conversation, device));
            } else if left_out {
                if let Some(wanted) = self.wanted.get_mut(&(conversation, device)) {
                    wanted.at = now.plus(MINUTE);
                }
            } else if !joined || !idle {
                self.wanted_later(ctx, conversation, device);
            } else {
                if let Some(wanted) = self.wanted.get_mut(&(conversation, device)) {
                    wanted.asked = true;
                }
                let draft = self.statements_draft(account);
                self.ask(ctx, Waits::WantedStatements { conversation, device }, draft);
            }
        }
    }

    /// An own commit has passed or was refused: who is still missing is looked at again.
    pub(crate) fn look_at_wanted(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let now = ctx.now;
        for (_, wanted) in self.wanted.iter_mut().filter(|((conversation, _), _)| *conversation == id) {
            wanted.asked = false;
            wanted.at = now.plus(SECOND);
        }
    }

    pub(crate) fn wanted_stated(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId, answer: &[u8]) {
        let Some(account) = self.wanted.get(&(id, device)).map(|wanted| wanted.account) else { return };
        self.statements(ctx, account, answer);
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.standing == Standing::Joined) else {
            return self.wanted_later(ctx, id, device);
        };
        let Ok((epoch, _)) = self.groups.place((id, conv.generation)) else { return self.wanted_later(ctx, id, device) };
        let claim = body::Claim { conversation_id: id, generation: conv.generation, epoch, device_id: Some(device) };
        let draft = Draft::json(Method::Post, &format!("/api/accounts/{account}/key-packages/claim"), &claim);
        self.ask(ctx, Waits::WantedClaim { conversation: id, device }, draft);
    }

    pub(crate) fn wanted_claimed(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId, answer: &[u8]) {
        let Some(account) = self.wanted.get(&(id, device)).map(|wanted| wanted.account) else { return };
        let Ok(claimed) = http::cbor::<body::Claimed>(answer) else { return self.wanted_later(ctx, id, device) };
        let candidate = claimed
            .packages
            .iter()
            .find(|package| package.device == device)
            .and_then(|package| self.candidate(package, account, ctx.now));
        let begun = candidate.is_some_and(|candidate| self.begin_commit(ctx, id, vec![candidate]));
        if !begun {
            self.wanted_later(ctx, id, device);
        }
    }

    /// Not now: again in a while, each time a longer one (2 s … 5 min).
    pub(crate) fn wanted_later(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId) {
        let jitter = ctx.entropy.below(2 * SECOND);
        if let Some(wanted) = self.wanted.get_mut(&(id, device)) {
            let pause = ((2 * SECOND) << wanted.failures.min(8)).min(5 * MINUTE);
            wanted.failures += 1;
            wanted.asked = false;
            wanted.at = ctx.now.plus(pause + jitter);
        }
    }
}
