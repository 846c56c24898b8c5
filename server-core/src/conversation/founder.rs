//! Who begins a group: the calling device, alone. Everybody else comes in with the first commit.

use mls::rules::Leaf;

use crate::{mls_group::Group, refusal::Refusal, session::Caller};

/// The only leaf of a group that has just begun; none when there are others, or it is not the calling device's.
pub(super) fn founder(group: &Group, caller: &Caller) -> Result<Option<Leaf>, Refusal> {
    let mut leaves = group.leaves()?;
    let founder = leaves.pop().filter(|_| leaves.is_empty());
    Ok(founder.filter(|leaf| leaf.device() == caller.device() && leaf.account() == caller.account()))
}
