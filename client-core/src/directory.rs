//! Who people are: statements, pins, trust, safety numbers, and the sealed settings that carry pins to own browsers.

use hmac::{Hmac, Mac as _, digest::KeyInit};
use minicbor::{Decode, Encode};
use shared::{
    AccountId, Bytes, Code, ConversationId,
    certificate::Certificate,
    codec, http as body,
    label::Label,
    safety,
    statement::{self, Statement, Step},
};

use crate::{
    Failure,
    conversation::place,
    failure::code,
    http::{self, Draft},
    output::{Answer, Method},
    rows::Contact,
    sealed,
    session::{Ctx, Session, Waits},
    view::{self, SystemLine},
};

/// Settings collection of pins and verification marks.
const PINS: u8 = 0;
/// Contacts whose statements are read again with each connection.
const CHECKED: usize = 50;

/// A pin as it travels between own browsers, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Pin {
    #[n(0)]
    account: AccountId,
    #[n(1)]
    handle: String,
    #[n(2)]
    pinned: Bytes,
    #[n(3)]
    verified: bool,
}

impl Session {
    /// The account's newest statement, as far as it is known here.
    pub(crate) fn newest(&self, account: AccountId) -> Option<Statement> {
        let contact = || self.contacts.get(&account).map(|contact| &contact.statement);
        let bytes = if account == self.me.account { Some(&self.me.statement) } else { contact() }?;
        let mut parsed = self.parsed.borrow_mut();
        if let Some(known) = parsed.get(&account).filter(|known| known.as_bytes() == bytes.as_slice()) {
            return Some(known.clone());
        }
        let statement = Statement::parse(bytes.as_slice()).ok()?;
        parsed.insert(account, statement.clone());
        Some(statement)
    }

    /// Number of the newest statement known of an account; 0 when none is.
    pub(crate) fn known_number(&self, account: AccountId) -> u64 {
        if account == self.me.account {
            return self.newest(account).map_or(0, |statement| statement.content().number);
        }
        self.contacts.get(&account).map_or(0, |contact| contact.number)
    }

    pub(crate) fn ask_statements(&mut self, ctx: &mut Ctx<'_>, account: AccountId) {
        if self.is_asking(|waits| matches!(waits, Waits::Statements { account: asked } if *asked == account)) {
            return;
        }
        let draft = self.statements_draft(account);
        self.ask(ctx, Waits::Statements { account }, draft);
    }

    /// Asks for what is newer than what is known; after a restore the newest known one has to be shown as well.
    pub(crate) fn statements_draft(&self, account: AccountId) -> Draft {
        let after = self.known_number(account).saturating_sub(u64::from(self.is_doubted(account)));
        Draft::get(format!("/api/accounts/{account}/statements?after={after}"))
    }

    /// Has the server been put back, and not been seen since to have the newest statement known of the account?
    pub(crate) fn is_doubted(&self, account: AccountId) -> bool {
        if account == self.me.account {
            return self.me.statement_doubted;
        }
        self.contacts.get(&account).is_some_and(|contact| contact.doubted)
    }

    /// The server names the number of an account's newest statement.
    pub(crate) fn look_at_statements(&mut self, ctx: &mut Ctx<'_>, account: AccountId, number: u64) {
        if self.is_doubted(account) || number > self.known_number(account) {
            self.ask_statements(ctx, account);
        }
    }

    /// Makes sure that an account's name and pin are known.
    pub(crate) fn know(&mut self, ctx: &mut Ctx<'_>, account: AccountId) {
        if account != self.me.account && !self.checked.contains(&account) {
            self.ask_statements(ctx, account);
        }
    }

    /// With each connection the people written to last are looked at again, before anything is sealed for them.
    pub(crate) fn check_contacts(&mut self, ctx: &mut Ctx<'_>) {
        self.checked.clear();
        let mut recent: Vec<_> = self.convs.values().map(|conv| (conv.last.as_ref().map(|last| last.at), conv.with)).collect();
        recent.sort_unstable_by(|a, b| b.cmp(a));
        let waiting: Vec<_> = self.outbox.keys().filter_map(|(id, _)| self.convs.get(id).map(|conv| conv.with)).collect();
        for (at, (_, account)) in recent.into_iter().enumerate() {
            if at < CHECKED || waiting.contains(&account) || !self.contacts.contains_key(&account) {
                self.know(ctx, account);
            } else {
                self.checked.insert(account);
            }
        }
    }

    /// A person was looked up by name: the answer must be about that name.
    pub(crate) fn take_person(&mut self, ctx: &mut Ctx<'_>, handle: &str, person: &body::Person) -> Result<(), Failure> {
        let known = self.contacts.get(&person.account_id).and_then(|c| Statement::parse(c.statement.as_slice()).ok());
        let skip = known.as_ref().map_or(0, |statement| statement.content().number);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let new = person.statements.iter().map(Bytes::as_slice).skip(skip);
        self.check_fork(ctx.now, person.account_id, known.as_ref(), &person.statements);
        let chain = statement::verify_chain(known.as_ref(), new).map_err(|_| Failure::new(code::BAD_ANSWER))?;
        if chain.newest.content().account != person.account_id
            || !chain.newest.content().handle.as_str().eq_ignore_ascii_case(&person.username)
            || !person.username.eq_ignore_ascii_case(handle)
        {
            return Err(Failure::new(code::BAD_ANSWER));
        }
        self.take_chain(&chain);
        self.check_claim(ctx.now, person.account_id, &person.statements);
        self.look_at_leaves(ctx, person.account_id);
        Ok(())
    }

    /// Statements of an account, above what is known. An answer that does not continue the chain is a lie and changes nothing.
    pub(crate) fn statements(&mut self, ctx: &mut Ctx<'_>, account: AccountId, answer: &[u8]) {
        let Ok(answer) = http::json::<body::Statements>(answer) else { return };
        let own = account == self.me.account;
        let known = self.newest(account);
        self.check_fork(ctx.now, account, known.as_ref(), &answer.statements);
        // Asked for when less was known: a look-up by name may have been answered meanwhile. What is above it has to continue it.
        let above = known.as_ref().map_or(0, |known| known.content().number);
        let new = |bytes: &&[u8]| Statement::parse(bytes).map_or(true, |statement| statement.content().number > above);
        let chain = statement::verify_chain(known.as_ref(), answer.statements.iter().map(Bytes::as_slice).filter(new));
        let Ok(chain) = chain else { return };
        if chain.newest.content().account != account {
            return;
        }
        let has = |known: &Statement| answer.statements.iter().any(|bytes| bytes.as_slice() == known.as_bytes());
        let shown = known.as_ref().is_none_or(has);
        if own {
            self.me.statement_doubted &= !shown;
            self.me.statement = chain.newest.as_bytes().into();
            self.me_dirty = true;
            return self.look_at_leaves(ctx, account);
        }
        self.take_chain(&chain);
        if let Some(contact) = self.contacts.get_mut(&account).filter(|contact| shown && contact.doubted) {
            contact.doubted = false;
            self.dirty_contacts.insert(account);
        }
        self.check_claim(ctx.now, account, &answer.statements);
        self.look_at_leaves(ctx, account);
        self.checked_now(ctx, account);
        self.push_settings(ctx);
    }

    /// The newest statement is known, however it came: what waited for it goes on.
    pub(crate) fn checked_now(&mut self, ctx: &mut Ctx<'_>, account: AccountId) {
        self.checked.insert(account);
        let ids: Vec<_> = self.convs.values().filter(|conv| conv.with == account).map(|conv| conv.id).collect();
        for id in ids {
            self.dirty_convs.insert(id);
            self.catch_up(ctx, id);
            self.pump(ctx, id);
        }
    }

    fn take_chain(&mut self, chain: &statement::Chain) {
        let content = chain.newest.content();
        let account = content.account;
        let identity = Bytes::from(content.identity);
        // The pin is of the name: another account under a name that is known already has not earned its trust.
        let namesake = self
            .contacts
            .values()
            .find(|known| known.account != account && known.handle.eq_ignore_ascii_case(content.handle.as_str()))
            .map(|known| known.pinned.clone());
        let usurped = namesake.is_some() && !self.contacts.contains_key(&account);
        let contact = self.contacts.entry(account).or_insert_with(|| Contact {
            account,
            handle: content.handle.as_str().to_owned(),
            statement: Bytes::default(),
            number: 0,
            pinned: namesake.unwrap_or_else(|| identity.clone()),
            identity: identity.clone(),
            verified: false,
            version: 0,
            dirty: true,
            conflict: false,
            claim: None,
            doubted: false,
        });
        if content.number <= contact.number {
            return;
        }
        if contact.pinned.0.is_empty() {
            contact.pinned = identity.clone();
        }
        let changed = contact.number > 0 && contact.identity != identity;
        contact.handle = content.handle.as_str().to_owned();
        contact.statement = chain.newest.as_bytes().into();
        contact.number = content.number;
        // A succession is signed by the pinned key: the pin follows, and a comparison made before still tells of that key only.
        if changed && chain.worst == Step::Succession && contact.pinned == contact.identity {
            contact.pinned = identity.clone();
            contact.verified = false;
            contact.dirty = true;
        }
        contact.identity = identity;
        self.dirty_contacts.insert(account);
        if changed || usurped {
            let name = content.handle.as_str().to_owned();
            let line = if usurped || chain.worst == Step::Reset {
                SystemLine::Reset { name }
            } else {
                SystemLine::KeyChanged { name }
            };
            self.identity_line(account, line);
        }
    }

    fn identity_line(&mut self, account: AccountId, line: SystemLine) {
        let ids: Vec<_> = self.convs.values().filter(|conv| conv.with == account).map(|conv| (conv.id, conv.cursor)).collect();
        for (id, cursor) in ids {
            let at = self.convs.get(&id).and_then(|conv| conv.last.as_ref()).map(|last| last.at).unwrap_or_default();
            self.system_line(id, cursor, place::IDENTITY, at, line.clone());
        }
    }

    /// A leaf with another identity key than the known one: somebody's account was reset, or somebody lies. Ask.
    pub(crate) fn note_identity(&mut self, ctx: &mut Ctx<'_>, account: AccountId, identity: &[u8; 32]) {
        let other = self.contacts.get(&account).is_some_and(|contact| contact.identity.as_slice() != identity);
        if other {
            self.checked.remove(&account);
            self.know(ctx, account);
        }
    }

    /// Does the newest known statement of the account name this device with this key?
    pub(crate) fn is_stated(&self, certificate: &Certificate, identity: &[u8; 32]) -> bool {
        let Some(newest) = self.newest(certificate.account) else { return false };
        newest.content().identity == *identity && newest.device(certificate.device).is_some_and(|d| d.key == certificate.key)
    }

    fn contact_of(&self, id: ConversationId) -> Result<&Contact, Failure> {
        let conv = self.convs.get(&id).ok_or_else(|| Failure::from(Code::NotFound))?;
        self.contacts.get(&conv.with).ok_or_else(|| Failure::from(Code::NotFound))
    }

    pub(crate) fn safety_number(&self, id: ConversationId) -> Result<Answer, Failure> {
        let contact = self.contact_of(id)?;
        let bad = || Failure::new(code::STORE);
        let mine = (self.me.account, self.me.identity.array().ok_or_else(bad)?);
        let number = safety::safety_number(mine, (contact.account, contact.identity.array().ok_or_else(bad)?));
        Ok(Answer::SafetyNumber(view::SafetyNumber {
            with: view::Person::new(contact.account, &contact.handle),
            digits: number.groups,
            qr: number.qr,
            verified: contact.verified,
            trust: contact.trust(),
        }))
    }

    /// The numbers were compared: matching also accepts the identity they were made of.
    pub(crate) fn verify(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, verified: bool) -> Result<Answer, Failure> {
        self.change_pin(ctx, id, |contact| {
            contact.verified = verified;
            if verified {
                contact.pinned = contact.identity.clone();
                contact.settle();
            }
        })
    }

    /// The new identity is used from now on: what was held may go.
    pub(crate) fn accept_change(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) -> Result<Answer, Failure> {
        self.change_pin(ctx, id, |contact| {
            contact.settle();
            if contact.pinned != contact.identity {
                contact.pinned = contact.identity.clone();
                contact.verified = false;
            }
        })
    }

    fn change_pin(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: ConversationId,
        change: impl FnOnce(&mut Contact),
    ) -> Result<Answer, Failure> {
        let contact = self.contact_of(id)?;
        let (account, number) = (contact.account, contact.number);
        if let Some(contact) = self.contacts.get_mut(&account) {
            change(contact);
            contact.dirty = true;
            if contact.number < number {
                self.checked.remove(&account);
            }
        }
        for conv in self.convs.values_mut().filter(|conv| conv.with == account) {
            (conv.ghost, conv.looked) = (false, number);
            self.dirty_convs.insert(conv.id);
        }
        self.dirty_contacts.insert(account);
        self.dirty_convs.insert(id);
        self.push_settings(ctx);
        self.pump(ctx, id);
        Ok(Answer::Done)
    }

    fn settings_key(&self) -> [u8; 32] {
        self.me.settings_key.array().unwrap_or_default()
    }

    /// Opaque name of an account's pin: HMAC(settings key, "pin" ‖ account)[..16].
    fn pin_item(&self, account: AccountId) -> Bytes {
        let mut block = [0; 64];
        block.iter_mut().zip(self.settings_key()).for_each(|(slot, byte)| *slot = byte);
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new(&block.into());
        mac.update(Label::PinName.as_str().as_bytes());
        mac.update(account.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        digest.first_chunk::<16>().copied().unwrap_or_default().into()
    }

    /// Offers every pin that changed here.
    pub(crate) fn push_settings(&mut self, ctx: &mut Ctx<'_>) {
        if !self.link.is_online() {
            return;
        }
        let key = self.settings_key();
        let dirty: Vec<Contact> =
            self.contacts.values().filter(|contact| contact.dirty && contact.number > 0).cloned().collect();
        for contact in dirty {
            let account = contact.account;
            if self.is_asking(|waits| matches!(waits, Waits::SettingsPut { account: a } if *a == account)) {
                continue;
            }
            let pin = Pin { account, handle: contact.handle, pinned: contact.pinned, verified: contact.verified };
            let item = self.pin_item(account);
            let version = contact.version.saturating_add(1);
            let place = sealed::settings_place(self.me.account, PINS, item.as_slice(), version);
            let sealed = sealed::seal(&key, &place, &codec::encode(&pin), ctx.entropy).into();
            let put = body::SettingsPut { collection: PINS, item, version, sealed };
            self.ask(ctx, Waits::SettingsPut { account }, Draft::json(Method::Put, "/api/settings", &put));
        }
    }

    pub(crate) fn setting_stored(&mut self, account: AccountId) {
        if let Some(contact) = self.contacts.get_mut(&account) {
            contact.version = contact.version.saturating_add(1);
            contact.dirty = false;
            self.dirty_contacts.insert(account);
        }
    }

    pub(crate) fn read_settings(&mut self, ctx: &mut Ctx<'_>) {
        if self.requests.values().any(|request| matches!(request.waits, Waits::Settings)) {
            return;
        }
        let draft = Draft::get(format!("/api/settings?after={}", self.me.settings));
        self.ask(ctx, Waits::Settings, draft);
    }

    /// Pins of own browsers: theirs count when they are newer.
    pub(crate) fn settings(&mut self, ctx: &mut Ctx<'_>, answer: &[u8]) {
        let Ok(settings) = http::json::<body::Settings>(answer) else { return };
        let key = self.settings_key();
        for item in settings.items.iter().filter(|item| item.collection == PINS) {
            let place = sealed::settings_place(self.me.account, PINS, item.item.as_slice(), item.version);
            let Ok(plain) = sealed::open(&key, &place, item.sealed.as_slice()) else { continue };
            let Ok(pin) = codec::decode::<Pin>(&plain) else { continue };
            if item.item != self.pin_item(pin.account) {
                continue;
            }
            let contact = self.contacts.entry(pin.account).or_insert_with(|| Contact {
                account: pin.account,
                handle: pin.handle.clone(),
                statement: Bytes::default(),
                number: 0,
                pinned: pin.pinned.clone(),
                identity: pin.pinned.clone(),
                verified: pin.verified,
                version: item.version,
                dirty: false,
                conflict: false,
                claim: None,
                doubted: false,
            });
            if item.version >= contact.version {
                contact.version = item.version;
                if !contact.dirty || contact.pinned == pin.pinned {
                    contact.pinned = pin.pinned;
                    contact.verified = pin.verified;
                    contact.dirty = false;
                }
            }
            self.dirty_contacts.insert(pin.account);
            let ids: Vec<_> = self.convs.values().filter(|conv| conv.with == pin.account).map(|conv| conv.id).collect();
            self.dirty_convs.extend(ids);
        }
        if settings.change > self.me.settings {
            self.me.settings = settings.change;
            self.me_dirty = true;
        }
        self.push_settings(ctx);
    }
}
