//! What crosses between browsers and the server.

use client_core::{HttpOutcome, HttpRequest, Input, Method, SocketEvent};
use shared::frame::{ClientFrame, ServerFrame};

use super::Stage;
use crate::server::{Response, Said, Server};

/// How long a browser that is back on the line is given.
const BACK: u64 = 35_000;

/// Something under way.
pub(super) enum Event {
    Request { at: usize, request: HttpRequest },
    Answer { at: usize, id: u64, outcome: HttpOutcome },
    Connect { at: usize, ticket: String },
    Up { at: usize, socket: u64, bytes: Vec<u8> },
    Down { at: usize, socket: u64, frame: Option<ServerFrame> },
}

impl Stage {
    /// The server, which has to run.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the server runs")
    }

    /// The server stops: what is under way is lost, every socket closes.
    pub fn stop(&mut self) {
        self.server = None;
        self.queue.clear();
        for (socket, at) in std::mem::take(&mut self.sockets) {
            if self.browsers[at].socket == Some(socket) {
                self.browsers[at].socket = None;
                self.input(at, Input::Socket(SocketEvent::Closed));
            }
        }
    }

    /// A server runs; browsers hear that there is a network.
    pub fn start(&mut self, server: Server) {
        self.server = Some(server);
        for at in 0..self.browsers.len() {
            self.input(at, Input::Online);
        }
    }

    /// Takes a browser off the line, or back.
    pub fn cut(&mut self, at: usize, offline: bool) {
        self.browsers[at].offline = offline;
        if offline {
            self.hang_up(at);
            self.input(at, Input::Socket(SocketEvent::Closed));
        } else {
            self.pass(BACK);
        }
    }

    /// A request with the browser's cookie that its core knows nothing of.
    pub fn raw(&mut self, at: usize, method: Method, path: &str, body: Option<(&'static str, Vec<u8>)>) -> Response {
        let request = HttpRequest { id: 0, method, path: path.to_owned(), body };
        let (now, mut cookie) = (self.now, self.browsers[at].cookie.clone());
        let (response, said) = self.server().http(now, &mut cookie, &request);
        self.say(said);
        self.arrive();
        response
    }

    /// A frame on the browser's socket that its core knows nothing of; what the server says on that socket.
    pub fn raw_frame(&mut self, at: usize, frame: &ClientFrame) -> Vec<ServerFrame> {
        let (now, socket) = (self.now, self.browsers[at].socket.unwrap());
        let said = self.server().frame(now, socket, &frame.encode());
        let own = said.iter().filter(|said| said.socket == socket).filter_map(|said| said.frame.clone()).collect();
        self.say(said);
        self.arrive();
        own
    }

    /// The server says something of its own accord.
    pub fn push(&mut self, at: usize, frame: ServerFrame) {
        let Some(socket) = self.browsers[at].socket else { return };
        self.send(Event::Down { at, socket, frame: Some(frame) });
        self.arrive();
    }

    /// The browser's socket is gone; its core does not hear of it.
    pub(super) fn hang_up(&mut self, at: usize) {
        if let Some(socket) = self.browsers[at].socket.take() {
            self.sockets.remove(&socket);
            if let Some(server) = self.server.as_mut() {
                server.forget(socket);
            }
        }
    }

    pub(super) fn send(&mut self, event: Event) {
        self.sent += 1;
        self.queue.insert((self.now.plus(self.latency), self.sent), event);
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Request { at, request } => self.request(at, request),
            Event::Answer { at, id, outcome } => self.input(at, Input::Http { id, outcome }),
            Event::Connect { at, ticket } => self.connect(at, &ticket),
            Event::Up { at, socket, bytes } => self.up(at, socket, bytes),
            Event::Down { at, socket, frame } => self.down(at, socket, frame),
        }
    }

    fn request(&mut self, at: usize, mut request: HttpRequest) {
        if let Some((_, body)) = &request.body {
            self.wire.push(body.clone());
        }
        self.wire.push(request.path.clone().into_bytes());
        let passes = self.tamper.request.as_mut().is_none_or(|hook| hook(at, &mut request));
        let (now, id) = (self.now, request.id);
        let browser = &mut self.browsers[at];
        let Some(server) = self.server.as_mut().filter(|_| passes && !browser.offline) else {
            return self.send(Event::Answer { at, id, outcome: HttpOutcome::Lost });
        };
        let (mut response, said) = server.http(now, &mut browser.cookie, &request);
        if let Some(hook) = self.tamper.answer.as_mut() {
            hook(at, &request.path, &mut response);
        }
        let outcome = HttpOutcome::Answer { status: response.status, body: response.body };
        self.send(Event::Answer { at, id, outcome });
        self.say(said);
    }

    fn connect(&mut self, at: usize, ticket: &str) {
        let offline = self.browsers[at].offline;
        let socket = self.server.as_mut().and_then(|server| server.open(ticket)).filter(|_| !offline);
        self.browsers[at].socket = socket.or(self.browsers[at].socket);
        self.sockets.extend(socket.map(|socket| (socket, at)));
        let event = if socket.is_some() { SocketEvent::Open } else { SocketEvent::Closed };
        self.input(at, Input::Socket(event));
    }

    fn up(&mut self, at: usize, socket: u64, bytes: Vec<u8>) {
        if self.browsers[at].socket != Some(socket) {
            return;
        }
        let frame = ClientFrame::decode(&bytes).unwrap();
        self.wire.push(bytes);
        let frames = self.tamper.up.as_mut().map_or_else(|| vec![frame.clone()], |hook| hook(at, frame.clone()));
        for frame in frames {
            let now = self.now;
            let said = self.server.as_mut().map(|server| server.frame(now, socket, &frame.encode()));
            self.say(said.unwrap_or_default());
        }
    }

    fn down(&mut self, at: usize, socket: u64, frame: Option<ServerFrame>) {
        if self.browsers[at].socket != Some(socket) {
            return;
        }
        if frame.is_none() {
            self.browsers[at].socket = None;
            self.sockets.remove(&socket);
        }
        let event = frame.map_or(SocketEvent::Closed, |frame| SocketEvent::Frame(frame.encode()));
        self.input(at, Input::Socket(event));
    }

    fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            let Some(at) = self.sockets.get(&socket).copied() else { continue };
            let Some(frame) = frame else {
                self.send(Event::Down { at, socket, frame: None });
                continue;
            };
            let frames = self.tamper.down.as_mut().map_or_else(|| vec![frame.clone()], |hook| hook(at, frame.clone()));
            for frame in frames {
                self.send(Event::Down { at, socket, frame: Some(frame) });
            }
        }
    }
}
