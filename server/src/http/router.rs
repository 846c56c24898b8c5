//! The table of addresses. One line, one file.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use shared::Code;

use super::{Refused, guard, routes};
use crate::{app::App, socket};

/// Everything this server answers.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/auth/register/start", post(routes::register_start::handle))
        .route("/auth/register/finish", post(routes::register_finish::handle))
        .route("/auth/login/start", post(routes::login_start::handle))
        .route("/auth/login/finish", post(routes::login_finish::handle))
        .route("/auth/resume/start", post(routes::resume_start::handle))
        .route("/auth/resume/finish", post(routes::resume_finish::handle))
        .route("/auth/recover/start", post(routes::recover_start::handle))
        .route("/auth/recover/open", post(routes::recover_open::handle))
        .route("/auth/recover/finish", post(routes::recover_finish::handle))
        .route("/auth/logout", post(routes::logout::handle))
        .route("/auth/current_user", get(routes::current_user::handle))
        .route("/auth/ticket", post(routes::ticket::handle))
        .route("/api/vault", get(routes::vault::handle))
        .route("/api/settings", get(routes::settings_read::handle).put(routes::settings_put::handle))
        .route("/api/people/{handle}", get(routes::person::handle))
        .route("/api/accounts/{id}/statements", get(routes::statements::handle))
        .route("/api/accounts/{id}/key-packages/claim", post(routes::claim::handle))
        .route("/api/devices", post(routes::enrol::handle))
        .route("/api/devices/{id}", delete(routes::revoke::handle))
        .route("/api/key-packages", get(routes::packages_count::handle).put(routes::packages_put::handle))
        .route("/api/conversations", get(routes::conversations::handle).post(routes::create::handle))
        .route("/api/conversations/{id}/commits", post(routes::commit::handle))
        .route("/api/conversations/{id}/rows", get(routes::rows::handle))
        .route("/api/conversations/{id}/group-info", get(routes::group_info::handle))
        .route("/api/inbox", get(routes::inbox::handle))
        .route("/api/inbox/{number}/refused", post(routes::inbox_refused::handle))
        .route("/healthz", get(routes::health::alive))
        .route("/readyz", get(routes::health::ready))
        .route("/ws", get(socket::handshake::handle))
        .route("/", get(page))
        .route("/login", get(page))
        .route("/register", get(page))
        .route("/recover", get(page))
        .route("/settings", get(page))
        .route("/c/{*rest}", get(page))
        .fallback(other)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    app.assets.page(request.headers()).await
}

/// A file of the web client, or nothing.
async fn other(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    let ours = ["/auth", "/api", "/admin", "/ws"];
    let api = ours.iter().any(|space| path.strip_prefix(space).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if api {
        return Refused::from(Code::NotFound).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return no_such_method().await;
    }
    match app.assets.file(path, request.headers()).await {
        Some(response) => response,
        None => {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, text)], "Nothing is there.\n").into_response()
        }
    }
}

async fn no_such_method() -> Response {
    Refused::from(Code::MethodNotAllowed).into_response()
}
