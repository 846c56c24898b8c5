//! Published vectors of what Sotto calls directly: a compiler or a flag that breaks one of them breaks every account.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use client_core::Argon2id;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use opaque_ke::{
    generic_array::{GenericArray, typenum::U64},
    ksf::Ksf as _,
};
use shared::{label::Label, signature};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{hex, timed, unhex};

/// RFC 5869 A.1.
#[wasm_bindgen_test]
fn hkdf_sha256() {
    let salt: [u8; 13] = unhex("000102030405060708090a0b0c");
    let info: [u8; 10] = unhex("f0f1f2f3f4f5f6f7f8f9");
    let mut key = [0; 42];
    hkdf::Hkdf::<sha2::Sha256>::new(Some(&salt), &[0x0b; 22]).expand(&info, &mut key).unwrap();
    assert_eq!(hex(&key), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

/// draft-irtf-cfrg-xchacha A.3.1.
#[wasm_bindgen_test]
fn xchacha20_poly1305() {
    let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
    let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
    let aad: [u8; 12] = unhex("50515253c0c1c2c3c4c5c6c7");
    let msg: &[u8] =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let cipher = XChaCha20Poly1305::new(&key.into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg, aad: &aad }).unwrap();
    assert!(hex(&sealed).starts_with("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"));
    assert!(hex(&sealed).ends_with("c0875924c1c7987947deafd8780acf49"));
    assert_eq!(cipher.decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad: &aad }).unwrap(), msg);
    let mut bent = sealed;
    bent.iter_mut().take(1).for_each(|byte| *byte ^= 1);
    assert!(cipher.decrypt(&XNonce::from(nonce), Payload { msg: &bent, aad: &aad }).is_err());
}

/// m = 64 MiB, t = 3, p = 1; the expected bytes are the reference implementation's.
#[wasm_bindgen_test]
fn argon2id() {
    let input = GenericArray::<u8, U64>::from([7; 64]);
    let output = timed("Argon2id, 64 MiB, three passes", || Argon2id.hash(input).unwrap());
    let wanted = "8955177e97585f901ae86debee70e30e6a9ba75d44ef458de4d84128567e80ae\
                  56758f7eacd3f5e7158ec5cf4ec665184826e725a7774e30731793293332479a";
    assert_eq!(hex(&output), wanted);
}

/// RFC 8032 §7.1, test 1; and what RFC 8032 leaves open but we refuse: keys of small order, a scalar beyond the order.
#[wasm_bindgen_test]
fn ed25519_strict() {
    let key = SigningKey::from_bytes(&unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    let public = key.verifying_key().to_bytes();
    assert_eq!(hex(&public), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let signed = key.sign(b"").to_bytes();
    let wanted = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_eq!(hex(&signed), wanted);
    assert!(VerifyingKey::from_bytes(&public).unwrap().verify_strict(b"", &signed.into()).is_ok());

    let mut identity = [0; 32];
    identity.iter_mut().take(1).for_each(|byte| *byte = 1);
    let mut zero = [0; 64];
    zero.iter_mut().take(1).for_each(|byte| *byte = 1);
    assert!(signature::verify(&identity, Label::Statement, b"anything", &zero).is_err());

    let good = signature::sign(&key, Label::Statement, b"message");
    assert!(signature::verify(&public, Label::Statement, b"message", &good).is_ok());
    // S + L, with L the order of the group: the same equation, another encoding.
    let order: [u8; 32] = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    let mut beyond = good;
    for (byte, add) in beyond.iter_mut().skip(32).zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert!(signature::verify(&public, Label::Statement, b"message", &beyond).is_err());
}
