//! The SQL of accounts, statements, wraps and attempts.

use shared::{
    AccountId, Bytes, Millis,
    http::{Wrap, WrapKind},
    statement::{Statement, hash_of_secrets},
};

use super::keys;
use crate::{
    context::Context,
    refusal::Refusal,
    sql::{Row, Sql, SqlError, first, named},
};

/// An account without its vault.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) handle: String,
    pub(crate) record: Vec<u8>,
    pub(crate) record_no: u32,
    pub(crate) ksf: u8,
    pub(crate) recovery: [u8; 32],
    pub(crate) statement_no: u64,
    pub(crate) vault_no: u64,
    pub(crate) settings_no: u64,
    pub(crate) auth_epoch: u64,
}

fn account(mut row: Row) -> Result<Account, SqlError> {
    Ok(Account {
        id: row.take()?,
        handle: row.take()?,
        record: row.take()?,
        record_no: row.take()?,
        ksf: row.take()?,
        recovery: row.take()?,
        statement_no: row.take()?,
        vault_no: row.take()?,
        settings_no: row.take()?,
        auth_epoch: row.take()?,
    })
}

/// What [`account`] reads, of the accounts that are there.
macro_rules! accounts_where {
    ($condition:literal) => {
        concat!(
            "SELECT account_id, handle, opaque_record, record_no, ksf, recovery_pub, statement_no, vault_no, settings_no, auth_epoch
             FROM account WHERE status = 0 AND ",
            $condition
        )
    };
}

pub(crate) fn by_handle(sql: &mut dyn Sql, canonical: &str) -> Result<Option<Account>, SqlError> {
    first(sql, accounts_where!("handle_norm = :handle"), named! { handle: canonical })?.map(account).transpose()
}

pub(crate) fn by_id(sql: &mut dyn Sql, id: AccountId) -> Result<Option<Account>, SqlError> {
    first(sql, accounts_where!("account_id = :account"), named! { account: &id })?.map(account).transpose()
}

/// The account of a name that somebody claims to have. Where there is none another row is read and dropped: to read one takes
/// longer than to find none, and a stranger could tell by that who is here.
pub(crate) fn claimed(sql: &mut dyn Sql, canonical: &str) -> Result<Option<Account>, SqlError> {
    let read = first(
        sql,
        accounts_where!(
            "account_id = COALESCE(
               (SELECT account_id FROM account WHERE handle_norm = :handle), (SELECT account_id FROM account LIMIT 1))"
        ),
        named! { handle: canonical },
    )?;
    Ok(read.map(account).transpose()?.filter(|account| keys::canonical(&account.handle) == canonical))
}

/// As [`claimed`], by the id that was answered to the name.
pub(crate) fn claimed_id(sql: &mut dyn Sql, id: AccountId) -> Result<Option<Account>, SqlError> {
    let read = first(
        sql,
        accounts_where!(
            "account_id = COALESCE(
               (SELECT account_id FROM account WHERE account_id = :account), (SELECT account_id FROM account LIMIT 1))"
        ),
        named! { account: &id },
    )?;
    Ok(read.map(account).transpose()?.filter(|account| account.id == id))
}

/// The account of a live session: it must be there.
pub(crate) fn existing(sql: &mut dyn Sql, id: AccountId) -> Result<Account, Refusal> {
    by_id(sql, id)?.ok_or_else(|| Refusal::new(shared::Code::LoginRequired).because("the account is gone"))
}

pub(crate) fn handle_taken(sql: &mut dyn Sql, canonical: &str) -> Result<bool, SqlError> {
    let row = first(sql, "SELECT 1 FROM account WHERE handle_norm = :handle", named! { handle: canonical })?;
    Ok(row.is_some())
}

pub(crate) fn id_taken(sql: &mut dyn Sql, id: AccountId) -> Result<bool, SqlError> {
    Ok(first(sql, "SELECT 1 FROM account WHERE account_id = :account", named! { account: &id })?.is_some())
}

/// What a new account's row holds beside the statement.
pub(crate) struct NewAccount<'a> {
    pub(crate) statement: &'a Statement,
    pub(crate) record: &'a [u8],
    pub(crate) ksf: u8,
    pub(crate) recovery: &'a [u8; 32],
    pub(crate) vault: &'a Bytes,
    pub(crate) now: Millis,
}

pub(crate) fn insert(sql: &mut dyn Sql, new: &NewAccount<'_>) -> Result<(), SqlError> {
    let content = new.statement.content();
    let canonical = content.handle.canonical();
    sql.execute(
        "INSERT INTO account (account_id, handle, handle_norm, opaque_record, record_no, ksf, recovery_pub, identity_pub,
           statement_no, vault, vault_no, created_ms)
         VALUES (:account, :handle, :norm, :record, 1, :ksf, :recovery, :identity, 1, :vault, 1, :now)",
        named! {
            account: &content.account, handle: content.handle.as_str(), norm: canonical.as_str(), record: new.record,
            ksf: new.ksf, recovery: new.recovery, identity: &content.identity, vault: new.vault, now: new.now,
        },
    )?;
    insert_statement(sql, new.statement, new.now)
}

pub(crate) fn insert_statement(sql: &mut dyn Sql, statement: &Statement, now: Millis) -> Result<(), SqlError> {
    let content = statement.content();
    sql.execute(
        "INSERT INTO statement (account_id, number, body, at_ms) VALUES (:account, :number, :body, :now)",
        named! { account: &content.account, number: content.number, body: statement.as_bytes(), now: now },
    )?;
    sql.execute(
        "UPDATE account SET statement_no = :number WHERE account_id = :account",
        named! { account: &content.account, number: content.number },
    )?;
    Ok(())
}

/// Statements with numbers above `after`, ascending.
pub(crate) fn statements(sql: &mut dyn Sql, account: AccountId, after: u64) -> Result<Vec<Bytes>, SqlError> {
    sql.query(
        "SELECT body FROM statement WHERE account_id = :account AND number > :after ORDER BY number",
        named! { account: &account, after: after },
    )?
    .into_iter()
    .map(|mut row| row.take())
    .collect()
}

/// The newest statement.
pub(crate) fn newest(sql: &mut dyn Sql, account: AccountId) -> Result<Option<Statement>, Refusal> {
    let row = first(
        sql,
        "SELECT body FROM statement WHERE account_id = :account ORDER BY number DESC LIMIT 1",
        named! { account: &account },
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let bytes: Vec<u8> = row.take()?;
    Statement::parse(&bytes).map(Some).map_err(|error| Refusal::internal(format!("a stored statement: {error}")))
}

pub(crate) fn vault(sql: &mut dyn Sql, account: AccountId) -> Result<Bytes, Refusal> {
    let row = first(sql, "SELECT vault FROM account WHERE account_id = :account", named! { account: &account })?;
    Ok(row.ok_or(shared::Code::LoginRequired)?.take()?)
}

pub(crate) fn put_vault(sql: &mut dyn Sql, account: AccountId, vault: &Bytes, number: u64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE account SET vault = :vault, vault_no = :number WHERE account_id = :account",
        named! { account: &account, vault: vault, number: number },
    )
    .map(drop)
}

pub(crate) fn wraps(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<Wrap>, SqlError> {
    sql.query(
        "SELECT kind, generation, record_no, sealed FROM wrap WHERE account_id = :account ORDER BY kind",
        named! { account: &account },
    )?
    .into_iter()
    .map(|mut row| {
        let kind = match row.take::<u8>()? {
            0 => WrapKind::Password,
            1 => WrapKind::Kit,
            _ => return Err(SqlError::Shape("a wrap of an unknown kind")),
        };
        Ok(Wrap { kind, generation: row.take()?, record: row.take()?, sealed: row.take()? })
    })
    .collect()
}

pub(crate) fn replace_wraps(sql: &mut dyn Sql, account: AccountId, wraps: &[Wrap]) -> Result<(), SqlError> {
    sql.execute("DELETE FROM wrap WHERE account_id = :account", named! { account: &account })?;
    for wrap in wraps {
        let kind: u8 = match wrap.kind {
            WrapKind::Password => 0,
            WrapKind::Kit => 1,
        };
        sql.execute(
            "INSERT INTO wrap (account_id, kind, generation, record_no, sealed)
             VALUES (:account, :kind, :generation, :record, :sealed)",
            named! { account: &account, kind: kind, generation: wrap.generation, record: wrap.record, sealed: &wrap.sealed },
        )?;
    }
    Ok(())
}

/// The statement's hash over wraps and vault.
pub(crate) fn secrets_hash(wraps: &[Wrap], vault: &Bytes) -> [u8; 32] {
    hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), vault.as_slice())
}

/// Exactly a password and a kit wrap of these record and generation numbers, in this order, not too large?
pub(crate) fn wraps_fit(wraps: &[Wrap], generation: u32, record: u32) -> bool {
    let [password, kit] = wraps else { return false };
    password.kind == WrapKind::Password
        && kit.kind == WrapKind::Kit
        && password.record == record
        && wraps.iter().all(|wrap| {
            wrap.generation == generation && !wrap.sealed.0.is_empty() && wrap.sealed.0.len() <= shared::limits::WRAP
        })
}

/// A new OPAQUE record; every session of before is over.
pub(crate) fn replace_record(
    sql: &mut dyn Sql,
    account: AccountId,
    record: &[u8],
    number: u32,
    ksf: u8,
) -> Result<u64, Refusal> {
    let row = first(
        sql,
        "UPDATE account SET opaque_record = :record, record_no = :number, ksf = :ksf, auth_epoch = auth_epoch + 1
         WHERE account_id = :account RETURNING auth_epoch",
        named! { account: &account, record: record, number: number, ksf: ksf },
    )?;
    Ok(row.ok_or(shared::Code::LoginRequired)?.take()?)
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Login,
    Resume,
    RecoveryStarted,
    RecoveryOpened,
}

impl Attempt {
    const fn number(self) -> u8 {
        match self {
            Self::Login => 0,
            Self::Resume => 1,
            Self::RecoveryStarted => 2,
            Self::RecoveryOpened => 3,
        }
    }
}

/// Stores an attempt; draws its id.
pub(crate) fn begin(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    kind: Attempt,
    account: Option<AccountId>,
    state: &[u8],
) -> Result<[u8; 16], SqlError> {
    let id: [u8; 16] = context.random();
    store_attempt(sql, kind, &id, account, state, context.now.plus(context.rules.attempt))?;
    Ok(id)
}

pub(crate) fn store_attempt(
    sql: &mut dyn Sql,
    kind: Attempt,
    id: &[u8],
    account: Option<AccountId>,
    state: &[u8],
    expires: Millis,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO login_attempt (attempt_id, kind, account_id, state, expires_ms) VALUES (:id, :kind, :account, :state, :expires)",
        named! { id: id, kind: kind.number(), account: account.as_ref(), state: state, expires: expires },
    )
    .map(drop)
}

/// An attempt as it was begun: for which account, with which state.
pub(crate) type Begun = (Option<AccountId>, Vec<u8>);

/// Takes an attempt out: it can be used once. None when unknown, of another kind, or too old.
pub(crate) fn take_attempt(sql: &mut dyn Sql, kind: Attempt, id: &Bytes, now: Millis) -> Result<Option<Begun>, SqlError> {
    let row = first(
        sql,
        "DELETE FROM login_attempt WHERE attempt_id = :id AND kind = :kind RETURNING account_id, state, expires_ms",
        named! { id: id, kind: kind.number() },
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let (account, state, expires) = (row.take()?, row.take()?, row.take::<Millis>()?);
    Ok((now < expires).then_some((account, state)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{refusal::Done, tests::world::World};

    #[test]
    fn a_row_that_is_read_for_nobody_is_nobodys() {
        let mut world = World::new();
        let claims = |names: [&str; 2], id: AccountId, world: &mut World| {
            let all = world.write(|sql, _| {
                let [first, second] = names.map(|name| claimed(sql, name).unwrap().map(|account| account.id));
                Ok(Done::quiet((first, second, claimed_id(sql, id)?.map(|account| account.id))))
            });
            all.unwrap().answer
        };
        assert_eq!(claims(["alice", "bob"], AccountId([1; 16]), &mut world), (None, None, None), "of an empty house");
        let (alice, _) = world.register("Alice");
        let (bob, _) = world.register("bob");
        assert_eq!(
            claims(["alice", "bob"], bob.account, &mut world),
            (Some(alice.account), Some(bob.account), Some(bob.account))
        );
        assert_eq!(
            claims(["alicf", "Alice"], AccountId([1; 16]), &mut world),
            (None, None, None),
            "names come in their canonical form"
        );
    }

    #[test]
    fn an_attempt_is_taken_once_and_for_what_it_was_begun() {
        let all = [Attempt::Login, Attempt::Resume, Attempt::RecoveryStarted, Attempt::RecoveryOpened];
        for kind in all {
            let mut world = World::new();
            let taken = world.write(|sql, context| {
                let id = Bytes(begin(sql, context, kind, None, b"state")?.to_vec());
                let now = context.now;
                for other in all.into_iter().filter(|other| *other != kind) {
                    assert_eq!(take_attempt(sql, other, &id, now)?, None, "{kind:?} taken for {other:?}");
                }
                Ok(Done::quiet([take_attempt(sql, kind, &id, now)?, take_attempt(sql, kind, &id, now)?]))
            });
            assert_eq!(taken.unwrap().answer, [Some((None, b"state".to_vec())), None]);
        }
    }
}
