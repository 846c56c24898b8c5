//! The server core's own test clients, so that there is one of each.

pub(crate) mod opaque {
    use opaque_ke::{CipherSuite, Ristretto255, TripleDh, ksf::Identity};

    pub(crate) struct Suite;
    impl CipherSuite for Suite {
        type OprfCs = Ristretto255;
        type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
        type Ksf = Identity;
    }
}

#[path = "../../../server-core/src/account/testing.rs"]
pub(crate) mod login;

#[path = "../../../server-core/src/mls_group/testing.rs"]
#[expect(dead_code, reason = "the core's own tests use more of it")]
pub(crate) mod device;
