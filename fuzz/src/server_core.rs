//! The server core under members, a stranger, a browser that was put out and nobody: genuine requests and frames in any order,
//! from any of them, changed or not.

use client_core::Method;
use server_core::Token;
use shared::{
    Bytes, Code, ConversationId,
    frame::{Append, ClientFrame, Cursor, Fetch, ServerFrame},
    http::{CBOR, Failure, JSON, Ticket},
};

use crate::{
    prepared::{self, ALICE, BOB, CAROL, Prepared, RETIRED, WAITING},
    reader::Reader,
    splice,
    stage::{Event, Packet, Request, Stage},
};

/// Steps of one script.
const MOST: usize = 48;
/// Whose: the last has no cookie.
const ACTORS: [usize; 6] = [ALICE, BOB, WAITING, CAROL, RETIRED, 5];

/// Tables that a refusal leaves alone; not those in which attempts are counted and sessions prolonged.
const KEPT: [&str; 18] = [
    "SELECT * FROM account",
    "SELECT account_id, number FROM statement",
    "SELECT * FROM wrap",
    "SELECT * FROM settings_item",
    "SELECT * FROM device",
    "SELECT device_id, last_resort, kp_ref FROM key_package",
    "SELECT conv_id, generation, epoch, device_id, claimer FROM key_package_claim",
    "SELECT * FROM device_head",
    "SELECT * FROM device_inbox",
    "SELECT * FROM conv",
    "SELECT * FROM conv_pair",
    "SELECT * FROM conv_group",
    "SELECT * FROM conv_info",
    "SELECT * FROM conv_leaf",
    "SELECT * FROM conv_device",
    "SELECT * FROM conv_member",
    "SELECT * FROM conv_msg",
    "SELECT * FROM device_cursor",
];

/// What must find nothing, whatever happened.
const NEVER: [(&str, &str); 11] = [
    (
        "a gap in the numbers of a log",
        "SELECT conv_id FROM conv c WHERE head_seq <> (SELECT COUNT(*) FROM conv_msg m WHERE m.conv_id = c.conv_id)
          OR head_seq <> (SELECT COALESCE(MAX(seq), 0) FROM conv_msg m WHERE m.conv_id = c.conv_id)",
    ),
    (
        "a cursor beyond the head",
        "SELECT d.conv_id FROM device_cursor d JOIN conv c ON c.conv_id = d.conv_id WHERE d.acked_seq > c.head_seq",
    ),
    (
        "a counter without its rows",
        "SELECT conv_id FROM conv_device d WHERE last_n <> (SELECT COUNT(*) FROM conv_msg m
          WHERE m.conv_id = d.conv_id AND m.sender = d.device_id AND m.kind = 0)",
    ),
    ("a row that points nowhere", "PRAGMA foreign_key_check"),
    (
        "an inbox item beyond its head",
        "SELECT n FROM device_inbox i JOIN device_head h ON h.device_id = i.device_id WHERE i.n > h.head_n",
    ),
    (
        "a leaf of somebody who is not in",
        "SELECT conv_id FROM conv_leaf l WHERE NOT EXISTS (SELECT 1 FROM conv_member m
          WHERE m.conv_id = l.conv_id AND m.account_id = l.account_id AND m.until_seq IS NULL)",
    ),
    ("two devices in one leaf", "SELECT conv_id FROM conv_leaf GROUP BY conv_id, leaf HAVING COUNT(*) > 1"),
    (
        "a group info of another epoch",
        "SELECT i.conv_id FROM conv_info i JOIN conv c ON c.conv_id = i.conv_id WHERE i.epoch <> c.epoch",
    ),
    (
        "a session of a device that is gone",
        "SELECT s.token_hash FROM session s JOIN device d ON d.device_id = s.device_id WHERE d.gone_ms IS NOT NULL",
    ),
    (
        "a gap in the statements of an account",
        "SELECT account_id FROM account a WHERE statement_no <> (SELECT COUNT(*) FROM statement s
          WHERE s.account_id = a.account_id) OR statement_no <> (SELECT MAX(number) FROM statement s
          WHERE s.account_id = a.account_id)",
    ),
    (
        "a package of a device that is gone",
        "SELECT p.device_id FROM key_package p JOIN device d ON d.device_id = p.device_id WHERE d.gone_ms IS NOT NULL",
    ),
];

/// What a script changes besides the stage.
struct Run<'a> {
    stage: Stage,
    prepared: &'a Prepared,
    cookies: Vec<Option<Token>>,
    /// The state at this version of the database.
    known: Option<(i64, Vec<Vec<Vec<u8>>>)>,
}

/// See the module.
pub(crate) fn run(bytes: &[u8]) {
    prepared::with(|prepared| {
        let mut script = Reader::new(bytes);
        let stage = prepared.stage.fork();
        let mut cookies: Vec<_> = stage.browsers.iter().map(|browser| browser.cookie.clone()).collect();
        cookies[RETIRED].clone_from(&prepared.gone);
        cookies.push(None);
        let mut run = Run { stage, prepared, cookies, known: None };
        let begin = script.byte();
        for (at, bit) in [(ALICE, 1), (BOB, 2), (WAITING, 4), (CAROL, 8)] {
            if begin & bit != 0 {
                run.connect(at);
            }
        }
        for _ in 0..MOST {
            let Some(kind) = script.more() else { break };
            run.step(kind, &mut script);
        }
        for (name, query) in NEVER {
            assert!(run.stage.database.rows(query).is_empty(), "{name}");
        }
    });
}

impl Run<'_> {
    fn step(&mut self, kind: u8, script: &mut Reader<'_>) {
        let actor = ACTORS[script.below(ACTORS.len())];
        match kind % 16 {
            0..=7 => {
                let Some(mut request) = self.taped_request(script) else { return };
                if kind % 8 >= 3 {
                    self.redirect(&mut request, script);
                }
                if let (Some((_, body)), 4..) = (request.body.as_mut(), kind % 8) {
                    let other = self.other(script);
                    splice::change(script, body, &other);
                }
                self.request(actor, request);
            }
            8 | 9 => {
                let frames = self.tape(|packet| matches!(packet, Packet::Up(_)));
                let Some((_, Packet::Up(mut bytes))) = frames.get(script.below(frames.len())).cloned() else { return };
                if kind % 2 == 1 {
                    let other = self.other(script);
                    splice::change(script, &mut bytes, &other);
                }
                self.frame(actor, &bytes);
            }
            10 => {
                let frame = self.append(actor, script);
                self.frame(actor, &frame.encode());
            }
            11 => {
                let (request, conversation, number) = (script.number(), self.conversation(script), script.number());
                let limit = u32::try_from(script.number()).unwrap_or(u32::MAX);
                let frame = match script.byte() % 4 {
                    0 => ClientFrame::Fetch(Fetch { request, conversation, after: number, limit }),
                    1 => ClientFrame::Acknowledge(Cursor { conversation, number }),
                    2 => ClientFrame::InboxAcknowledge(number),
                    _ => ClientFrame::Ping(number),
                };
                self.frame(actor, &frame.encode());
            }
            12 => self.frame(actor, script.bytes()),
            13 => self.connect(actor),
            14 => self.stage.now = self.stage.now.plus(60_000 * script.number().min(100_000)),
            _ => {
                let Some(mut request) = self.taped_request(script) else { return };
                let kind = if script.coin() { JSON } else { CBOR };
                request.method = [Method::Get, Method::Post, Method::Put, Method::Delete][script.below(4)];
                request.body = Some((kind, script.bytes().to_vec()));
                self.request(actor, request);
            }
        }
    }

    fn tape(&self, wanted: impl Fn(&Packet) -> bool) -> Vec<(usize, Packet)> {
        self.stage.tape.iter().filter(|(_, packet)| wanted(packet)).cloned().collect()
    }

    fn taped_request(&self, script: &mut Reader<'_>) -> Option<Request> {
        let requests = self.tape(|packet| matches!(packet, Packet::Request(_)));
        match requests.get(script.below(requests.len())) {
            Some((_, Packet::Request(request))) => Some(request.clone()),
            _ => None,
        }
    }

    /// A body that lends items.
    fn other(&self, script: &mut Reader<'_>) -> Vec<u8> {
        match &self.stage.tape[script.below(self.stage.tape.len())].1 {
            Packet::Request(request) => request.body.as_ref().map(|(_, body)| body.clone()).unwrap_or_default(),
            Packet::Answer { body, .. } => body.clone(),
            Packet::Up(bytes) | Packet::Down(bytes) => bytes.clone(),
        }
    }

    /// The same request about somebody or something else.
    fn redirect(&self, request: &mut Request, script: &mut Reader<'_>) {
        let ids = self.stage.database.rows("SELECT conv_id FROM conv UNION SELECT account_id FROM account");
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let Some(id) = ids.get(script.below(ids.len())).and_then(|line| line.get(..16)) else { return };
        let old = request.path.split('/').find(|part| part.len() == 32).map(str::to_owned);
        if let Some(old) = old {
            request.path = request.path.replace(&old, &hex(id));
        }
    }

    fn conversation(&self, script: &mut Reader<'_>) -> ConversationId {
        let all = self.stage.database.rows("SELECT conv_id FROM conv");
        let id = all.get(script.below(all.len() + 1)).and_then(|line| ConversationId::from_slice(line.get(..16)?));
        id.unwrap_or(ConversationId([9; 16]))
    }

    /// A message with the sealed bytes of a genuine one and other words around them.
    fn append(&self, actor: usize, script: &mut Reader<'_>) -> ClientFrame {
        let appends = self.stage.tape.iter().filter_map(|(at, packet)| match packet {
            Packet::Up(bytes) => match ClientFrame::decode(bytes) {
                Ok(ClientFrame::Append(append)) => Some((*at, append)),
                _ => None,
            },
            _ => None,
        });
        let appends: Vec<_> = appends.collect();
        let own: Vec<_> = appends.iter().filter(|(at, _)| *at == actor).map(|(_, append)| append.clone()).collect();
        let from = if own.is_empty() || script.coin() { appends.into_iter().map(|(_, append)| append).collect() } else { own };
        let mut append: Append = from[script.below(from.len())].clone();
        match script.byte() % 8 {
            0 => append.n = script.number(),
            1 => append.epoch = script.number(),
            2 => append.generation = u32::try_from(script.number()).unwrap_or(u32::MAX),
            3 => append.conversation = self.conversation(script),
            4 => append.message.0[0] ^= script.byte(),
            5 => append.sealed = Bytes(script.bytes().to_vec()),
            _ => {}
        }
        ClientFrame::Append(append)
    }

    /// A socket with the Hello this browser would say at the moment everything begins.
    fn connect(&mut self, at: usize) {
        let request = Request { method: Method::Post, path: "/auth/ticket".to_owned(), body: None };
        let Some(answer) = self.request(at, request) else { return };
        let Ok(Ticket { ticket }) = serde_json::from_slice::<Ticket>(&answer) else { return };
        let text = serde_json::to_value(&ticket).ok().and_then(|value| value.as_str().map(str::to_owned));
        self.stage.happen(Event::Connect(at, text.unwrap_or_default()));
        let after = self.stage.tape.iter().skip(self.prepared.after);
        let hello = after.filter(|(whose, _)| *whose == at).find_map(|(_, packet)| match packet {
            Packet::Up(bytes) => Some(bytes.clone()),
            _ => None,
        });
        if let Some(hello) = hello {
            self.frame(at, &hello);
        }
    }

    /// One request; its answer when it is a good one.
    fn request(&mut self, actor: usize, request: Request) -> Option<Vec<u8>> {
        self.remember();
        let pair = request.path.contains(&self.prepared.pair.to_string());
        let mut cookie = self.cookies[actor].clone();
        let response = self.stage.http(&mut cookie, request);
        let fine = response.status < 300;
        assert!(!fine || !pair || [ALICE, BOB, WAITING].contains(&actor), "an outsider was served");
        if !fine {
            let failure: Failure = serde_json::from_slice(&response.body).expect("a refusal can be read");
            sound(Code::from_wire(&failure.code).expect("a known code"));
            self.unchanged();
        }
        // Nobody becomes somebody else by what others said.
        if matches!(actor, ALICE | BOB | WAITING) {
            self.cookies[actor] = cookie;
        }
        self.listen(None);
        fine.then_some(response.body)
    }

    fn frame(&mut self, actor: usize, bytes: &[u8]) {
        let Some(socket) = self.stage.browsers.get(actor).and_then(|browser| browser.socket) else { return };
        self.remember();
        let said = self.stage.server.frame(self.stage.now, socket, bytes);
        self.stage.say(said);
        self.listen(Some(actor));
    }

    /// What the server has said: to strangers nothing of others, and a refusal changed nothing.
    fn listen(&mut self, asked: Option<usize>) {
        for event in core::mem::take(&mut self.stage.queue) {
            let Event::Down(at, _, bytes) = event else { continue };
            let Some(bytes) = bytes else {
                self.stage.browsers[at].socket = None;
                continue;
            };
            let about = match ServerFrame::decode(&bytes).expect("what the server writes can be read") {
                ServerFrame::Refused(refused) => {
                    sound(refused.code().expect("a known code"));
                    if asked == Some(at) {
                        self.unchanged();
                    }
                    continue;
                }
                ServerFrame::Bye(code) => {
                    sound(Code::from_wire(&code).expect("a known code"));
                    continue;
                }
                ServerFrame::Entries(entries) => vec![entries.conversation],
                ServerFrame::Head(head) => vec![head.conversation],
                ServerFrame::Delivered(delivered) => vec![delivered.conversation],
                ServerFrame::Wanted(wanted) => vec![wanted.conversation],
                ServerFrame::Hello(hello) => hello.heads.iter().map(|head| head.conversation).collect(),
                _ => vec![],
            };
            let outsider = !matches!(at, ALICE | BOB | WAITING);
            assert!(!outsider || !about.contains(&self.prepared.pair), "an outsider was told");
        }
    }

    fn version(&self) -> i64 {
        self.stage.database.one("PRAGMA data_version")
    }

    fn state(&self) -> Vec<Vec<Vec<u8>>> {
        KEPT.iter().map(|query| self.stage.database.rows(query)).collect()
    }

    fn remember(&mut self) {
        let version = self.version();
        if self.known.as_ref().is_none_or(|(known, _)| *known != version) {
            self.known = Some((version, self.state()));
        }
    }

    fn unchanged(&self) {
        let Some((version, before)) = &self.known else { return };
        if *version != self.version() {
            for ((query, before), after) in KEPT.iter().zip(before).zip(self.state()) {
                assert!(*before == after, "a refusal changed what {query} finds");
            }
        }
    }
}

/// A refusal that is not the server's own fault.
fn sound(code: Code) {
    assert!(!matches!(code, Code::Internal | Code::Unavailable), "{code:?}");
}

/// Everything genuine in order, and a little of each step.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..16).flat_map(|kind| [kind, 0, 3, 1, 2, 5]).collect();
    let messages = vec![15, 10, 0, 1, 0, 7, 10, 1, 1, 0, 7, 10, 2, 1, 0, 7, 10, 3, 0, 0, 7];
    let requests = (0..120).map(|at| vec![15, 0, at % 6, at, 1, 1, at, 6, 0, 0, at, 2]);
    let each = (0..16).flat_map(|kind| (0..6).map(move |actor| vec![15, kind, actor, 0, 7, 2, 1, kind, actor, 1, 2, 3]));
    [vec![15], [vec![15], all].concat(), messages].into_iter().chain(requests).chain(each).collect()
}
