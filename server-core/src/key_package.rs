//! Key packages: a pool a device, handed out once each, and a last resort.

mod claim;
mod count;
mod put;
pub(crate) mod rows;

pub use claim::{ClaimError, claim};
pub use count::count;
pub use put::{PutError, put};

/// One-time packages of a device that can still be handed out.
pub(crate) fn left_of(
    sql: &mut dyn crate::sql::Sql,
    context: &crate::Context<'_>,
    device: shared::DeviceId,
) -> Result<u32, crate::sql::SqlError> {
    rows::count(sql, device, count::oldest_once(context.now))
}
