//! POST /api/accounts/{id}/key-packages/claim.

use shared::{
    AccountId, DeviceId,
    http::{Claim, Claimed, ClaimedPackage},
};

use super::{
    count::{oldest_last_resort, oldest_once},
    rows,
};
use crate::{
    account::{self, statement},
    context::Context,
    device,
    rate::{self, Bucket},
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a claim is refused.
    ClaimError {
        /// No such account, or the named device is not one of it.
        Unknown = NotFound;
        /// None of the devices has a package.
        None = NoPackages;
    }
}

/// Hands out one package for each living, stated device of the account but the asking one. Asked again for the same
/// (conversation, generation, epoch) the same account gets the same packages.
///
/// # Errors
/// [`ClaimError`], `rate_limited`.
pub fn claim(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    account: AccountId,
    request: &Claim,
) -> Outcome<Claimed> {
    let target = account::rows::by_id(sql, account)?.ok_or(ClaimError::Unknown)?;
    let statement = statement::newest(sql, account)?;
    let mut devices = device::rows::of_account(sql, account)?;
    devices.retain(|id| statement.device(*id).is_some() && *id != caller.device());
    if let Some(only) = request.device_id {
        devices.retain(|id| *id == only);
        if devices.is_empty() {
            return Err(ClaimError::Unknown.into());
        }
    }
    let mut packages = vec![];
    for device in devices {
        if let Some(package) = one(sql, context, caller, request, device)? {
            packages.push(ClaimedPackage { device, package });
        }
    }
    // An own account without other devices has nobody to add; that is an answer, not a refusal.
    if packages.is_empty() && account != caller.account() {
        return Err(ClaimError::None.into());
    }
    Ok(Done::quiet(Claimed { packages, statement: target.statement_no }))
}

fn one(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    caller: &Caller,
    request: &Claim,
    device: DeviceId,
) -> Result<Option<shared::Bytes>, Refusal> {
    if let Some(same) = rows::claimed(sql, request, device, caller.account())? {
        return Ok(Some(same));
    }
    rate::count(sql, context, Bucket::Claim, &[caller.account().as_bytes(), device.as_bytes()], context.rules.claim)?;
    let once = rows::take_once(sql, device, oldest_once(context.now))?;
    let package = match once {
        Some(package) => Some(package),
        None => rows::last_resort(sql, device, oldest_last_resort(context.now))?,
    };
    if let Some(package) = &package {
        rows::remember(sql, request, device, caller.account(), package, context.now)?;
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::{Bytes, Code, ConversationId, http::PutPackages};

    use super::*;
    use crate::tests::world::{World, code};

    fn claim_for(conversation: u8, epoch: u64) -> Claim {
        Claim { conversation_id: ConversationId([conversation; 16]), generation: 0, epoch, device_id: None }
    }

    #[test]
    fn one_package_a_device_each_only_once_then_the_last_resort() {
        let mut world = World::new();
        let ((mut person, bob), (_, alice)) = (world.register("bob"), world.register("alice"));
        let phone = world.second(&mut person);
        let mut seen = BTreeSet::<Bytes>::new();
        for n in 1..=2 {
            let claimed = world.claim(&alice, person.account, &claim_for(n, 0)).unwrap().answer;
            assert_eq!(claimed.statement, 2);
            let devices: BTreeSet<_> = claimed.packages.iter().map(|package| package.device).collect();
            assert_eq!(devices, BTreeSet::from([bob.id(), phone.id()]));
            assert!(claimed.packages.into_iter().all(|package| seen.insert(package.package)), "never the same twice");
        }
        // The phone's two are gone: its last resort is given, again and again, and it learns of it.
        let third = world.claim(&alice, person.account, &claim_for(3, 0)).unwrap().answer.packages;
        let fourth = world.claim(&alice, person.account, &claim_for(4, 0)).unwrap().answer.packages;
        let of_phone = |claimed: &[ClaimedPackage]| claimed.iter().find(|p| p.device == phone.id()).unwrap().package.clone();
        assert_eq!(of_phone(&third), of_phone(&fourth));
        let caller = phone.caller();
        let count = world.write(|sql, context| super::super::count(sql, context, &caller)).unwrap().answer;
        assert_eq!((count.count, count.last_resort_used), (0, true));
        let fresh = PutPackages { packages: vec![], last_resort: Some(phone.mls.package(world.now, true)) };
        let count = world.write(|sql, context| super::super::put(sql, context, &caller, &fresh)).unwrap().answer;
        assert!(!count.last_resort_used);
    }

    #[test]
    fn asked_again_the_same_and_for_another_account_another() {
        let mut world = World::new();
        let ((bob, _), (_, alice), (_, carol)) = (world.register("bob"), world.register("alice"), world.register("carol"));
        let first = world.claim(&alice, bob.account, &claim_for(1, 4)).unwrap().answer;
        assert_eq!(world.claim(&alice, bob.account, &claim_for(1, 4)).unwrap().answer, first);
        assert_ne!(world.claim(&alice, bob.account, &claim_for(1, 5)).unwrap().answer, first, "another epoch");
        assert_ne!(world.claim(&carol, bob.account, &claim_for(1, 4)).unwrap().answer, first, "somebody else");
        assert_eq!(world.number("SELECT COUNT(*) FROM key_package WHERE last_resort = 0"), 6);
    }

    #[test]
    fn old_packages_are_not_handed_out() {
        let mut world = World::new();
        let ((bob, _), (_, alice)) = (world.register("bob"), world.register("alice"));
        world.now.0 += shared::limits::PACKAGE_FRESH * 1_000;
        let last_resort = world.claim(&alice, bob.account, &claim_for(1, 0)).unwrap().answer.packages;
        assert_eq!(last_resort, world.claim(&alice, bob.account, &claim_for(2, 0)).unwrap().answer.packages);
        world.now.0 += (shared::limits::LAST_RESORT_FRESH - shared::limits::PACKAGE_FRESH) * 1_000;
        assert_eq!(code(world.claim(&alice, bob.account, &claim_for(3, 0))), Code::NoPackages);
    }

    #[test]
    fn own_other_devices_one_device_and_every_refusal() {
        let mut world = World::new();
        let ((mut alice, here), (bob, of_bob)) = (world.register("alice"), world.register("bob"));
        assert!(world.claim(&here, alice.account, &claim_for(1, 0)).unwrap().answer.packages.is_empty(), "nobody else");
        let phone = world.second(&mut alice);
        let own = world.claim(&here, alice.account, &claim_for(2, 0)).unwrap().answer.packages;
        assert!(own.len() == 1 && own[0].device == phone.id());
        let one = Claim { device_id: Some(of_bob.id()), ..claim_for(3, 0) };
        assert_eq!(world.claim(&here, bob.account, &one).unwrap().answer.packages.len(), 1);
        assert_eq!(code(world.claim(&here, alice.account, &one)), Code::NotFound, "not a device of this account");
        assert_eq!(code(world.claim(&here, AccountId([1; 16]), &claim_for(4, 0))), Code::NotFound);
        world.rules.claim.burst = 0;
        assert_eq!(code(world.claim(&here, bob.account, &claim_for(5, 0))), Code::RateLimited);
        world.claim(&here, bob.account, &one).unwrap();
        let (account, device) = (bob.account, of_bob.id());
        world.write(|sql, context| Ok(Done::quiet(device::rows::retire(sql, context.now, account, device)?))).unwrap();
        assert_eq!(
            code(world.claim(&here, bob.account, &claim_for(6, 0))),
            Code::NoPackages,
            "a retired device is asked for nothing"
        );
    }
}
