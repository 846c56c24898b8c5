//! POST /api/conversations.

use mls::leaf::SUITE_ID;
use shared::{
    AccountId, ConversationId,
    http::{Committed, CreateConversation},
    policy::{Kind, Policy, Role},
};

use super::{
    change,
    founder::founder,
    next_generation::next_generation,
    rows::{self, Conversation},
};
use crate::{
    account,
    context::Context,
    mls_group::Group,
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a conversation is not made; what is wrong with its first commit is [`super::ChangeError`], `bad_commit` or
    /// `bad_group_info`.
    CreateError {
        /// An unknown kind, or `with` does not fit it.
        Kind = Malformed;
        /// The other account does not exist.
        With = NotFound;
        /// The pair has one already; detail: its id.
        Exists(id: ConversationId) = ConversationExists;
        /// The id is in use.
        IdTaken = IdTaken;
        /// The group's policy is not the one of this kind and these accounts.
        Policy = BadCommit;
        /// The group does not begin with exactly the calling device's leaf.
        Founder = BadCommit;
    }
}

/// Makes a conversation: group info of epoch 0, then its first commit, in one transaction. Of two who make the
/// conversation of one pair the later gets `conversation_exists` with the id of the first. Asked again, the same answer.
/// With a commit of a later generation it is the next generation of a conversation that exists.
///
/// # Errors
/// [`CreateError`], [`super::NextGenerationError`], [`super::ChangeError`], `bad_commit`, `bad_package`, `bad_group_info`.
pub fn create(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    request: &CreateConversation,
) -> Outcome<Committed> {
    let id = request.conversation;
    if let Some(same) = change::repeated(sql, id, caller, &request.commit)? {
        return Ok(Done::quiet(same));
    }
    if request.commit.generation > 0 && rows::conversation(sql, id)?.is_some() {
        return next_generation(sql, context, caller, request);
    }
    let kind = Kind::from_byte(request.kind).ok_or(CreateError::Kind)?;
    let pair = pair(sql, caller.account(), kind, request.with)?;
    if let Some((a, b)) = pair
        && let Some(existing) = rows::of_pair(sql, a, b)?
    {
        return Err(CreateError::Exists(existing).into());
    }
    if rows::conversation(sql, id)?.is_some() {
        return Err(CreateError::IdTaken.into());
    }
    let group = Group::create(id, 0, request.group_info.as_slice())?;
    if !policy_fits(&group.policy()?, caller.account(), kind, pair) {
        return Err(CreateError::Policy.into());
    }
    founder(&group, caller)?.ok_or(CreateError::Founder)?;
    rows::create(sql, id, kind.byte())?;
    if let Some((a, b)) = pair {
        rows::put_pair(sql, a, b, id)?;
    }
    let here = Conversation { generation: 0, epoch: 0, head: 0, floor: 0 };
    let mut done = change::apply(sql, context, caller, id, &here, group, &request.commit)?;
    // A device that enrolled between the claim of the packages and now is in nobody's Welcome.
    done.announce.extend(super::wanted::missing(sql, caller.device(), id)?);
    Ok(done)
}

/// The accounts whose only conversation it is going to be.
fn pair(
    sql: &mut dyn Sql,
    own: AccountId,
    kind: Kind,
    with: Option<AccountId>,
) -> Result<Option<(AccountId, AccountId)>, Refusal> {
    match (kind, with) {
        (Kind::Direct, Some(other)) if other != own => {
            account::rows::by_id(sql, other)?.ok_or(CreateError::With)?;
            Ok(Some((own, other)))
        }
        (Kind::Note, Some(other)) if other == own => Ok(Some((own, own))),
        (Kind::Group, None) => Ok(None),
        _ => Err(CreateError::Kind.into()),
    }
}

fn policy_fits(policy: &Policy, own: AccountId, kind: Kind, pair: Option<(AccountId, AccountId)>) -> bool {
    match pair {
        Some((a, b)) if kind == Kind::Direct => *policy == Policy { archive: policy.archive, ..Policy::direct(a, b, SUITE_ID) },
        Some((a, _)) => *policy == Policy { archive: policy.archive, ..Policy::note(a, SUITE_ID) },
        None => {
            let fresh = policy.kind == Kind::Group && policy.predecessor.is_none() && policy.suite_floor == SUITE_ID;
            fresh && policy.role(own) == Role::Owner
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, ConversationId, MessageId, frame::InboxBody, http::Claim, policy::Policy};

    use super::*;
    use crate::{
        Announce, Detail,
        tests::{
            people::Browser,
            world::{World, code},
        },
    };

    #[test]
    fn all_devices_of_both_are_in_and_invited() {
        let mut world = World::new();
        let ((mut alice, mut here), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let mut phone = world.second(&mut alice);
        let request = world.creation(&mut here, bob.session.account());
        let done = world.create(&here, &request).unwrap();
        assert_eq!(done.answer, Committed { number: 1, at: world.now });
        let invited: Vec<_> = done.announce.iter().filter(|a| matches!(a, Announce::Inbox { .. })).collect();
        assert_eq!(invited.len(), 2);
        here.mls.merge(here.groups.get_mut(&request.conversation).unwrap());
        for browser in [&mut phone, &mut bob] {
            let InboxBody::Welcome(welcome) = world.inbox(browser).pop().unwrap().body else { panic!("no Welcome") };
            assert_eq!((welcome.number, welcome.epoch, welcome.generation), (1, 1, 0));
            assert_eq!((welcome.device, welcome.account), (here.id(), alice.account));
            world.join(browser);
        }
        let message = world.message(&mut phone, request.conversation, b"from the phone");
        world.append(&phone, &message).unwrap();
        let group = bob.groups.get_mut(&request.conversation).unwrap();
        assert_eq!(bob.mls.process(group, message.sealed.as_slice()).unwrap(), b"from the phone");
        let caller = bob.caller();
        let list = world.read(|sql| crate::conversation::list(sql, &caller)).unwrap().answer.conversations;
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].id, list[0].kind, list[0].epoch, list[0].head), (request.conversation, 0, 1, 2));
        assert_eq!((list[0].with, list[0].member), (Some(alice.account), true));
    }

    #[test]
    fn of_two_who_begin_the_second_takes_the_first_ones() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let of_alice = world.creation(&mut alice, bob.session.account());
        let of_bob = world.creation(&mut bob, alice.session.account());
        let first = world.create(&alice, &of_alice).unwrap().answer;
        let refused = world.create(&bob, &of_bob).unwrap_err();
        assert_eq!(refused.code, Code::ConversationExists);
        assert_eq!(refused.detail, Some(Detail::Conversation(of_alice.conversation)));
        assert_eq!(world.join(&mut bob), of_alice.conversation);
        // A lost answer is given again, to who made it.
        assert_eq!(world.create(&alice, &of_alice).unwrap().answer, first);
        assert_eq!(world.number("SELECT COUNT(*) FROM conv"), 1);
        assert_eq!(world.number("SELECT COUNT(*) FROM conv_pair"), 1);
    }

    #[test]
    fn a_note_is_alone_and_unique() {
        let mut world = World::new();
        let (mut person, mut here) = world.register("alice");
        let request = world.creation(&mut here, person.account);
        world.create(&here, &request).unwrap();
        let again = world.creation(&mut here, person.account);
        assert_eq!(code(world.create(&here, &again)), Code::ConversationExists);
        let phone = world.second(&mut person);
        let caller = here.caller();
        let wanted = world.read(|sql| crate::conversation::wanted(sql, &caller)).unwrap().answer;
        assert_eq!(wanted.len(), 1);
        assert_eq!((wanted[0].conversation, wanted[0].device), (request.conversation, phone.id()));
        let list = world.read(|sql| crate::conversation::list(sql, &phone.caller())).unwrap().answer.conversations;
        assert_eq!((list[0].with, list[0].member), (Some(person.account), false));
    }

    /// A conversation whose group is built as the closure says.
    fn founded(world: &mut World, by: &mut Browser, policy: &Policy, packages: &[Bytes]) -> CreateConversation {
        let conversation = ConversationId(world.random());
        let mut group = by.mls.create(conversation, policy, world.now);
        let group_info = by.mls.info(&group, true);
        let message = MessageId(world.random());
        let commit = by.mls.commit(&mut group, message, packages, &[]);
        CreateConversation { conversation, kind: 0, with: None, group_info, commit }
    }

    fn package(world: &mut World, by: &Browser, of: &Browser) -> Bytes {
        let conversation_id = ConversationId(world.random());
        let claim = Claim { conversation_id, generation: 0, epoch: 0, device_id: Some(of.id()) };
        world.claim(by, of.session.account(), &claim).unwrap().answer.packages.remove(0).package
    }

    #[test]
    fn every_refusal_leaves_nothing_behind() {
        let mut world = World::new();
        let ((_, mut alice), (_, bob), (_, carol)) = (world.register("alice"), world.register("bob"), world.register("carol"));
        let (a, b, c) = (alice.session.account(), bob.session.account(), carol.session.account());
        let good = world.creation(&mut alice, b);
        let other = world.creation(&mut alice, b);
        type Bad = (&'static str, Code, Box<dyn FnOnce(&mut CreateConversation)>);
        let (other_commit, other_info) = (other.commit.clone(), other.group_info.clone());
        let bad: Vec<Bad> = vec![
            ("an unknown kind", Code::Malformed, Box::new(|r| r.kind = 3)),
            ("nobody to talk to", Code::Malformed, Box::new(|r| r.with = None)),
            ("oneself", Code::Malformed, Box::new(move |r| r.with = Some(a))),
            ("a note with another", Code::Malformed, Box::new(|r| r.kind = 2)),
            ("a group with one other", Code::Malformed, Box::new(|r| r.kind = 1)),
            ("an account that is not there", Code::NotFound, Box::new(|r| r.with = Some(AccountId([1; 16])))),
            ("another pair than the policy's", Code::BadCommit, Box::new(move |r| r.with = Some(c))),
            ("another conversation id", Code::BadCommit, Box::new(|r| r.conversation = ConversationId([1; 16]))),
            ("no group info", Code::BadGroupInfo, Box::new(|r| r.group_info = Bytes::default())),
            ("a group info without a tree", Code::BadGroupInfo, Box::new(|r| r.group_info = r.commit.group_info.clone())),
            ("another group's info", Code::BadCommit, Box::new(move |r| r.group_info = other_info)),
            ("another group's commit", Code::BadCommit, Box::new(move |r| r.commit = other_commit)),
            ("a flipped signature", Code::BadSignature, Box::new(|r| r.commit.signature.0[0] ^= 1)),
            ("a short signature", Code::BadSignature, Box::new(|r| r.commit.signature.0.truncate(63))),
            ("another generation", Code::StaleGeneration, Box::new(|r| r.commit.generation = 1)),
            ("another epoch", Code::StaleEpoch, Box::new(|r| r.commit.epoch = 1)),
            ("another message id", Code::BadCommit, Box::new(|r| r.commit.message = MessageId([1; 16]))),
            ("no Welcome", Code::BadCommit, Box::new(|r| r.commit.welcome = None)),
            ("a flipped Welcome", Code::BadCommit, Box::new(|r| r.commit.welcome.as_mut().unwrap().0[12] ^= 1)),
            ("no group info after", Code::BadGroupInfo, Box::new(|r| r.commit.group_info = Bytes::default())),
            ("a flipped group info", Code::BadGroupInfo, Box::new(|r| *r.commit.group_info.0.last_mut().unwrap() ^= 1)),
            ("the group info of before", Code::BadGroupInfo, Box::new(|r| r.commit.group_info = r.group_info.clone())),
        ];
        for (name, expected, spoil) in bad {
            let mut request = good.clone();
            spoil(&mut request);
            assert_eq!(code(world.create(&alice, &request)), expected, "{name}");
        }
        let policy = Policy::direct(a, b, SUITE_ID);
        let stranger = package(&mut world, &alice, &carol);
        let with_carol = CreateConversation { with: Some(b), ..founded(&mut world, &mut alice, &policy, &[stranger]) };
        assert_eq!(code(world.create(&alice, &with_carol)), Code::BadCommit, "a third in a conversation of two");
        let group = Policy { kind: Kind::Group, roles: vec![(a, Role::Owner)], ..policy.clone() };
        let as_direct = CreateConversation { with: Some(b), ..founded(&mut world, &mut alice, &group, &[]) };
        assert_eq!(code(world.create(&alice, &as_direct)), Code::BadCommit, "a group as a direct conversation");
        let narrow = bob.mls.narrow_package(world.now);
        let narrow = CreateConversation { with: Some(b), ..founded(&mut world, &mut alice, &policy, &[narrow]) };
        assert_eq!(code(world.create(&alice, &narrow)), Code::BadCommit, "a narrow package");
        let old = bob.mls.old_package(world.now, 91, true);
        let old = CreateConversation { with: Some(b), ..founded(&mut world, &mut alice, &policy, &[old]) };
        assert_eq!(code(world.create(&alice, &old)), Code::BadPackage, "an old package");
        assert_eq!(
            code(world.create(&bob, &CreateConversation { with: Some(a), ..good.clone() })),
            Code::BadCommit,
            "not the founder"
        );
        for table in ["SELECT COUNT(*) FROM conv", "SELECT COUNT(*) FROM conv_pair", "SELECT COUNT(*) FROM conv_group"] {
            assert_eq!(world.number(table), 0, "{table}");
        }
        world.create(&alice, &good).unwrap();
        let mut taken = world.creation(&mut alice, c);
        taken.conversation = good.conversation;
        assert_eq!(code(world.create(&alice, &taken)), Code::IdTaken);
        let group = CreateConversation { kind: 1, ..founded(&mut world, &mut alice, &group, &[]) };
        world.create(&alice, &group).unwrap();
    }

    #[test]
    fn a_device_that_is_gone_is_not_added() {
        let mut world = World::new();
        let ((_, mut alice), (_, bob)) = (world.register("alice"), world.register("bob"));
        let request = world.creation(&mut alice, bob.session.account());
        let (account, device) = (bob.session.account(), bob.id());
        world.write(|sql, context| Ok(Done::quiet(crate::device::rows::retire(sql, context.now, account, device)?))).unwrap();
        assert_eq!(code(world.create(&alice, &request)), Code::DeviceNotStated);
    }
}
