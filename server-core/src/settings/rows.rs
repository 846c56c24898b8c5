//! The SQL of settings.

use shared::{AccountId, http::SettingsItem, http::SettingsPut};

use crate::{
    refusal::Refusal,
    sql::{Sql, SqlError, first, named},
};

pub(super) fn changed(sql: &mut dyn Sql, account: AccountId, after: u64) -> Result<Vec<SettingsItem>, SqlError> {
    sql.query(
        "SELECT collection, item, version, sealed FROM settings_item WHERE account_id = :account AND change_no > :after
         ORDER BY change_no",
        named! { account: &account, after: after },
    )?
    .into_iter()
    .map(|mut row| Ok(SettingsItem { collection: row.take()?, item: row.take()?, version: row.take()?, sealed: row.take()? }))
    .collect()
}

/// The stored version of an item; 0 when there is none.
pub(super) fn version(sql: &mut dyn Sql, account: AccountId, put: &SettingsPut) -> Result<u64, SqlError> {
    first(
        sql,
        "SELECT version FROM settings_item WHERE account_id = :account AND collection = :collection AND item = :item",
        named! { account: &account, collection: put.collection, item: &put.item },
    )?
    .map_or(Ok(0), |mut row| row.take())
}

pub(super) fn count(sql: &mut dyn Sql, account: AccountId) -> Result<u32, SqlError> {
    first(sql, "SELECT COUNT(*) FROM settings_item WHERE account_id = :account", named! { account: &account })?
        .ok_or(SqlError::Shape("no count"))?
        .take()
}

/// Stores an item under the account's next change number.
pub(super) fn put(sql: &mut dyn Sql, account: AccountId, put: &SettingsPut) -> Result<u64, Refusal> {
    let row = first(
        sql,
        "UPDATE account SET settings_no = settings_no + 1 WHERE account_id = :account RETURNING settings_no",
        named! { account: &account },
    )?;
    let change: u64 = row.ok_or(shared::Code::LoginRequired)?.take()?;
    sql.execute(
        "INSERT INTO settings_item (account_id, collection, item, version, change_no, sealed)
         VALUES (:account, :collection, :item, :version, :change, :sealed)
         ON CONFLICT (account_id, collection, item)
         DO UPDATE SET version = excluded.version, change_no = excluded.change_no, sealed = excluded.sealed",
        named! {
            account: &account, collection: put.collection, item: &put.item, version: put.version, change: change,
            sealed: &put.sealed,
        },
    )?;
    Ok(change)
}
