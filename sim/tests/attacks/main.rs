//! The malicious server: attacks on real client cores over the real server core. docs/ATTACKS.md lists every one.
//!
//! The stage of `sim` moves what the cores say, its hooks and `tamper` lie on the way, `database` changes what the server holds, `insider`
//! is a member without our checks, `forge` makes identities, `oracle` judges what honest people see in the end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod database;
mod forge;
mod insider;
mod list;
mod oracle;
mod stage;
mod tamper;
mod verdicts;

mod s2_identity;
mod s3_delivery;
mod s3_groups;
mod s3_packages;
mod s3_proposals;
mod s5_login;
mod s7_rows;
