//! POST /auth/resume/start.

use shared::http::{ResumeStart, ResumeStarted};

use crate::{
    account::rows::{Attempt, begin},
    context::{Context, Peer},
    rate::{Bucket, count},
    refusal::{Done, Outcome},
    sql::Sql,
};

/// A challenge for a device key. Unknown devices get one of the same shape.
///
/// # Errors
/// `rate_limited`.
pub fn resume_start(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    peer: &Peer,
    request: &ResumeStart,
) -> Outcome<ResumeStarted> {
    count(sql, context, Bucket::Resume, &[request.device_id.as_bytes(), &peer.prefix], context.rules.resume)?;
    count(sql, context, Bucket::ResumePrefix, &[&peer.prefix], context.rules.resume_prefix)?;
    let challenge: [u8; 32] = context.random();
    let state = [&request.device_id.as_bytes()[..], &challenge].concat();
    let id = begin(sql, context, Attempt::Resume, None, &state)?;
    Ok(Done::quiet(ResumeStarted { resume_id: id.into(), challenge: challenge.into() }))
}
