//! Every key derivation of the client: HKDF-SHA-256 (RFC 5869) with a label of `shared::label` as info.
//!
//! | label | input key | salt | length |
//! |---|---|---|---|
//! | Vault, Settings, Archive | root key | generation, 4 bytes | 32 |
//! | PasswordWrap | OPAQUE export key | account id | 32 |
//! | KitWrap, KitKey | the kit's 28 symbols | account id | 32 |
//! | Store | store secret of the device | account id | 32 |

use ed25519_dalek::SigningKey;
use shared::{AccountId, kit::Kit, label::Label};
use zeroize::Zeroizing;

use crate::output::StoreKey;

/// A derived key.
pub(crate) type Key = Zeroizing<[u8; 32]>;

fn expand(input: &[u8], salt: &[u8], label: Label) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are far below HKDF's limit of 255 hashes, the only way this can fail.
    let _: Result<(), _> = hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), input).expand(label.as_str().as_bytes(), key.as_mut());
    key
}

/// A key below the account root key of generation `generation`.
pub(crate) fn below_root(root: &[u8; 32], generation: u32, label: Label) -> Key {
    expand(root, &generation.to_be_bytes(), label)
}

/// The key that wraps the root key under the password.
pub(crate) fn password_wrap(export_key: &[u8], account: AccountId) -> Key {
    expand(export_key, account.as_bytes(), Label::PasswordWrap)
}

/// The key that wraps the root key under the recovery kit.
pub(crate) fn kit_wrap(kit: &Kit, account: AccountId) -> Key {
    expand(kit.secret(), account.as_bytes(), Label::KitWrap)
}

/// The recovery signature key of the kit.
pub(crate) fn kit_key(kit: &Kit, account: AccountId) -> SigningKey {
    SigningKey::from_bytes(&expand(kit.secret(), account.as_bytes(), Label::KitKey))
}

/// The page key of a device's local store.
pub(crate) fn store_key(secret: &[u8], account: AccountId) -> StoreKey {
    StoreKey(*expand(secret, account.as_bytes(), Label::Store))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 A.1's construction with our labels: a change here locks every account out.
    #[test]
    fn derivations_are_pinned() {
        let hex = |key: &[u8]| key.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let account = AccountId([2; 16]);
        let vault = below_root(&[1; 32], 1, Label::Vault);
        let all = [
            hex(&*vault),
            hex(&*below_root(&[1; 32], 2, Label::Vault)),
            hex(&*below_root(&[1; 32], 1, Label::Settings)),
            hex(&*password_wrap(&[3; 64], account)),
            hex(&store_key(&[4; 32], account).0),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b));
        }
        let kit = Kit::new(&core::array::from_fn(|at| at as u8));
        let pinned = [
            all[0].clone(),
            hex(&*below_root(&[1; 32], 2, Label::Settings)),
            all[3].clone(),
            hex(&*kit_wrap(&kit, account)),
            hex(&kit_key(&kit, account).to_bytes()),
            all[4].clone(),
        ];
        assert_eq!(pinned, VECTORS, "computed independently with Python's hmac module");
    }

    const VECTORS: [&str; 6] = [
        "5560b992a04a0fa662f9233462f2d2e96145d989a611ef1554ad876d6f61ea7a",
        "71d80f161351296bf8145f458d51ee0819b36a8a4734ef6e606fecf2e59df995",
        "7631e4ccd4f3222407dad2f600eae8961a9c6e5a793c73fa9a321d2ebdd055d3",
        "a857815f137ff436059bdc2411f9ddc8f7cb308e5ecbac488ab7a2c3ce763dcb",
        "8980ea4535015840e362482e03ce650e7c81d159a9ad0da671c88d2b4679c977",
        "5c1e3c1ecaeac6fb47441a457aa904ced7c4842277671272554dd355c0597cb1",
    ];
}
