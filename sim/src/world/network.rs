//! The network between browsers and server, with its moods.

use client_core::{HttpOutcome, Input, SocketEvent};
use shared::frame::{Append, ClientFrame, ServerFrame};

use super::{Happening, World, offered};
use crate::{faults::Fault, history::Fact, server::Said, stored};

impl World {
    pub(super) fn latency(&mut self) -> u64 {
        let slow = if self.dice.happens(Fault::Delayed, 2) { self.dice.below(15_000) } else { 0 };
        1 + self.dice.below(40) + slow
    }

    pub(super) fn http(&mut self, at: usize, run: u64, request: client_core::HttpRequest) {
        let pause = self.latency();
        if self.dice.happens(Fault::RequestLost, 20) {
            let lost = Happening::Answer { device: at, run, id: request.id, outcome: HttpOutcome::Lost };
            return self.after(pause, lost);
        }
        self.after(pause, Happening::Request { device: at, run, request });
    }

    pub(super) fn request(&mut self, at: usize, run: u64, request: &client_core::HttpRequest) {
        let now = self.now;
        self.set_clock(now);
        // A request on the wire is carried out even when its core has died meanwhile.
        let Some(device) = self.devices.get_mut(at) else { return };
        let mut cookie = device.cookie.clone();
        let (response, said) = self.server.http(now, &mut cookie, request);
        self.tell(|| {
            let why = if response.status == 200 { "".into() } else { String::from_utf8_lossy(&response.body) };
            format!("device {at}: {:?} {} → {} {why}", request.method, request.path, response.status)
        });
        if response.status == 409 && request.path.ends_with("/commits") {
            self.dice.counts.saw(Fault::RaceLost);
        }
        if response.status == 409 && request.path == "/api/conversations" {
            self.dice.counts.saw(Fault::CreationLost);
        }
        if response.status == 200 && (request.path.ends_with("/commits") || request.path == "/api/conversations") {
            self.look_at_leaves();
        }
        let lost = self.dice.happens(Fault::AnswerLost, 20);
        let outcome = if lost {
            HttpOutcome::Lost
        } else {
            if let Some(device) = self.devices.get_mut(at) {
                device.cookie = cookie;
            }
            HttpOutcome::Answer { status: response.status, body: response.body }
        };
        let pause = self.latency();
        self.after(pause, Happening::Answer { device: at, run, id: request.id, outcome });
        self.say(said);
        self.maybe_crash_server();
    }

    /// Who has a leaf now and had none before.
    fn look_at_leaves(&mut self) {
        for (conversation, device, leaf, number) in stored::leaves(&mut self.server) {
            if self.leaves.insert((conversation, device), leaf) != Some(leaf) {
                self.history.facts.push(Fact::Entered { conversation, device, number });
            }
        }
    }

    pub(super) fn connect(&mut self, at: usize, run: u64, ticket: &str) {
        if self.devices.get(at).is_none_or(|device| device.run != run) {
            return;
        }
        match self.server.open(ticket) {
            Some(socket) => {
                self.sockets.insert(socket, (at, run));
                if let Some(device) = self.devices.get_mut(at) {
                    device.socket = Some(socket);
                }
                self.input(at, run, Input::Socket(SocketEvent::Open));
            }
            None => self.input(at, run, Input::Socket(SocketEvent::Closed)),
        }
    }

    /// Frames of one socket and direction arrive in order, unless a fault says otherwise.
    fn in_order(&mut self, socket: u64, up: bool) -> u64 {
        let pause = self.latency();
        let overtakes = !up && self.dice.happens(Fault::FrameReordered, 5);
        let earliest = if overtakes { 0 } else { self.last.get(&(socket, up)).copied().unwrap_or(0) };
        let time = (self.now.0 + pause).max(earliest);
        let last = self.last.entry((socket, up)).or_default();
        *last = (*last).max(time);
        time
    }

    pub(super) fn transmit(&mut self, at: usize, bytes: Vec<u8>) {
        let Some(socket) = self.devices.get(at).and_then(|device| device.socket) else { return };
        if self.dice.happens(Fault::SocketBroken, 3) {
            return self.break_socket(socket);
        }
        if self.dice.happens(Fault::LineDead, 1) {
            self.dead.insert(socket);
        }
        let time = self.in_order(socket, true);
        if self.dice.happens(Fault::FrameDoubled, 5) && !matches!(ClientFrame::decode(&bytes), Ok(ClientFrame::Hello(_))) {
            self.at(time, Happening::ToServer { socket, bytes: bytes.clone() });
        }
        self.at(time, Happening::ToServer { socket, bytes });
    }

    fn break_socket(&mut self, socket: u64) {
        self.server.forget(socket);
        if let Some((device, run)) = self.sockets.remove(&socket) {
            let pause = self.latency();
            self.after(pause, Happening::ToClient { device, run, socket, frame: None });
        }
    }

    pub(super) fn reach_server(&mut self, socket: u64, bytes: &[u8]) {
        if !self.sockets.contains_key(&socket) || self.dead.contains(&socket) {
            return;
        }
        let now = self.now;
        self.set_clock(now);
        let append = match ClientFrame::decode(bytes) {
            Ok(ClientFrame::Append(append)) => Some(append),
            _ => None,
        };
        if self.trace
            && let Ok(frame) = ClientFrame::decode(bytes)
        {
            let text = format!("{frame:?}").chars().take(300).collect::<String>();
            self.tell(|| format!("device {:?} → server: {text}", self.sockets.get(&socket)));
        }
        if let Some(append) = &append {
            self.note(append);
        }
        let writer = self.server.device(socket);
        let said = self.server.frame(now, socket, bytes);
        for frame in said.iter().filter_map(|said| said.frame.as_ref()) {
            match (frame, &append) {
                (ServerFrame::Refused(refused), Some(append)) if refused.code == "stale_epoch" => {
                    self.dice.counts.saw(Fault::SealedAgain);
                    // The client may happen to read its own row before it acts on this; the promise is broken all the same.
                    if writer.is_some_and(|device| stored::is_stored(&mut self.server, device, append)) {
                        self.found.push(format!("{} is stored, and was refused when it came again", append.message));
                    }
                }
                (ServerFrame::Refused(refused), _)
                    if !matches!(refused.code.as_str(), "out_of_turn" | "commit_first" | "not_found") =>
                {
                    self.found.push(format!("an honest client was refused: {refused:?}"));
                }
                (ServerFrame::Appended(_), Some(append))
                    if stored::epoch(&mut self.server, append.conversation).is_some_and(|epoch| append.epoch < epoch) =>
                {
                    self.dice.counts.saw(Fault::AnsweredAcrossEpochs);
                }
                _ => {}
            }
        }
        self.say(said);
        self.maybe_crash_server();
    }

    /// Which key sealed what the server is offered.
    fn note(&mut self, append: &Append) {
        let (conversation, generation) = (append.conversation.0, append.generation);
        match self.secrets.read(append.sealed.as_slice()) {
            Some(sealed) => self.history.facts.push(offered(conversation, generation, sealed)),
            None => self.unread.push((conversation, append.message.0, generation, append.sealed.0.clone())),
        }
    }

    fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            let Some((device, run)) = self.sockets.get(&socket).copied() else { continue };
            if frame.is_none() {
                self.sockets.remove(&socket);
            } else if self.dice.happens(Fault::SocketBroken, 2) {
                self.break_socket(socket);
                continue;
            }
            let time = self.in_order(socket, false);
            self.at(time, Happening::ToClient { device, run, socket, frame });
        }
    }

    pub(super) fn reach_client(&mut self, at: usize, run: u64, socket: u64, frame: Option<ServerFrame>) {
        if self.dead.contains(&socket) {
            return;
        }
        let Some(device) = self.devices.get_mut(at).filter(|device| device.run == run && device.socket == Some(socket)) else {
            return;
        };
        if let Some(frame) = &frame
            && self.trace
        {
            let text = format!("{frame:?}").chars().take(300).collect::<String>();
            eprintln!("{:>9} server → device {at}: {text}", self.now.0 - self.start.0);
        }
        let event = match frame {
            Some(frame) => SocketEvent::Frame(frame.encode()),
            None => {
                device.socket = None;
                SocketEvent::Closed
            }
        };
        self.input(at, run, Input::Socket(event));
    }

    fn maybe_crash_server(&mut self) {
        if self.dice.happens(Fault::ServerCrash, 2) {
            let open = self.server.crash();
            for socket in open {
                if let Some((device, run)) = self.sockets.remove(&socket) {
                    let pause = self.latency();
                    self.after(pause, Happening::ToClient { device, run, socket, frame: None });
                }
            }
        }
    }
}
