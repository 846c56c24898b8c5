//! What openmls calls for cryptography: libcrux, but for Ed25519, which is dalek's as everywhere else in Sotto.
//!
//! One strict way to verify: what one part of Sotto refuses, no other part takes. It is quicker, too: libcrux multiplies 64 bits by
//! 64, which WebAssembly has no instruction for. In a browser that one check was the larger part of reading a message.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use openmls_libcrux_crypto::CryptoProvider;
use openmls_traits::{
    crypto::OpenMlsCrypto,
    random::OpenMlsRand,
    types::{
        AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair, KemOutput,
        SignatureScheme,
    },
};
use tls_codec::SecretVLBytes;

/// See the module.
pub struct Crypto(CryptoProvider);

impl Crypto {
    /// With a generator seeded by the system.
    ///
    /// # Errors
    /// [`CryptoError::InsufficientRandomness`].
    pub fn new() -> Result<Self, CryptoError> {
        Ok(Self(CryptoProvider::new()?))
    }
}

/// RFC 8032 §5.1.7 with `verify_strict`: keys and points of small order and encodings that are not canonical are refused.
fn verify(data: &[u8], key: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = key.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let signature = signature.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| CryptoError::InvalidSignature)?;
    key.verify_strict(data, &signature).map_err(|_| CryptoError::InvalidSignature)
}

const fn ed25519(scheme: SignatureScheme) -> Result<(), CryptoError> {
    if matches!(scheme, SignatureScheme::ED25519) { Ok(()) } else { Err(CryptoError::UnsupportedSignatureScheme) }
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        self.0.supports(ciphersuite)
    }
    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        self.0.supported_ciphersuites()
    }
    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.0.hkdf_extract(hash, salt, ikm)
    }
    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        self.0.hmac(hash, key, message)
    }
    fn hkdf_expand(&self, hash: HashType, prk: &[u8], info: &[u8], length: usize) -> Result<SecretVLBytes, CryptoError> {
        self.0.hkdf_expand(hash, prk, info, length)
    }
    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.hash(hash, data)
    }
    fn aead_encrypt(&self, alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.aead_encrypt(alg, key, data, nonce, aad)
    }
    fn aead_decrypt(&self, alg: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.aead_decrypt(alg, key, data, nonce, aad)
    }
    fn signature_key_gen(&self, scheme: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        ed25519(scheme)?;
        let seed = self.0.random_array::<32>().map_err(|_| CryptoError::InsufficientRandomness)?;
        let key = SigningKey::from_bytes(&seed);
        Ok((key.to_bytes().to_vec(), key.verifying_key().to_bytes().to_vec()))
    }
    fn verify_signature(&self, scheme: SignatureScheme, data: &[u8], key: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        ed25519(scheme)?;
        verify(data, key, signature)
    }
    fn sign(&self, scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        ed25519(scheme)?;
        let key = SigningKey::from_bytes(key.try_into().map_err(|_| CryptoError::InvalidLength)?);
        Ok(key.sign(data).to_bytes().to_vec())
    }
    fn hpke_seal(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        self.0.hpke_seal(config, key, info, aad, plain)
    }
    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        key: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.0.hpke_open(config, input, key, info, aad)
    }
    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        self.0.hpke_setup_sender_and_export(config, key, info, context, length)
    }
    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        self.0.hpke_setup_receiver_and_export(config, enc, key, info, context, length)
    }
    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        self.0.derive_hpke_keypair(config, ikm)
    }
}

impl OpenMlsRand for Crypto {
    type Error = <CryptoProvider as OpenMlsRand>::Error;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Self::Error> {
        self.0.random_array()
    }
    fn random_vec(&self, length: usize) -> Result<Vec<u8>, Self::Error> {
        self.0.random_vec(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEME: SignatureScheme = SignatureScheme::ED25519;

    #[test]
    fn signs_and_verifies_as_libcrux_does() {
        let (own, libcrux) = (Crypto::new().unwrap(), CryptoProvider::new().unwrap());
        let (secret, public) = own.signature_key_gen(SCHEME).unwrap();
        let (other_secret, other_public) = libcrux.signature_key_gen(SCHEME).unwrap();
        for (secret, public) in [(&secret, &public), (&other_secret, &other_public)] {
            let signed = own.sign(SCHEME, b"message", secret).unwrap();
            assert_eq!(signed, libcrux.sign(SCHEME, b"message", secret).unwrap());
            own.verify_signature(SCHEME, b"message", public, &signed).unwrap();
            libcrux.verify_signature(SCHEME, b"message", public, &signed).unwrap();
            let refused = own.verify_signature(SCHEME, b"massage", public, &signed);
            assert_eq!(refused, Err(CryptoError::InvalidSignature));
            for bit in 0..512 {
                let mut bad = signed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(own.verify_signature(SCHEME, b"message", public, &bad).is_err(), "bit {bit}");
            }
        }
        assert!(
            own.verify_signature(SCHEME, b"message", &public, &own.sign(SCHEME, b"message", &other_secret).unwrap()).is_err()
        );
    }

    #[test]
    fn nothing_of_another_length_or_scheme_or_of_small_order_is_taken() {
        let own = Crypto::new().unwrap();
        let (secret, public) = own.signature_key_gen(SCHEME).unwrap();
        let signed = own.sign(SCHEME, b"m", &secret).unwrap();
        for length in [0, 31, 33, 63, 65] {
            assert!(own.verify_signature(SCHEME, b"m", &vec![1; length], &signed).is_err());
            assert!(own.verify_signature(SCHEME, b"m", &public, &vec![1; length]).is_err());
            assert!(own.sign(SCHEME, b"m", &vec![1; length]).is_err());
        }
        let other = SignatureScheme::ECDSA_SECP256R1_SHA256;
        assert!(own.verify_signature(other, b"m", &public, &signed).is_err());
        assert!(own.sign(other, b"m", &secret).is_err() && own.signature_key_gen(other).is_err());
        // The identity point as a key signs everything under a lax verifier.
        let (mut identity, mut signature) = ([0; 32], [0; 64]);
        (identity[0], signature[0]) = (1, 1);
        assert!(own.verify_signature(SCHEME, b"anything", &identity, &signature).is_err());
    }
}
