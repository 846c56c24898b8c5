//! GET /ws: own page, ticket, protocol; only then a socket (F158, F160).

use std::sync::Arc;

use axum::{
    extract::{Extension, FromRequestParts as _, Request, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use server_core::{Session, session};
use shared::{Code, frame::SUBPROTOCOL, limits};

use super::run;
use crate::{
    app::{App, Stage},
    clock,
    http::{Refused, guard},
    remote::Remote,
};

/// Read at once from a socket, and kept by an idle one. A bigger frame grows the buffer as soon as its length is known; what is read
/// then has been decrypted already.
const READ_BUFFER: usize = 512;

pub(crate) async fn handle(State(app): State<Arc<App>>, Extension(remote): Extension<Remote>, request: Request) -> Response {
    match open(app, remote, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn open(app: Arc<App>, remote: Remote, request: Request) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    guard::own_page(&app.origins, &parts.headers)?;
    if *app.stage.borrow() == Stage::Stopping {
        return Err(Code::GoingAway.into());
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|_| Code::Malformed)?;
    let session = authenticate(&app, &parts.headers).await?;
    let caller = session.caller()?;
    let mut upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(run::TOGETHER)
        .max_write_buffer_size(4 * limits::SERVER_FRAME)
        .max_message_size(limits::SERVER_FRAME)
        .max_frame_size(limits::SERVER_FRAME);
    upgrade.set_selected_protocol(HeaderValue::from_static(SUBPROTOCOL));
    Ok(upgrade.on_upgrade(move |socket| run::run(app, session, caller, socket, remote)))
}

/// The session behind the ticket, if it is still alive. A ticket is used up even when something else is wrong.
async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Session, Refused> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let offered: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let ticket = offered.iter().find_map(|name| name.strip_prefix("ticket.")).ok_or(Code::BadTicket)?;
    let ticket = URL_SAFE_NO_PAD.decode(ticket).map_err(|_| Code::BadTicket)?;
    let session = app.tickets.take(&ticket, clock::now()).ok_or(Code::BadTicket)?;
    if !offered.contains(&SUBPROTOCOL) {
        return Err(Code::VersionTooOld.into());
    }
    let asked = session.clone();
    let seen = app.store.read(move |sql, context| session::recheck(sql, context, &asked)).await;
    match seen {
        Ok(seen) => Ok(seen.answer),
        Err(refusal) if refusal.code == Code::LoginRequired => Err(Code::BadTicket.into()),
        Err(refusal) => Err(refusal.into()),
    }
}
