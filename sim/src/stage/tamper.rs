//! Hooks on everything that crosses between a core and the server. A hook that says nothing drops; one that says more than it was
//! given forges or replays.

use client_core::HttpRequest;
use shared::frame::{ClientFrame, ServerFrame};

use crate::server::Response;

type Up = Box<dyn FnMut(usize, ClientFrame) -> Vec<ClientFrame>>;
type Down = Box<dyn FnMut(usize, ServerFrame) -> Vec<ServerFrame>>;
type Request = Box<dyn FnMut(usize, &mut HttpRequest) -> bool>;
type Answer = Box<dyn FnMut(usize, &str, &mut Response)>;

/// The hooks, each told whose browser it is; none of them: an honest server.
#[derive(Default)]
pub struct Tamper {
    /// A browser's frame.
    pub up: Option<Up>,
    /// A frame for a browser.
    pub down: Option<Down>,
    /// A browser's request; false: it never arrives.
    pub request: Option<Request>,
    /// An answer for a browser, with the path that was asked.
    pub answer: Option<Answer>,
}
