//! attacks.md §3: every proposal that nobody may make, from a member without our checks and from a stranger. The server refuses
//! it; when a server checks nothing, every client does.

use client_core::Method;
use ed25519_dalek::Signer as _;
use mls::{
    Provider, group,
    openmls::{
        prelude::*,
        schedule::{ExternalPsk, PreSharedKeyId, Psk},
    },
    tls_codec::{Deserialize as _, Serialize as _, VLBytes},
};
use shared::{
    AccountId, ConversationId, MessageId, codec,
    frame::{Append, ClientFrame, ServerFrame},
    http,
};

use crate::{
    forge::Forged,
    insider::{Insider, hint, signed},
    oracle::judge,
    s3_groups::{inside, log},
    stage::Stage,
};

const MESSAGE: MessageId = MessageId([6; 16]);
/// Of these sealed lengths are the ends of a signed PublicMessage: 64 bytes of signature, two tags of 32, each behind its length.
const AUTH: usize = 2 + 64 + 2 * (1 + 32);

fn offer(stage: &mut Stage, at: usize, conversation: ConversationId, body: &http::Commit) -> (u16, String) {
    let path = format!("/api/conversations/{conversation}/commits");
    let answer = stage.raw(at, Method::Post, &path, Some((http::CBOR, codec::encode(body))));
    let failure = serde_json::from_slice::<http::Failure>(&answer.body);
    (answer.status, failure.map(|failure| failure.code).unwrap_or_default())
}

/// Bob's browser commits: alice's group stays as it was, whatever the server does.
fn refused(make: impl Fn(&mut Insider) -> (Vec<u8>, http::Commit)) {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let before = inside(&stage, alice, conversation);
    let mut insider = Insider::of(&stage, bob, conversation);
    let (commit, body) = make(&mut insider);
    assert_eq!(offer(&mut stage, bob, conversation, &body), (422, "bad_commit".to_owned()));
    assert!(log(&stage, conversation, 1).iter().all(|row| row.4 != MESSAGE), "nothing of it is stored");
    stage.close(bob);
    let number = insider.plant(&stage, 1, MESSAGE, &commit);
    hint(&mut stage, alice, conversation, number);
    stage.wait(10);
    assert_eq!(inside(&stage, alice, conversation), before, "a client took it");
    judge(&stage, &[alice]).sound();
}

/// Of a kind that openmls makes and a group without our rules would take.
fn refused_inline(proposal: impl Fn(&Insider) -> Proposal) {
    refused(|insider| {
        let proposal = proposal(insider);
        insider.commit_of(MESSAGE, vec![], vec![], vec![proposal], None)
    });
}

/// The end of the vector (RFC 9420 §2.1.2) that begins here.
fn behind(bytes: &[u8], at: usize) -> usize {
    let mut rest = &bytes[at..];
    VLBytes::tls_deserialize(&mut rest).unwrap();
    bytes.len() - rest.len()
}

/// A commit with these bytes for its inline proposals, signed as the insider signs (RFC 9420 §6.1): what openmls does not make. The tags
/// are those of a commit without them, for the server can't check them.
fn raw(insider: &mut Insider, proposals: &[u8]) -> (Vec<u8>, http::Commit) {
    let context = insider.group.public_group().group_context().tls_serialize_detached().unwrap();
    let (honest, body) = insider.commit(MESSAGE, vec![], vec![]);
    // Version and wire format; group id; epoch and sender; authenticated data; content type.
    let at = behind(&honest, behind(&honest, 4) + 8 + 5) + 1;
    assert_eq!(honest[at], 0, "no proposals");
    let auth = honest.len() - AUTH;
    let list = VLBytes::new(proposals.to_vec()).tls_serialize_detached().unwrap();
    let content = [&honest[..at], &list, &honest[at + 1..auth]].concat();
    let vector = |bytes: Vec<u8>| VLBytes::new(bytes).tls_serialize_detached().unwrap();
    let signed_content = [vector(b"MLS 1.0 FramedContentTBS".to_vec()), vector([content.clone(), context].concat())].concat();
    let signature = insider.signer.0.sign(&signed_content).to_bytes();
    let commit = [content, vector(signature.to_vec()), honest[auth + 66..].to_vec()].concat();
    let body = http::Commit { commit: commit.clone().into(), signature: signed(&insider.signer, &commit).into(), ..body };
    (commit, body)
}

fn refused_raw(kind: u16, proposal: impl Fn(&Insider) -> Vec<u8>) {
    refused(|insider| {
        let proposal = [&[1][..], &kind.to_be_bytes(), &proposal(insider)].concat();
        raw(insider, &proposal)
    });
}

/// The ways of these tests are open: what has no proposals is taken, and made by hand it is the same to the byte.
#[test]
fn attack_39_without_proposals_it_is_taken() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let (epoch, _) = inside(&stage, alice, conversation);
    let mut insider = Insider::of(&stage, bob, conversation);
    let (commit, body) = raw(&mut insider, &[]);
    // His browser must not hear of a commit that it did not make.
    stage.close(bob);
    assert_eq!(offer(&mut stage, bob, conversation, &body).0, 200);
    stage.wait(10);
    assert_eq!(inside(&stage, alice, conversation).0, epoch + 1);
    assert_eq!(log(&stage, conversation, 1).last().unwrap().5, commit);
}

fn psk(insider: &Insider) -> PreSharedKeyId {
    let id = Psk::External(ExternalPsk::new(b"theirs".to_vec()));
    let id = PreSharedKeyId::new(insider.group.ciphersuite(), insider.provider.rand(), id).unwrap();
    id.store(&insider.provider, &[7; 32]).unwrap();
    id
}

/// REFUSED: a pre-shared key in the key schedule.
#[test]
fn attack_39_pre_shared_key() {
    refused_inline(|insider| Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(psk(insider)))));
}

/// REFUSED: the group is to be closed and begun anew under a weaker suite.
#[test]
fn attack_39_reinit() {
    // openmls leaves one out of its own commits. Another group id, version 1.0, suite 0x0003, no extensions.
    let bytes = [&[4][..], b"next", &[0, 1, 0, 3, 0]].concat();
    assert!(ReInitProposal::tls_deserialize_exact(&bytes).is_ok());
    refused_raw(5, |_| bytes.clone());
}

/// The group is to go on under these extensions.
fn refused_extensions(policy: bool, senders: bool) {
    refused(|insider| {
        let extensions = extensions(insider, policy, senders);
        insider.commit_of(MESSAGE, vec![], vec![], vec![], Some(extensions))
    });
}

fn extensions(insider: &Insider, policy: bool, senders: bool) -> Extensions<GroupContext> {
    let old = insider.group.extensions().iter().filter(|one| policy || matches!(one, Extension::RequiredCapabilities(_)));
    let stranger = Forged::of(AccountId([79; 16]), 79).credential();
    let sender = Extension::ExternalSenders(vec![ExternalSender::new(stranger.signature_key, stranger.credential)]);
    let all = old.chain(senders.then_some(&sender)).map(|one| one.tls_serialize_detached().unwrap()).collect::<Vec<_>>();
    let bytes = VLBytes::new(all.concat()).tls_serialize_detached().unwrap();
    Extensions::tls_deserialize_exact(bytes).unwrap()
}

/// REFUSED: the group is to go on without its policy.
#[test]
fn attack_39_group_context_extensions() {
    refused_extensions(false, false);
}

/// REFUSED: somebody outside is to have a say in the group.
#[test]
fn attack_39_external_senders() {
    refused_extensions(true, true);
}

/// REFUSED: an Update inside one's own commit.
#[test]
fn attack_39_update() {
    refused_raw(2, |insider| insider.group.own_leaf_node().unwrap().tls_serialize_detached().unwrap());
}

/// REFUSED: an ExternalInit from somebody who is in.
#[test]
fn attack_39_external_init() {
    refused_raw(6, |_| VLBytes::new(vec![9; 32]).tls_serialize_detached().unwrap());
}

/// REFUSED: kinds of drafts (AppAck, AppEphemeral, SelfRemove), a private one, and one of those that mean nothing (GREASE).
#[test]
fn attack_39_kinds_unknown_here() {
    let anything = VLBytes::new(vec![1, 2, 3, 4]).tls_serialize_detached().unwrap();
    for (kind, body) in [(8, &anything[..]), (9, &anything), (10, &[]), (0xf0aa, &anything), (0x0a0a, &anything)] {
        refused_raw(kind, |_| body.to_vec());
    }
}

/// REFUSED: proposals that stand alone, by a member, by somebody who wants to come in, and by an external sender; and the commit that
/// takes a member's in by reference.
#[test]
fn attack_39_standing_alone() {
    let (stage, alice, bob, conversation) = Stage::pair();
    let before = inside(&stage, alice, conversation);
    let stranger = Forged::of(AccountId([80; 16]), 80);
    for n in 0..4 {
        let mut fork = stage.fork();
        fork.wait(30);
        let mut insider = Insider::of(&fork, bob, conversation);
        let sim::insider::Insider { provider, signer, group, .. } = &mut *insider;
        let (id, epoch) = (group.group_id().clone(), group.epoch());
        let message = match n {
            0 => {
                let psk = Psk::External(ExternalPsk::new(b"theirs".to_vec()));
                let psk = PreSharedKeyId::new(group.ciphersuite(), provider.rand(), psk).unwrap();
                psk.store(provider, &[7; 32]).unwrap();
                group.propose_pre_shared_key(provider, signer, psk).unwrap().0
            }
            1 => group.propose_self_update(provider, signer, LeafNodeParameters::default()).unwrap().0,
            2 => {
                let package = stranger.package(fork.now.0 / 1_000);
                JoinProposal::new::<mls::Store>(package, id, epoch, &stranger.signer).unwrap()
            }
            _ => {
                let place = SenderExtensionIndex::new(0);
                let leaf = LeafNodeIndex::new(0);
                ExternalProposal::new_remove::<Provider>(leaf, id, epoch, &stranger.signer, place).unwrap()
            }
        };
        let bytes = group::bytes(&message).unwrap();
        let append = Append {
            request: 900_001,
            conversation,
            generation: 0,
            epoch: insider.epoch(),
            n: 2,
            message: MESSAGE,
            sealed: bytes.clone().into(),
        };
        let said = fork.raw_frame(bob, &ClientFrame::Append(append));
        assert!(matches!(said.as_slice(), [ServerFrame::Refused(_)]), "{n}: {said:?}");
        // One's own Update openmls leaves out as well.
        if n == 0 {
            let (_, body) = insider.commit(MESSAGE, vec![], vec![]);
            assert_eq!(offer(&mut fork, bob, conversation, &body), (422, "bad_commit".to_owned()), "{n}");
        }
        fork.close(bob);
        let number = insider.plant(&fork, 2, MESSAGE, &bytes);
        hint(&mut fork, alice, conversation, number);
        fork.wait(10);
        assert_eq!(inside(&fork, alice, conversation), before, "{n}");
        judge(&fork, &[alice]).sound();
    }
}
