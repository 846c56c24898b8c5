//! Registering and logging in through the client core, against OPAQUE's other half.

use client_core::{
    Answer, Argon2id, Batch, Client, Command, HttpOutcome, HttpRequest, Input, Output, Snapshot, failure::Failure,
};
use opaque_ke::{
    CipherSuite, CredentialFinalization, CredentialRequest, Identifiers, RegistrationRequest, RegistrationUpload, Ristretto255,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, TripleDh, ksf::Identity,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use shared::{AccountId, Bytes, Millis, codec, http as body, label::Label};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{now, timed};

struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
    type Ksf = Identity;
}

/// As much of a server as these two flows see.
struct Server {
    rng: ChaCha20Rng,
    setup: ServerSetup<Suite>,
    registered: Option<body::RegisterFinish>,
    login: Option<ServerLogin<Suite>>,
}

impl Server {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let setup = ServerSetup::new(&mut rng);
        Self { rng, setup, registered: None, login: None }
    }

    fn answer(&mut self, request: &HttpRequest) -> (u16, Vec<u8>) {
        let (_, sent) = request.body.as_ref().unwrap();
        match request.path.as_str() {
            "/auth/register/start" => {
                let start: body::RegisterStart = serde_json::from_slice(sent).unwrap();
                let asked = RegistrationRequest::<Suite>::deserialize(start.request.as_slice()).unwrap();
                let answer = ServerRegistration::start(&self.setup, asked, &identifier(start.account_id)).unwrap();
                json(&body::RegisterStarted { response: Bytes(answer.message.serialize().to_vec()) })
            }
            "/auth/register/finish" => {
                let finish: body::RegisterFinish = codec::decode(sent).unwrap();
                let user = user(&finish);
                self.registered = Some(finish);
                json(&body::Bound { user })
            }
            "/auth/login/start" => {
                let start: body::LoginStart = serde_json::from_slice(sent).unwrap();
                let known = self.registered.as_ref().unwrap();
                let upload = RegistrationUpload::<Suite>::deserialize(known.upload.as_slice()).unwrap();
                let record = ServerRegistration::finish(upload);
                let asked = CredentialRequest::deserialize(start.request.as_slice()).unwrap();
                let account = known.account_id;
                let started = ServerLogin::start(
                    &mut self.rng,
                    &self.setup,
                    Some(record),
                    asked,
                    &identifier(account),
                    parameters(&account),
                )
                .unwrap();
                let response = Bytes(started.message.serialize().to_vec());
                self.login = Some(started.state);
                json(&body::LoginStarted { login_id: Bytes(vec![1; 16]), account_id: account, ksf: known.ksf, response })
            }
            "/auth/login/finish" => {
                let finish: body::LoginFinish = serde_json::from_slice(sent).unwrap();
                let known = self.registered.as_ref().unwrap();
                let message = CredentialFinalization::deserialize(finish.finalization.as_slice()).unwrap();
                self.login.take().unwrap().finish(message, parameters(&known.account_id)).unwrap();
                let secrets = body::Secrets {
                    wraps: known.wraps.clone(),
                    vault: known.vault.clone(),
                    vault_number: 1,
                    statements: vec![known.statement.clone()],
                };
                let user = body::User { device: None, ..user(known) };
                json(&body::LoggedIn { user, secrets })
            }
            _ => (404, serde_json::to_vec(&body::Failure::new(shared::Code::NotFound)).unwrap()),
        }
    }
}

fn json<T: serde::Serialize>(body: &T) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(body).unwrap())
}

fn user(finish: &body::RegisterFinish) -> body::User {
    body::User { id: finish.account_id, username: finish.username.clone(), device: None }
}

/// Of the first record.
fn identifier(account: AccountId) -> Vec<u8> {
    [&account.as_bytes()[..], &1_u32.to_be_bytes()].concat()
}

fn parameters(account: &AccountId) -> ServerLoginParameters<'_, '_> {
    ServerLoginParameters {
        context: Some(Label::Login.as_str().as_bytes()),
        identifiers: Identifiers { client: Some(account.as_bytes()), server: None },
    }
}

fn time() -> Millis {
    Millis(js_sys::Date::now() as u64)
}

/// Carries a command to its end; what the store was made with comes back too.
fn carry(server: &mut Server, client: &mut Client<Argon2id>, command: Command) -> (Result<Answer, Failure>, Option<Batch>) {
    client.handle(time(), Input::Command { id: 1, command });
    let mut made = None;
    let mut steps = 0;
    while let Some(output) = client.poll() {
        steps += 1;
        assert!(steps < 200, "no end");
        match output {
            Output::Http(request) if request.path.starts_with("/auth/register") || request.path.starts_with("/auth/login") => {
                let (status, body) = server.answer(&request);
                client.handle(time(), Input::Http { id: request.id, outcome: HttpOutcome::Answer { status, body } });
            }
            Output::OpenStore { fresh, .. } => {
                let batch = *fresh.unwrap();
                let snapshot = Snapshot { rows: batch.rows.clone() };
                made = Some(batch);
                client.handle(time(), Input::StoreOpened(snapshot));
            }
            // A new browser goes on to enrol, which this server does not know: its belongings are open by then.
            Output::Http(request) if request.path == "/api/devices" => return (Ok(Answer::Done), made),
            Output::Answer { id: 1, result } => return (result, made),
            _ => {}
        }
    }
    (Err(Failure::new("silent")), made)
}

fn credentials(password: &str) -> (String, String) {
    ("Ann".to_owned(), password.to_owned())
}

#[wasm_bindgen_test]
fn register_and_log_in_with_opaque() {
    let mut server = Server::new();
    let (username, password) = credentials("Correct horse-battery 9");
    let register = Command::Register { username: username.clone(), password: password.clone(), stay: true };
    let (done, made) = timed("registering, without the network", || carry(&mut server, &mut Client::new([2; 32]), register));
    assert!(matches!(done, Ok(Answer::Done)), "{done:?}");
    assert!(!made.unwrap().rows.is_empty());
    let finish = server.registered.as_ref().unwrap();
    let packages: usize = finish.device.packages.iter().map(|package| package.0.len()).sum();
    wasm_bindgen_test::console_log!("bytes: registering sends {}, {packages} of it key packages", codec::encode(finish).len());

    let login = Command::Login { username: username.clone(), password, stay: false };
    let (done, made) =
        timed("logging in on a new browser, without the network", || carry(&mut server, &mut Client::new([3; 32]), login));
    assert!(matches!(done, Ok(Answer::Done)), "{done:?}");
    assert!(made.is_some(), "the wrap opened, so a store was made");

    let (_, wrong) = credentials("Correct horse-battery 8");
    let start = now();
    let (done, made) = carry(&mut server, &mut Client::new([4; 32]), Command::Login { username, password: wrong, stay: false });
    assert_eq!(done.unwrap_err().code, "invalid_credentials");
    assert!(made.is_none());
    wasm_bindgen_test::console_log!("time: a wrong password {:.1} ms", now() - start);
}
