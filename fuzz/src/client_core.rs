//! The client core of two people and their further browsers, behind authentication: a script reorders, drops, doubles and
//! changes what both sides send, answers requests with other answers, ends cores and lets time pass.

use client_core::{Command, Input, SocketEvent, view::Theme};
use shared::{
    Code, ConversationId, MessageId,
    frame::{Refused, ServerFrame},
    http::Failure,
};

use crate::{
    lie,
    prepared::{self, ALICE, BOB, CAROL, Prepared, WAITING},
    reader::Reader,
    splice,
    stage::{Event, Packet, Stage},
};

/// Steps of one script.
const MOST: usize = 64;

/// See the module.
pub(crate) fn run(bytes: &[u8]) {
    prepared::with(|prepared| {
        let mut script = Reader::new(bytes);
        let mut stage = prepared.stage.fork();
        let begin = script.byte();
        // Alice is always there; the first byte says who else, and whether all begin greeted.
        for (at, bit) in [(ALICE, 0), (BOB, 1), (WAITING, 2), (CAROL, 4)] {
            if bit == 0 || begin & bit != 0 {
                stage.open(at);
            }
        }
        if begin & 8 == 0 {
            stage.settle(64);
        }
        for _ in 0..MOST {
            let Some(kind) = script.more() else { break };
            step(&mut stage, prepared, kind, &mut script);
        }
        // Whatever was said to it: what a core has written opens again.
        for at in [ALICE, BOB, CAROL, WAITING] {
            if stage.browsers[at].client.is_some() {
                stage.open(at);
            }
        }
    });
}

fn someone(script: &mut Reader<'_>) -> usize {
    [ALICE, BOB, WAITING, CAROL][script.below(4)]
}

fn bytes_of(event: &mut Event) -> Option<&mut Vec<u8>> {
    match event {
        Event::Request(_, _, request) => request.body.as_mut().map(|(_, body)| body),
        Event::Answer(_, _, answer) => answer.as_mut().map(|(_, body)| body),
        Event::Up(_, _, bytes) => Some(bytes),
        Event::Down(_, _, bytes) => bytes.as_mut(),
        Event::Connect(..) => None,
    }
}

/// What was on its way once, in this direction.
fn taped<'a>(prepared: &'a Prepared, script: &mut Reader<'_>) -> &'a Packet {
    let tape = &prepared.stage.tape;
    &tape[script.below(tape.len())].1
}

fn body(packet: &Packet) -> &[u8] {
    match packet {
        Packet::Request(request) => request.body.as_ref().map(|(_, body)| body.as_slice()).unwrap_or_default(),
        Packet::Answer { body, .. } => body,
        Packet::Up(bytes) | Packet::Down(bytes) => bytes,
    }
}

fn step(stage: &mut Stage, prepared: &Prepared, kind: u8, script: &mut Reader<'_>) {
    let place = |stage: &Stage, script: &mut Reader<'_>| script.below(stage.queue.len());
    match kind % 32 {
        // In order, out of order.
        0..=5 => stage.settle(1 + usize::from(kind % 8)),
        6 | 7 => {
            let at = place(stage, script);
            if let Some(event) = stage.queue.remove(at) {
                stage.happen(event);
            }
        }
        8 => {
            let at = place(stage, script);
            match stage.queue.get_mut(at) {
                // A request or an answer that is lost is noticed.
                Some(Event::Request(whose, id, _)) => {
                    let lost = Event::Answer(*whose, *id, None);
                    stage.queue[at] = lost;
                }
                Some(Event::Answer(_, _, answer)) => *answer = None,
                _ => drop(stage.queue.remove(at)),
            }
        }
        9 => {
            let at = place(stage, script);
            if let Some(event) = stage.queue.get(at).cloned() {
                stage.queue.push_back(event);
            }
        }
        14 | 15 => {
            let at = place(stage, script);
            if let Some(Event::Down(_, _, Some(bytes))) = stage.queue.get_mut(at) {
                lie::tell(script, bytes, &prepared.names);
            }
        }
        10..=13 => {
            let at = place(stage, script);
            if let Some(bytes) = stage.queue.get_mut(at).and_then(bytes_of) {
                let other = taped(prepared, script);
                splice::change(script, bytes, body(other));
            }
        }
        // A request that waits gets another answer.
        16 | 17 => {
            let at = place(stage, script);
            if let Some((whose, id)) = asked(&stage.queue, at) {
                let (status, mut answer) = match taped(prepared, script) {
                    Packet::Answer { status, body } => (*status, body.clone()),
                    other => (200, body(other).to_vec()),
                };
                if kind % 2 == 1 {
                    let other = taped(prepared, script);
                    splice::change(script, &mut answer, body(other));
                }
                stage.queue[at] = Event::Answer(whose, id, Some((status, answer)));
            }
        }
        18 => {
            let at = place(stage, script);
            let code = Code::ALL[script.below(Code::ALL.len())];
            if let Some((whose, id)) = asked(&stage.queue, at) {
                let mut failure = Failure::new(code);
                failure.detail = Some(script.number().to_string());
                let failure = serde_json::to_vec(&failure).expect("a failure can be written");
                stage.queue[at] = Event::Answer(whose, id, Some((code.status(), failure)));
            }
        }
        // The server says something of its own accord: what it once said, changed or not, or a refusal.
        19 | 20 => {
            let at = someone(script);
            let mut bytes = match taped(prepared, script) {
                Packet::Down(bytes) => bytes.clone(),
                other => body(other).to_vec(),
            };
            if kind.is_multiple_of(2) {
                let other = taped(prepared, script);
                splice::change(script, &mut bytes, body(other));
            }
            stage.input(at, Input::Socket(SocketEvent::Frame(bytes)));
        }
        21 => {
            let (at, request) = (someone(script), script.number());
            let code = Code::ALL[script.below(Code::ALL.len())];
            let detail = script.number();
            let refused = ServerFrame::Refused(Refused::new(request, code, Some(detail)));
            stage.input(at, Input::Socket(SocketEvent::Frame(refused.encode())));
        }
        22 => {
            let at = someone(script);
            let bytes = script.bytes().to_vec();
            stage.input(at, Input::Socket(SocketEvent::Frame(bytes)));
        }
        // It dies in the middle of what it has to do.
        26 => {
            let (at, after) = (someone(script), script.below(8));
            stage.browsers[at].dies = Some(after);
        }
        23..=25 => {
            let at = someone(script);
            let command = command(stage, prepared, at, script);
            stage.command(at, command);
        }
        27 => stage.wait(1_000 * script.number().min(1 << 20)),
        28 => {
            let at = someone(script);
            stage.open(at);
        }
        29 => {
            let at = someone(script);
            stage.cut(at);
        }
        30 => {
            let at = someone(script);
            stage.input(at, Input::Online);
        }
        _ => {
            let at = someone(script);
            let (id, status) = (script.number(), [200, 204, 400, 401, 403, 404, 409, 429, 500, 503][script.below(10)]);
            stage.happen(Event::Answer(at, id, Some((status, script.bytes().to_vec()))));
        }
    }
}

fn command(stage: &mut Stage, prepared: &Prepared, at: usize, script: &mut Reader<'_>) -> Command {
    let known: Vec<ConversationId> =
        stage.browsers[at].client.iter().flat_map(|client| client.conversations()).map(|view| view.id).collect();
    let conversation = known.get(script.below(known.len())).copied().unwrap_or(prepared.pair);
    let messages = &prepared.names.messages;
    let message = messages[script.below(messages.len())];
    match script.byte() % 16 {
        0..=4 => {
            let text = format!("a text {}", script.byte());
            Command::Send { conversation, message: MessageId(stage.array()), text }
        }
        5 => Command::Send { conversation, message, text: "under a known id".to_owned() },
        6 => Command::StartChat { username: ["alice", "bob", "carol", "nobody"][script.below(4)].to_owned() },
        7 => Command::DiscardMessage { conversation, message },
        8 => Command::RetryMessage { conversation, message },
        9 => Command::Draft { conversation, text: String::from_utf8_lossy(script.bytes()).into_owned() },
        10 => Command::Read { conversation, order: script.number() },
        11 => Command::SafetyNumber { conversation },
        12 => Command::Verify { conversation, verified: script.coin() },
        13 => Command::AcceptChange { conversation },
        14 => [Command::Devices, Command::Conversations, Command::KitSaved, Command::Theme { theme: Theme::Dark }]
            [script.below(4)]
        .clone(),
        _ => Command::Logout { wipe: script.coin() },
    }
}

/// The request or answer at this place: whose, and its id.
fn asked(queue: &std::collections::VecDeque<Event>, at: usize) -> Option<(usize, u64)> {
    match queue.get(at)? {
        Event::Request(whose, id, _) | Event::Answer(whose, id, _) => Some((*whose, *id)),
        _ => None,
    }
}

/// One honest conversation, one of everything that can be done to it, and a few in between.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..32).flat_map(|kind| [kind, 1, 2, 3, 4]).collect();
    let talk: Vec<u8> = [7, 23, 0, 0, 0, 0, 5, 5, 24, 1, 0, 0, 0, 5, 5, 27, 30, 5, 5, 28, 0, 5, 5, 5].to_vec();
    let each = (0..32).map(|kind| [&[7, 23, 0, 0, 0, 0, 3, kind], &[0, 1, 2, 1, 0, 3][..], &[5, 5, 27, 30, 5]].concat());
    [all, talk, vec![15, 5, 5, 27, 60, 5, 5, 5, 5]].into_iter().chain(each).collect()
}
