//! Who is who: handles and account statements.

mod person;
mod statements;

pub use person::person;
pub use statements::statements;
