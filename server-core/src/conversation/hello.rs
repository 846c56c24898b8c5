//! The first frame of a socket.

use std::collections::BTreeMap;

use shared::{
    frame::{ClientHello, Cursor, ServerHello, VERSION},
    limits,
};

use super::{
    acknowledge,
    rows::{self, Standing},
};
use crate::{
    account,
    context::Context,
    device, inbox, key_package,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
    store::store_epoch,
};

errors! {
    /// Why a socket is not served.
    HelloError {
        /// Another version of the socket protocol.
        Version = VersionTooOld;
        /// A run token is not 16 bytes.
        Run = Malformed;
        /// The device is gone.
        Gone = SessionEnded;
        /// The device has rows that this database never had, under the same store epoch: an older copy was put back and
        /// nobody said so. Numbers would be given twice, so this device is not served.
        WentBack = WentBack;
        /// Neither run token is the stored one: a newer run was here, this is a copy or was restored.
        Superseded = Superseded;
    }
}

/// Takes the run token (protocol §7) and says where everything stands. The server stores B when it has A or B. When the
/// client's numbers belong to another store epoch the server was restored, and takes B without comparing. What the device
/// stores of a conversation counts as acknowledged.
///
/// # Errors
/// [`HelloError`]
pub fn hello(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &ClientHello) -> Outcome<ServerHello> {
    if request.version != VERSION {
        return Err(HelloError::Version.into());
    }
    if request.run.0.len() != 16 || request.next_run.0.len() != 16 {
        return Err(HelloError::Run.into());
    }
    let device = device::rows::living(sql, caller.device())?.ok_or(HelloError::Gone)?;
    let store_epoch = store_epoch(sql)?.into();
    let restored = request.store_epoch.as_ref().is_some_and(|theirs| *theirs != store_epoch);
    // Of a conversation that is named twice the first counts.
    let cursors: BTreeMap<_, _> = request.cursors.iter().rev().map(|cursor| (cursor.conversation, cursor.number)).collect();
    let cursor = |id| cursors.get(&id).copied().unwrap_or(0);
    let standings = rows::standings(sql, caller.account(), caller.device())?;
    if !restored && standings.iter().any(|standing| cursor(standing.head.conversation) > standing.head.number) {
        return Err(HelloError::WentBack.into());
    }
    if !restored && device.run != request.run && device.run != request.next_run {
        return Err(HelloError::Superseded.into());
    }
    device::rows::put_run(sql, caller.device(), &request.next_run)?;
    let mut announce = vec![];
    // Acknowledgements that were lost with the last socket. Numbers from before a restore say nothing about the rows here.
    for Standing { head, .. } in standings.iter().filter(|s| !restored && s.leaf && cursor(s.head.conversation) > s.cursor) {
        let cursor = Cursor { conversation: head.conversation, number: cursor(head.conversation) };
        announce.extend(acknowledge(sql, caller, &cursor)?.announce);
    }
    let account = account::rows::existing(sql, caller.account())?;
    let known = match request.store_epoch.as_ref().filter(|_| restored) {
        Some(theirs) => Some(rows::known(sql, caller.account(), theirs)?),
        None => None,
    };
    let news = |s: &Standing| restored || s.leaf || s.head.number > cursor(s.head.conversation);
    let answer = ServerHello {
        store_epoch,
        time: context.now,
        heads: standings.into_iter().filter(news).map(|standing| standing.head).collect(),
        packages: key_package::left_of(sql, context, caller.device())?,
        row_limit: u32::try_from(limits::ROW).unwrap_or(u32::MAX),
        statement: account.statement_no,
        settings: account.settings_no,
        delivered: rows::delivered(sql, caller.account())?,
        inbox: inbox::rows::gone(sql, caller.device())?,
        known,
    };
    Ok(Done::telling(answer, announce))
}

#[cfg(test)]
mod tests {
    use shared::{
        Bytes, Code,
        frame::{Delivered, Head},
    };

    use super::*;
    use crate::{
        announce::Announce,
        tests::{
            people::Browser,
            world::{World, code},
        },
    };

    fn first(run: &Bytes, next: u8) -> ClientHello {
        ClientHello {
            version: VERSION,
            run: run.clone(),
            next_run: Bytes(vec![next; 16]),
            store_epoch: None,
            inbox: 0,
            cursors: vec![],
        }
    }

    fn say(world: &mut World, by: &Browser, request: &ClientHello) -> Outcome<ServerHello> {
        let caller = by.caller();
        world.write(|sql, context| hello(sql, context, &caller, request))
    }

    #[test]
    fn a_run_token_moves_on_and_a_copy_is_noticed() {
        let mut world = World::new();
        let (_, alice) = world.register("alice");
        say(&mut world, &alice, &first(&alice.run, 1)).unwrap();
        // The answer was lost: the same again. Then the next run.
        say(&mut world, &alice, &first(&alice.run, 1)).unwrap();
        let second = Bytes(vec![1; 16]);
        say(&mut world, &alice, &first(&second, 2)).unwrap();
        // A copy of the profile from before knows neither.
        assert_eq!(code(say(&mut world, &alice, &first(&alice.run, 1))), Code::Superseded);
        assert_eq!(code(say(&mut world, &alice, &first(&second, 3))), Code::Superseded, "two runs from one token");
        say(&mut world, &alice, &first(&Bytes(vec![2; 16]), 3)).unwrap();
        // After a restore of the server the token is taken as it comes.
        let restored = ClientHello { store_epoch: Some(Bytes(vec![9; 16])), ..first(&alice.run, 7) };
        assert_eq!(say(&mut world, &alice, &restored).unwrap().answer.store_epoch, world.epoch.into());
        let same = ClientHello { store_epoch: Some(world.epoch.into()), ..first(&alice.run, 8) };
        assert_eq!(code(say(&mut world, &alice, &same)), Code::Superseded);
    }

    #[test]
    fn a_copy_put_back_in_silence_is_noticed_by_its_numbers() {
        let mut world = World::new();
        let ((mut person, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let ahead = vec![Cursor { conversation: id, number: 2 }];
        let hello = ClientHello { cursors: ahead.clone(), ..first(&alice.run, 1) };
        assert_eq!(code(say(&mut world, &alice, &hello)), Code::WentBack);
        let same = ClientHello { store_epoch: Some(world.epoch.into()), ..hello.clone() };
        assert_eq!(code(say(&mut world, &alice, &same)), Code::WentBack);
        // It is not mistaken for a copied profile, whose run token is old but whose numbers are.
        assert_eq!(code(say(&mut world, &alice, &ClientHello { run: Bytes(vec![7; 16]), ..hello.clone() })), Code::WentBack);
        // Under another store epoch all is in order: every conversation is named, and where the inbox begins.
        let restored = ClientHello { store_epoch: Some(Bytes(vec![9; 16])), ..hello };
        let here = say(&mut world, &alice, &restored).unwrap().answer;
        assert_eq!(here.heads, [Head { conversation: id, number: 1, last_n: 0, epoch: 1 }]);
        let phone = world.second(&mut person);
        let other = ClientHello { store_epoch: Some(Bytes(vec![9; 16])), cursors: ahead, ..first(&phone.run, 1) };
        assert_eq!(say(&mut world, &phone, &other).unwrap().answer.heads.len(), 1, "also without a leaf");
    }

    #[test]
    fn a_client_of_the_epoch_before_hears_what_it_has_in_common() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let put_back = |world: &mut World| {
            let World { store, now, rng, rules, keys, .. } = world;
            store.check_epoch(&mut Context { now: *now, rng, rules, keys }, Some([9; 16])).unwrap();
        };
        put_back(&mut world);
        // Somebody is back before her.
        let message = world.message(&mut bob, id, b"under a number of before");
        world.append(&bob, &message).unwrap();
        let hello = |epoch: Option<Bytes>| ClientHello { store_epoch: epoch, ..first(&alice.run, 1) };
        let of = |world: &mut World, epoch| say(world, &alice, &hello(epoch)).unwrap().answer;
        let first = world.epoch.into();
        let common = |number| Some(vec![Cursor { conversation: id, number }]);
        let here = of(&mut world, Some(first));
        assert_eq!((here.heads[0].number, here.known), (2, common(1)));
        let second = here.store_epoch;
        assert_eq!(of(&mut world, Some(second.clone())).known, None, "nothing was put back");
        put_back(&mut world);
        assert_eq!(of(&mut world, Some(second)).known, common(2));
        let first = world.epoch.into();
        assert_eq!(of(&mut world, Some(first)).known, common(1));
        assert_eq!(of(&mut world, Some(Bytes(vec![7; 16]))).known, common(1), "of an epoch that was never here: what all had");
        assert_eq!(of(&mut world, None).known, None);
    }

    #[test]
    fn an_acknowledgement_that_was_lost_is_made_up_for() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, id, b"hello");
        world.append(&alice, &message).unwrap();
        let stored = vec![Cursor { conversation: id, number: 2 }];
        let back = ClientHello { cursors: stored, ..first(&bob.run, 1) };
        let told = say(&mut world, &bob, &back).unwrap().announce;
        let [Announce::Delivered { delivered, devices }] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((delivered.number, devices.as_slice()), (2, &[alice.id()][..]));
        assert!(say(&mut world, &bob, &back).unwrap().announce.is_empty(), "once");
        let restored = ClientHello { store_epoch: Some(Bytes(vec![9; 16])), ..back.clone() };
        world.write(|sql, _| Ok(Done::quiet(sql.execute("DELETE FROM device_cursor", &[])?))).unwrap();
        assert!(say(&mut world, &bob, &restored).unwrap().announce.is_empty(), "other rows may have these numbers");
    }

    #[test]
    fn it_says_where_the_inbox_begins() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let said = |world: &mut World, by: &Browser| say(world, by, &first(&by.run, 1)).unwrap().answer.inbox;
        assert_eq!(said(&mut world, &bob), 0, "nothing was ever in it");
        world.pair(&mut alice, &mut bob);
        assert_eq!(said(&mut world, &bob), 0, "the Welcome is number 1");
        let caller = bob.caller();
        world.write(|sql, _| inbox::acknowledge(sql, &caller, 1)).unwrap();
        assert_eq!(said(&mut world, &bob), 1, "and gone");
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (_, alice) = world.register("alice");
        let good = first(&alice.run, 1);
        let version = ClientHello { version: 2, ..good.clone() };
        assert_eq!(code(say(&mut world, &alice, &version)), Code::VersionTooOld);
        let short = ClientHello { next_run: Bytes(vec![1; 15]), ..good.clone() };
        assert_eq!(code(say(&mut world, &alice, &short)), Code::Malformed);
        let (account, device) = (alice.session.account(), alice.id());
        world.write(|sql, context| Ok(Done::quiet(device::rows::retire(sql, context.now, account, device)?))).unwrap();
        assert_eq!(code(say(&mut world, &alice, &good)), Code::SessionEnded);
    }

    #[test]
    fn it_says_where_everything_stands() {
        let mut world = World::new();
        let ((mut person, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, id, b"hello");
        world.append(&alice, &message).unwrap();
        let caller = bob.caller();
        world.write(|sql, _| acknowledge(sql, &caller, &Cursor { conversation: id, number: 2 })).unwrap();
        let phone = world.second(&mut person);
        let here = say(&mut world, &alice, &first(&alice.run, 1)).unwrap().answer;
        assert_eq!(here.heads, [Head { conversation: id, number: 2, last_n: 1, epoch: 1 }]);
        assert_eq!(here.delivered, [Delivered { conversation: id, account: bob.session.account(), number: 2 }]);
        assert_eq!((here.packages, here.statement, here.settings), (3, 2, 0));
        assert_eq!(here.time, world.now);
        // A device without a leaf hears of what is beyond its cursor.
        let there = say(&mut world, &phone, &first(&phone.run, 1)).unwrap().answer;
        assert_eq!(there.heads, [Head { conversation: id, number: 2, last_n: 0, epoch: 1 }]);
        let all = vec![Cursor { conversation: id, number: 2 }];
        let there = say(&mut world, &phone, &ClientHello { cursors: all, ..first(&phone.run, 1) }).unwrap().answer;
        assert!(there.heads.is_empty());
    }
}
