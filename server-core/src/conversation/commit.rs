//! POST /api/conversations/{id}/commits.

use shared::{
    ConversationId,
    http::{Commit, Committed},
};

use super::{change, rows};
use crate::{
    context::Context,
    mls_group::Group,
    rate::{self, Bucket},
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a commit is not looked at; what is wrong with one is [`super::ChangeError`], `bad_commit`, `bad_group_info`.
    CommitError {
        /// No such conversation, or the account is not in it.
        NotMember = NotFound;
        /// Made for another generation; detail: the current one.
        Generation(current: u64) = StaleGeneration;
        /// Made for another epoch; detail: the current one.
        Epoch(current: u64) = StaleEpoch;
    }
}

/// Takes a commit for the current epoch: the first wins, the loser processes what it missed. A commit this device stored
/// before is answered with its old number, whatever has happened since.
///
/// # Errors
/// [`CommitError`], [`super::ChangeError`], `bad_commit`, `bad_package`, `bad_group_info`, `rate_limited`.
pub fn commit(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    conversation: ConversationId,
    request: &Commit,
) -> Outcome<Committed> {
    if let Some(same) = change::repeated(sql, conversation, caller, request)? {
        return Ok(Done::quiet(same));
    }
    rate::count(sql, context, Bucket::Commit, &[caller.device().as_bytes()], context.rules.commit)?;
    let here = rows::for_member(sql, conversation, caller.account())?.ok_or(CommitError::NotMember)?;
    if request.generation != here.generation {
        return Err(CommitError::Generation(here.generation.into()).into());
    }
    if request.epoch != here.epoch {
        return Err(CommitError::Epoch(here.epoch).into());
    }
    let group = Group::load(rows::group(sql, conversation)?, conversation, here.generation)?;
    change::apply(sql, context, caller, conversation, &here, group, request)
}

#[cfg(test)]
mod tests {
    use shared::{Code, MessageId, authenticated::CommitData, frame::InboxBody, http::Claim};

    use super::*;
    use crate::{
        Detail, conversation,
        tests::{
            people::{Browser, Person},
            world::{World, code},
        },
    };

    fn two(world: &mut World) -> (Person, Browser, Person, Browser, ConversationId) {
        let ((alice, mut here), (bob, mut there)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut here, &mut there);
        (alice, here, bob, there, conversation)
    }

    fn packages(world: &mut World, by: &Browser, of: &Browser, id: ConversationId, epoch: u64) -> shared::Bytes {
        let claim = Claim { conversation_id: id, generation: 0, epoch, device_id: Some(of.id()) };
        world.claim(by, of.session.account(), &claim).unwrap().answer.packages.remove(0).package
    }

    #[test]
    fn of_two_commits_for_one_epoch_the_first_wins() {
        let mut world = World::new();
        let (_, mut alice, _, mut bob, id) = two(&mut world);
        let of_alice = alice.mls.commit(alice.groups.get_mut(&id).unwrap(), MessageId([1; 16]), &[], &[]);
        let of_bob = bob.mls.commit(bob.groups.get_mut(&id).unwrap(), MessageId([2; 16]), &[], &[]);
        let stored = world.commit(&bob, id, &of_bob).unwrap().answer;
        let refused = world.commit(&alice, id, &of_alice).unwrap_err();
        assert_eq!((refused.code, refused.detail), (Code::StaleEpoch, Some(Detail::Number(2))));
        // The loser processes what it missed and commits again.
        let group = alice.groups.get_mut(&id).unwrap();
        alice.mls.clear(group);
        alice.mls.process(group, of_bob.commit.as_slice());
        bob.mls.merge(bob.groups.get_mut(&id).unwrap());
        let again = world.change(&mut alice, id, &[], &[]);
        bob.mls.process(bob.groups.get_mut(&id).unwrap(), again.commit.as_slice());
        // The winner's lost answer is found by id, although the epoch is over.
        assert_eq!(world.commit(&bob, id, &of_bob).unwrap().answer, stored);
        assert_eq!(world.number("SELECT epoch FROM conv"), 3);
    }

    #[test]
    fn a_new_browser_is_added_by_an_own_one_and_can_be_removed() {
        let mut world = World::new();
        let (mut person, mut alice, _, bob, id) = two(&mut world);
        let mut phone = world.second(&mut person);
        let caller = bob.caller();
        let wanted = |world: &mut World| world.read(|sql| conversation::wanted(sql, &caller)).unwrap().answer;
        assert_eq!(wanted(&mut world).len(), 1);
        let package = packages(&mut world, &alice, &phone, id, 1);
        world.change(&mut alice, id, &[package], &[]);
        assert!(wanted(&mut world).is_empty());
        world.join(&mut phone);
        let message = world.message(&mut phone, id, b"here");
        world.append(&phone, &message).unwrap();
        let phone_id = phone.id();
        world.change(&mut alice, id, &[], &[phone_id]);
        let next = world.message(&mut phone, id, b"still here?");
        assert_eq!(code(world.append(&phone, &next)), Code::NotFound, "without a leaf");
        // The account is still in: its stay has not ended, the device is wanted again.
        assert_eq!(world.number("SELECT COUNT(*) FROM conv_member WHERE until_seq IS NULL"), 2);
        assert_eq!(wanted(&mut world).len(), 1);
    }

    #[test]
    fn an_external_commit_brings_an_own_browser_in_when_nobody_is_there() {
        let mut world = World::new();
        let (mut person, alice, _, mut bob, id) = two(&mut world);
        let (_, carol) = world.register("carol");
        let mut phone = world.second(&mut person);
        let caller = phone.caller();
        let info = world.read(|sql| conversation::group_info(sql, &caller, id)).unwrap().answer;
        assert_eq!((info.generation, info.epoch), (0, 1));
        let (group, commit) = phone.mls.join_external(&info, MessageId([5; 16]));
        assert_eq!(code(world.commit(&carol, id, &commit)), Code::NotFound);
        assert_eq!(code(world.commit(&alice, id, &commit)), Code::BadSignature, "not by this device");
        let done = world.commit(&phone, id, &commit).unwrap();
        assert_eq!(done.answer.number, 2);
        bob.mls.process(bob.groups.get_mut(&id).unwrap(), commit.commit.as_slice());
        phone.groups.insert(id, group);
        let message = world.message(&mut phone, id, b"back");
        world.append(&phone, &message).unwrap();
        let text = bob.mls.process(bob.groups.get_mut(&id).unwrap(), message.sealed.as_slice());
        assert_eq!(text.unwrap(), b"back");
        let caller = carol.caller();
        assert_eq!(code(world.read(|sql| conversation::group_info(sql, &caller, id))), Code::NotFound);
    }

    #[test]
    fn a_device_replaces_its_own_leaf_and_nobody_elses() {
        let mut world = World::new();
        let (_, mut alice, _, mut bob, id) = two(&mut world);
        let caller = bob.caller();
        let info = world.read(|sql| conversation::group_info(sql, &caller, id)).unwrap().answer;
        let (_, late) = bob.mls.join_external(&info, MessageId([4; 16]));
        let (group, commit) = bob.mls.join_external(&info, MessageId([5; 16]));
        assert_eq!(code(world.commit(&alice, id, &commit)), Code::BadSignature, "not by this device");
        let mut spoiled = commit.clone();
        *spoiled.group_info.0.last_mut().unwrap() ^= 1;
        assert_eq!(code(world.commit(&bob, id, &spoiled)), Code::BadGroupInfo);
        let mut of_before = commit.clone();
        of_before.group_info = info.group_info.clone();
        assert_eq!(code(world.commit(&bob, id, &of_before)), Code::BadGroupInfo, "of the epoch before");
        for (epoch, expected) in [(0, Code::StaleEpoch), (2, Code::StaleEpoch)] {
            assert_eq!(code(world.commit(&bob, id, &Commit { epoch, ..commit.clone() })), expected);
        }
        assert_eq!(world.number("SELECT head_seq FROM conv"), 1, "nothing was changed by any of these");
        world.commit(&bob, id, &commit).unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM conv_leaf"), 2, "replaced, not added");
        assert_eq!(code(world.commit(&bob, id, &late)), Code::StaleEpoch, "the second from one group info");
        alice.mls.process(alice.groups.get_mut(&id).unwrap(), commit.commit.as_slice());
        bob.groups.insert(id, group);
        let message = world.message(&mut bob, id, b"here again");
        world.append(&bob, &message).unwrap();
        let text = alice.mls.process(alice.groups.get_mut(&id).unwrap(), message.sealed.as_slice());
        assert_eq!(text.unwrap(), b"here again");
    }

    #[test]
    fn a_device_that_is_gone_does_not_come_back_in() {
        let mut world = World::new();
        let (_, _alice, _, bob, id) = two(&mut world);
        let caller = bob.caller();
        let info = world.read(|sql| conversation::group_info(sql, &caller, id)).unwrap().answer;
        let (_, commit) = bob.mls.join_external(&info, MessageId([5; 16]));
        let (now, device) = (world.now, bob.id());
        world.write(|sql, _| Ok(Done::quiet(crate::device::rows::retire(sql, now, caller.account(), device)?))).unwrap();
        assert_eq!(code(world.commit(&bob, id, &commit)), Code::LoginRequired);
    }

    #[test]
    fn every_refusal_changes_nothing() {
        let mut world = World::new();
        let (mut person, mut alice, _, mut bob, id) = two(&mut world);
        let (_, carol) = world.register("carol");
        let phone = world.second(&mut person);
        let message = MessageId([1; 16]);
        let before = world.number("SELECT SUM(length(v)) FROM conv_group");
        let device = alice.id();
        let mut try_commit = |world: &mut World, aad: Vec<u8>, adds: &[shared::Bytes], spoil: &dyn Fn(&mut Commit)| {
            let group = alice.groups.get_mut(&id).unwrap();
            let mut commit = alice.mls.commit_as(group, message, aad, adds, &[]);
            alice.mls.clear(group);
            spoil(&mut commit);
            world.commit(&alice, id, &commit)
        };
        let aad = CommitData { message, device }.encode();
        type Case<'a> = (&'a str, Code, &'a dyn Fn(&mut Commit));
        let cases: [Case<'_>; 6] = [
            ("a later epoch", Code::StaleEpoch, &|c| c.epoch = 2),
            ("another generation", Code::StaleGeneration, &|c| c.generation = 1),
            ("another signature", Code::BadSignature, &|c| c.signature.0[5] ^= 1),
            ("a changed commit", Code::BadSignature, &|c| c.commit.0[200] ^= 1),
            ("another group info", Code::BadGroupInfo, &|c| *c.group_info.0.last_mut().unwrap() ^= 1),
            ("a Welcome for nobody", Code::BadCommit, &|c| c.welcome = Some(vec![1].into())),
        ];
        for (name, expected, spoil) in cases {
            assert_eq!(code(try_commit(&mut world, aad.clone(), &[], spoil)), expected, "{name}");
        }
        let other_message = CommitData { message: MessageId([2; 16]), device }.encode();
        let other_device = CommitData { message, device: phone.id() }.encode();
        for (name, aad) in [("no data", vec![]), ("another id", other_message), ("another device", other_device)] {
            assert_eq!(code(try_commit(&mut world, aad, &[], &|_| {})), Code::BadCommit, "{name}");
        }
        let stranger = carol.mls.package(world.now, false);
        assert_eq!(code(try_commit(&mut world, aad.clone(), &[stranger], &|_| {})), Code::BadCommit, "a third person");
        let nowhere = bob.mls.commit(bob.groups.get_mut(&id).unwrap(), message, &[], &[]);
        assert_eq!(code(world.commit(&carol, id, &nowhere)), Code::NotFound);
        assert_eq!(code(world.commit(&bob, ConversationId([1; 16]), &nowhere)), Code::NotFound);
        assert_eq!(world.number("SELECT SUM(length(v)) FROM conv_group"), before);
        assert_eq!(world.number("SELECT head_seq FROM conv"), 1);
        let burst = std::mem::replace(&mut world.rules.commit.burst, 0);
        assert_eq!(code(world.commit(&bob, id, &nowhere)), Code::RateLimited);
        world.rules.commit.burst = burst;
        world.commit(&bob, id, &nowhere).unwrap();
    }

    #[test]
    fn nobody_else_is_put_out_of_a_conversation_of_two() {
        let mut world = World::new();
        let (_, mut alice, _, bob, id) = two(&mut world);
        let commit = alice.mls.commit(alice.groups.get_mut(&id).unwrap(), MessageId([1; 16]), &[], &[bob.id()]);
        assert_eq!(code(world.commit(&alice, id, &commit)), Code::BadCommit);
    }

    #[test]
    fn an_id_of_a_message_is_no_commit() {
        let mut world = World::new();
        let (_, mut alice, _, _, id) = two(&mut world);
        let message = world.message(&mut alice, id, b"x");
        world.append(&alice, &message).unwrap();
        let commit = alice.mls.commit(alice.groups.get_mut(&id).unwrap(), message.message, &[], &[]);
        assert_eq!(code(world.commit(&alice, id, &commit)), Code::IdTaken);
    }

    #[test]
    fn a_welcome_that_can_not_be_opened_is_told_to_the_inviter() {
        let mut world = World::new();
        let (_, alice, _, bob, id) = two(&mut world);
        let number = world.inbox(&bob).pop().unwrap().number;
        let caller = bob.caller();
        let done = world.write(|sql, context| crate::inbox::refused(sql, context, &caller, number)).unwrap();
        assert_eq!(done.announce, [crate::Announce::Inbox { device: alice.id(), number: 1 }]);
        let InboxBody::WelcomeRefused(told) = world.inbox(&alice).pop().unwrap().body else { panic!("not told") };
        assert_eq!((told.conversation, told.device), (id, bob.id()));
        for (by, number) in [(&bob, 9), (&alice, 1)] {
            let caller = by.caller();
            let outcome = world.write(|sql, context| crate::inbox::refused(sql, context, &caller, number));
            assert_eq!(code(outcome), Code::NotFound, "no such item, or no Welcome");
        }
        let caller = bob.caller();
        world.write(|sql, _| crate::inbox::acknowledge(sql, &caller, number)).unwrap();
        assert!(world.inbox(&bob).is_empty());
    }
}
