//! OPAQUE as a client speaks it.

use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters, CredentialResponse,
    Identifiers, RegistrationResponse,
};
use rand_core::CryptoRngCore;
use shared::{AccountId, label::Label};

use super::opaque::Suite;

/// A registration between its two steps.
pub(crate) struct Registering(ClientRegistration<Suite>, Vec<u8>);

impl Registering {
    pub(crate) fn start(mut rng: &mut dyn CryptoRngCore, password: &[u8]) -> (Self, Vec<u8>) {
        let started = ClientRegistration::start(&mut rng, password).unwrap();
        (Self(started.state, password.to_vec()), started.message.serialize().to_vec())
    }
    pub(crate) fn finish(self, mut rng: &mut dyn CryptoRngCore, account: AccountId, response: &[u8]) -> Vec<u8> {
        let identifiers = Identifiers { client: Some(account.as_bytes()), server: None };
        let parameters = ClientRegistrationFinishParameters::new(identifiers, None);
        let response = RegistrationResponse::deserialize(response).unwrap();
        self.0.finish(&mut rng, &self.1, response, parameters).unwrap().message.serialize().to_vec()
    }
}

/// A log-in between its two steps.
#[derive(Debug)]
pub(crate) struct LoggingIn(ClientLogin<Suite>, Vec<u8>);

impl LoggingIn {
    pub(crate) fn start(mut rng: &mut dyn CryptoRngCore, password: &[u8]) -> (Self, Vec<u8>) {
        let started = ClientLogin::start(&mut rng, password).unwrap();
        (Self(started.state, password.to_vec()), started.message.serialize().to_vec())
    }
    /// None: the password is wrong, as this side sees it.
    pub(crate) fn finish(self, mut rng: &mut dyn CryptoRngCore, account: AccountId, response: &[u8]) -> Option<Vec<u8>> {
        let identifiers = Identifiers { client: Some(account.as_bytes()), server: None };
        let parameters = ClientLoginFinishParameters::new(Some(Label::Login.as_str().as_bytes()), identifiers, None);
        let response = CredentialResponse::deserialize(response).ok()?;
        Some(self.0.finish(&mut rng, &self.1, response, parameters).ok()?.message.serialize().to_vec())
    }
}
