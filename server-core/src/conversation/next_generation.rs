//! POST /api/conversations for a conversation that exists: its next generation.

use mls::rules::Leaf;
use shared::{
    http::{Committed, CreateConversation},
    policy::{Kind, Policy, Predecessor, Role},
};

use super::{
    change,
    founder::founder,
    rows::{self, Conversation},
};
use crate::{
    context::Context,
    mls_group::Group,
    rate::{self, Bucket},
    refusal::{Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why the next generation is not opened; what is wrong with its first commit is [`super::ChangeError`], `bad_commit` or
    /// `bad_group_info`.
    NextGenerationError {
        /// No such conversation, or the account is not in it.
        NotMember = NotFound;
        /// Not the number after the current one; detail: the current one.
        Generation(current: u64) = StaleGeneration;
        /// It continues another epoch than the current one; detail: the current one.
        Epoch(current: u64) = StaleEpoch;
        /// Its context does not name the end of the current one, or its policy is not the same.
        Policy = BadCommit;
        /// The old policy does not allow this account to open it.
        Actor = Forbidden;
        /// The group does not begin with exactly the calling device's leaf, under the account's identity key in the old one.
        Founder = BadCommit;
    }
}

/// The last reason there is (docs/PROTOCOL.md §3).
const REASONS: u8 = 4;

/// Opens it: compare-and-set on generation and epoch, so it continues exactly what everybody has. The old public group goes,
/// numbers and cursors run on.
///
/// # Errors
/// [`NextGenerationError`], [`super::ChangeError`], `bad_commit`, `bad_package`, `bad_group_info`, `rate_limited`.
pub(super) fn next_generation(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    request: &CreateConversation,
) -> Outcome<Committed> {
    let id = request.conversation;
    rate::count(sql, context, Bucket::Commit, &[caller.device().as_bytes()], context.rules.commit)?;
    let here = rows::for_member(sql, id, caller.account())?.ok_or(NextGenerationError::NotMember)?;
    if here.generation.checked_add(1) != Some(request.commit.generation) {
        return Err(NextGenerationError::Generation(here.generation.into()).into());
    }
    let old = Group::load(rows::group(sql, id)?, id, here.generation)?;
    let new = Group::create(id, request.commit.generation, request.group_info.as_slice())?;
    let (before, after) = (old.policy()?, new.policy()?);
    let allowed = match before.kind {
        Kind::Direct | Kind::Note => before.names(caller.account()),
        Kind::Group => before.role(caller.account()) >= Role::Admin,
    };
    if !allowed {
        return Err(NextGenerationError::Actor.into());
    }
    let named = after.predecessor.clone().ok_or(NextGenerationError::Policy)?;
    if named.epoch != here.epoch {
        return Err(NextGenerationError::Epoch(here.epoch).into());
    }
    let end = Predecessor { generation: here.generation, epoch: here.epoch, transcript: old.transcript()?, ..named };
    if named != end || named.reason > REASONS || !continues(&before, &after) {
        return Err(NextGenerationError::Policy.into());
    }
    let own = old.leaves()?.into_iter().find(|leaf| leaf.account() == caller.account());
    let same = |founder: &Leaf| own.is_some_and(|leaf| leaf.who.identity() == founder.who.identity());
    founder(&new, caller)?.filter(same).ok_or(NextGenerationError::Founder)?;
    rows::begin_generation(sql, id, request.commit.generation)?;
    let here = Conversation { generation: request.commit.generation, epoch: 0, ..here };
    let mut done = change::apply(sql, context, caller, id, &here, new, &request.commit)?;
    // Who was left out, and who had no package, waits to be added.
    done.announce.extend(super::wanted::missing(sql, caller.device(), id)?);
    Ok(done)
}

/// The same policy but for the predecessor; in a group somebody with a role may be left out, an owner never, and nobody gets one.
fn continues(before: &Policy, after: &Policy) -> bool {
    let kept = after.roles.iter().all(|role| before.roles.contains(role));
    let lost = before.roles.iter().filter(|role| !after.roles.contains(role)).collect::<Vec<_>>();
    let roles = if before.kind == Kind::Group { lost.iter().all(|(_, role)| *role < Role::Owner) } else { lost.is_empty() };
    let same = (before.kind, before.archive) == (after.kind, after.archive);
    same && kept && roles && after.suite_floor >= before.suite_floor
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, ConversationId, MessageId, frame::InboxBody, http::Claim, policy::Policy};

    use super::*;
    use crate::{
        Detail, conversation,
        tests::{
            people::{Browser, Person},
            world::{World, code},
        },
    };

    struct Pair {
        world: World,
        person: Person,
        alice: Browser,
        bob: Browser,
        id: ConversationId,
    }

    fn two() -> Pair {
        let mut world = World::new();
        let ((person, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, id, b"before");
        world.append(&alice, &message).unwrap();
        Pair { world, person, alice, bob, id }
    }

    fn packages(world: &mut World, by: &Browser, of: &Browser, id: ConversationId) -> Vec<Bytes> {
        let claim = Claim { conversation_id: id, generation: 1, epoch: 0, device_id: Some(of.id()) };
        let claimed = world.claim(by, of.session.account(), &claim).unwrap().answer;
        claimed.packages.into_iter().map(|claimed| claimed.package).collect()
    }

    fn ending(by: &Browser, id: ConversationId) -> Predecessor {
        let (epoch, transcript) = by.groups[&id].end();
        Predecessor { generation: 0, epoch, transcript, reason: 0 }
    }

    /// The next generation as the closure has its policy and number, with these packages.
    fn next(
        world: &mut World,
        by: &mut Browser,
        id: ConversationId,
        policy: &Policy,
        generation: u32,
        adds: &[Bytes],
    ) -> CreateConversation {
        let mut group = by.mls.create_as(id, generation, policy, world.now);
        let group_info = by.mls.info(&group, true);
        let message = MessageId(world.random());
        let commit = by.mls.commit(&mut group, message, adds, &[]);
        by.mls.merge(&mut group);
        by.groups.insert(id, group);
        let kind = policy.kind.byte();
        CreateConversation { conversation: id, kind, with: None, group_info, commit }
    }

    #[test]
    fn numbers_run_on_and_who_was_left_out_is_wanted() {
        let Pair { mut world, mut alice, mut bob, id, .. } = two();
        let direct = Policy::direct(alice.session.account(), bob.session.account(), mls::leaf::SUITE_ID);
        let policy = Policy { predecessor: Some(ending(&alice, id)), ..direct };
        let request = next(&mut world, &mut alice, id, &policy, 1, &[]);
        let done = world.create(&alice, &request).unwrap();
        assert_eq!(done.answer.number, 3);
        assert_eq!(world.create(&alice, &request).unwrap().answer, done.answer, "a lost answer is given again");
        // Bob has no leaf, and is still in the conversation: he reads, and is wanted.
        let caller = bob.caller();
        let list = world.read(|sql| conversation::list(sql, &caller)).unwrap().answer.conversations;
        assert_eq!((list[0].generation, list[0].epoch, list[0].head, list[0].member), (1, 1, 3, false));
        let caller = alice.caller();
        let wanted = world.read(|sql| conversation::wanted(sql, &caller)).unwrap().answer;
        assert_eq!(wanted.iter().map(|wanted| wanted.device).collect::<Vec<_>>(), [bob.id()]);
        let late = world.message(&mut bob, id, b"too late");
        assert_eq!(code(world.append(&bob, &late)), Code::NotFound, "without a leaf");
        // Added, he writes on, and his counter with him.
        let claim = Claim { conversation_id: id, generation: 1, epoch: 1, device_id: Some(bob.id()) };
        let added = world.claim(&alice, bob.session.account(), &claim).unwrap().answer.packages.remove(0).package;
        world.change(&mut alice, id, &[added], &[]);
        world.join(&mut bob);
        let message = shared::frame::Append { generation: 1, ..world.message_as(&mut bob, id, 1, MessageId([8; 16]), b"back") };
        assert_eq!(world.append(&bob, &message).unwrap().answer.number, 5);
    }

    #[test]
    fn of_two_who_open_it_the_second_takes_the_first_ones() {
        let Pair { mut world, mut alice, mut bob, id, .. } = two();
        let direct = Policy::direct(alice.session.account(), bob.session.account(), mls::leaf::SUITE_ID);
        let policy = Policy { predecessor: Some(ending(&alice, id)), ..direct };
        let of_alice = packages(&mut world, &alice, &bob, id);
        let of_bob = packages(&mut world, &bob, &alice, id);
        let first = next(&mut world, &mut alice, id, &policy, 1, &of_alice);
        let second = next(&mut world, &mut bob, id, &policy, 1, &of_bob);
        world.create(&alice, &first).unwrap();
        let refused = world.create(&bob, &second).unwrap_err();
        assert_eq!((refused.code, refused.detail), (Code::StaleGeneration, Some(Detail::Number(1))));
        let InboxBody::Welcome(welcome) = world.inbox(&bob).pop().unwrap().body else { panic!("no Welcome") };
        assert_eq!((welcome.generation, welcome.epoch, welcome.number), (1, 1, 3));
        let old = world.message(&mut alice, id, b"x");
        assert_eq!(code(world.append(&alice, &old)), Code::StaleGeneration, "the old one is over");
    }

    #[test]
    fn every_refusal_changes_nothing() {
        let Pair { mut world, person, mut alice, bob, id } = two();
        let (_, mut carol) = world.register("carol");
        let direct = Policy::direct(alice.session.account(), bob.session.account(), mls::leaf::SUITE_ID);
        let end = ending(&alice, id);
        let good = Policy { predecessor: Some(end.clone()), ..direct.clone() };
        let named = |change: &dyn Fn(&mut Predecessor)| {
            let mut end = end.clone();
            change(&mut end);
            Policy { predecessor: Some(end), ..direct.clone() }
        };
        let of_carol = Policy::direct(alice.session.account(), carol.session.account(), mls::leaf::SUITE_ID);
        let cases = [
            ("two further", 2, good.clone(), Code::StaleGeneration),
            ("no predecessor", 1, direct.clone(), Code::BadCommit),
            ("another epoch", 1, named(&|end| end.epoch = 0), Code::StaleEpoch),
            ("another transcript", 1, named(&|end| end.transcript[0] ^= 1), Code::BadCommit),
            ("another generation before it", 1, named(&|end| end.generation = 7), Code::BadCommit),
            ("a reason nobody knows", 1, named(&|end| end.reason = 5), Code::BadCommit),
            ("a weaker suite", 1, Policy { suite_floor: 3, ..good.clone() }, Code::BadCommit),
            ("another archive rule", 1, Policy { archive: 1, ..good.clone() }, Code::BadCommit),
            ("another person", 1, Policy { predecessor: Some(end.clone()), ..of_carol }, Code::BadCommit),
        ];
        for (name, generation, policy, expected) in cases {
            let request = next(&mut world, &mut alice, id, &policy, generation, &[]);
            assert_eq!(code(world.create(&alice, &request)), expected, "{name}");
        }
        let request = next(&mut world, &mut carol, id, &good, 1, &[]);
        assert_eq!(code(world.create(&carol, &request)), Code::NotFound, "not a member");
        let mut person = person;
        let phone = world.second(&mut person);
        let request = next(&mut world, &mut alice, id, &good, 1, &[]);
        assert_eq!(code(world.create(&phone, &request)), Code::BadCommit, "another device's");
        assert_eq!(world.number("SELECT generation FROM conv"), 0);
        assert_eq!(world.number("SELECT head_seq FROM conv"), 2);
        assert_eq!(world.number("SELECT COUNT(*) FROM conv_leaf"), 2);
        // A commit for the old one that comes first makes it a loser.
        let mut bob = bob;
        world.change(&mut bob, id, &[], &[]);
        assert_eq!(code(world.create(&alice, &request)), Code::StaleEpoch);
    }
}
