//! A device's cursor.

use shared::frame::{Cursor, Delivered};

use super::rows;
use crate::{
    announce::Announce,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a cursor is not taken.
    AcknowledgeError {
        /// No such conversation, or this device has no leaf in it.
        NotMember = NotFound;
    }
}

/// Rows up to here are stored on this device. Cursors never fall; the others are told when the account's highest rises.
///
/// # Errors
/// [`AcknowledgeError`]
pub fn acknowledge(sql: &mut dyn Sql, caller: &Caller, cursor: &Cursor) -> Outcome<()> {
    let (conversation, account) = (cursor.conversation, caller.account());
    let place = rows::place(sql, conversation, caller.device())?.ok_or(AcknowledgeError::NotMember)?;
    let number = cursor.number.min(place.head);
    if number <= place.cursor {
        return Ok(Done::quiet(()));
    }
    let before = rows::delivered_to(sql, conversation, account)?;
    rows::raise(sql, conversation, caller.device(), account, number)?;
    if number <= before {
        return Ok(Done::quiet(()));
    }
    let delivered = Delivered { conversation, account, number };
    let devices = place.leaves.iter().filter(|(_, whose)| *whose != account).map(|(device, _)| *device).collect();
    Ok(Done::telling((), vec![Announce::Delivered { delivered, devices }]))
}

#[cfg(test)]
mod tests {
    use shared::{Code, ConversationId};

    use super::*;
    use crate::tests::{
        people::Browser,
        world::{World, code},
    };

    fn store(world: &mut World, by: &Browser, conversation: ConversationId, number: u64) -> Outcome<()> {
        let caller = by.caller();
        world.write(|sql, _| acknowledge(sql, &caller, &Cursor { conversation, number }))
    }

    #[test]
    fn cursors_never_fall_and_the_others_hear_of_each_rise_once() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let (_, carol) = world.register("carol");
        let id = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, id, b"hello");
        world.append(&alice, &message).unwrap();
        let told = |done: Done<()>| match done.announce.as_slice() {
            [] => None,
            [Announce::Delivered { delivered, devices }] => Some((delivered.number, devices.clone())),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(store(&mut world, &bob, id, 2).unwrap()), Some((2, vec![alice.id()])));
        assert_eq!(told(store(&mut world, &bob, id, 2).unwrap()), None);
        assert_eq!(told(store(&mut world, &bob, id, 1).unwrap()), None);
        assert_eq!(told(store(&mut world, &bob, id, 1_000).unwrap()), None, "nothing is delivered that is not there");
        assert_eq!(world.number("SELECT MAX(acked_seq) FROM device_cursor"), 2);
        assert_eq!(code(store(&mut world, &carol, id, 1)), Code::NotFound);
        assert_eq!(code(store(&mut world, &bob, ConversationId([1; 16]), 1)), Code::NotFound);
    }
}
