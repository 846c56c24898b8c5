//! What is signed outside of structures: short texts of parts whose lengths are known, each under a [`crate::label::Label`] of its own.

use crate::{AccountId, DeviceId};

/// A device renews its session: resume id ‖ challenge, under `Label::DeviceResume` (`docs/PROTOCOL.md`).
#[must_use]
pub fn resume(resume_id: &[u8], challenge: &[u8]) -> Vec<u8> {
    [resume_id, challenge].concat()
}

/// A recovery kit opens a recovery: account id ‖ nonce, under `Label::RecoveryOpen`.
#[must_use]
pub fn recovery(account: AccountId, nonce: &[u8]) -> Vec<u8> {
    [account.as_bytes(), nonce].concat()
}

/// A device says that it will not come back: account id ‖ device id, under `Label::Retirement`.
#[must_use]
pub fn retirement(account: AccountId, device: DeviceId) -> Vec<u8> {
    [*account.as_bytes(), *device.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_in_their_order_and_nothing_between_them() {
        let (account, device) = (AccountId([1; 16]), DeviceId([2; 16]));
        assert_eq!(resume(&[3, 4], &[5]), [3, 4, 5]);
        assert_eq!(recovery(account, &[5, 6]), [vec![1; 16], vec![5, 6]].concat());
        assert_eq!(retirement(account, device), [[1; 16], [2; 16]].concat());
    }
}
