//! What an attacker does with the shared wire types in the hooks of the stage.

use shared::{
    Bytes, codec,
    frame::{Row, ServerFrame},
};
use sim::server::Response;

/// One bit changes.
pub(crate) fn flip(bytes: &Bytes, bit: usize) -> Bytes {
    let mut bytes = bytes.0.clone();
    let at = (bit / 8) % bytes.len();
    bytes[at] ^= 1 << (bit % 8);
    Bytes(bytes)
}

/// Changes the rows of a frame, if it has any.
pub(crate) fn with_rows(frame: ServerFrame, change: impl FnOnce(&mut Vec<Row>)) -> ServerFrame {
    match frame {
        ServerFrame::Entries(mut entries) => {
            change(&mut entries.rows);
            ServerFrame::Entries(entries)
        }
        other => other,
    }
}

/// Changes a JSON answer.
pub(crate) fn with_json<T: serde::de::DeserializeOwned + serde::Serialize>(
    response: &mut Response,
    change: impl FnOnce(&mut T),
) {
    if response.status == 200 {
        let mut body: T = serde_json::from_slice(&response.body).unwrap();
        change(&mut body);
        response.body = serde_json::to_vec(&body).unwrap();
    }
}

/// Changes a CBOR answer.
pub(crate) fn with_cbor<T>(response: &mut Response, change: impl FnOnce(&mut T))
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    if response.status == 200 {
        let mut body: T = codec::decode(&response.body).unwrap();
        change(&mut body);
        response.body = codec::encode(&body);
    }
}
