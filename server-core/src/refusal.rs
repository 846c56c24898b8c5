//! How an operation ends: [`Done`] with what to announce, or [`Refusal`] with a code of the closed list.

use shared::{Code, ConversationId};

use crate::{announce::Announce, sql::SqlError};

/// What every operation returns.
pub type Outcome<T> = Result<Done<T>, Refusal>;

/// The operation was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// For who asked.
    pub answer: T,
    /// For everybody else, after the commit.
    pub announce: Vec<Announce>,
}

impl<T> Done<T> {
    /// An answer nobody else hears of.
    pub const fn quiet(answer: T) -> Self {
        Self { answer, announce: vec![] }
    }
    /// An answer and what others are told.
    pub const fn telling(answer: T, announce: Vec<Announce>) -> Self {
        Self { answer, announce }
    }
    /// The same with another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Done<U> {
        Done { answer: change(self.answer), announce: self.announce }
    }
}

/// What belongs to a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The expected counter, the current epoch or generation.
    Number(u64),
    /// The conversation that exists already.
    Conversation(ConversationId),
}

impl core::fmt::Display for Detail {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Conversation(id) => id.fmt(f),
        }
    }
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}
impl From<ConversationId> for Detail {
    fn from(id: ConversationId) -> Self {
        Self::Conversation(id)
    }
}

/// The operation was refused; nothing was changed by it, unless `kept`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the client is told.
    pub code: Code,
    /// What belongs to the code.
    pub detail: Option<Detail>,
    /// Milliseconds until another attempt is worth it.
    pub retry_after: Option<u64>,
    /// For the log, never for the client.
    pub cause: Option<String>,
    /// What the operation changed before it refused stays (an attempt that is used up).
    pub kept: bool,
}

impl Refusal {
    /// A refusal with nothing but its code.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, retry_after: None, cause: None, kept: false }
    }
    /// An error of ours.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal) }
    }
    /// With what belongs to the code.
    #[must_use]
    pub fn with(self, detail: impl Into<Detail>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
    /// With a line for the log.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
    /// With a time to wait, milliseconds.
    #[must_use]
    pub fn after(self, millis: u64) -> Self {
        Self { retry_after: Some(millis), ..self }
    }
    /// What was changed so far stays changed.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self { kept: true, ..self }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        let code = match error {
            SqlError::Unavailable(_) => Code::Unavailable,
            SqlError::Driver(_) | SqlError::Shape(_) | SqlError::Constraint(_) => Code::Internal,
        };
        Self::new(code).because(error.to_string())
    }
}

/// An operation's error enum and the one exhaustive match that maps it to [`Code`].
macro_rules! errors {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $(($detail:ident: $type:ty))? = $code:ident;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant $(($type))?,)* }

        impl From<$name> for $crate::Refusal {
            fn from(error: $name) -> Self {
                let cause = format!("{}::{error:?}", stringify!($name));
                match error {
                    $($name::$variant $(($detail))? => Self::new(shared::Code::$code)$(.with($detail))?,)*
                }
                .because(cause)
            }
        }
    };
}
pub(crate) use errors;
