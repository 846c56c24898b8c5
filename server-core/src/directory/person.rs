//! GET /api/people/{handle}.

use shared::{Code, http::Person};

use crate::{
    account::{keys, rows},
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// Account id and statements of a handle, to whoever is logged in.
///
/// # Errors
/// `not_found`.
pub fn person(sql: &mut dyn Sql, _: &Caller, handle: &str) -> Outcome<Person> {
    let account = rows::by_handle(sql, &keys::canonical(handle))?.ok_or(Code::NotFound)?;
    let statements = rows::statements(sql, account.id, 0)?;
    Ok(Done::quiet(Person { account_id: account.id, username: account.handle, statements, proof: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::{World, code};

    #[test]
    fn a_handle_without_case_names_an_account_and_its_chain() {
        let mut world = World::new();
        let ((mut alice, _), (_, bob)) = (world.register("Alice"), world.register("bob"));
        world.second(&mut alice);
        let caller = bob.caller();
        let found = world.read(|sql| person(sql, &caller, "aLICE")).unwrap().answer;
        assert_eq!((found.account_id, found.username.as_str(), found.statements.len()), (alice.account, "Alice", 2));
        for nobody in ["carol", "", "no such name!"] {
            assert_eq!(code(world.read(|sql| person(sql, &caller, nobody))), Code::NotFound);
        }
        let after =
            |world: &mut World, account, after| world.read(|sql| super::super::statements(sql, &caller, account, after));
        let newest = after(&mut world, alice.account, 1).unwrap().answer.statements;
        assert_eq!(newest, [alice.statement.as_bytes().into()]);
        assert!(after(&mut world, alice.account, 2).unwrap().answer.statements.is_empty());
        assert_eq!(code(after(&mut world, shared::AccountId([1; 16]), 0)), Code::NotFound);
    }
}
