//! Who may do what in a conversation: the group extension 0xF050 and one pure function over it (protocol §3).
//!
//! ```text
//! version 1 │ kind 1 │ suite floor 2 │ archive rule 1 │ predecessor 1 (0 none, 1: generation 4 │ epoch 8 │ transcript 32 │ reason 1)
//! │ n 2 │ n × (account 16 │ role 1), ascending by account
//! ```
//! A direct conversation lists its two accounts, the note to self its one; a group lists whoever has a role above member.

use crate::{
    id::AccountId,
    reader::{LayoutError, Reader},
};

/// The policy version this build knows. Another one makes a conversation read-only here.
pub const VERSION: u8 = 1;

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Two accounts, unique between them.
    Direct,
    /// Any number of accounts.
    Group,
    /// One account's notes.
    Note,
}

impl Kind {
    /// The byte on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Direct => 0,
            Self::Group => 1,
            Self::Note => 2,
        }
    }
    /// From the byte on the wire.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Direct),
            1 => Some(Self::Group),
            2 => Some(Self::Note),
            _ => None,
        }
    }
}

/// An account's role in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May write.
    Member,
    /// May add and remove members.
    Admin,
    /// May do everything.
    Owner,
}

/// What the next generation of a conversation continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Its generation.
    pub generation: u32,
    /// Its last epoch.
    pub epoch: u64,
    /// Its confirmed transcript hash.
    pub transcript: [u8; 32],
    /// Why it was left: 0 wedge, 1 fork, 2 reset, 3 restore, 4 new suite.
    pub reason: u8,
}

/// The content of extension 0xF050.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Kind of conversation.
    pub kind: Kind,
    /// No generation may use a weaker suite than this.
    pub suite_floor: u16,
    /// 0: members may archive; 1: no archive.
    pub archive: u8,
    /// For generations above 0.
    pub predecessor: Option<Predecessor>,
    /// Accounts and their roles, ascending by account.
    pub roles: Vec<(AccountId, Role)>,
}

impl Policy {
    /// Of a direct conversation of two different accounts.
    #[must_use]
    pub fn direct(a: AccountId, b: AccountId, suite_floor: u16) -> Self {
        let mut roles = vec![(a, Role::Member), (b, Role::Member)];
        roles.sort();
        Self { kind: Kind::Direct, suite_floor, archive: 0, predecessor: None, roles }
    }

    /// Of the note to self.
    #[must_use]
    pub fn note(account: AccountId, suite_floor: u16) -> Self {
        Self { kind: Kind::Note, suite_floor, archive: 0, predecessor: None, roles: vec![(account, Role::Owner)] }
    }

    /// The bytes of the extension.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.kind.byte()];
        bytes.extend_from_slice(&self.suite_floor.to_be_bytes());
        bytes.push(self.archive);
        match &self.predecessor {
            None => bytes.push(0),
            Some(before) => {
                bytes.push(1);
                bytes.extend_from_slice(&before.generation.to_be_bytes());
                bytes.extend_from_slice(&before.epoch.to_be_bytes());
                bytes.extend_from_slice(&before.transcript);
                bytes.push(before.reason);
            }
        }
        bytes.extend_from_slice(&u16::try_from(self.roles.len()).unwrap_or(u16::MAX).to_be_bytes());
        for (account, role) in &self.roles {
            bytes.extend_from_slice(account.as_bytes());
            bytes.push(match role {
                Role::Member => 0,
                Role::Admin => 1,
                Role::Owner => 2,
            });
        }
        bytes
    }

    /// Reads the bytes of the extension.
    ///
    /// # Errors
    /// [`LayoutError`]; [`LayoutError::Version`] means "a newer Sotto made this".
    pub fn parse(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let kind = Kind::from_byte(reader.u8()?).ok_or(LayoutError::Value)?;
        let suite_floor = reader.u16()?;
        let archive = reader.u8()?;
        let predecessor = match reader.u8()? {
            0 => None,
            1 => Some(Predecessor {
                generation: reader.u32()?,
                epoch: reader.u64()?,
                transcript: reader.array()?,
                reason: reader.u8()?,
            }),
            _ => return Err(LayoutError::Value),
        };
        let count = usize::from(reader.u16()?);
        let mut roles: Vec<(AccountId, Role)> = vec![];
        for _ in 0..count {
            let account = AccountId(reader.array()?);
            let role = match reader.u8()? {
                0 => Role::Member,
                1 => Role::Admin,
                2 => Role::Owner,
                _ => return Err(LayoutError::Value),
            };
            if roles.last().is_some_and(|(last, _)| *last >= account) {
                return Err(LayoutError::Value);
            }
            roles.push((account, role));
        }
        reader.end()?;
        let shape = match kind {
            Kind::Direct => roles.len() == 2 && roles.iter().all(|(_, role)| *role == Role::Member),
            Kind::Note => roles.len() == 1,
            Kind::Group => roles.iter().any(|(_, role)| *role == Role::Owner),
        };
        if shape && archive <= 1 {
            Ok(Self { kind, suite_floor, archive, predecessor, roles })
        } else {
            Err(LayoutError::Value)
        }
    }

    /// The role of an account.
    #[must_use]
    pub fn role(&self, account: AccountId) -> Role {
        self.roles.iter().find(|(id, _)| *id == account).map_or(Role::Member, |(_, role)| *role)
    }

    /// Is the account named by a direct conversation or a note?
    #[must_use]
    pub fn names(&self, account: AccountId) -> bool {
        self.roles.iter().any(|(id, _)| *id == account)
    }

    /// May `actor` do this? No clock, no server claims: bytes all members have.
    #[must_use]
    pub fn allows(&self, actor: AccountId, action: &Action) -> bool {
        let manages = self.kind == Kind::Group && self.role(actor) >= Role::Admin;
        match *action {
            Action::AddDevice { account, same_identity_in_tree } => {
                same_identity_in_tree
                    || match self.kind {
                        Kind::Direct => self.names(actor) && self.names(account),
                        Kind::Note => actor == account && self.names(actor),
                        Kind::Group => manages,
                    }
            }
            Action::RemoveLeaf { account } => account == actor || (manages && self.role(account) < self.role(actor)),
            Action::ChangePolicy => self.kind == Kind::Group && self.role(actor) == Role::Owner,
        }
    }
}

/// What a commit asks for, one proposal at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Add one device of an account.
    AddDevice {
        /// Whose device.
        account: AccountId,
        /// A leaf of this account with the same identity key is in the tree already.
        same_identity_in_tree: bool,
    },
    /// Remove one leaf.
    RemoveLeaf {
        /// Whose leaf.
        account: AccountId,
    },
    /// Replace the extension.
    ChangePolicy,
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountId = AccountId([1; 16]);
    const B: AccountId = AccountId([2; 16]);
    const C: AccountId = AccountId([3; 16]);

    fn add(account: AccountId, known: bool) -> Action {
        Action::AddDevice { account, same_identity_in_tree: known }
    }

    #[test]
    fn direct_conversations_stay_between_two() {
        let direct = Policy::direct(B, A, 0x4d);
        assert_eq!(direct.roles, [(A, Role::Member), (B, Role::Member)]);
        assert!(direct.allows(A, &add(B, false)));
        assert!(!direct.allows(A, &add(C, false)));
        assert!(!direct.allows(C, &add(C, false)));
        assert!(direct.allows(B, &add(A, true)));
        assert!(direct.allows(A, &Action::RemoveLeaf { account: A }));
        assert!(!direct.allows(A, &Action::RemoveLeaf { account: B }));
        assert!(!direct.allows(A, &Action::ChangePolicy));
    }

    #[test]
    fn notes_are_alone() {
        let note = Policy::note(A, 0x4d);
        assert!(note.allows(A, &add(A, true)));
        assert!(!note.allows(A, &add(B, false)));
        assert!(!note.allows(A, &Action::ChangePolicy));
    }

    #[test]
    fn groups_by_role() {
        let roles = vec![(A, Role::Owner), (B, Role::Admin)];
        let group = Policy { kind: Kind::Group, suite_floor: 0x4d, archive: 0, predecessor: None, roles };
        assert!(group.allows(A, &add(C, false)) && group.allows(B, &add(C, false)) && !group.allows(C, &add(C, false)));
        assert!(group.allows(B, &Action::RemoveLeaf { account: C }) && !group.allows(B, &Action::RemoveLeaf { account: A }));
        assert!(group.allows(A, &Action::RemoveLeaf { account: B }) && !group.allows(C, &Action::RemoveLeaf { account: B }));
        assert!(group.allows(A, &Action::ChangePolicy) && !group.allows(B, &Action::ChangePolicy));
    }

    #[test]
    fn round_trip_and_refusals() {
        let predecessor = Some(Predecessor { generation: 1, epoch: 9, transcript: [7; 32], reason: 1 });
        for policy in [Policy::direct(A, B, 0x4d), Policy::note(A, 3), Policy { predecessor, ..Policy::direct(A, B, 0x4d) }] {
            let bytes = policy.encode();
            assert_eq!(Policy::parse(&bytes), Ok(policy));
            for end in 0..bytes.len() {
                assert!(Policy::parse(&bytes[..end]).is_err());
            }
            assert!(Policy::parse(&[&bytes[..], &[0]].concat()).is_err());
        }
        assert_eq!(Policy::parse(&[2]), Err(LayoutError::Version));
        let twice = Policy { roles: vec![(A, Role::Member), (A, Role::Member)], ..Policy::direct(A, B, 3) };
        assert_eq!(Policy::parse(&twice.encode()), Err(LayoutError::Value));
        let alone = Policy { roles: vec![(A, Role::Member)], ..Policy::direct(A, B, 3) };
        assert_eq!(Policy::parse(&alone.encode()), Err(LayoutError::Value));
    }

    #[test]
    fn kinds_are_numbers_on_the_wire() {
        for (byte, kind) in [(0, Kind::Direct), (1, Kind::Group), (2, Kind::Note)] {
            assert_eq!((kind.byte(), Kind::from_byte(byte)), (byte, Some(kind)));
        }
        assert_eq!(Kind::from_byte(3), None);
    }

    fn group(roles: Vec<(AccountId, Role)>) -> Policy {
        Policy { kind: Kind::Group, suite_floor: 0x4d, archive: 1, predecessor: None, roles }
    }

    #[test]
    fn whoever_is_not_named_is_a_member() {
        let group = group(vec![(A, Role::Owner), (B, Role::Admin)]);
        assert_eq!([A, B, C].map(|account| group.role(account)), [Role::Owner, Role::Admin, Role::Member]);
        assert_eq!([A, B, C].map(|account| group.names(account)), [true, true, false]);
    }

    #[test]
    fn a_device_of_a_known_identity_may_come_by_anyone() {
        for policy in [Policy::direct(A, B, 3), Policy::note(A, 3), group(vec![(A, Role::Owner)])] {
            assert!(policy.allows(C, &add(C, true)), "{:?}", policy.kind);
            assert!(!policy.allows(C, &add(B, false)), "{:?}", policy.kind);
        }
        assert!(!Policy::direct(A, B, 3).allows(C, &add(A, false)), "a stranger adds nobody, not even one of the two");
        assert!(Policy::note(A, 3).allows(A, &add(A, false)));
        assert!(!Policy::note(A, 3).allows(B, &add(B, false)), "the note of somebody else");
    }

    #[test]
    fn a_leaf_is_removed_by_its_own_account_or_from_above() {
        let remove = |account| Action::RemoveLeaf { account };
        let group = group(vec![(A, Role::Owner), (B, Role::Admin), (C, Role::Admin)]);
        let d = AccountId([4; 16]);
        for (actor, account, may) in
            [(A, B, true), (B, A, false), (B, C, false), (B, B, true), (B, d, true), (d, B, false), (d, d, true), (A, A, true)]
        {
            assert_eq!(group.allows(actor, &remove(account)), may, "{actor} {account}");
        }
        // An owner in a note manages nobody.
        assert!(!Policy::note(A, 3).allows(A, &remove(B)));
    }

    #[test]
    fn shapes_that_no_conversation_has() {
        let good = [
            Policy::direct(A, B, 3),
            Policy::note(A, 3),
            group(vec![(A, Role::Owner)]),
            group(vec![(A, Role::Member), (B, Role::Owner), (C, Role::Admin)]),
        ];
        for policy in good {
            assert_eq!(Policy::parse(&policy.encode()), Ok(policy));
        }
        let direct = Policy::direct(A, B, 3);
        let bad = [
            ("an archive rule of the future", Policy { archive: 2, ..direct.clone() }),
            ("an admin in a pair", Policy { roles: vec![(A, Role::Member), (B, Role::Admin)], ..direct.clone() }),
            ("three in a pair", Policy { roles: [A, B, C].map(|id| (id, Role::Member)).to_vec(), ..direct.clone() }),
            ("descending accounts", Policy { roles: vec![(B, Role::Member), (A, Role::Member)], ..direct }),
            ("a note of two", Policy { roles: vec![(A, Role::Owner), (B, Role::Owner)], ..Policy::note(A, 3) }),
            ("a note of nobody", Policy { roles: vec![], ..Policy::note(A, 3) }),
            ("a group without an owner", group(vec![(A, Role::Admin)])),
        ];
        for (name, policy) in bad {
            assert_eq!(Policy::parse(&policy.encode()), Err(LayoutError::Value), "{name}");
        }
    }

    #[test]
    fn bytes_that_mean_nothing() {
        // version, kind, suite, archive, no predecessor, one account as owner
        let note = Policy::note(A, 3).encode();
        for (at, value) in [(1, 3), (5, 2), (24, 3)] {
            let mut bad = note.clone();
            bad[at] = value;
            assert_eq!(Policy::parse(&bad), Err(LayoutError::Value), "byte {at}");
        }
    }
}
