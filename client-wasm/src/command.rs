//! Commands from the page: JSON in, JSON out. Names and fields are those of `web/src/core/types.ts`.

use client_core::{Answer, Command, Failure, view::Theme};
use serde::Deserialize;
use shared::{Code, ConversationId, MessageId};

/// What a page asks: nearly always something for the core.
pub(crate) enum Asked {
    /// For the core.
    Core(Command),
    /// A query of the store.
    Messages { conversation: ConversationId, before: Option<u64>, limit: u32 },
}

#[derive(Deserialize)]
#[serde(tag = "command", content = "args", rename_all = "kebab-case", deny_unknown_fields)]
enum Wire {
    Register { username: String, password: String, stay: bool },
    Login { username: String, password: String, stay: bool },
    Unlock { password: String },
    Recover { username: String, kit: String, password: String, stay: bool },
    Lock {},
    Logout { wipe: bool },
    KitSaved {},
    StartChat { username: String },
    Send { conversation: ConversationId, message: MessageId, text: String },
    DiscardMessage { conversation: ConversationId, message: MessageId },
    RetryMessage { conversation: ConversationId, message: MessageId },
    Draft { conversation: ConversationId, text: String },
    Read { conversation: ConversationId, order: u64 },
    Conversations {},
    Messages { conversation: ConversationId, before: Option<u64>, limit: u32 },
    SafetyNumber { conversation: ConversationId },
    Verify { conversation: ConversationId, verified: bool },
    AcceptChange { conversation: ConversationId },
    Devices {},
    Theme { theme: Theme },
}

/// Reads a command.
pub(crate) fn parse(text: &str) -> Result<Asked, Failure> {
    let wire: Wire = serde_json::from_str(text).map_err(|_| Failure::from(Code::Malformed))?;
    Ok(Asked::Core(match wire {
        Wire::Register { username, password, stay } => Command::Register { username, password, stay },
        Wire::Login { username, password, stay } => Command::Login { username, password, stay },
        Wire::Unlock { password } => Command::Unlock { password },
        Wire::Recover { username, kit, password, stay } => Command::Recover { username, kit, password, stay },
        Wire::Lock {} => Command::Lock,
        Wire::Logout { wipe } => Command::Logout { wipe },
        Wire::KitSaved {} => Command::KitSaved,
        Wire::StartChat { username } => Command::StartChat { username },
        Wire::Send { conversation, message, text } => Command::Send { conversation, message, text },
        Wire::DiscardMessage { conversation, message } => Command::DiscardMessage { conversation, message },
        Wire::RetryMessage { conversation, message } => Command::RetryMessage { conversation, message },
        Wire::Draft { conversation, text } => Command::Draft { conversation, text },
        Wire::Read { conversation, order } => Command::Read { conversation, order },
        Wire::Conversations {} => Command::Conversations,
        Wire::Messages { conversation, before, limit } => return Ok(Asked::Messages { conversation, before, limit }),
        Wire::SafetyNumber { conversation } => Command::SafetyNumber { conversation },
        Wire::Verify { conversation, verified } => Command::Verify { conversation, verified },
        Wire::AcceptChange { conversation } => Command::AcceptChange { conversation },
        Wire::Devices {} => Command::Devices,
        Wire::Theme { theme } => Command::Theme { theme },
    }))
}

/// What a command resolves to.
pub(crate) fn answer(answer: &Answer) -> Result<String, serde_json::Error> {
    match answer {
        Answer::Done => Ok("null".to_owned()),
        Answer::Conversation(conversation) => Ok(serde_json::json!({ "conversation": conversation }).to_string()),
        Answer::Conversations(conversations) => serde_json::to_string(conversations),
        Answer::SafetyNumber(number) => serde_json::to_string(number),
        Answer::Devices(devices) => serde_json::to_string(devices),
    }
}

/// What `messages` resolves to.
pub(crate) fn page(page: &client_store::Page) -> Result<String, serde_json::Error> {
    #[derive(serde::Serialize)]
    struct Messages<'a> {
        messages: &'a [client_core::view::Message],
        more: bool,
    }
    serde_json::to_string(&Messages { messages: &page.messages, more: page.more })
}
