//! OPAQUE (RFC 9807) as Sotto uses it: ristretto255, SHA-512, 3DH, context [`Label::Login`], client identity = account id,
//! server identity unset (the server's key), credential identifier = account id ‖ record number.

use opaque_ke::{
    CipherSuite, CredentialFinalization, CredentialRequest, Identifiers, RegistrationRequest, RegistrationUpload, Ristretto255,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, TripleDh, errors::ProtocolError, ksf::Identity,
};
use rand_core::CryptoRngCore;
use sha2::Sha512;
use shared::{AccountId, label::Label};

/// The suite. The key-stretching function runs in the client only.
#[derive(Debug)]
pub(crate) struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Identity;
}

/// The server's OPAQUE keys.
pub(crate) type Setup = ServerSetup<Suite>;

/// The bytes are not of this step.
pub(crate) struct Malformed;

/// The password (or its absence) does not fit the record.
pub(crate) struct WrongPassword;

impl From<ProtocolError> for Malformed {
    fn from(_: ProtocolError) -> Self {
        Self
    }
}

/// New OPAQUE keys.
pub(crate) fn new_setup(mut rng: &mut dyn CryptoRngCore) -> Setup {
    Setup::new(&mut rng)
}

/// account id ‖ record number (u32, big endian).
fn credential(account: AccountId, record: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    let (id, number) = bytes.split_at_mut(16);
    id.copy_from_slice(account.as_bytes());
    number.copy_from_slice(&record.to_be_bytes());
    bytes
}

fn parameters(account: &AccountId) -> ServerLoginParameters<'_, '_> {
    ServerLoginParameters {
        context: Some(Label::Login.as_str().as_bytes()),
        identifiers: Identifiers { client: Some(account.as_bytes()), server: None },
    }
}

/// Registration request → response.
pub(crate) fn registration(setup: &Setup, account: AccountId, record: u32, request: &[u8]) -> Result<Vec<u8>, Malformed> {
    let request = RegistrationRequest::<Suite>::deserialize(request)?;
    let started = ServerRegistration::start(setup, request, &credential(account, record))?;
    Ok(started.message.serialize().to_vec())
}

/// Registration upload → record.
pub(crate) fn record(upload: &[u8]) -> Result<Vec<u8>, Malformed> {
    let upload = RegistrationUpload::<Suite>::deserialize(upload)?;
    Ok(ServerRegistration::finish(upload).serialize().to_vec())
}

/// The length of what follows the client's public key in a record: masking key and envelope (RFC 9807, 4.1).
const REST: usize = 160;

/// Bytes that are read as any record is and stand for nobody's.
fn decoy(setup: &Setup) -> Vec<u8> {
    [&setup.keypair().public().serialize()[..], &[0; REST]].concat()
}

/// KE1 → (KE2, state). Without a record the answer is one nobody can tell from a real one, nor by the time it
/// takes: reading the point in a record takes long enough to be noticed, so a decoy is read in its place.
pub(crate) fn login(
    mut rng: &mut dyn CryptoRngCore,
    setup: &Setup,
    account: AccountId,
    record_number: u32,
    record: Option<&[u8]>,
    request: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
    let request = CredentialRequest::deserialize(request)?;
    let decoy = decoy(setup);
    let read = ServerRegistration::deserialize(record.unwrap_or(&decoy))?;
    let record = record.is_some().then_some(read);
    let identifier = credential(account, record_number);
    let started = ServerLogin::start(&mut rng, setup, record, request, &identifier, parameters(&account))?;
    Ok((started.message.serialize().to_vec(), started.state.serialize().to_vec()))
}

/// KE3: was it the right password?
pub(crate) fn verify(account: AccountId, state: &[u8], finalization: &[u8]) -> Result<(), WrongPassword> {
    let state = ServerLogin::<Suite>::deserialize(state).map_err(|_| WrongPassword)?;
    let message = CredentialFinalization::deserialize(finalization).map_err(|_| WrongPassword)?;
    state.finish(message, parameters(&account)).map(drop).map_err(|_| WrongPassword)
}
