//! The server core's own test clients for OPAQUE and MLS, so that there is one of each. OPAQUE here stretches nothing:
//! stretching is the client's work, and the server can't see that it was left out.

mod opaque {
    use opaque_ke::{CipherSuite, Ristretto255, TripleDh, ksf::Identity};

    pub(crate) struct Suite;
    impl CipherSuite for Suite {
        type OprfCs = Ristretto255;
        type KeyExchange = TripleDh<Ristretto255, sha2::Sha512>;
        type Ksf = Identity;
    }
}

#[path = "../../server-core/src/account/testing.rs"]
#[expect(clippy::unwrap_used, reason = "written for tests; here, too, nothing can be measured after a failure")]
pub(crate) mod login;

#[path = "../../server-core/src/mls_group/testing.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "written for tests, which use more of it; here, too, nothing can be measured after a failure"
)]
pub(crate) mod device;
