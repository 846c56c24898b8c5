//! The first frame of a socket.

use shared::{
    frame::{ClientHello, ServerHello, VERSION},
    limits,
};

use super::rows;
use crate::{
    account,
    context::Context,
    device, key_package,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
    store::store_epoch,
};

errors! {
    /// Why a socket is not served.
    HelloError {
        /// Another version of the socket protocol.
        Version = VersionTooOld;
        /// A run token is not 16 bytes.
        Run = Malformed;
        /// The device is gone.
        Gone = SessionEnded;
        /// Neither run token is the stored one: a newer run was here, this is a copy or was restored.
        Superseded = Superseded;
    }
}

/// Takes the run token (protocol §7) and says where everything stands. The server stores B when it has A or B. When the
/// client's numbers belong to another store epoch the server was restored, and takes B without comparing.
///
/// # Errors
/// [`HelloError`]
pub fn hello(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &ClientHello) -> Outcome<ServerHello> {
    if request.version != VERSION {
        return Err(HelloError::Version.into());
    }
    if request.run.0.len() != 16 || request.next_run.0.len() != 16 {
        return Err(HelloError::Run.into());
    }
    let device = device::rows::living(sql, caller.device())?.ok_or(HelloError::Gone)?;
    let store_epoch = store_epoch(sql)?.into();
    let restored = request.store_epoch.as_ref().is_some_and(|theirs| *theirs != store_epoch);
    if !restored && device.run != request.run && device.run != request.next_run {
        return Err(HelloError::Superseded.into());
    }
    device::rows::put_run(sql, caller.device(), &request.next_run)?;
    let account = account::rows::existing(sql, caller.account())?;
    let cursor = |id| request.cursors.iter().find(|cursor| cursor.conversation == id).map_or(0, |cursor| cursor.number);
    let heads = rows::heads(sql, caller.account(), caller.device())?;
    let heads = heads.into_iter().filter(|(head, leaf)| *leaf || head.number > cursor(head.conversation));
    Ok(Done::quiet(ServerHello {
        store_epoch,
        time: context.now,
        heads: heads.map(|(head, _)| head).collect(),
        packages: key_package::left_of(sql, context, caller.device())?,
        row_limit: u32::try_from(limits::ROW).unwrap_or(u32::MAX),
        statement: account.statement_no,
        settings: account.settings_no,
        delivered: rows::delivered(sql, caller.account())?,
    }))
}
