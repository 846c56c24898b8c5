//! POST /auth/register/finish.

use shared::{
    http::{Bound, RegisterFinish},
    limits,
    statement::Statement,
};

use super::{opaque, register_start::free, rows};
use crate::{
    context::{Context, Peer},
    device,
    refusal::{Done, Outcome, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a registration is refused; also what the start refuses and [`device::UploadError`].
    RegisterFinishError {
        /// A field is empty (F066).
        Missing = MissingFields;
        /// A key-stretching version that is not accepted.
        Ksf = UnknownKsf;
        /// The OPAQUE upload can't be read.
        Upload = Malformed;
        /// Not exactly a password and a kit wrap of generation 1 and record 1.
        Wraps = Malformed;
        /// The recovery key is not 32 bytes.
        RecoveryKey = Malformed;
        /// The vault is too large.
        Vault = TooLarge;
        /// The statement can't be read, is not the first, or does not say what is registered.
        Statement = BadStatement;
        /// The device id is in use.
        DeviceTaken = IdTaken;
    }
}

/// Makes the account in one transaction: record, wraps, vault, recovery key, statement 1, device, packages, bound session.
///
/// # Errors
/// [`RegisterFinishError`], [`super::RegisterStartError`], [`device::UploadError`].
pub fn register_finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    _: &Peer,
    request: &RegisterFinish,
) -> Outcome<Issued<Bound>> {
    let fields = [&request.upload, &request.vault, &request.recovery_key, &request.statement, &request.device.certificate];
    if request.username.is_empty() || fields.iter().any(|field| field.0.is_empty()) {
        return Err(RegisterFinishError::Missing.into());
    }
    let handle = free(sql, context, &request.username, request.account_id)?;
    if request.ksf != context.rules.ksf {
        return Err(RegisterFinishError::Ksf.into());
    }
    let record = opaque::record(request.upload.as_slice()).map_err(|_| RegisterFinishError::Upload)?;
    if !rows::wraps_fit(&request.wraps, 1, 1) {
        return Err(RegisterFinishError::Wraps.into());
    }
    if request.vault.0.len() > limits::VAULT {
        return Err(RegisterFinishError::Vault.into());
    }
    let recovery = request.recovery_key.array().ok_or(RegisterFinishError::RecoveryKey)?;
    let statement = Statement::parse(request.statement.as_slice()).map_err(|_| RegisterFinishError::Statement)?;
    let content = statement.content();
    let fits = statement.starts().is_ok()
        && content.account == request.account_id
        && content.handle == handle
        && content.generation == 1
        && content.vault_number == 1
        && content.devices.len() == 1
        && content.secrets == rows::secrets_hash(&request.wraps, &request.vault);
    if !fits {
        return Err(RegisterFinishError::Statement.into());
    }
    let device = device::upload::verify(context, &request.device, &statement)?;
    let id = device.certificate.device;
    if device::rows::id_taken(sql, id)? {
        return Err(RegisterFinishError::DeviceTaken.into());
    }
    let (ksf, now) = (request.ksf, context.now);
    let new = rows::NewAccount { statement: &statement, record: &record, ksf, recovery: &recovery, vault: &request.vault, now };
    rows::insert(sql, &new)?;
    rows::replace_wraps(sql, content.account, &request.wraps)?;
    let account = rows::existing(sql, content.account)?;
    device::rows::insert(sql, now, account.id, account.auth_epoch, &device)?;
    Ok(Done::quiet(session::rows::issue(sql, context, &account, account.auth_epoch, Some(id))?.bound()))
}
