//! The clear part of a sealed message: all that the server reads of it.

use mls::{
    group,
    openmls::prelude::{ContentType, MlsMessageBodyIn},
};
use shared::{
    ConversationId,
    authenticated::{Authenticated, MessageData},
};

/// What stands in front of a sealed message. Not verified: members do that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) conversation: ConversationId,
    pub(crate) generation: u32,
    pub(crate) epoch: u64,
    pub(crate) data: MessageData,
    /// The authenticated data as received.
    pub(crate) clear: Vec<u8>,
}

/// Reads it; none when the bytes are not a PrivateMessage with application content and our authenticated data.
pub(crate) fn header(sealed: &[u8]) -> Option<Header> {
    let MlsMessageBodyIn::PrivateMessage(private) = group::message(sealed).ok()?.extract() else { return None };
    let (conversation, generation) = group::parse_group_id(private.group_id())?;
    if private.content_type() != ContentType::Application {
        return None;
    }
    let clear = private.aad().to_vec();
    let Ok(Authenticated::Message(data)) = Authenticated::parse(&clear) else { return None };
    Some(Header { conversation, generation, epoch: private.epoch().as_u64(), data, clear })
}
