//! DELETE /api/devices/{id}.

use shared::{DeviceId, http::Revoke, limits};

use super::rows;
use crate::{
    account::{rows as accounts, statement},
    context::Context,
    inbox,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a revocation is refused; also `stale_statement` or `bad_statement` of the chain.
    RevokeError {
        /// Not a living device of this account.
        Unknown = NotFound;
        /// A device does not revoke itself: it retires at log-out.
        Itself = Forbidden;
        /// The vault is empty or too large.
        Vault = TooLarge;
        /// The stored vault is not the one before this.
        VaultNumber = StaleStatement;
        /// The statement still names the device, or leaves another living one out, or brings one in.
        Devices = BadStatement;
    }
}

/// Signs another device of the account out for ever: the next statement without it, the next vault without its key.
///
/// # Errors
/// [`RevokeError`].
pub fn revoke(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    device: DeviceId,
    request: &Revoke,
) -> Outcome<()> {
    let account = accounts::existing(sql, caller.account())?;
    let living = rows::of_account(sql, account.id)?;
    if device == caller.device() {
        return Err(RevokeError::Itself.into());
    }
    if !living.contains(&device) {
        return Err(RevokeError::Unknown.into());
    }
    if request.vault.0.is_empty() || request.vault.0.len() > limits::VAULT {
        return Err(RevokeError::Vault.into());
    }
    let before = statement::newest(sql, account.id)?;
    let next = statement::next(&before, &request.statement)?;
    if request.vault_number != account.vault_no + 1 {
        return Err(RevokeError::VaultNumber.into());
    }
    let wraps = accounts::wraps(sql, account.id)?;
    statement::fits(&next, &before, request.vault_number, accounts::secrets_hash(&wraps, &request.vault))?;
    let complete = living.iter().all(|old| next.device(*old).is_some() == (*old != device));
    if !complete || !next.content().devices.iter().all(|d| before.device(d.id) == Some(d)) {
        return Err(RevokeError::Devices.into());
    }
    accounts::insert_statement(sql, &next, context.now)?;
    accounts::put_vault(sql, account.id, &request.vault, request.vault_number)?;
    let mut announce: Vec<_> = rows::retire(sql, context.now, account.id, device)?.into_iter().collect();
    announce.extend(inbox::notice::statement(sql, context, account.id, next.content().number, Some(caller.device()))?);
    Ok(Done::telling((), announce))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code};

    use super::*;
    use crate::{
        Announce,
        tests::{
            people::{Browser, Person},
            world::{World, code},
        },
    };

    fn request(person: &Person, without: DeviceId) -> Revoke {
        let vault_number = person.statement.content().vault_number + 1;
        let vault = Bytes(vec![9; 100]);
        let mut devices = person.statement.content().devices.clone();
        devices.retain(|device| device.id != without);
        let statement = person.next(devices, vault_number, &person.wraps, &vault).as_bytes().into();
        Revoke { statement, vault, vault_number }
    }

    fn try_revoke(world: &mut World, by: &Browser, device: DeviceId, request: &Revoke) -> Outcome<()> {
        let caller = by.caller();
        world.write(|sql, context| revoke(sql, context, &caller, device, request))
    }

    #[test]
    fn a_lost_browser_is_out() {
        let mut world = World::new();
        let (mut person, here) = world.register("alice");
        let lost = world.second(&mut person);
        let done = try_revoke(&mut world, &here, lost.id(), &request(&person, lost.id())).unwrap();
        assert!(done.announce.contains(&Announce::DeviceGone { account: person.account, device: lost.id() }));
        assert_eq!(code(world.resume(&lost.mls, None)), Code::ResumeRefused);
        assert_eq!(code(world.write(|sql, context| crate::session::check(sql, context, &lost.token))), Code::LoginRequired);
        world.write(|sql, context| crate::session::check(sql, context, &here.token)).unwrap();
        let issued = world.login("alice", &person.password, Some(&lost.mls)).unwrap().answer;
        assert_eq!(issued.session.device(), None, "its key is worth nothing any more");
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (mut person, here) = world.register("alice");
        let (_, stranger) = world.register("mallory");
        let lost = world.second(&mut person);
        let good = request(&person, lost.id());
        assert_eq!(code(try_revoke(&mut world, &here, here.id(), &request(&person, here.id()))), Code::Forbidden);
        assert_eq!(code(try_revoke(&mut world, &here, stranger.id(), &good)), Code::NotFound);
        assert_eq!(code(try_revoke(&mut world, &here, DeviceId([1; 16]), &good)), Code::NotFound);
        let no_vault = Revoke { vault: Bytes::default(), ..good.clone() };
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &no_vault)), Code::TooLarge);
        let number = Revoke { vault_number: 9, ..good.clone() };
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &number)), Code::StaleStatement);
        let other_vault = Revoke { vault: Bytes(vec![8; 100]), ..good.clone() };
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &other_vault)), Code::BadStatement);
        let wrong_one = request(&person, here.id());
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &wrong_one)), Code::BadStatement);
        let nobody = request(&person, DeviceId([1; 16]));
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &nobody)), Code::BadStatement);
        try_revoke(&mut world, &here, lost.id(), &good).unwrap();
        assert_eq!(code(try_revoke(&mut world, &here, lost.id(), &good)), Code::NotFound);
    }
}
