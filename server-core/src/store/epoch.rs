//! Which life of the database the clients' numbers belong to.

use super::{StartError, Store};
use crate::{
    context::Context,
    refusal::Refusal,
    sql::{Sql, first, named},
};

/// 16 random bytes that change whenever numbers may be given twice: at a restore.
pub type StoreEpoch = [u8; 16];

/// What [`Store::check_epoch`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochCheck {
    /// File and database agree (or both are new): write it to the file.
    Same(StoreEpoch),
    /// The database is an older copy: a new epoch was drawn and is in force; write it to the file.
    Restored(StoreEpoch),
}

impl Store {
    /// Ties keys and database together and compares the store epoch with the one kept in a file outside. Once, at the start.
    ///
    /// # Errors
    /// [`StartError::OtherKeys`] when the database was used with another key file.
    pub fn check_epoch(&mut self, context: &mut Context<'_>, file: Option<StoreEpoch>) -> Result<EpochCheck, StartError> {
        let fingerprint = context.keys.fingerprint();
        let drawn: StoreEpoch = context.random();
        self.engine.control("BEGIN IMMEDIATE")?;
        let result = settle_epoch(&mut self.engine, &fingerprint, drawn, file);
        self.engine.control(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        result
    }
}

fn settle_epoch(
    sql: &mut dyn Sql,
    fingerprint: &[u8; 32],
    drawn: StoreEpoch,
    file: Option<StoreEpoch>,
) -> Result<EpochCheck, StartError> {
    let Some(mut row) = first(sql, "SELECT store_epoch, keys_fingerprint FROM store_meta WHERE id = 1", &[])? else {
        sql.execute(
            "INSERT INTO store_meta (id, store_epoch, keys_fingerprint) VALUES (1, :epoch, :keys)",
            named! { epoch: &drawn, keys: fingerprint },
        )?;
        // A file beside an empty database: the database was lost, and its numbers will be given again.
        return Ok(if file.is_some() { EpochCheck::Restored(drawn) } else { EpochCheck::Same(drawn) });
    };
    let stored: StoreEpoch = row.take()?;
    if row.take::<[u8; 32]>()? != *fingerprint {
        return Err(StartError::OtherKeys);
    }
    let unused = first(sql, "SELECT 1 FROM account LIMIT 1", &[])?.is_none();
    if file == Some(stored) || (file.is_none() && unused) {
        return Ok(EpochCheck::Same(stored));
    }
    // What was stored before is what clients of that epoch know; from here on numbers are given for the second time.
    sql.execute(
        "INSERT INTO restored (store_epoch, conv_id, head_seq) SELECT :epoch, conv_id, head_seq FROM conv",
        named! { epoch: &stored },
    )?;
    sql.execute("UPDATE store_meta SET store_epoch = :epoch WHERE id = 1", named! { epoch: &drawn })?;
    // One-time packages of the copy may have been handed out since. Every device makes new ones when it comes back.
    sql.execute("DELETE FROM key_package WHERE last_resort = 0", &[])?;
    Ok(EpochCheck::Restored(drawn))
}

/// The store epoch in force.
pub(crate) fn store_epoch(sql: &mut dyn Sql) -> Result<StoreEpoch, Refusal> {
    let row = first(sql, "SELECT store_epoch FROM store_meta WHERE id = 1", &[])?;
    Ok(row.ok_or_else(|| Refusal::internal("check_epoch was not called"))?.take()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keys, Rules, tests::world::World};

    #[test]
    fn other_keys_are_refused_and_a_copied_back_database_is_noticed() {
        let mut world = World::new();
        let epoch = world.epoch;
        let check = |world: &mut World, file| {
            let World { store, now, rng, rules, keys, .. } = world;
            store.check_epoch(&mut Context { now: *now, rng, rules, keys }, file)
        };
        assert_eq!(check(&mut world, Some(epoch)).unwrap(), EpochCheck::Same(epoch));
        assert_eq!(check(&mut world, None).unwrap(), EpochCheck::Same(epoch), "nobody has used it yet");
        world.register("alice");
        let once = "SELECT COUNT(*) FROM key_package WHERE last_resort = 0";
        assert_eq!(world.number(once), 3);
        let EpochCheck::Restored(new) = check(&mut world, Some([9; 16])).unwrap() else { panic!("not noticed") };
        assert_eq!(world.number(once), 0, "none is handed out twice");
        assert_ne!(new, epoch);
        assert_eq!(check(&mut world, Some(new)).unwrap(), EpochCheck::Same(new));
        assert!(matches!(check(&mut world, None).unwrap(), EpochCheck::Restored(_)), "the file is lost");
        let other = Keys::generate(&mut world.rng);
        let rules = Rules::default();
        let World { store, now, rng, .. } = &mut world;
        let error = store.check_epoch(&mut Context { now: *now, rng, rules: &rules, keys: &other }, Some(new)).unwrap_err();
        assert!(matches!(error, StartError::OtherKeys) && error.to_string().contains("server.keys"));
    }
}
