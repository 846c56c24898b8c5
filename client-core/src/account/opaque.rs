//! OPAQUE (RFC 9807): ristretto255, SHA-512, 3DH. Context is the label `Login`, client identity the account id, server
//! identity unset (the server's key stands for it, so a domain may change).

use core::marker::PhantomData;

use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse, Ristretto255, TripleDh,
};
use shared::{AccountId, label::Label};
use zeroize::Zeroizing;

use super::ksf::Stretch;
use crate::entropy::Entropy;

/// The suite with a key-stretching function.
pub(crate) struct Suite<K>(PhantomData<K>);

impl<K: Stretch> CipherSuite for Suite<K> {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = K;
}

/// The other side's message does not belong to an honest run: a wrong password, or a lying server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("OPAQUE refused the answer")]
pub(crate) struct Refused;

/// A registration under way.
pub(crate) struct Registering<K: Stretch> {
    state: ClientRegistration<Suite<K>>,
    password: Zeroizing<String>,
}

impl<K: Stretch> Registering<K> {
    /// Begins; the bytes are the registration request.
    pub(crate) fn start(password: Zeroizing<String>, entropy: &mut Entropy) -> Result<(Self, Vec<u8>), Refused> {
        let started = ClientRegistration::<Suite<K>>::start(&mut entropy.0, password.as_bytes()).map_err(|_| Refused)?;
        Ok((Self { state: started.state, password }, started.message.serialize().to_vec()))
    }

    /// Ends with the upload and the export key. Runs the key-stretching function.
    pub(crate) fn finish(
        self,
        response: &[u8],
        account: AccountId,
        entropy: &mut Entropy,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Refused> {
        let response = RegistrationResponse::deserialize(response).map_err(|_| Refused)?;
        let ksf = K::default();
        let parameters = ClientRegistrationFinishParameters::new(identifiers(&account), Some(&ksf));
        let finished =
            self.state.finish(&mut entropy.0, self.password.as_bytes(), response, parameters).map_err(|_| Refused)?;
        Ok((finished.message.serialize().to_vec(), Zeroizing::new(finished.export_key.to_vec())))
    }
}

/// A log-in under way.
pub(crate) struct LoggingIn<K: Stretch> {
    state: ClientLogin<Suite<K>>,
    password: Zeroizing<String>,
}

impl<K: Stretch> LoggingIn<K> {
    /// Begins; the bytes are KE1.
    pub(crate) fn start(password: Zeroizing<String>, entropy: &mut Entropy) -> Result<(Self, Vec<u8>), Refused> {
        let started = ClientLogin::<Suite<K>>::start(&mut entropy.0, password.as_bytes()).map_err(|_| Refused)?;
        Ok((Self { state: started.state, password }, started.message.serialize().to_vec()))
    }

    /// Ends with KE3 and the export key. Runs the key-stretching function; a wrong password is found here.
    pub(crate) fn finish(
        self,
        response: &[u8],
        account: AccountId,
        entropy: &mut Entropy,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Refused> {
        let response = CredentialResponse::deserialize(response).map_err(|_| Refused)?;
        let ksf = K::default();
        let parameters =
            ClientLoginFinishParameters::new(Some(Label::Login.as_str().as_bytes()), identifiers(&account), Some(&ksf));
        let finished =
            self.state.finish(&mut entropy.0, self.password.as_bytes(), response, parameters).map_err(|_| Refused)?;
        Ok((finished.message.serialize().to_vec(), Zeroizing::new(finished.export_key.to_vec())))
    }
}

fn identifiers(account: &AccountId) -> Identifiers<'_> {
    Identifiers { client: Some(account.as_bytes()), server: None }
}
