//! What somebody may learn by asking: of what is not his, existing and not existing look the same.

use server::clock;
use shared::{
    AccountId, ConversationId, DeviceId,
    frame::{ClientFrame, Cursor, Fetch},
};

use super::cast::{Cast, Role, pending};
use crate::{app::TestApp, wire::Answer};

/// Everything but the time of day.
fn shown(answer: Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
    (answer.status, headers, String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
async fn attack_77_what_is_not_ones_own_looks_as_if_it_did_not_exist() {
    let app = TestApp::start().await;
    let mut cast = Cast::gather(&app).await;
    let (there, nowhere) = (cast.group.to_string(), ConversationId(clock::random()).to_string());
    let (device, no_device) = (cast.second.to_string(), DeviceId(clock::random()).to_string());
    let end = cast.end;
    let body = pending(&mut cast.member, cast.group, &[], &[]);
    let revoke = cast.member.revocation(cast.second);
    for role in [Role::Other, Role::Gone] {
        let browser = cast.of(role).unwrap();
        let own = browser.revocation(browser.id());
        for path in ["rows?after=", "group-info"] {
            let path = if path.ends_with('=') { format!("{path}{end}") } else { path.to_owned() };
            let a = browser.get(&format!("/api/conversations/{there}/{path}")).await;
            let b = browser.get(&format!("/api/conversations/{nowhere}/{path}")).await;
            assert_eq!(shown(a), shown(b), "{role:?} {path}");
        }
        let commit = |id: &str| browser.request("POST", &format!("/api/conversations/{id}/commits")).cbor(&body);
        assert_eq!(shown(commit(&there).send(&app).await), shown(commit(&nowhere).send(&app).await), "{role:?}");
        for statement in [&revoke, &own] {
            let end = |id: &str| browser.request("DELETE", &format!("/api/devices/{id}")).json(statement);
            assert_eq!(shown(end(&device).send(&app).await), shown(end(&no_device).send(&app).await), "{role:?}");
        }
        let (mut socket, _) = browser.greeted(vec![]).await;
        let id: ConversationId = nowhere.parse().unwrap();
        let mut told = vec![];
        for conversation in [cast.group, id] {
            let cursor = Cursor { conversation, number: end + 1 };
            let fetch = Fetch { request: 1, conversation, after: end, limit: 1 };
            for frame in [ClientFrame::Fetch(fetch), ClientFrame::Acknowledge(cursor)] {
                socket.send(&frame).await;
                told.push(socket.refused().await);
            }
        }
        assert_eq!(told[..2], told[2..], "{role:?}");
    }
}

#[tokio::test]
async fn attack_77_strangers_learn_nothing_from_any_address() {
    let app = TestApp::start().await;
    let cast = Cast::gather(&app).await;
    let account = cast.member.person.account.to_string();
    let nobody = AccountId(clock::random()).to_string();
    let group = cast.group.to_string();
    for (method, pattern) in
        server::http::router::ROUTES.iter().filter(|(_, path)| path.contains('{') && path.starts_with("/api"))
    {
        let ask = |id: &str, handle: &str, number: &str| {
            let path = pattern.replace("{id}", id).replace("{handle}", handle).replace("{number}", number);
            crate::wire::Request::new(&app, &method.to_uppercase(), &path)
        };
        let id = if pattern.contains("conversations") { &group } else { &account };
        let (there, not) = (ask(id, "mia", "1").send(&app).await, ask(&nobody, "nobody", "77").send(&app).await);
        assert_eq!(there.status, 401, "{pattern}");
        assert_eq!(shown(there), shown(not), "{pattern}");
    }
}
