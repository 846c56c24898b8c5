//! Registering, logging in, unlocking, recovering, enrolling: what happens before and around an open store.

pub(crate) mod birth;
pub(crate) mod enrol;
pub(crate) mod flow;
pub(crate) mod ksf;
pub(crate) mod opaque;
pub(crate) mod vault;
