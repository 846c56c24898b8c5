//! The frame mutator: hooks on everything that crosses between a core and the server, and what an attacker does with the shared
//! wire types there. A hook that says nothing drops; one that says more than it was given forges or replays.

use client_core::HttpRequest;
use shared::{
    Bytes, codec,
    frame::{ClientFrame, Row, ServerFrame},
};
use sim::server::Response;

type Up = Box<dyn FnMut(usize, ClientFrame) -> Vec<ClientFrame>>;
type Down = Box<dyn FnMut(usize, ServerFrame) -> Vec<ServerFrame>>;
type Request = Box<dyn FnMut(usize, &mut HttpRequest) -> bool>;
type Answer = Box<dyn FnMut(usize, &str, &mut Response)>;

/// The hooks; none of them: an honest server.
#[derive(Default)]
pub(crate) struct Tamper {
    /// A browser's frame.
    pub(crate) up: Option<Up>,
    /// A frame for a browser.
    pub(crate) down: Option<Down>,
    /// A browser's request; false: it never arrives.
    pub(crate) request: Option<Request>,
    /// An answer for a browser, with the path that was asked.
    pub(crate) answer: Option<Answer>,
}

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
