//! Conversations: the log, the public group, who is in.

mod acknowledge;
mod append;
mod change;
mod commit;
mod create;
mod fetch;
mod founder;
mod group_info;
mod hello;
mod list;
mod next_generation;
pub(crate) mod rows;
pub(crate) mod wanted;

pub use acknowledge::{AcknowledgeError, acknowledge};
pub use append::{AppendError, append, message_row};
pub use change::ChangeError;
pub use commit::{CommitError, commit};
pub use create::{CreateError, create};
pub use fetch::{FetchError, Range, fetch};
pub use group_info::{GroupInfoError, group_info};
pub use hello::{HelloError, hello};
pub use list::list;
pub use next_generation::NextGenerationError;
pub use wanted::wanted;
