//! Devices that wait to be added: by an own online device first, else by any member, after a pause by its leaf's place.

use shared::{ConversationId, DeviceId, frame::Wanted, http as body, time::SECOND};

use crate::{
    http::{self, Draft},
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits, WantedDevice},
};

impl Session {
    /// The server says that a device of a member account has no leaf here.
    pub(crate) fn want(&mut self, ctx: &mut Ctx<'_>, wanted: Wanted) {
        let id = wanted.conversation;
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.standing == Standing::Joined) else { return };
        let named = wanted.account == self.me.account || wanted.account == conv.with;
        if !named || wanted.device == self.me.device || self.wanted.contains_key(&(id, wanted.device)) {
            return;
        }
        let generation = conv.generation;
        let pause = if wanted.account == self.me.account {
            0
        } else {
            let (_, leaf) = self.groups.place((id, generation)).unwrap_or_default();
            (1 + u64::from(leaf)) * SECOND + ctx.entropy.below(SECOND)
        };
        let waiting = WantedDevice { account: wanted.account, at: ctx.now.plus(pause), asked: false };
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
            if let Some(wanted) = self.wanted.get_mut(&(conversation, device)) {
                wanted.asked = true;
            }
            let known = self.known_number(account);
            let draft = Draft::get(format!("/api/accounts/{account}/statements?after={known}"));
            self.ask(ctx, Waits::WantedStatements { conversation, device }, draft);
        }
    }

    pub(crate) fn wanted_stated(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId, answer: &[u8]) {
        let Some(account) = self.wanted.get(&(id, device)).map(|wanted| wanted.account) else { return };
        self.statements(ctx, account, answer);
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.standing == Standing::Joined) else { return };
        let Ok((epoch, _)) = self.groups.place((id, conv.generation)) else { return };
        let claim = body::Claim { conversation_id: id, generation: conv.generation, epoch, device_id: Some(device) };
        let draft = Draft::json(Method::Post, &format!("/api/accounts/{account}/key-packages/claim"), &claim);
        self.ask(ctx, Waits::WantedClaim { conversation: id, device }, draft);
    }

    pub(crate) fn wanted_claimed(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId, answer: &[u8]) {
        let Some(account) = self.wanted.get(&(id, device)).map(|wanted| wanted.account) else { return };
        let Ok(claimed) = http::cbor::<body::Claimed>(answer) else { return };
        let candidate = claimed
            .packages
            .iter()
            .find(|package| package.device == device)
            .and_then(|package| self.groups.candidate(package.package.as_slice(), device, account).ok())
            .filter(|candidate| self.is_stated(candidate.who.certificate(), candidate.who.identity()));
        let begun = candidate.is_some_and(|candidate| self.begin_commit(ctx, id, vec![candidate]));
        if !begun {
            self.wanted_later(ctx, id, device);
        }
    }

    /// Not now: again in a while.
    pub(crate) fn wanted_later(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, device: DeviceId) {
        let pause = 5 * SECOND + ctx.entropy.below(5 * SECOND);
        if let Some(wanted) = self.wanted.get_mut(&(id, device)) {
            wanted.asked = false;
            wanted.at = ctx.now.plus(pause);
        }
    }
}
