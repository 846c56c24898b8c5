//! Requests that another site makes a browser send: with the person's cookies, and nothing else of ours.

use server::http::router::ROUTES;
use shared::{Code, http::SettingsPut};

use crate::{
    app::TestApp,
    people::{Browser, register},
    wire::Request,
};

/// A changing request as our own page would send it, then as others would.
fn forgeries(browser: &Browser<'_>, method: &str, path: &str) -> Vec<(&'static str, Request)> {
    let good = || browser.request(method, path).raw("application/json", b"{}");
    let from = |origin: &str| good().without("origin").with("origin", origin);
    let site = |site: &str| good().without("sec-fetch-site").with("sec-fetch-site", site);
    // What an HTML form can send: one of three types, and no header of ours.
    let form = |content: &str, body: &[u8]| {
        browser
            .request(method, path)
            .without("sotto-client")
            .without("origin")
            .with("origin", "https://evil.example")
            .raw(content, body)
    };
    let port = browser.app.address.port();
    vec![
        ("no origin", good().without("origin")),
        ("an opaque origin", from("null")),
        ("another site", from("https://evil.example")),
        ("another port", from("https://localhost:1")),
        ("a sub-domain", from(&format!("https://a.localhost:{port}"))),
        ("without TLS", from(&format!("http://localhost:{port}"))),
        ("two origins", good().with("origin", "https://evil.example")),
        ("cross-site by the browser's word", site("cross-site")),
        ("same-site is not same-origin", site("same-site")),
        ("opened by hand", site("none")),
        ("two words of the browser", good().with("sec-fetch-site", "cross-site")),
        ("no header of ours", good().without("sotto-client")),
        ("a form", form("application/x-www-form-urlencoded", b"username=x")),
        ("a form that looks like JSON", form("text/plain", b"{\"a\":\"=\"}")),
        ("a form with files", form("multipart/form-data; boundary=x", b"--x--\r\n")),
        ("a beacon", good().without("sotto-client").without("content-type").with("content-type", "text/plain")),
        ("no body at all", browser.request(method, path).without("sotto-client").without("sec-fetch-site").without("origin")),
    ]
}

#[tokio::test]
async fn attack_64_every_changing_route_refuses_forgeries() {
    let app = TestApp::start().await;
    let alice = register(&app, "alice").await;
    let changing: Vec<_> = ROUTES.iter().filter(|(method, _)| *method != "get").collect();
    assert!(changing.len() >= 18, "{changing:?}");
    for (method, pattern) in changing {
        let zero = "0".repeat(32);
        let (method, path) = (method.to_uppercase(), pattern.replace("{id}", &zero).replace("{number}", "1"));
        for (name, forgery) in forgeries(&alice, &method, &path) {
            assert_eq!(forgery.send(&app).await.code(), Code::WrongOrigin, "{name}: {method} {path}");
        }
        let own = alice.request(&method, &path).without("sec-fetch-site").raw("text/plain", b"{}").send(&app).await;
        let typed = !matches!(path.as_str(), "/auth/ticket") && !path.ends_with("/refused");
        if typed {
            assert_eq!(own.code(), Code::UnsupportedType, "a browser that says no Sec-Fetch-Site gets in: {method} {path}");
        } else {
            assert_ne!(own.status, 403, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn attack_64_a_forged_change_changes_nothing() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let item = SettingsPut { collection: 1, item: vec![1; 16].into(), version: 1, sealed: vec![2; 40].into() };
    let body = serde_json::to_vec(&item).unwrap();
    for (name, forgery) in forgeries(&alice, "PUT", "/api/settings") {
        let typed = forgery.without("content-type").raw("application/json", &body);
        assert_eq!(typed.send(&app).await.code(), Code::WrongOrigin, "{name}");
    }
    assert_eq!(alice.get("/api/settings?after=0").await.json()["items"], serde_json::json!([]));
    assert_eq!(alice.send(alice.request("PUT", "/api/settings").json(&item)).await.status, 200, "the body was a good one");
    for (name, forgery) in forgeries(&alice, "POST", "/auth/logout") {
        assert_eq!(forgery.send(&app).await.code(), Code::WrongOrigin, "{name}");
    }
    assert_eq!(alice.get("/api/vault").await.status, 200, "nobody is logged out by another site");
}

#[tokio::test]
async fn attack_64_no_other_method_reaches_a_changing_route() {
    let app = TestApp::start().await;
    let alice = register(&app, "alice").await;
    for (_, pattern) in ROUTES {
        let here: Vec<_> = ROUTES.iter().filter(|(_, path)| path == pattern).map(|(method, _)| method.to_uppercase()).collect();
        let path =
            pattern.replace("{id}", &"0".repeat(32)).replace("{handle}", "x").replace("{number}", "1").replace("{*rest}", "1");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"] {
            let known = here.iter().any(|one| one == method) || (method == "HEAD" && here.iter().any(|one| one == "GET"));
            if known {
                continue;
            }
            // What says to mean another method than it is must be taken for what it is.
            let sneaky = alice.request(method, &path).without("origin").with("origin", &app.origin());
            let sneaky = sneaky.with("x-http-method-override", "POST").with("x-method-override", "DELETE");
            let answer = sneaky.send(&app).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("access-control-allow-origin").is_none(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn attack_64_no_answer_lets_another_origin_read_or_ask() {
    let app = TestApp::start().await;
    let alice = register(&app, "alice").await;
    for (method, pattern) in ROUTES {
        let path = pattern.replace("{id}", &"0".repeat(32)).replace("{handle}", "alice").replace("{number}", "1");
        let preflight = Request::bare("OPTIONS", &path)
            .with("origin", "https://evil.example")
            .with("access-control-request-method", &method.to_uppercase())
            .with("access-control-request-headers", "sotto-client,content-type");
        let read = alice.request("GET", &path).with("origin", "https://evil.example");
        for answer in [preflight.send(&app).await, read.send(&app).await] {
            let cors: Vec<_> = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-")).collect();
            assert!(cors.is_empty(), "{method} {path}: {cors:?}");
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        }
    }
}
