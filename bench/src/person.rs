//! A person with one browser: registered, logged in, connected.

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use mls::leaf::SUITE_ID;
use rand_core::{OsRng, RngCore as _};
use shared::{
    AccountId, Bytes, DeviceId, Millis,
    certificate::Certificate,
    frame::{ClientFrame, ClientHello, Cursor, ServerFrame, ServerHello, VERSION},
    handle::Handle,
    http::{
        Bound, DeviceUpload, LoggedIn, LoginFinish, LoginStart, LoginStarted, RegisterFinish, RegisterStart, RegisterStarted,
        Ticket, Wrap, WrapKind,
    },
    label::Label,
    signature,
    statement::{Content, StatedDevice, hash_of_secrets},
};

use crate::{
    http::{Body, Http},
    place::{Place, address_of},
    socket::Socket,
    speaking::{
        device::MlsDevice,
        login::{LoggingIn, Registering},
    },
};

const PASSWORD: &[u8] = b"one password for all of them";

/// Somebody who has an account and a session.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) http: Http,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    handle: String,
    key: SigningKey,
    run: Bytes,
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

pub(crate) fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Person {
    /// Makes the nth account, with so many key packages and the last resort.
    pub(crate) async fn register(place: &Place, n: usize, packages: usize) -> Result<(Self, MlsDevice)> {
        let mut http = Http::new(place.clone(), address_of(n));
        let handle = format!("bench{n}");
        let (state, request) = Registering::start(&mut OsRng, PASSWORD);
        let account = AccountId(random());
        let start = RegisterStart { username: handle.clone(), account_id: account, request: request.into() };
        let started: RegisterStarted = http.json("POST", "/auth/register/start", Body::json(&start)?).await?;
        let upload = state.finish(&mut OsRng, account, started.response.as_slice());
        let identity = SigningKey::from_bytes(&random());
        let key = SigningKey::from_bytes(&random());
        let device = DeviceId(random());
        let public = key.verifying_key().to_bytes();
        let certificate = Certificate::issue(&identity, account, device, public, 1, &[SUITE_ID])?;
        let run: Bytes = random::<16>().into();
        let wrap = |kind| Wrap { kind, generation: 1, record: 1, sealed: Bytes(vec![1; 90]) };
        let (wraps, vault) = (vec![wrap(WrapKind::Password), wrap(WrapKind::Kit)], Bytes(vec![1; 200]));
        let content = Content {
            account,
            handle: Handle::parse(&handle)?,
            identity: identity.verifying_key().to_bytes(),
            number: 1,
            previous: [0; 32],
            generation: 1,
            vault_number: 1,
            secrets: hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), vault.as_slice()),
            devices: vec![StatedDevice { id: device, key: public, suites: vec![SUITE_ID] }],
        };
        let statement = content.sign(&identity, None)?;
        let mls = MlsDevice::new(key.clone(), identity.verifying_key().to_bytes(), certificate);
        let finish = RegisterFinish {
            username: handle.clone(),
            account_id: account,
            upload: upload.into(),
            ksf: 1,
            wraps,
            vault,
            recovery_key: identity.verifying_key().to_bytes().into(),
            statement: statement.as_bytes().into(),
            device: DeviceUpload {
                certificate: mls.certificate.as_bytes().into(),
                run: run.clone(),
                packages: (0..packages).map(|_| mls.package(now(), false)).collect(),
                last_resort: mls.package(now(), true),
            },
        };
        let _: Bound = http.json("POST", "/auth/register/finish", Body::cbor(&finish)).await?;
        Ok((Self { http, account, device, handle, key, run }, mls))
    }

    /// A complete log-in of this browser: both steps of OPAQUE and the device's signature.
    pub(crate) async fn log_in(&mut self) -> Result<()> {
        let (state, request) = LoggingIn::start(&mut OsRng, PASSWORD);
        let start = LoginStart { username: self.handle.clone(), request: request.into() };
        let started: LoginStarted = self.http.json("POST", "/auth/login/start", Body::json(&start)?).await?;
        let finalization = state.finish(&mut OsRng, started.account_id, started.response.as_slice());
        let signed = signature::sign(&self.key, Label::DeviceLogin, started.login_id.as_slice());
        let finish = LoginFinish {
            login_id: started.login_id,
            finalization: finalization.context("the server's answer does not open with the right password")?.into(),
            device_id: Some(self.device),
            device_signature: Some(signed.into()),
        };
        let done: LoggedIn = self.http.json("POST", "/auth/login/finish", Body::json(&finish)?).await?;
        if done.user.device != Some(self.device) {
            bail!("the session is not bound to the device");
        }
        Ok(())
    }

    /// A greeted socket that knows everything up to these cursors.
    pub(crate) async fn connect(&mut self, cursors: Vec<Cursor>) -> Result<(Socket, ServerHello)> {
        let ticket: Ticket = self.http.json("POST", "/auth/ticket", Body::Nothing).await?;
        let ticket = URL_SAFE_NO_PAD.encode(ticket.ticket.as_slice());
        let protocols = format!("{}, ticket.{ticket}", shared::frame::SUBPROTOCOL);
        let mut socket = Socket::open(self.http.place(), self.http.from(), Some(&protocols)).await?;
        let next: Bytes = random::<16>().into();
        let hello = ClientHello {
            version: VERSION,
            run: self.run.clone(),
            next_run: next.clone(),
            store_epoch: None,
            inbox: 0,
            cursors,
        };
        socket.send(&ClientFrame::Hello(hello)).await?;
        match socket.next().await? {
            ServerFrame::Hello(answer) => {
                self.run = next;
                Ok((socket, answer))
            }
            other => bail!("not greeted: {other:?}"),
        }
    }
}
