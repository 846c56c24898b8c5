//! Leaves of devices that are gone (protocol §1, retiring, and §3, policy).
//!
//! A device that signed its own retirement, or that the account's newest statement does not name any more, is removed from
//! every conversation by an own device: nobody else may in a conversation of two. Until then others see a leaf that a newer
//! statement does not know, and seal nothing for it.

use shared::{AccountId, ConversationId, DeviceId, frame::Retired, label::Label, signature, signed_text};

use crate::{
    rows::Standing,
    session::{Ctx, Session},
};

impl Session {
    /// An own device has signed that it will not come back.
    pub(crate) fn retired(&mut self, ctx: &mut Ctx<'_>, notice: &Retired) {
        let key = self.newest(self.me.account).and_then(|newest| newest.device(notice.device).map(|device| device.key));
        let text = signed_text::retirement(self.me.account, notice.device);
        let signed = key.zip(notice.signature.array());
        let genuine =
            signed.is_some_and(|(key, signature)| signature::verify(&key, Label::Retirement, &text, &signature).is_ok());
        if genuine && notice.device != self.me.device && !self.me.retired.contains(&notice.device) {
            self.me.retired.push(notice.device);
            self.me_dirty = true;
            self.look_at_leaves(ctx, self.me.account);
        }
    }

    /// A statement or a retirement of the account is new: its leaves are looked at in every conversation it is in.
    pub(crate) fn look_at_leaves(&mut self, ctx: &mut Ctx<'_>, account: AccountId) {
        let own = account == self.me.account;
        let ids: Vec<_> = self.convs.values().filter(|conv| own || conv.with == account).map(|conv| conv.id).collect();
        for id in ids {
            self.look_at_leaves_in(ctx, id);
        }
    }

    /// The leaves or what is known of their accounts have changed.
    pub(crate) fn look_at_leaves_in(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let stale = !self.stale_leaves(id).is_empty();
        let ghost = self.has_ghost(id);
        let Some(conv) = self.convs.get(&id) else { return };
        if (conv.stale, conv.ghost) != (stale, ghost)
            && let Some(conv) = self.conversation(id)
        {
            (conv.stale, conv.ghost) = (stale, ghost);
        }
        self.sweep(ctx, id);
    }

    /// Removes leaves of own devices that are gone, unless a commit is under way: it is looked at again behind that.
    pub(crate) fn sweep(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        if self.link.is_online() && self.convs.get(&id).is_some_and(|conv| conv.stale) {
            self.begin_commit(ctx, id, vec![]);
        }
    }

    /// Indices of own devices' leaves that are gone. A device that a later statement than the known one has certified is not,
    /// and while the server may have another statement under the number of the known one, only a retirement tells: an own device
    /// that reads that other one would add again whom this one removes, without end.
    pub(crate) fn stale_leaves(&mut self, id: ConversationId) -> Vec<u32> {
        let (me, device, retired) = (self.me.account, self.me.device, self.me.retired.clone());
        let doubted = self.me.statement_doubted;
        let gone = |id: DeviceId| retired.contains(&id);
        self.unstated(id, me)
            .into_iter()
            .filter(|(_, leaf, stated)| *leaf != device && (gone(*leaf) || !(*stated || doubted)))
            .map(|(index, ..)| index)
            .collect()
    }

    /// Has the other account a leaf here that a newer statement of it does not name, and that nobody has looked at?
    fn has_ghost(&mut self, id: ConversationId) -> bool {
        let Some((with, looked)) = self.convs.get(&id).map(|conv| (conv.with, conv.looked)) else { return false };
        let number = self.contacts.get(&with).map_or(0, |contact| contact.number);
        with != self.me.account && number > looked && self.unstated(id, with).iter().any(|(_, _, stated)| !stated)
    }

    /// (index, device, is it stated as far as can be told) of the account's leaves.
    fn unstated(&mut self, id: ConversationId, account: AccountId) -> Vec<(u32, DeviceId, bool)> {
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.standing == Standing::Joined) else { return vec![] };
        let place = (id, conv.generation);
        let (Some(newest), Ok(leaves)) = (self.newest(account), self.groups.leaves(place)) else { return vec![] };
        let stated = |leaf: &mls::rules::Leaf| {
            leaf.who.certificate().statement > newest.content().number || newest.device(leaf.device()).is_some()
        };
        let of = leaves.iter().filter(|leaf| leaf.account() == account);
        of.map(|leaf| (leaf.index, leaf.device(), stated(leaf))).collect()
    }
}
