//! Every size and count that two parties must agree on.

/// Text of one message, bytes of UTF-8.
pub const TEXT: usize = 60_000;
/// One sealed message row on the socket, bytes.
pub const ROW: usize = 96 * 1024;
/// One socket frame from a client, bytes: a row and its surroundings.
pub const FRAME: usize = 128 * 1024;
/// One socket frame from the server, bytes.
pub const SERVER_FRAME: usize = 256 * 1024;
/// A JSON body, bytes.
pub const JSON_BODY: usize = 64 * 1024;
/// A body with MLS bytes, bytes.
pub const CBOR_BODY: usize = 16 * 1024 * 1024;
/// Rows of one answer to a fetch.
pub const FETCH: u32 = 256;
/// Bytes of rows in one `Entries` frame; a row over [`ROW`] is named and fetched by HTTP.
pub const ENTRIES: usize = 192 * 1024;
/// Rows of one device in one epoch before it must commit (`commit_first`): openmls gives up 1,000 ahead.
pub const ROWS_IN_EPOCH: u64 = 500;
/// No two cursors of one conversation that nothing else depends on leave a client within this many milliseconds.
pub const ACKNOWLEDGE_PAUSE: u64 = 200;
/// Depth of nesting in CBOR.
pub const DEPTH: usize = 8;
/// One-time key packages a device keeps on the server.
pub const POOL: usize = 50;
/// Refill the pool below this count.
pub const POOL_LOW: usize = 20;
/// Devices of an account.
pub const DEVICES: usize = 50;
/// Leaves added by one commit.
pub const ADDS: usize = 50;
/// A key package, bytes.
pub const KEY_PACKAGE: usize = 8 * 1024;
/// The vault as stored, bytes.
pub const VAULT: usize = 64 * 1024;
/// A wrap as stored, bytes.
pub const WRAP: usize = 256;
/// A settings item as stored, bytes.
pub const SETTINGS_ITEM: usize = 32 * 1024;
/// A key package lives from its creation less one day, in seconds.
pub const PACKAGE_BEFORE: u64 = 86_400;
/// … for exactly this many seconds (401 days): a width anybody can check without a clock.
pub const PACKAGE_WIDTH: u64 = 401 * 86_400;
/// A one-time package is handed out and added up to this age, seconds.
pub const PACKAGE_FRESH: u64 = 30 * 86_400;
/// A last-resort package is handed out and added up to this age, seconds.
pub const LAST_RESORT_FRESH: u64 = 90 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides are built from this page; a server and a page of different versions are not. Whoever changes a number here
    /// changes what the other side must take.
    #[test]
    fn what_two_versions_must_agree_on() {
        assert_eq!((TEXT, ROW, FRAME, SERVER_FRAME), (60_000, 98_304, 131_072, 262_144));
        assert_eq!((JSON_BODY, CBOR_BODY, FETCH, ENTRIES), (65_536, 16_777_216, 256, 196_608));
        assert_eq!((ROWS_IN_EPOCH, DEPTH, POOL, POOL_LOW), (500, 8, 50, 20));
        assert_eq!(ACKNOWLEDGE_PAUSE, 200);
        assert_eq!((DEVICES, ADDS, KEY_PACKAGE, VAULT, WRAP, SETTINGS_ITEM), (50, 50, 8_192, 65_536, 256, 32_768));
        assert_eq!((PACKAGE_BEFORE, PACKAGE_WIDTH), (86_400, 34_646_400));
        assert_eq!((PACKAGE_FRESH, LAST_RESORT_FRESH), (2_592_000, 7_776_000));
    }
}
