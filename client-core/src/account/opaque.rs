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

#[cfg(test)]
mod tests {
    use super::*;

    use opaque_ke::{
        CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin, ServerLoginParameters,
        ServerRegistration, ServerSetup,
        errors::InternalError,
        generic_array::{ArrayLength, GenericArray},
        ksf::Ksf,
    };

    /// Stretches nothing.
    #[derive(Default)]
    struct Quick;

    impl Ksf for Quick {
        fn hash<L: ArrayLength<u8>>(&self, input: GenericArray<u8, L>) -> Result<GenericArray<u8, L>, InternalError> {
            Ok(input)
        }
    }

    impl Stretch for Quick {
        const VERSION: u8 = 1;
    }

    const ACCOUNT: AccountId = AccountId([1; 16]);

    fn secret(password: &str) -> Zeroizing<String> {
        Zeroizing::new(password.to_owned())
    }

    /// An honest server with one account, and the export key of the registration.
    struct Account {
        setup: ServerSetup<Suite<Quick>>,
        record: ServerRegistration<Suite<Quick>>,
        export: Vec<u8>,
        entropy: Entropy,
    }

    impl Account {
        fn register(password: &str) -> Self {
            let mut entropy = Entropy::new([3; 32]);
            let setup = ServerSetup::<Suite<Quick>>::new(&mut entropy.0);
            let (registering, request) = Registering::<Quick>::start(secret(password), &mut entropy).unwrap();
            let request = RegistrationRequest::deserialize(&request).unwrap();
            let response = ServerRegistration::start(&setup, request, ACCOUNT.as_bytes()).unwrap().message.serialize();
            let (upload, export) = registering.finish(&response, ACCOUNT, &mut entropy).unwrap();
            let record = ServerRegistration::finish(RegistrationUpload::deserialize(&upload).unwrap());
            Self { setup, record, export: export.to_vec(), entropy }
        }

        /// The export key, when client and server agree.
        fn login(&mut self, password: &str, client: AccountId, server: AccountId) -> Result<Vec<u8>, Refused> {
            let (logging_in, request) = LoggingIn::<Quick>::start(secret(password), &mut self.entropy)?;
            let request = CredentialRequest::deserialize(&request).unwrap();
            let label = Label::Login.as_str().as_bytes();
            let parameters = || ServerLoginParameters { context: Some(label), identifiers: identifiers(&server) };
            let record = Some(self.record.clone());
            let started =
                ServerLogin::start(&mut self.entropy.0, &self.setup, record, request, ACCOUNT.as_bytes(), parameters())
                    .unwrap();
            let (third, export) = logging_in.finish(&started.message.serialize(), client, &mut self.entropy)?;
            let third = CredentialFinalization::deserialize(&third).unwrap();
            started.state.finish(third, parameters()).map_err(|_| Refused)?;
            Ok(export.to_vec())
        }
    }

    #[test]
    fn the_password_brings_the_export_key_back() {
        let mut account = Account::register("Quiet-river-9");
        assert_eq!(account.export.len(), 64);
        let export = account.export.clone();
        assert_eq!(account.login("Quiet-river-9", ACCOUNT, ACCOUNT), Ok(export));
    }

    #[test]
    fn another_password_or_account_is_refused() {
        let mut account = Account::register("Quiet-river-9");
        assert_eq!(account.login("Quiet-river-8", ACCOUNT, ACCOUNT), Err(Refused));
        let other = AccountId([2; 16]);
        assert_eq!(account.login("Quiet-river-9", other, other), Err(Refused), "the record names its account");
        assert_eq!(account.login("Quiet-river-9", other, ACCOUNT), Err(Refused));
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        let mut entropy = Entropy::new([3; 32]);
        for answer in [vec![], vec![0; 10], vec![0xff; 320]] {
            let (registering, _) = Registering::<Quick>::start(secret("x"), &mut entropy).unwrap();
            assert_eq!(registering.finish(&answer, ACCOUNT, &mut entropy).map(drop), Err(Refused));
            let (logging_in, _) = LoggingIn::<Quick>::start(secret("x"), &mut entropy).unwrap();
            assert_eq!(logging_in.finish(&answer, ACCOUNT, &mut entropy).map(drop), Err(Refused));
        }
    }
}
