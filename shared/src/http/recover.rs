//! POST /auth/recover: a new password by the recovery kit.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    http::{Secrets, Wrap},
    id::AccountId,
};

/// POST /auth/recover/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverStart {
    /// The handle as typed.
    #[serde(default)]
    pub username: String,
    /// OPAQUE registration request for the new password.
    #[serde(default)]
    pub request: Bytes,
}

/// Its answer; the same shape and time for unknown names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverStarted {
    /// Names the attempt.
    pub recover_id: Bytes,
    /// The account, or what an unknown name is given.
    pub account_id: AccountId,
    /// 32 random bytes to sign ([`crate::label::Label::RecoveryOpen`], over [`crate::signed_text::recovery`]).
    pub nonce: Bytes,
    /// OPAQUE registration response.
    pub response: Bytes,
}

/// POST /auth/recover/open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverOpen {
    /// From the start.
    pub recover_id: Bytes,
    /// The recovery key's signature.
    pub signature: Bytes,
}

/// Its answer: everything sealed.
pub type RecoverOpened = Secrets;

/// POST /auth/recover/finish. CBOR, because it may enrol the device in the same transaction later; now without MLS bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecoverFinish {
    /// From the start.
    #[n(0)]
    pub recover_id: Bytes,
    /// OPAQUE registration upload of the new record.
    #[n(1)]
    pub upload: Bytes,
    /// Key-stretching version.
    #[n(2)]
    pub ksf: u8,
    /// All wraps: the new password wrap, the kit's.
    #[n(3)]
    pub wraps: Vec<Wrap>,
    /// The next statement (same devices; hash of the new wraps).
    #[n(4)]
    pub statement: Bytes,
    /// The recovery key over SHA-256 of [`RecoverFinish::signed`].
    #[n(5)]
    pub signature: Bytes,
}

impl RecoverFinish {
    /// What the recovery key signs: this body in CBOR with an empty signature.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        crate::codec::encode(&Self { signature: Bytes::default(), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_signs_everything_but_its_signature() {
        let body = RecoverFinish {
            recover_id: Bytes(vec![1]),
            upload: Bytes(vec![2]),
            ksf: 1,
            wraps: vec![],
            statement: Bytes(vec![3]),
            signature: Bytes(vec![4; 64]),
        };
        let unsigned = RecoverFinish { signature: Bytes::default(), ..body.clone() };
        assert_eq!(body.signed(), crate::codec::encode(&unsigned));
        assert_eq!(crate::codec::decode::<RecoverFinish>(&body.signed()), Ok(unsigned));
        assert_ne!(RecoverFinish { ksf: 2, ..body.clone() }.signed(), body.signed());
    }
}
