//! PUT /api/key-packages.

use shared::{
    Bytes,
    http::{PackageCount, PutPackages},
    limits,
};

use super::{
    count::{left, oldest_once},
    rows,
};
use crate::{
    account::statement,
    context::Context,
    device,
    mls_group::package::{self, Use},
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why packages are refused.
    PutError {
        /// A package is not of the calling device, not fresh, or malformed.
        Package = BadPackage;
        /// More than the pool holds.
        Pool = TooLarge;
        /// The device is gone.
        Gone = LoginRequired;
        /// The newest statement does not name the device any more.
        Stated = DeviceNotStated;
    }
}

/// Adds one-time packages to the pool and replaces the last resort.
///
/// # Errors
/// [`PutError`]; nothing is stored then.
pub fn put(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &PutPackages) -> Outcome<PackageCount> {
    let device = device::rows::living(sql, caller.device())?.ok_or(PutError::Gone)?;
    let statement = statement::newest(sql, caller.account())?;
    statement.device(caller.device()).ok_or(PutError::Stated)?;
    rows::drop_stale(sql, caller.device(), oldest_once(context.now))?;
    let have = rows::count(sql, caller.device(), oldest_once(context.now))?;
    if usize::try_from(have).unwrap_or(usize::MAX).saturating_add(request.packages.len()) > limits::POOL {
        return Err(PutError::Pool.into());
    }
    let certificate = shared::certificate::Certificate::parse(device.certificate.as_slice())
        .ok()
        .and_then(|certificate| certificate.verify(&statement.content().identity).ok())
        .ok_or_else(|| Refusal::internal("a stored certificate does not verify"))?;
    let mut store = |bytes: &Bytes, how: Use| -> Result<(), Refusal> {
        let package = package::check(bytes, how, &certificate, context.now).map_err(|_| PutError::Package)?;
        Ok(rows::insert(sql, caller.device(), &package)?)
    };
    request.packages.iter().try_for_each(|bytes| store(bytes, Use::Once))?;
    request.last_resort.iter().try_for_each(|bytes| store(bytes, Use::LastResort))?;
    Ok(Done::quiet(left(sql, context, caller)?))
}

#[cfg(test)]
mod tests {
    use shared::Code;

    use super::*;
    use crate::tests::{
        people::Browser,
        world::{World, code},
    };

    fn try_put(world: &mut World, by: &Browser, packages: Vec<Bytes>, last_resort: Option<Bytes>) -> Outcome<PackageCount> {
        let caller = by.caller();
        let request = PutPackages { packages, last_resort };
        world.write(|sql, context| put(sql, context, &caller, &request))
    }

    #[test]
    fn the_pool_is_refilled_up_to_fifty() {
        let mut world = World::new();
        let (_, alice) = world.register("alice");
        let now = world.now;
        let more: Vec<_> = (0..47).map(|_| alice.mls.package(now, false)).collect();
        let same = more[..1].to_vec();
        assert_eq!(try_put(&mut world, &alice, more[..46].to_vec(), None).unwrap().answer.count, 49);
        assert_eq!(try_put(&mut world, &alice, same, None).unwrap().answer.count, 49, "the same one twice");
        assert_eq!(try_put(&mut world, &alice, more[46..].to_vec(), None).unwrap().answer.count, 50);
        assert_eq!(code(try_put(&mut world, &alice, vec![alice.mls.package(now, false)], None)), Code::TooLarge);
        // Packages that are too old make room.
        world.now.0 += (limits::PACKAGE_FRESH + 1) * 1_000;
        assert_eq!(try_put(&mut world, &alice, vec![], None).unwrap().answer.count, 0);
    }

    #[test]
    fn every_refusal_stores_nothing() {
        let mut world = World::new();
        let ((_, alice), (_, bob)) = (world.register("alice"), world.register("bob"));
        let now = world.now;
        for bad in [
            bob.mls.package(now, false),
            alice.mls.narrow_package(now),
            alice.mls.old_package(now, 31, false),
            alice.mls.package(now, true),
            Bytes(vec![0; 9_000]),
            Bytes::default(),
        ] {
            let packages = vec![alice.mls.package(now, false), bad];
            assert_eq!(code(try_put(&mut world, &alice, packages, None)), Code::BadPackage);
        }
        let once = alice.mls.package(now, false);
        assert_eq!(code(try_put(&mut world, &alice, vec![], Some(once))), Code::BadPackage);
        assert_eq!(try_put(&mut world, &alice, vec![], None).unwrap().answer.count, 3);
        let (account, device) = (alice.session.account(), alice.id());
        world.write(|sql, context| Ok(Done::quiet(device::rows::retire(sql, context.now, account, device)?))).unwrap();
        assert_eq!(code(try_put(&mut world, &alice, vec![], None)), Code::LoginRequired);
    }
}
