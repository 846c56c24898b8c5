//! The account's chain of statements: what may come next.

use shared::{
    AccountId, Bytes,
    statement::{Statement, StatementError, Step},
};

use super::rows;
use crate::{
    refusal::{Refusal, errors},
    sql::Sql,
};

errors! {
    /// Why a statement is refused.
    NextError {
        /// It was made for a chain that has moved on.
        Stale = StaleStatement;
        /// It can't be read, does not verify or does not follow.
        Chain = BadStatement;
        /// The identity key changed; this server has no such feature yet.
        Identity = BadStatement;
        /// Another account, another handle, or numbers and hash that do not fit what the server would hold.
        Content = BadStatement;
    }
}

/// The newest statement of an account that exists.
pub(crate) fn newest(sql: &mut dyn Sql, account: AccountId) -> Result<Statement, Refusal> {
    rows::newest(sql, account)?.ok_or_else(|| Refusal::internal("an account without a statement"))
}

/// Reads the statement that follows `before`.
pub(crate) fn next(before: &Statement, bytes: &Bytes) -> Result<Statement, Refusal> {
    let next = Statement::parse(bytes.as_slice()).map_err(|_| NextError::Chain)?;
    let (new, old) = (next.content(), before.content());
    if new.account != old.account {
        return Err(NextError::Content.into());
    }
    // Made for the chain as it was before: somebody else's statement came first.
    if new.number <= old.number || (new.number == old.number + 1 && new.previous != before.hash()) {
        return Err(NextError::Stale.into());
    }
    match next.follows(before) {
        Ok(Step::Same) => Ok(next),
        Ok(Step::Succession | Step::Reset) => Err(NextError::Identity.into()),
        Err(StatementError::Layout(_) | StatementError::Signature | StatementError::Chain) => Err(NextError::Chain.into()),
    }
}

/// Does the statement say what the server will hold, and nothing else of handle and root key?
pub(crate) fn fits(next: &Statement, before: &Statement, vault_number: u64, secrets: [u8; 32]) -> Result<(), Refusal> {
    let (new, old) = (next.content(), before.content());
    let fits = new.handle == old.handle
        && new.generation == old.generation
        && new.vault_number == vault_number
        && new.secrets == secrets;
    if fits { Ok(()) } else { Err(NextError::Content.into()) }
}
