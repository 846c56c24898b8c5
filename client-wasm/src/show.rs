//! Events for the screens, as the JSON of `web/src/core/types.ts`.

use client_core::view::{Event, Message};

/// The JSON of an event, or nothing when the shell says it in another way or at another time.
pub(crate) fn event(event: &Event) -> Option<String> {
    match event {
        // Said as messages when the batch that delivers them is durable.
        Event::Delivered { .. } => None,
        // Views of the old conversation are worth nothing any more, and screens know one word for that.
        Event::ConversationGone { .. } => text(&Event::Reset),
        other => text(other),
    }
}

/// A message that is new or changed.
pub(crate) fn message(message: Message) -> Option<String> {
    text(&Event::Message { message })
}

fn text(event: &Event) -> Option<String> {
    serde_json::to_string(event).ok()
}
