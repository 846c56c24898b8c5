//! A member without our checks: a browser's own rows, openmls, and nobody who says no.

use client_core::{Snapshot, Space};
use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};
use mls::{
    Provider, Store, group,
    leaf::{self, DeviceSigner},
    openmls::prelude::{CredentialWithKey, MlsGroup, OpenMlsProvider as _},
};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis,
    authenticated::{self, MessageData},
    certificate::Certificate,
    codec,
};

/// The rows it needs of the browser's own.
#[derive(Decode)]
#[cbor(map)]
struct Me {
    #[n(0)]
    account: AccountId,
    #[n(2)]
    identity: Bytes,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    secret: Bytes,
    #[n(5)]
    certificate: Bytes,
}

/// What a message says inside (protocol §4).
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Content {
    /// The message's id.
    #[n(0)]
    pub message: MessageId,
    /// Newest own statement of the sender: number …
    #[n(1)]
    pub statement: u64,
    /// … and the first 8 bytes of its hash.
    #[n(2)]
    pub statement_hash: Bytes,
    /// Last ids the sender had seen.
    #[n(3)]
    pub parents: Vec<MessageId>,
    /// The sender's clock.
    #[n(4)]
    pub sent_at: Millis,
    /// Place of the key-transparency root.
    #[n(5)]
    pub root: Option<Bytes>,
    /// 0 is a text.
    #[n(6)]
    pub kind: u16,
    /// Of a text.
    #[n(7)]
    pub text: Option<String>,
}

impl Content {
    /// An honest-looking one.
    #[must_use]
    pub fn text(message: MessageId, text: &str) -> Self {
        Self {
            message,
            statement: 1,
            statement_hash: Bytes(vec![0; 8]),
            parents: vec![],
            sent_at: Millis(1),
            root: None,
            kind: 0,
            text: Some(text.to_owned()),
        }
    }
}

/// See the module.
pub struct Insider {
    /// Whose.
    pub account: AccountId,
    /// Which browser.
    pub device: DeviceId,
    /// openmls and its rows.
    pub provider: Provider,
    /// The browser's key.
    pub signer: DeviceSigner,
    /// What stands in its leaf.
    pub credential: CredentialWithKey,
    /// Its group, as it was.
    pub group: MlsGroup,
}

/// The key that the commitments of [`Insider::data`] open with.
pub const OPENER: [u8; 32] = [9; 32];

impl Insider {
    /// Takes what a browser has on its disk; None when that is not in the conversation's first generation. The browser must not be used
    /// any more where this one sends.
    #[must_use]
    pub fn of(snapshot: Snapshot, conversation: ConversationId) -> Option<Self> {
        let (mut me, mut rows) = (None, vec![]);
        for row in snapshot.rows {
            match row.space {
                Space::Meta if row.key == b"me" => me = minicbor::decode::<Me>(&row.value?).ok(),
                Space::Mls => rows.push((row.key, row.value?.into())),
                _ => {}
            }
        }
        let me = me?;
        let provider = Provider::new(Store::from_rows(rows)).ok()?;
        let group = MlsGroup::load(provider.storage(), &group::group_id(conversation, 0)).ok()??;
        let certificate = Certificate::parse(me.certificate.as_slice()).ok()?;
        Some(Self {
            account: me.account,
            device: me.device,
            provider,
            signer: DeviceSigner(SigningKey::from_bytes(&me.secret.array()?)),
            credential: leaf::credential(&me.identity.array()?, &certificate),
            group,
        })
    }

    /// Of its group.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// Honest authenticated data of a content's CBOR.
    #[must_use]
    pub fn data(&self, message: MessageId, n: u64, content: &[u8]) -> MessageData {
        let transcript = self.group.public_group().group_context().confirmed_transcript_hash().first_chunk();
        let commitment = authenticated::commitment(&OPENER, content);
        MessageData { message, n, commitment, previous: [0; 32], transcript: transcript.copied().unwrap_or_default() }
    }

    /// An envelope of a content's CBOR, in its bucket.
    #[must_use]
    pub fn envelope(content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let mut envelope = [&OPENER[..], &length.to_be_bytes(), content].concat();
        envelope.resize(envelope.len().next_power_of_two().max(256), 0);
        envelope
    }

    /// Seals any bytes under any authenticated data; None when openmls does not.
    pub fn seal_raw(&mut self, authenticated: Vec<u8>, envelope: &[u8]) -> Option<Vec<u8>> {
        self.group.set_aad(authenticated);
        let message = self.group.create_message(&self.provider, &self.signer, envelope).ok()?;
        group::bytes(&message).ok()
    }

    /// Seals a content as message `id`, counter `n`; `change` may lie in the authenticated data.
    pub fn seal(&mut self, id: MessageId, n: u64, content: &Content, change: impl FnOnce(&mut MessageData)) -> Option<Vec<u8>> {
        let cbor = codec::encode(content);
        let mut data = self.data(id, n, &cbor);
        change(&mut data);
        self.seal_raw(data.encode(), &Self::envelope(&cbor))
    }
}
