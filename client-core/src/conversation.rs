//! Conversations, one verb a file.

pub(crate) mod branch;
mod candidate;
pub(crate) mod commit;
pub(crate) mod join;
pub(crate) mod leaves;
pub(crate) mod next_generation;
pub(crate) mod receive;
pub(crate) mod rejoin;
pub(crate) mod repair;
pub(crate) mod start;
pub(crate) mod wanted;
pub(crate) mod wedge;

use sha2::{Digest as _, Sha256};
use shared::{ConversationId, MessageId, Millis, label::Label};

use crate::{
    output::MessageRow,
    session::Session,
    view::{self, MessageKind, MessageState, ORDERS, SystemLine},
};

/// Places of Sotto's own lines beside one row: they keep several of one row apart and in this order.
pub(crate) mod place {
    /// What the row itself did: it began the conversation, brought somebody (a place for each account), could not be read.
    pub(crate) const ROW: u64 = 0;
    /// It can't be followed, or came altered.
    pub(crate) const WEDGE: u64 = 400;
    /// Somebody has another identity key.
    pub(crate) const IDENTITY: u64 = 500;
    /// Somebody has two statements under one number.
    pub(crate) const STATEMENTS: u64 = 600;
    /// So much is missing behind it.
    pub(crate) const MISSING: u64 = 900;
}

impl Session {
    /// A line of Sotto's own, beside row `number`. `place` is one of [`place`].
    pub(crate) fn system_line(&mut self, id: ConversationId, number: u64, place: u64, at: Millis, line: SystemLine) {
        let Some(conv) = self.convs.get(&id) else { return };
        let order = (number + conv.shift) * ORDERS + 1 + place.min(ORDERS - 2);
        let shift = conv.shift;
        let digest: [u8; 32] = Sha256::new()
            .chain_update(Label::SystemLine.as_str().as_bytes())
            .chain_update(id.as_bytes())
            .chain_update(order.to_be_bytes())
            .finalize()
            .into();
        let message = MessageId(digest.first_chunk::<16>().copied().unwrap_or_default());
        let message = view::Message {
            id: message,
            conversation: id,
            order,
            author: self.person(conv.with),
            own: false,
            kind: MessageKind::System,
            text: String::new(),
            system: Some(line),
            at,
            state: MessageState::Stored,
        };
        self.keep_message(MessageRow {
            message,
            number: Some(number + shift),
            device: self.me.device,
            content: vec![],
            opener: vec![],
        });
    }
}
