//! What must hold for every honest person at the end of an attack, judged from stores and screens.
//!
//! (a) no text, draft or password at the server; (b) what is shown has its true author, conversation, text and, in each
//! author's row of messages, order; (c) nothing twice; (d) what was acknowledged is shown, or (e) an alarm with a name stands
//! there; (f) with an honest server people reach each other again; (g) it ends (the stage counts steps).

use std::collections::BTreeSet;

use client_core::view::{self, MessageKind, MessageState, ORDERS, SystemLine, Trust, WAITING};
use shared::{ConversationId, MessageId};

use crate::stage::{MARKER, Stage, Told};

/// What tells a person that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// "Something is missing here."
    Hole,
    /// A new key, signed by the old one.
    KeyChanged,
    /// A new key alone.
    Reset,
    /// Sending is stopped until the person decides.
    Held,
    /// The conversation does not open or does not go on here.
    Stuck,
    /// The password is asked for.
    SignedOut,
}

/// The end of an attack.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Broken promises.
    pub(crate) broken: Vec<String>,
    /// Alarms on honest screens.
    pub(crate) alarms: BTreeSet<Alarm>,
    /// Acknowledged texts that have not come yet, and nothing later of the same browser either: kept back, which nobody can
    /// tell from "not written" (attacks.md 45).
    pub(crate) late: Vec<String>,
}

impl Judged {
    /// REFUSED: nobody was deceived, and nobody was even disturbed.
    pub(crate) fn refused(&self) {
        assert!(self.broken.is_empty() && self.alarms.is_empty() && self.late.is_empty(), "{self:#?}");
    }
    /// ALARM or GAP-SHOWN: nobody was deceived, and this told of it.
    pub(crate) fn alarmed(&self, alarm: Alarm) {
        assert!(self.broken.is_empty() && self.alarms.contains(&alarm), "no {alarm:?} in {self:#?}");
    }
    /// Nobody was deceived, whatever told of it.
    pub(crate) fn sound(&self) {
        assert!(self.broken.is_empty(), "{self:#?}");
    }
}

/// Judges what these browsers hold and show.
pub(crate) fn judge(stage: &Stage, honest: &[usize]) -> Judged {
    let mut judged = Judged { broken: vec![], alarms: BTreeSet::new(), late: vec![] };
    if let Some(table) = stage.database.holds(MARKER.as_bytes()) {
        judged.broken.push(format!("(a) {table} holds a text in the clear"));
    }
    if stage.wire.iter().any(|bytes| crate::database::contains(bytes, MARKER.as_bytes())) {
        judged.broken.push("(a) a text left a browser in the clear".to_owned());
    }
    for at in honest.iter().copied().filter(|at| stage.browsers[*at].client.is_some()) {
        screens(stage, at, &mut judged);
        if stage.client(at).state().session == view::SessionState::Ended {
            judged.alarms.insert(Alarm::SignedOut);
        }
        let mut ever = BTreeSet::new();
        for conversation in stage.client(at).conversations() {
            let alarms = alarms(stage, at, &conversation);
            shown(stage, at, conversation.id, &alarms, &mut ever, &mut judged);
            missing(stage, at, &conversation, &alarms, honest, &mut judged);
            judged.alarms.extend(alarms);
        }
    }
    judged
}

fn alarms(stage: &Stage, at: usize, conversation: &view::Conversation) -> BTreeSet<Alarm> {
    let lines = stage.lines(at, conversation.id).into_iter().filter_map(|line| match line {
        SystemLine::Started | SystemLine::JoinedLate | SystemLine::DeviceAdded { .. } | SystemLine::DeviceRemoved { .. } => {
            None
        }
        SystemLine::KeyChanged { .. } => Some(Alarm::KeyChanged),
        SystemLine::Reset { .. } => Some(Alarm::Reset),
        // Every other line of Sotto's own tells of something missing or wrong.
        _ => Some(Alarm::Hole),
    });
    let mut alarms: BTreeSet<_> = lines.collect();
    if conversation.trust == Trust::Changed {
        alarms.insert(Alarm::Held);
    }
    if conversation.state != view::ConversationStatus::Ready {
        alarms.insert(Alarm::Stuck);
    }
    alarms
}

/// Is it what its author wrote, where he wrote it?
fn true_to(stage: &Stage, at: usize, message: &view::Message) -> Result<Told, String> {
    let told = stage.told.iter().find(|told| told.message == message.id);
    let told = told.ok_or_else(|| format!("(b) {} shows {:?}, which nobody wrote", stage.browsers[at].name, message.text))?;
    let own = told.author == stage.account(at);
    let fits = message.text == told.text
        && message.author.id == told.author
        && message.own == own
        && (message.author.name.is_empty() || message.author.name == stage.browsers[told.browser].name)
        && message.kind == MessageKind::Text;
    if fits { Ok(told.clone()) } else { Err(format!("(b) {} shows {message:?} for {told:?}", stage.browsers[at].name)) }
}

/// The last thing a screen was told of each message.
fn screens(stage: &Stage, at: usize, judged: &mut Judged) {
    let mut seen: BTreeSet<(ConversationId, MessageId)> = BTreeSet::new();
    for message in stage.browsers[at].screens.iter().rev() {
        if seen.insert((message.conversation, message.id))
            && message.system.is_none()
            && let Err(wrong) = true_to(stage, at, message)
        {
            judged.broken.push(format!("{wrong} (on the screen)"));
        }
    }
}

fn shown(
    stage: &Stage,
    at: usize,
    conversation: ConversationId,
    alarms: &BTreeSet<Alarm>,
    ever: &mut BTreeSet<MessageId>,
    judged: &mut Judged,
) {
    let mut last: Vec<(usize, usize)> = vec![];
    for message in stage.messages(at, conversation).iter().filter(|message| message.system.is_none()) {
        let told = match true_to(stage, at, message) {
            Ok(told) => told,
            Err(wrong) => {
                judged.broken.push(wrong);
                continue;
            }
        };
        // A creation that lost moves what was written into the conversation that won: the same two people.
        let moved = stage.view(at, conversation).with.id;
        if told.conversation != conversation && moved != stage.account(told.browser) && told.author != stage.account(at) {
            judged.broken.push(format!("(b) {} shows {told:?} in {conversation}", stage.browsers[at].name));
        }
        if !ever.insert(told.message) {
            judged.broken.push(format!("(c) {} shows {told:?} twice", stage.browsers[at].name));
        }
        let place = stage.told.iter().position(|other| other.message == told.message).unwrap();
        let before = last.iter_mut().find(|(browser, _)| *browser == told.browser);
        match before {
            Some((_, before)) if *before > place && !alarms.contains(&Alarm::Hole) => {
                judged.broken.push(format!("(b) {} shows {told:?} after a later one", stage.browsers[at].name));
            }
            Some((_, before)) => *before = place,
            None => last.push((told.browser, place)),
        }
    }
}

/// Acknowledged, not here, and nothing says so?
fn missing(
    stage: &Stage,
    at: usize,
    conversation: &view::Conversation,
    alarms: &BTreeSet<Alarm>,
    honest: &[usize],
    judged: &mut Judged,
) {
    if !alarms.is_empty() || stage.browsers[at].offline {
        return;
    }
    let since = stage.client(at).since(conversation.id).unwrap_or(0);
    let here: BTreeSet<_> = stage.messages(at, conversation.id).into_iter().map(|message| message.id).collect();
    for told in stage.told.iter().filter(|told| told.conversation == conversation.id && honest.contains(&told.browser)) {
        let own = stage.messages(told.browser, told.conversation).into_iter().find(|message| message.id == told.message);
        let stored = own.is_some_and(|own| {
            matches!(own.state, MessageState::Stored | MessageState::Delivered | MessageState::Read)
                && own.order < WAITING
                && own.order > since * ORDERS
        });
        if !stored || here.contains(&told.message) {
            continue;
        }
        let place = stage.told.iter().position(|other| other.message == told.message).unwrap();
        let later = stage.told.iter().skip(place).any(|later| later.browser == told.browser && here.contains(&later.message));
        let lacks = format!("(d) {} lacks {told:?} and nothing says so", stage.browsers[at].name);
        if later { judged.broken.push(lacks) } else { judged.late.push(lacks) }
    }
}

/// (f) An honest server takes over, all lines open anew: does each of the two reach the other?
pub(crate) fn converge(stage: &mut Stage, alice: usize, bob: usize, conversation: ConversationId) {
    stage.honest();
    for at in [alice, bob] {
        stage.cut(at, true);
    }
    for at in [alice, bob] {
        stage.cut(at, false);
    }
    stage.wait(120);
    for (from, to) in [(alice, bob), (bob, alice)] {
        let message = stage.send(from, conversation, "once more");
        stage.wait(60);
        let arrived = stage.messages(to, conversation).iter().any(|shown| shown.id == message);
        assert!(
            arrived,
            "(f) {} does not reach {}\n{}\n{}",
            stage.browsers[from].name,
            stage.browsers[to].name,
            stage.describe(from),
            stage.describe(to)
        );
    }
}
