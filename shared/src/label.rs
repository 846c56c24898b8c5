//! The one table of labels: every signature and every key derivation of Sotto is named here.
//!
//! No label can begin like MLS's own ("MLS 1.0 …"), so a signature made for one purpose never fits another
//! (RFC 9420 §5.1.2 prefixes likewise).

/// What a signature or a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// Identity key over an account statement. Input: the statement up to the signature.
    Statement,
    /// Previous identity key over the same bytes, when the identity key changed.
    Succession,
    /// Identity key over a device certificate. Input: the certificate up to the signature.
    Certificate,
    /// Device key over the login id: binds a password session to a device.
    DeviceLogin,
    /// Device key over the server's challenge: renews a session.
    DeviceResume,
    /// Device key over SHA-256 of the complete bytes of a commit.
    CommitBytes,
    /// Device key over its own retirement. Input: account id ‖ device id.
    Retirement,
    /// Recovery key over account id ‖ nonce.
    RecoveryOpen,
    /// Recovery key over SHA-256 of the finishing body.
    RecoveryFinish,
    /// HKDF of the root key: the vault's key.
    Vault,
    /// HKDF of the root key: the settings collection's key.
    Settings,
    /// HKDF of the root key: the archive's key (used from the first archive on).
    Archive,
    /// HKDF of OPAQUE's export key: wraps the root key under the password.
    PasswordWrap,
    /// HKDF of the recovery kit: wraps the root key.
    KitWrap,
    /// HKDF of the recovery kit: seed of the recovery signature key.
    KitKey,
    /// HMAC over a message's content.
    Content,
    /// Hash of a safety number.
    SafetyNumber,
    /// OPAQUE context.
    Login,
    /// HKDF of a device's store secret: the page key of its local database.
    Store,
    /// Hash of a recovery kit's symbols: its checksum.
    KitChecksum,
    /// HMAC under the settings key: the opaque name of somebody's pin. Without the prefix, because names stored before would be lost.
    PinName,
    /// Hash that numbers a line of Sotto's own in a conversation. Local ids only; without the prefix for the same reason.
    SystemLine,
}

impl Label {
    /// The bytes that are signed, hashed or expanded with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "sotto/1 account statement",
            Self::Succession => "sotto/1 identity succession",
            Self::Certificate => "sotto/1 device certificate",
            Self::DeviceLogin => "sotto/1 device login",
            Self::DeviceResume => "sotto/1 device resume",
            Self::CommitBytes => "sotto/1 commit bytes",
            Self::Retirement => "sotto/1 device retirement",
            Self::RecoveryOpen => "sotto/1 recovery open",
            Self::RecoveryFinish => "sotto/1 recovery finish",
            Self::Vault => "sotto/1 vault",
            Self::Settings => "sotto/1 settings",
            Self::Archive => "sotto/1 archive",
            Self::PasswordWrap => "sotto/1 password wrap",
            Self::KitWrap => "sotto/1 kit wrap",
            Self::KitKey => "sotto/1 kit key",
            Self::Content => "sotto/1 content",
            Self::SafetyNumber => "sotto/1 safety number",
            Self::Login => "sotto/1 login",
            Self::Store => "sotto/1 local store",
            Self::KitChecksum => "sotto/1 kit checksum",
            Self::PinName => "pin",
            Self::SystemLine => "system line",
        }
    }

    /// Every label: a test keeps them distinct and free of each other's prefixes.
    pub const ALL: [Self; 22] = [
        Self::Statement,
        Self::Succession,
        Self::Certificate,
        Self::DeviceLogin,
        Self::DeviceResume,
        Self::CommitBytes,
        Self::Retirement,
        Self::RecoveryOpen,
        Self::RecoveryFinish,
        Self::Vault,
        Self::Settings,
        Self::Archive,
        Self::PasswordWrap,
        Self::KitWrap,
        Self::KitKey,
        Self::Content,
        Self::SafetyNumber,
        Self::Login,
        Self::Store,
        Self::KitChecksum,
        Self::PinName,
        Self::SystemLine,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_never_look_like_mls() {
        for (i, a) in Label::ALL.iter().enumerate() {
            // Neither is ever signed or a key of its own.
            let bare = [Label::PinName, Label::SystemLine].contains(a);
            assert!(a.as_str().starts_with("sotto/1 ") != bare);
            assert!(!a.as_str().starts_with("MLS "));
            for b in Label::ALL.iter().skip(i + 1) {
                assert_ne!(a.as_str(), b.as_str());
            }
        }
    }
}
