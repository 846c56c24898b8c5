//! Two statements of one account under one number: somebody shows different people different devices (attacks.md, rows 2 and 4).
//!
//! Every message names its sender's newest statement by number and hash, and statements are chained by hash, so a second
//! statement is seen by the first message or the first statement behind it. What was seen is kept, a line names it, and nothing
//! more is sealed for the account until the person has looked at it.

use minicbor::{Decode, Encode};
use shared::{AccountId, Bytes, MessageId, Millis, codec, statement::Statement};

use crate::{
    conversation::place,
    output::{Row, Space},
    rows::Claim,
    session::Session,
    view::SystemLine,
};

/// First bytes of the keys of [`Conflict`] in `Space::Meta`.
pub(crate) const CONFLICT: &[u8] = b"conflict ";

/// What was seen of two statements under one number.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Conflict {
    #[n(0)]
    pub(crate) account: AccountId,
    /// The number that two statements have.
    #[n(1)]
    pub(crate) number: u64,
    /// A statement of the chain known here: that of this number, or the one behind it, which names it by hash.
    #[n(2)]
    pub(crate) known: Bytes,
    /// First bytes of the other one's hash.
    #[n(3)]
    pub(crate) hash: Bytes,
    /// A signed statement of the other chain: with `known` it convinces others.
    #[n(4)]
    pub(crate) other: Option<Bytes>,
    /// The message that named the other one; its content and opener are kept with it.
    #[n(5)]
    pub(crate) message: Option<MessageId>,
}

impl Session {
    /// What a message says of its sender's newest statement. One that is not known yet is read with the next connection or
    /// before the next message to that person, and compared then.
    pub(crate) fn note_statement(&mut self, account: AccountId, message: MessageId, at: Millis, claim: Claim) {
        let Some(newest) = self.newest(account) else { return };
        let known = match newest.content().number.checked_sub(claim.number) {
            Some(0) => newest.hash(),
            Some(1) => newest.content().previous,
            // Only the newest is kept here; older ones were compared when they were it.
            Some(_) => return,
            None => {
                self.checked.remove(&account);
                if let Some(contact) = self.contacts.get_mut(&account) {
                    contact.claim = Some(claim);
                    self.dirty_contacts.insert(account);
                }
                return;
            }
        };
        if !known.starts_with(claim.hash.as_slice()) {
            let known = newest.as_bytes().into();
            let Claim { number, hash } = claim;
            self.conflict(at, Conflict { account, number, known, hash, other: None, message: Some(message) });
        }
    }

    /// Compares what a message claimed with the statements that came since.
    pub(crate) fn check_claim(&mut self, at: Millis, account: AccountId, statements: &[Bytes]) {
        let Some(claim) = self.contacts.get(&account).and_then(|contact| contact.claim.clone()) else { return };
        let parsed = statements.iter().filter_map(|bytes| Statement::parse(bytes.as_slice()).ok());
        let Some(stated) = parsed.into_iter().find(|statement| statement.content().number == claim.number) else { return };
        if let Some(contact) = self.contacts.get_mut(&account) {
            contact.claim = None;
            self.dirty_contacts.insert(account);
        }
        if !stated.hash().starts_with(claim.hash.as_slice()) {
            let Claim { number, hash } = claim;
            let known = stated.as_bytes().into();
            self.conflict(at, Conflict { account, number, known, hash, other: None, message: None });
        }
    }

    /// Looks for a second statement under the number of the newest known one, in an answer that does not continue the chain:
    /// that one itself, or the next, which names it by hash.
    pub(crate) fn check_fork(&mut self, at: Millis, account: AccountId, known: Option<&Statement>, statements: &[Bytes]) {
        let Some(known) = known.filter(|known| known.content().account == account) else { return };
        let number = known.content().number;
        let other = statements.iter().filter_map(|bytes| Statement::parse(bytes.as_slice()).ok()).find_map(|statement| {
            let content = statement.content();
            let hash = match content.number.checked_sub(number) {
                Some(0) => statement.hash(),
                Some(1) => content.previous,
                _ => return None,
            };
            (content.account == account && hash != known.hash()).then_some((hash, statement))
        });
        if let Some((hash, statement)) = other {
            let other = Some(statement.as_bytes().into());
            let known = known.as_bytes().into();
            self.conflict(at, Conflict { account, number, known, hash: hash.into(), other, message: None });
        }
    }

    /// The alarm. One for a number: what comes again changes nothing.
    fn conflict(&mut self, at: Millis, conflict: Conflict) {
        let (account, number) = (conflict.account, conflict.number);
        if self.me.conflicts.contains(&(account, number)) {
            return;
        }
        self.me.conflicts.push((account, number));
        self.me_dirty = true;
        let key = [CONFLICT, account.as_bytes(), &number.to_be_bytes()].concat();
        self.batch.rows.push(Row { space: Space::Meta, key, value: Some(codec::encode(&conflict)) });
        if let Some(contact) = self.contacts.get_mut(&account) {
            contact.conflict = true;
            self.dirty_contacts.insert(account);
        }
        let name = self.person(account).name;
        let own = account == self.me.account;
        let ids: Vec<_> =
            self.convs.values().filter(|conv| own || conv.with == account).map(|conv| (conv.id, conv.cursor)).collect();
        for (id, cursor) in ids {
            self.system_line(id, cursor, place::STATEMENTS, at, SystemLine::StatementsDiffer { name: name.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        handle::Handle,
        statement::{Content, StatedDevice},
    };
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        Snapshot,
        account::{birth, ksf::Argon2id},
        conversation::start::new_conv,
        entropy::Entropy,
        rows::Contact,
        view::Trust,
    };

    const BOB: AccountId = AccountId([2; 16]);
    const AT: Millis = Millis(1);
    const MESSAGE: MessageId = MessageId([5; 16]);

    fn session() -> Session {
        let (mut entropy, handle) = (Entropy::new([1; 32]), Handle::parse("alice").unwrap());
        let (record, now) = ((vec![1], Zeroizing::new(vec![2; 64])), Millis(1_800_000_000_000));
        let born = birth::account::<Argon2id>(AccountId([1; 16]), &handle, record, true, now, &mut entropy).unwrap().1;
        let rows = born.batch().rows;
        Session::load(Snapshot { rows }, &mut entropy).unwrap()
    }

    /// Bob's statements 1 and 2, and the session of somebody who knows the second.
    fn knows() -> (Session, Statement, Statement) {
        let key = shared::signature::signing_key(&[7; 32]);
        let identity = key.verifying_key().to_bytes();
        let devices = vec![StatedDevice { id: shared::DeviceId([3; 16]), key: identity, suites: vec![1] }];
        let handle = Handle::parse("bob").unwrap();
        let (previous, secrets) = ([0; 32], [0; 32]);
        let first =
            Content { account: BOB, handle, identity, number: 1, previous, generation: 1, vault_number: 1, secrets, devices };
        let first = first.sign(&key, None).unwrap();
        let second = Content { number: 2, previous: first.hash(), ..first.content().clone() }.sign(&key, None).unwrap();
        let mut session = session();
        let contact = Contact {
            account: BOB,
            handle: "bob".to_owned(),
            statement: second.as_bytes().into(),
            number: 2,
            pinned: identity.into(),
            identity: identity.into(),
            verified: false,
            version: 0,
            dirty: false,
            conflict: false,
            claim: None,
            doubted: false,
        };
        session.contacts.insert(BOB, contact);
        (session, first, second)
    }

    fn claim(number: u64, hash: [u8; 32]) -> Claim {
        Claim { number, hash: Bytes(hash[..8].to_vec()) }
    }

    fn alarms(session: &Session) -> (usize, Trust) {
        let kept = session.batch.rows.iter().filter(|row| row.key.starts_with(CONFLICT)).count();
        (kept, session.contacts[&BOB].trust())
    }

    #[test]
    fn what_fits_is_no_alarm() {
        let (mut session, first, second) = knows();
        for (number, hash) in [(1, first.hash()), (2, second.hash())] {
            session.note_statement(BOB, MESSAGE, AT, claim(number, hash));
        }
        session.check_fork(AT, BOB, Some(&second), &[first.as_bytes().into(), second.as_bytes().into()]);
        assert_eq!(alarms(&session), (0, Trust::FirstUse));
    }

    #[test]
    fn a_message_that_names_another_statement_is_an_alarm_once() {
        for number in [1, 2] {
            let (mut session, ..) = knows();
            session.note_statement(BOB, MESSAGE, AT, claim(number, [9; 32]));
            session.note_statement(BOB, MESSAGE, AT, claim(number, [9; 32]));
            assert_eq!(alarms(&session), (1, Trust::Changed), "number {number}");
            let row = session.batch.rows.iter().find(|row| row.key.starts_with(CONFLICT)).unwrap();
            let kept: Conflict = codec::decode(row.value.as_ref().unwrap()).unwrap();
            assert_eq!((kept.number, kept.message, kept.hash.0), (number, Some(MESSAGE), vec![9; 8]));
        }
    }

    #[test]
    fn a_claim_of_a_newer_statement_is_compared_when_that_comes() {
        for (claimed, expected) in [([9; 32], (1, Trust::Changed)), ([0; 32], (0, Trust::FirstUse))] {
            let (mut session, _, second) = knows();
            let key = shared::signature::signing_key(&[7; 32]);
            let third = Content { number: 3, previous: second.hash(), ..second.content().clone() }.sign(&key, None).unwrap();
            let hash = if claimed == [0; 32] { third.hash() } else { claimed };
            session.note_statement(BOB, MESSAGE, AT, claim(3, hash));
            assert_eq!(alarms(&session), (0, Trust::FirstUse), "nothing to compare with yet");
            session.check_claim(AT, BOB, &[third.as_bytes().into()]);
            assert_eq!(alarms(&session), expected);
        }
    }

    #[test]
    fn a_signed_second_chain_is_kept_whole() {
        let (mut session, _, second) = knows();
        let key = shared::signature::signing_key(&[7; 32]);
        let other = Content { vault_number: 9, ..second.content().clone() }.sign(&key, None).unwrap();
        session.check_fork(AT, BOB, Some(&second), &[other.as_bytes().into()]);
        assert_eq!(alarms(&session), (1, Trust::Changed));
        let row = session.batch.rows.iter().find(|row| row.key.starts_with(CONFLICT)).unwrap();
        let kept: Conflict = codec::decode(row.value.as_ref().unwrap()).unwrap();
        assert_eq!((kept.known.as_slice(), kept.other.unwrap().0), (second.as_bytes(), other.as_bytes().to_vec()));
    }

    #[test]
    fn a_statement_behind_another_one_than_the_known_is_an_alarm() {
        let (mut session, _, second) = knows();
        let key = shared::signature::signing_key(&[7; 32]);
        let next = |previous| Content { number: 3, previous, ..second.content().clone() }.sign(&key, None).unwrap();
        session.check_fork(AT, BOB, Some(&second), &[next(second.hash()).as_bytes().into()]);
        assert_eq!(alarms(&session), (0, Trust::FirstUse));
        let other = next([9; 32]);
        session.check_fork(AT, BOB, Some(&second), &[other.as_bytes().into()]);
        assert_eq!(alarms(&session), (1, Trust::Changed));
        let row = session.batch.rows.iter().find(|row| row.key.starts_with(CONFLICT)).unwrap();
        let kept: Conflict = codec::decode(row.value.as_ref().unwrap()).unwrap();
        assert_eq!((kept.hash.0, kept.other.unwrap().0), (vec![9; 32], other.as_bytes().to_vec()));
    }

    #[test]
    fn the_line_stands_in_the_conversations_it_concerns() {
        const CAROL: AccountId = AccountId([4; 16]);
        let lines = |other: Option<AccountId>| {
            let (mut session, _, second) = knows();
            for (n, with) in [(1, BOB), (2, CAROL), (3, session.me.account)] {
                let id = shared::ConversationId([n; 16]);
                let conv = new_conv(id, shared::policy::Kind::Direct, with, crate::rows::Standing::Joined, AT);
                session.convs.insert(id, conv);
            }
            let account = other.unwrap_or(session.me.account);
            let known = second.as_bytes().into();
            session.conflict(AT, Conflict { account, number: 2, known, hash: Bytes(vec![9; 8]), other: None, message: None });
            let named: Vec<u8> = session.batch.messages.iter().map(|row| row.message.conversation.0[0]).collect();
            named
        };
        assert_eq!(lines(Some(BOB)), [1], "of somebody else: where he is");
        assert_eq!(lines(None), [1, 2, 3], "of the own account: everywhere");
    }
}
