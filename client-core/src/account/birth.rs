//! A new device, and a new account around the first one.

use ed25519_dalek::SigningKey;
use mls::{Store, leaf::SUITE_ID};
use shared::{
    AccountId, Bytes, DeviceId, Millis,
    certificate::Certificate,
    handle::Handle,
    http::{DeviceUpload, Enrol, RegisterFinish, WrapKind},
    kit::Kit,
    label::Label,
    statement::{self, StatedDevice},
};
use zeroize::Zeroizing;

use super::{
    ksf::Stretch,
    vault::{CannotUnwrap, Opened, Root, StoreSecret, Vault},
};
use crate::{
    derive,
    entropy::Entropy,
    mls::Groups,
    output::{Batch, Row, Space, StoreKey},
    rows::{ME, Me},
};

/// A device as it begins: what goes to the server, and what its store begins with.
pub(crate) struct NewDevice {
    pub(crate) upload: DeviceUpload,
    pub(crate) me: Me,
    pub(crate) store_key: StoreKey,
    pub(crate) groups: Groups,
}

impl NewDevice {
    /// The first content of the store.
    pub(crate) fn batch(&self) -> Batch {
        let mut rows = vec![Row { space: Space::Meta, key: ME.to_vec(), value: Some(shared::codec::encode(&self.me)) }];
        rows.extend(crate::session::mls_rows(self.groups.store()));
        Batch { rows, ..Batch::default() }
    }
}

/// Whose device it will be.
struct Owner<'a> {
    account: AccountId,
    handle: &'a Handle,
    identity: &'a SigningKey,
    root: &'a Root,
}

fn device_key(entropy: &mut Entropy) -> (DeviceId, SigningKey, Bytes) {
    let secret: [u8; 32] = entropy.array();
    (DeviceId(entropy.array()), SigningKey::from_bytes(&secret), Bytes(secret.to_vec()))
}

#[expect(clippy::too_many_arguments, reason = "every part of a device is drawn by one of its two callers")]
fn new_device(
    owner: &Owner<'_>,
    (device, key, secret): (DeviceId, SigningKey, Bytes),
    statement: &statement::Statement,
    store_secret: &Bytes,
    kit: Option<String>,
    stay: bool,
    pool: usize,
    now: Millis,
    entropy: &mut Entropy,
) -> Result<NewDevice, CannotUnwrap> {
    let identity = owner.identity.verifying_key().to_bytes();
    let public = key.verifying_key().to_bytes();
    let certificate =
        Certificate::issue(owner.identity, owner.account, device, public, statement.content().number, &[SUITE_ID])
            .map_err(|_| CannotUnwrap)?;
    let mut groups = Groups::new(Store::default(), key, &identity, &certificate).map_err(|_| CannotUnwrap)?;
    let seconds = now.0 / 1_000;
    let mut packages = Vec::with_capacity(pool);
    for _ in 0..pool {
        packages.push(Bytes(groups.package(seconds, false).map_err(|_| CannotUnwrap)?.bytes));
    }
    let last_resort = Bytes(groups.package(seconds, true).map_err(|_| CannotUnwrap)?.bytes);
    let run = Bytes(entropy.array::<16>().to_vec());
    let me = Me {
        account: owner.account,
        handle: owner.handle.as_str().to_owned(),
        identity: identity.into(),
        device,
        secret,
        certificate: certificate.as_bytes().into(),
        settings_key: owner.root.key(Label::Settings).to_vec().into(),
        archive_key: owner.root.key(Label::Archive).to_vec().into(),
        generation: owner.root.generation,
        statement: statement.as_bytes().into(),
        kit,
        stay,
        theme: 0,
        run: run.clone(),
        next_run: run.clone(),
        store_epoch: None,
        inbox: 0,
        settings: 0,
        superseded: false,
        welcomes: vec![],
        unconfirmed: true,
        store_secret: store_secret.clone(),
        retired: vec![],
        conflicts: vec![],
        statement_doubted: false,
    };
    let upload = DeviceUpload { certificate: certificate.as_bytes().into(), run, packages, last_resort };
    let store_key = derive::store_key(store_secret.as_slice(), owner.account);
    Ok(NewDevice { upload, me, store_key, groups })
}

/// A new account with its first device: the body of register/finish and the first content of the store.
pub(crate) fn account<K: Stretch>(
    account: AccountId,
    handle: &Handle,
    (upload, export_key): (Vec<u8>, Zeroizing<Vec<u8>>),
    stay: bool,
    now: Millis,
    entropy: &mut Entropy,
) -> Result<(RegisterFinish, NewDevice), CannotUnwrap> {
    let root = Root { secret: Zeroizing::new(entropy.array()), generation: 1 };
    let seed = Zeroizing::new(entropy.array::<32>());
    let identity = SigningKey::from_bytes(&seed);
    let kit = Kit::new(&entropy.array());
    let parts = device_key(entropy);
    let store_secret = Bytes(entropy.array::<32>().to_vec());
    let vault = Vault {
        identity: Bytes(seed.to_vec()),
        archive_keys: vec![],
        ksf: K::VERSION,
        stores: vec![StoreSecret { device: parts.0, secret: store_secret.clone() }],
    };
    let vault = Bytes(vault.seal(&root, account, 1, entropy));
    let wraps = vec![
        root.wrap(&derive::password_wrap(&export_key, account), account, WrapKind::Password, 1, entropy),
        root.wrap(&derive::kit_wrap(&kit, account), account, WrapKind::Kit, 1, entropy),
    ];
    let content = statement::Content {
        account,
        handle: handle.clone(),
        identity: identity.verifying_key().to_bytes(),
        number: 1,
        previous: [0; 32],
        generation: root.generation,
        vault_number: 1,
        secrets: statement::hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), vault.as_slice()),
        devices: vec![StatedDevice { id: parts.0, key: parts.1.verifying_key().to_bytes(), suites: vec![SUITE_ID] }],
    };
    let statement = content.sign(&identity, None).map_err(|_| CannotUnwrap)?;
    let owner = Owner { account, handle, identity: &identity, root: &root };
    let device = new_device(&owner, parts, &statement, &store_secret, Some(kit.text()), stay, K::POOL, now, entropy)?;
    let body = RegisterFinish {
        username: handle.as_str().to_owned(),
        account_id: account,
        upload: upload.into(),
        ksf: K::VERSION,
        wraps,
        vault,
        recovery_key: derive::kit_key(&kit, account).verifying_key().to_bytes().into(),
        statement: statement.as_bytes().into(),
        device: device.upload.clone(),
    };
    Ok((body, device))
}

/// Another device of an account whose belongings are open: the body of the enrolment and the first content of its store.
/// `before` goes on with its store, of this secret, as the new one.
pub(crate) fn device<K: Stretch>(
    opened: &Opened,
    before: Option<(DeviceId, Bytes)>,
    stay: bool,
    now: Millis,
    entropy: &mut Entropy,
) -> Result<(Enrol, NewDevice), CannotUnwrap> {
    let account = opened.newest.content();
    let parts = device_key(entropy);
    let fresh = Bytes(entropy.array::<32>().to_vec());
    let old = before.as_ref().map(|(device, _)| *device);
    let store_secret = before.map_or(fresh, |(_, secret)| secret);
    // One that was signed out, or that a restored server has forgotten, is not there to be retired.
    let retires = old.filter(|old| opened.newest.device(*old).is_some());
    let mut vault = opened.vault.clone();
    vault.stores.retain(|store| Some(store.device) != old);
    vault.stores.push(StoreSecret { device: parts.0, secret: store_secret.clone() });
    let vault_number = opened.vault_number + 1;
    let sealed = Bytes(vault.seal(&opened.root, account.account, vault_number, entropy));
    let mut devices: Vec<StatedDevice> = account.devices.iter().filter(|device| Some(device.id) != retires).cloned().collect();
    devices.push(StatedDevice { id: parts.0, key: parts.1.verifying_key().to_bytes(), suites: vec![SUITE_ID] });
    let content = statement::Content {
        number: account.number + 1,
        previous: opened.newest.hash(),
        vault_number,
        secrets: statement::hash_of_secrets(opened.wraps.iter().map(|wrap| wrap.sealed.as_slice()), sealed.as_slice()),
        devices,
        ..account.clone()
    };
    let statement = content.sign(&opened.identity, None).map_err(|_| CannotUnwrap)?;
    let owner = Owner { account: account.account, handle: &account.handle, identity: &opened.identity, root: &opened.root };
    let device = new_device(&owner, parts, &statement, &store_secret, None, stay, K::POOL, now, entropy)?;
    let body =
        Enrol { device: device.upload.clone(), statement: statement.as_bytes().into(), vault: sealed, vault_number, retires };
    Ok((body, device))
}
