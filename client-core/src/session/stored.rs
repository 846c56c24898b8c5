//! From the rows of the store, and back to them: what a run changed is shown, made durable, sent.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use ed25519_dalek::SigningKey;
use mls::{Store, store::RowChange};
use shared::{Bytes, certificate::Certificate, codec};

use super::{Damaged, Session};
use crate::{
    Output, Snapshot,
    connection::Link,
    entropy::Entropy,
    mls::Groups,
    numbers::Numbered,
    outbox::OutKey,
    output::{Batch, Row, Space},
    rows::{Accepted, Contact, Conv, EVIDENCE, Evidence, ME, Me, Outgoing},
    view,
};

/// All of openmls' rows as state rows.
pub(crate) fn mls_rows(store: &Store) -> Vec<Row> {
    store.changes().into_iter().map(mls_row).collect()
}

fn mls_row(change: RowChange) -> Row {
    match change {
        RowChange::Put(key, value) => Row { space: Space::Mls, key, value: Some(value.to_vec()) },
        RowChange::Delete(key) => Row { space: Space::Mls, key, value: None },
    }
}

fn decode<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Damaged> {
    minicbor::decode(bytes).map_err(|_| Damaged)
}

fn numbered<'b, T: minicbor::Decode<'b, ()> + Numbered>(bytes: &'b [u8]) -> Result<T, Damaged> {
    decode(bytes).and_then(|row: T| if row.possible() { Ok(row) } else { Err(Damaged) })
}

impl Session {
    /// From the rows of an open store. Draws the run token of this run.
    pub(crate) fn load(snapshot: Snapshot, entropy: &mut Entropy) -> Result<Self, Damaged> {
        let (mut me, mut convs, mut contacts, mut outbox, mut mls) =
            (None, BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), vec![]);
        let mut evidence = BTreeMap::new();
        let mut accepted = BTreeMap::new();
        for row in snapshot.rows {
            let value = row.value.ok_or(Damaged)?;
            match row.space {
                Space::Meta if row.key == ME => me = Some(decode::<Me>(&value)?),
                Space::Meta if row.key.starts_with(EVIDENCE) => {
                    evidence.insert(row.key, decode::<Evidence>(&value)?);
                }
                Space::Meta => {}
                Space::Mls => mls.push((row.key, value.into())),
                Space::Conversation => {
                    let conv: Conv = numbered(&value)?;
                    convs.insert(conv.id, conv);
                }
                Space::Contact => {
                    let contact: Contact = decode(&value)?;
                    contacts.insert(contact.account, contact);
                }
                Space::Outbox => {
                    let item: Outgoing = numbered(&value)?;
                    outbox.insert((item.conversation, item.sequence), item);
                }
                Space::Accepted => {
                    let row: Accepted = numbered(&value)?;
                    accepted.insert((row.conversation, row.sequence), row);
                }
            }
        }
        let mut me = me.ok_or(Damaged)?;
        // A run whose Hello was never answered may or may not have reached the server: it is offered again as it was.
        if me.run == me.next_run {
            me.next_run = Bytes(entropy.array::<16>().to_vec());
        }
        let key = SigningKey::from_bytes(&me.secret.array().ok_or(Damaged)?);
        let certificate = Certificate::parse(me.certificate.as_slice()).map_err(|_| Damaged)?;
        let groups =
            Groups::new(Store::from_rows(mls), key, &me.identity.array().ok_or(Damaged)?, &certificate).map_err(|_| Damaged)?;
        // A superseded run stays so until the password makes a new device of it.
        let ended = me.superseded;
        let sequence = outbox.keys().chain(accepted.keys()).map(|(_, sequence)| *sequence).max().unwrap_or(0);
        Ok(Self {
            me,
            groups,
            convs,
            contacts,
            outbox,
            evidence,
            accepted,
            sequence,
            batch: Batch::default(),
            me_dirty: true,
            dirty_convs: BTreeSet::new(),
            dirty_contacts: BTreeSet::new(),
            dirty_out: BTreeSet::new(),
            dirty_accepted: BTreeSet::new(),
            shows: vec![],
            effects: vec![],
            link: Link::default(),
            live: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            wanted: BTreeMap::new(),
            starting: BTreeMap::new(),
            rejoining: BTreeMap::new(),
            refused: BTreeSet::new(),
            requests: BTreeMap::new(),
            stalled: vec![],
            checked: BTreeSet::new(),
            parsed: RefCell::default(),
            listed: false,
            ended,
        })
    }

    /// Everything the run changed, in order: shown, made durable, sent.
    pub(crate) fn flush(&mut self, out: &mut VecDeque<Output>) {
        self.groups.forget();
        let mut batch = core::mem::take(&mut self.batch);
        batch.rows.extend(self.groups.store().changes().into_iter().map(mls_row));
        self.groups.store().commit();
        if core::mem::take(&mut self.me_dirty) {
            batch.rows.push(Row { space: Space::Meta, key: ME.to_vec(), value: Some(codec::encode(&self.me)) });
        }
        for id in core::mem::take(&mut self.dirty_contacts) {
            let value = self.contacts.get(&id).map(codec::encode);
            batch.rows.push(Row { space: Space::Contact, key: id.as_bytes().to_vec(), value });
        }
        let row_key = |key: OutKey| [&key.0.as_bytes()[..], &key.1.to_be_bytes()].concat();
        for key in core::mem::take(&mut self.dirty_out) {
            let value = self.outbox.get(&key).map(codec::encode);
            batch.rows.push(Row { space: Space::Outbox, key: row_key(key), value });
        }
        for key in core::mem::take(&mut self.dirty_accepted) {
            let value = self.accepted.get(&key).map(codec::encode);
            batch.rows.push(Row { space: Space::Accepted, key: row_key(key), value });
        }
        for id in core::mem::take(&mut self.dirty_convs) {
            let value = self.convs.get(&id).map(codec::encode);
            batch.rows.push(Row { space: Space::Conversation, key: id.as_bytes().to_vec(), value });
            if let Some(conversation) = self.conversation_view(id) {
                self.shows.push(view::Event::Conversation { conversation });
            }
        }
        out.extend(core::mem::take(&mut self.shows).into_iter().map(Output::Show));
        if !batch.is_empty() {
            out.push_back(Output::Persist(batch));
        }
        out.extend(core::mem::take(&mut self.effects));
    }
}
