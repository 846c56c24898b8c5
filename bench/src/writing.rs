//! `bench write`: somebody with the core as it ships says one thing to a person, and much more once that person is away.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use client_core::{Answer, Command};
use shared::{ConversationId, MessageId};
use tokio::time::Instant;

use crate::{
    client::{Core, password},
    person::random,
    place::Place,
};

const USAGE: &str = "bench write --server ADDRESS --authority FILE --as NAME --to NAME [--count N] [--bytes N]";
/// So many are on their way to the server at once.
const OUTSTANDING: usize = 64;

#[derive(Debug)]
struct Asked {
    server: SocketAddr,
    authority: PathBuf,
    name: String,
    to: String,
    count: usize,
    bytes: usize,
}

fn asked(words: &[String]) -> Result<Asked> {
    let value =
        |name: &str| words.chunks(2).find_map(|pair| matches!(pair, [word, value] if word == name).then(|| pair.last())?);
    let number = |name: &str, otherwise: usize| value(name).map_or(Ok(otherwise), |text| text.parse());
    if let Some(word) = words.iter().step_by(2).find(|word| !USAGE.contains(word.as_str())) {
        bail!("unknown option {word}; {USAGE}");
    }
    Ok(Asked {
        server: value("--server").context(USAGE)?.parse()?,
        authority: value("--authority").context(USAGE)?.into(),
        name: value("--as").context(USAGE)?.clone(),
        to: value("--to").context(USAGE)?.clone(),
        count: number("--count", 10_000)?,
        bytes: number("--bytes", 300)?,
    })
}

/// The nth text, exactly so many bytes long.
fn text(n: usize, bytes: usize) -> String {
    let mut text = format!("message {n:06} ");
    while text.len() < bytes {
        text.push(if text.len().is_multiple_of(7) { ' ' } else { 'm' });
    }
    text.truncate(bytes);
    // A text may not end in a blank: the page would show it without.
    text.pop();
    text.push('.');
    text
}

/// Sends these texts and returns when the server has all of them.
async fn write(core: &mut Core, conversation: ConversationId, mut texts: impl Iterator<Item = String>) -> Result<()> {
    let (before, mut sent) = (core.stored.len(), 0);
    loop {
        while sent < core.stored.len() - before + OUTSTANDING {
            let Some(text) = texts.next() else { break };
            core.tell(Command::Send { conversation, message: MessageId(random()), text });
            sent += 1;
        }
        if core.stored.len() - before == sent {
            return Ok(());
        }
        core.step().await?;
    }
}

/// Registers, opens the conversation and says the first thing; the rest when a line comes on standard input. Tells both as JSON.
pub(crate) async fn run(words: &[String]) -> Result<()> {
    let asked = asked(words)?;
    let mut core = Core::new(Place::new(asked.server, &asked.authority)?);
    core.ask(Command::Register { username: asked.name.clone(), password: password(), stay: true }).await.context("register")?;
    while !core.online {
        core.step().await?;
    }
    let Answer::Conversation(conversation) = core.ask(Command::StartChat { username: asked.to.clone() }).await? else {
        bail!("no conversation");
    };
    let said = |n| text(n, asked.bytes);
    write(&mut core, conversation, std::iter::once(said(0))).await?;
    println!("{}", serde_json::json!({ "first": said(0), "last": said(asked.count) }));
    // Nothing else is to be done meanwhile, so this may block; a line that went down is opened again by the core.
    std::io::stdin().read_line(&mut String::new())?;
    let start = Instant::now();
    write(&mut core, conversation, (1..=asked.count).map(said)).await?;
    println!("{}", serde_json::json!({ "seconds": start.elapsed().as_secs_f64() }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_asked_and_its_own() {
        for n in [0, 9_999] {
            assert_eq!(text(n, 300).len(), 300);
            assert_eq!(text(n, 300).trim(), text(n, 300));
        }
        assert_ne!(text(1, 300), text(2, 300));
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let whole = "--server 127.0.0.1:1 --authority ca.pem --as ann --to ben";
        assert_eq!(asked(&words(whole)).unwrap().count, 10_000);
        assert!(asked(&words("--server 127.0.0.1:1")).is_err());
        assert!(asked(&words(&format!("{whole} --often 3"))).is_err());
    }
}
