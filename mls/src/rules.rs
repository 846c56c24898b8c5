//! One walk over a staged commit, made by every member and by the server before anything is merged (protocol §3).
//!
//! It closes what openmls leaves to the application: a path may change credential and key of its leaf, a second leaf of the
//! same device, whom an external commit removes, a GroupContextExtensions proposal that drops the policy, the width of a
//! package's lifetime. All of it is judged by bytes that every member has.

use std::collections::BTreeSet;

use openmls::prelude::*;
use shared::{
    AccountId, DeviceId,
    certificate::Certified,
    credential::EXTENSION_TYPE,
    policy::{Action, Kind, Policy},
    reader::LayoutError,
};

use crate::leaf::{self, CREDENTIAL, POLICY, SUITE_ID};

/// Why a tree, a group context or a commit is refused. Numbered as in docs/PROTOCOL.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// R1: a leaf is not a certified device.
    #[error("a leaf is not a certified device")]
    Certificate,
    /// R2: a proposal of a kind that is not allowed here.
    #[error("a proposal of this kind is not allowed")]
    Proposal,
    /// R3: a proposal by reference other than leaving.
    #[error("only leaving may be proposed by reference")]
    Reference,
    /// R4: the group context does not hold exactly the required extensions.
    #[error("the group context does not hold exactly the required extensions")]
    Extension,
    /// R5: the actor is no member, or an external commit comes from an account outside the tree.
    #[error("the actor does not belong here")]
    Stranger,
    /// R6: the path changes the leaf to another account, identity key or device.
    #[error("the path takes over another identity")]
    Takeover,
    /// R7: two leaves of one device.
    #[error("a device would have two leaves")]
    Duplicate,
    /// R8: a package whose lifetime is not exactly 401 days wide.
    #[error("a package's lifetime has the wrong width")]
    Lifetime,
    /// R9: an addition or removal that the policy does not allow.
    #[error("the policy does not allow it")]
    Policy,
    /// R10: a policy version or value this build does not know.
    #[error("the policy is of an unknown version")]
    UnknownPolicy,
    /// R11: two identity keys for one account in one tree.
    #[error("an account would have two identities")]
    TwoIdentities,
    /// R12: a removal that leaves other leaves of an account it meant to remove.
    #[error("an account must be removed whole")]
    PartialRemoval,
}

/// A leaf and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its index.
    pub index: u32,
    /// Its certified device.
    pub who: Certified,
}

impl Leaf {
    /// Whose leaf.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.who.certificate().account
    }
    /// Which device's.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.who.certificate().device
    }
}

/// What an accepted commit does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who commits.
    pub actor: Certified,
    /// Devices that come.
    pub added: Vec<Certified>,
    /// Leaves that go.
    pub removed: Vec<Leaf>,
    /// It joins by an external commit.
    pub external: bool,
}

/// Every leaf of a tree: after a Welcome, from a group info, before an external commit. Devices are unique, identity keys
/// one an account.
///
/// # Errors
/// [`Refused::Certificate`], [`Refused::Duplicate`], [`Refused::TwoIdentities`].
pub fn check_members(members: impl Iterator<Item = Member>) -> Result<Vec<Leaf>, Refused> {
    let leaves = members
        .map(|m| {
            leaf::check(&m.credential, &m.signature_key)
                .map(|who| Leaf { index: m.index.u32(), who })
                .map_err(|_| Refused::Certificate)
        })
        .collect::<Result<Vec<_>, _>>()?;
    distinct(leaves.iter().map(|leaf| &leaf.who))?;
    Ok(leaves)
}

/// Exactly required_capabilities and the policy extension stand in the context, and the policy can be read.
///
/// # Errors
/// [`Refused::Extension`], [`Refused::UnknownPolicy`].
pub fn check_context(context: &GroupContext) -> Result<Policy, Refused> {
    let required = context.required_capabilities().ok_or(Refused::Extension)?;
    let complete = required.extension_types() == [POLICY] && required.credential_types() == [CREDENTIAL];
    if context.extensions().iter().count() != 2 || !complete {
        return Err(Refused::Extension);
    }
    policy(context)
}

/// The policy of a group.
///
/// # Errors
/// [`Refused::Extension`] when there is none, [`Refused::UnknownPolicy`] when it can't be read.
pub fn policy(context: &GroupContext) -> Result<Policy, Refused> {
    let UnknownExtension(bytes) = context.extensions().unknown(EXTENSION_TYPE).ok_or(Refused::Extension)?;
    Policy::parse(bytes).map_err(|error| match error {
        LayoutError::Version | LayoutError::Value | LayoutError::Length => Refused::UnknownPolicy,
    })
}

/// All members of a new group are allowed by its own policy: a direct conversation holds devices of its two accounts only.
///
/// # Errors
/// [`Refused::Policy`].
pub fn check_named(policy: &Policy, leaves: &[Leaf]) -> Result<(), Refused> {
    let fits = policy.kind == Kind::Group || leaves.iter().all(|leaf| policy.names(leaf.account()));
    if fits { Ok(()) } else { Err(Refused::Policy) }
}

fn distinct<'a>(all: impl Iterator<Item = &'a Certified>) -> Result<(), Refused> {
    let mut devices = BTreeSet::new();
    let mut identities = std::collections::BTreeMap::new();
    for who in all {
        let certificate = who.certificate();
        if !devices.insert((certificate.account, certificate.device)) {
            return Err(Refused::Duplicate);
        }
        let identity = *who.identity();
        if *identities.entry(certificate.account).or_insert(identity) != identity {
            return Err(Refused::TwoIdentities);
        }
    }
    Ok(())
}

/// Judges a commit by the state before it. `before` is a member's public group or the server's own.
///
/// # Errors
/// [`Refused`]: every honest party gives the same verdict, so the commit is refused whole.
pub fn check_commit(before: &PublicGroup, sender: &Sender, commit: &StagedCommit) -> Result<Change, Refused> {
    let leaves = check_members(before.members())?;
    let policy = policy(before.group_context())?;
    let at = |index: LeafNodeIndex| leaves.iter().find(|leaf| leaf.index == index.u32());
    let path = commit
        .update_path_leaf_node()
        .map(|node| leaf::check(node.credential(), node.signature_key().as_slice()).map_err(|_| Refused::Certificate))
        .transpose()?;
    let (actor, own_leaf) = match sender {
        Sender::Member(index) => {
            let leaf = at(*index).ok_or(Refused::Stranger)?;
            (leaf.who.clone(), Some(leaf.index))
        }
        Sender::NewMemberCommit => (path.clone().ok_or(Refused::Stranger)?, None),
        Sender::External(_) | Sender::NewMemberProposal => return Err(Refused::Stranger),
    };
    let external = own_leaf.is_none();
    let who = |certified: &Certified| (certified.certificate().account, *certified.identity());
    let in_tree = |certified: &Certified| leaves.iter().any(|leaf| who(&leaf.who) == who(certified));
    if external && !in_tree(&actor) {
        return Err(Refused::Stranger);
    }
    if let Some(path) = &path
        && (who(path) != who(&actor) || path.certificate().device != actor.certificate().device)
    {
        return Err(Refused::Takeover);
    }
    let account = actor.certificate().account;
    let mut added = vec![];
    let mut removed: Vec<Leaf> = vec![];
    for queued in commit.queued_proposals() {
        let reference = queued.proposal_or_ref_type() == ProposalOrRefType::Reference;
        if reference && !matches!(queued.proposal(), Proposal::Remove(_)) {
            return Err(Refused::Reference);
        }
        match queued.proposal() {
            Proposal::Add(add) if !external => {
                if leaf::made_at(add.key_package()).is_none() {
                    return Err(Refused::Lifetime);
                }
                let node = add.key_package().leaf_node();
                let new = leaf::check(node.credential(), node.signature_key().as_slice()).map_err(|_| Refused::Certificate)?;
                let target = new.certificate().account;
                if !new.certificate().suites.contains(&SUITE_ID) {
                    return Err(Refused::Certificate);
                }
                if !policy.allows(account, &Action::AddDevice { account: target, same_identity_in_tree: in_tree(&new) }) {
                    return Err(Refused::Policy);
                }
                added.push(new);
            }
            Proposal::Remove(remove) => {
                let target = at(remove.removed()).ok_or(Refused::Proposal)?.clone();
                let allowed = if reference {
                    // The proposer's right counts: leaving is a proposal of one's own account.
                    matches!(queued.sender(), Sender::Member(from) if at(*from).is_some_and(|p| p.account() == target.account()))
                } else if external {
                    target.account() == account && target.device() == actor.certificate().device
                } else {
                    policy.allows(account, &Action::RemoveLeaf { account: target.account() })
                };
                if !allowed {
                    return Err(Refused::Policy);
                }
                removed.push(target);
            }
            Proposal::GroupContextExtensions(_) if !external => {
                if !policy.allows(account, &Action::ChangePolicy) || check_context(commit.group_context())?.kind != policy.kind
                {
                    return Err(Refused::Policy);
                }
            }
            Proposal::ExternalInit(_) if external => {}
            _ => return Err(Refused::Proposal),
        }
    }
    let gone = |leaf: &Leaf| removed.iter().any(|r| r.index == leaf.index);
    // Removing somebody else removes all his leaves; only own leaves go one by one.
    let foreign: BTreeSet<_> = removed.iter().map(Leaf::account).filter(|target| *target != account).collect();
    let by_reference = commit.queued_proposals().any(|q| q.proposal_or_ref_type() == ProposalOrRefType::Reference);
    if !by_reference && leaves.iter().any(|leaf| foreign.contains(&leaf.account()) && !gone(leaf)) {
        return Err(Refused::PartialRemoval);
    }
    let kept =
        leaves.iter().filter(|leaf| !gone(leaf) && (path.is_none() || Some(leaf.index) != own_leaf)).map(|leaf| &leaf.who);
    distinct(kept.chain(&added).chain(path.iter()))?;
    Ok(Change { actor, added, removed, external })
}

/// The only standalone proposal: Remove of a leaf of one's own account.
///
/// # Errors
/// [`Refused::Proposal`], or what is wrong with the tree.
pub fn check_proposal(before: &PublicGroup, queued: &QueuedProposal) -> Result<(), Refused> {
    let leaves = check_members(before.members())?;
    let account = |index: LeafNodeIndex| leaves.iter().find(|l| l.index == index.u32()).map(Leaf::account);
    match (queued.proposal(), queued.sender()) {
        (Proposal::Remove(remove), Sender::Member(from))
            if account(*from).is_some() && account(*from) == account(remove.removed()) =>
        {
            Ok(())
        }
        _ => Err(Refused::Proposal),
    }
}
