//! Signed and authenticated structures: one form only, for signatures and transcripts are over bytes.

use shared::{authenticated::Authenticated, certificate::Certificate, credential, policy::Policy, statement::Statement};

/// See the module; the first byte says which structure.
pub(crate) fn run(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    match which % 5 {
        0 => {
            if let Ok(statement) = Statement::parse(body) {
                assert_eq!(statement.as_bytes(), body);
            }
        }
        1 => {
            if let Ok(certificate) = Certificate::parse(body) {
                assert_eq!(certificate.as_bytes(), body);
            }
        }
        2 => {
            if let Ok(data) = Authenticated::parse(body) {
                let written = match &data {
                    Authenticated::Message(message) => message.encode(),
                    Authenticated::Commit(commit) => commit.encode(),
                };
                assert_eq!(written, body);
            }
        }
        3 => {
            if let Ok(policy) = Policy::parse(body) {
                assert_eq!(policy.encode(), body);
            }
        }
        _ => {
            // The last 32 bytes are the leaf's key. Nobody guesses a signature: whatever is accepted was signed by a seed.
            let (content, key) = body.split_at(body.len().saturating_sub(32));
            if let Ok(certified) = credential::verify(content, key) {
                assert_eq!(certified.certificate().key.as_slice(), key);
            }
        }
    }
}

/// One valid form of each.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    use shared::{
        AccountId, DeviceId, MessageId,
        authenticated::{CommitData, MessageData},
        signature::signing_key,
    };
    let identity = signing_key(&[1; 32]);
    let device = signing_key(&[2; 32]);
    let (account, id) = (AccountId([3; 16]), DeviceId([4; 16]));
    let key = device.verifying_key().to_bytes();
    let certificate = Certificate::issue(&identity, account, id, key, 1, &[0x4d]).expect("one suite is allowed");
    let public = identity.verifying_key().to_bytes();
    let message =
        MessageData { message: MessageId([5; 16]), n: 7, commitment: [6; 32], previous: [0; 32], transcript: [8; 16] };
    let commit = CommitData { message: MessageId([5; 16]), device: id };
    let leaf = [credential::encode(&public, &certificate), key.to_vec()].concat();
    let forms: [(u8, Vec<u8>); 6] = [
        (1, certificate.as_bytes().to_vec()),
        (2, message.encode()),
        (2, commit.encode()),
        (3, Policy::direct(account, AccountId([9; 16]), 0x4d).encode()),
        (3, Policy::note(account, 0x4d).encode()),
        (4, leaf),
    ];
    forms.into_iter().map(|(which, body)| [vec![which], body].concat()).collect()
}
