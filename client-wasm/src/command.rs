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

/// A command as it comes. One flat struct of optional fields: an enum with a shape for each command makes a hundred
/// kilobytes of code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    command: String,
    args: Args,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    username: Option<String>,
    password: Option<String>,
    kit: Option<String>,
    stay: Option<bool>,
    wipe: Option<bool>,
    conversation: Option<ConversationId>,
    message: Option<MessageId>,
    text: Option<String>,
    order: Option<u64>,
    before: Option<u64>,
    limit: Option<u32>,
    verified: Option<bool>,
    theme: Option<Theme>,
}

/// A field that must be there.
fn need<T>(field: &mut Option<T>) -> Result<T, Failure> {
    field.take().ok_or_else(|| Code::Malformed.into())
}

/// Reads a command: its fields all there, and no others.
pub(crate) fn parse(text: &str) -> Result<Asked, Failure> {
    let Wire { command, args: mut a } = serde_json::from_str(text).map_err(|_| Failure::from(Code::Malformed))?;
    let asked = match command.as_str() {
        "register" => {
            Command::Register { username: need(&mut a.username)?, password: need(&mut a.password)?, stay: need(&mut a.stay)? }
        }
        "login" => {
            Command::Login { username: need(&mut a.username)?, password: need(&mut a.password)?, stay: need(&mut a.stay)? }
        }
        "unlock" => Command::Unlock { password: need(&mut a.password)? },
        "recover" => Command::Recover {
            username: need(&mut a.username)?,
            kit: need(&mut a.kit)?,
            password: need(&mut a.password)?,
            stay: need(&mut a.stay)?,
        },
        "lock" => Command::Lock,
        "logout" => Command::Logout { wipe: need(&mut a.wipe)? },
        "kit-saved" => Command::KitSaved,
        "start-chat" => Command::StartChat { username: need(&mut a.username)? },
        "send" => {
            Command::Send { conversation: need(&mut a.conversation)?, message: need(&mut a.message)?, text: need(&mut a.text)? }
        }
        "discard-message" => {
            Command::DiscardMessage { conversation: need(&mut a.conversation)?, message: need(&mut a.message)? }
        }
        "retry-message" => Command::RetryMessage { conversation: need(&mut a.conversation)?, message: need(&mut a.message)? },
        "draft" => Command::Draft { conversation: need(&mut a.conversation)?, text: need(&mut a.text)? },
        "read" => Command::Read { conversation: need(&mut a.conversation)?, order: need(&mut a.order)? },
        "conversations" => Command::Conversations,
        "messages" => {
            let asked = Asked::Messages {
                conversation: need(&mut a.conversation)?,
                before: a.before.take(),
                limit: need(&mut a.limit)?,
            };
            return if a == Args::default() { Ok(asked) } else { Err(Code::Malformed.into()) };
        }
        "safety-number" => Command::SafetyNumber { conversation: need(&mut a.conversation)? },
        "verify" => Command::Verify { conversation: need(&mut a.conversation)?, verified: need(&mut a.verified)? },
        "accept-change" => Command::AcceptChange { conversation: need(&mut a.conversation)? },
        "devices" => Command::Devices,
        "theme" => Command::Theme { theme: need(&mut a.theme)? },
        _ => return Err(Code::Malformed.into()),
    };
    if a == Args::default() { Ok(Asked::Core(asked)) } else { Err(Code::Malformed.into()) }
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
