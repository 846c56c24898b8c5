//! By the recovery kit: a new password.

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, Code,
    http::{self as body, Secrets, WrapKind},
    kit::{Kit, KitError},
    label::Label,
    signature, signed_text, statement,
};
use zeroize::Zeroizing;

use super::{Move, Step, bad_answer, cannot_unwrap, check_password};
use crate::{
    Client, Failure,
    account::{ksf::Stretch, opaque::Registering, vault},
    derive,
    failure::code,
    http::Draft,
    output::Method,
};

/// What is known between two steps.
pub(super) struct Recovering<K: Stretch> {
    kit: Kit,
    registering: Registering<K>,
    recover_id: Bytes,
    account: AccountId,
    response: Bytes,
}

impl<K: Stretch> Client<K> {
    pub(super) fn recover(&mut self, id: u64, username: &str, kit: &str, password: String, stay: bool) -> Move {
        if username.is_empty() {
            return Err(Code::MissingFields.into());
        }
        let kit = Kit::parse(kit).map_err(|error| match error {
            KitError::Length(count) => Failure::new(code::KIT_LENGTH).field("kit").message(&count.to_string()),
            KitError::Character { group } => Failure::new(code::KIT_CHARACTER).field("kit").message(&group.to_string()),
            KitError::Checksum => Failure::new(code::KIT_CHECKSUM).field("kit"),
        })?;
        check_password(&password)?;
        let (registering, request) = Registering::start(Zeroizing::new(password), &mut self.entropy).map_err(bad_answer)?;
        let start = body::RecoverStart { username: username.to_owned(), request: request.into() };
        let draft = Draft::json(Method::Post, "/auth/recover/start", &start);
        self.begin(id, stay, Step::RecoverStarting { kit, registering: Box::new(registering) }, draft)
    }

    pub(super) fn recover_started(&mut self, kit: Kit, registering: Registering<K>, started: body::RecoverStarted) -> Move {
        let key: SigningKey = derive::kit_key(&kit, started.account_id);
        let signed = signed_text::recovery(started.account_id, started.nonce.as_slice());
        let signature = signature::sign(&key, Label::RecoveryOpen, &signed);
        let open = body::RecoverOpen { recover_id: started.recover_id.clone(), signature: signature.into() };
        self.ask(Draft::json(Method::Post, "/auth/recover/open", &open));
        self.rest(Step::RecoverOpening(Box::new(Recovering {
            kit,
            registering,
            recover_id: started.recover_id,
            account: started.account_id,
            response: started.response,
        })));
        Ok(())
    }

    pub(super) fn recover_opened(&mut self, recovering: Recovering<K>, secrets: &Secrets) -> Move {
        let Recovering { kit, registering, recover_id, account, response } = recovering;
        let record = secrets.next_record();
        let key = derive::kit_wrap(&kit, account);
        let opened = vault::open(account, secrets, WrapKind::Kit, &key).map_err(cannot_unwrap)?;
        let (upload, export_key) = registering.finish(response.as_slice(), account, &mut self.entropy).map_err(bad_answer)?;
        let wrap_key = derive::password_wrap(&export_key, account);
        let mut wraps = vec![opened.root.wrap(&wrap_key, account, WrapKind::Password, record, &mut self.entropy)];
        wraps.extend(opened.wraps.iter().filter(|wrap| wrap.kind != WrapKind::Password).cloned());
        let before = opened.newest.content();
        let sealed = wraps.iter().map(|wrap| wrap.sealed.as_slice());
        let content = statement::Content {
            number: before.number + 1,
            previous: opened.newest.hash(),
            secrets: statement::hash_of_secrets(sealed, opened.sealed_vault.as_slice()),
            ..before.clone()
        };
        let statement = content.sign(&opened.identity, None).map_err(bad_answer)?;
        let mut finish = body::RecoverFinish {
            recover_id,
            upload: upload.into(),
            ksf: K::VERSION,
            wraps: wraps.clone(),
            statement: statement.as_bytes().into(),
            signature: Bytes::default(),
        };
        let digest = Sha256::digest(finish.signed());
        finish.signature = signature::sign(&derive::kit_key(&kit, account), Label::RecoveryFinish, &digest).into();
        self.ask(Draft::cbor(Method::Post, "/auth/recover/finish", &finish));
        let mut secrets = secrets.clone();
        secrets.wraps = wraps;
        secrets.statements = vec![statement.as_bytes().into()];
        self.rest(Step::RecoverFinishing { opened: Box::new(opened), secrets: Box::new(secrets) });
        Ok(())
    }
}
