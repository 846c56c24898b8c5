//! The table of addresses. One line, one file.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post, put},
};
use shared::Code;

use super::{Refused, guard, routes};
use crate::{app::App, socket};

macro_rules! addresses {
    ($($method:ident $path:literal $handler:expr;)+) => {
        /// Every address with its method. The router is made from this list, so a test that goes through it goes through
        /// everything there is.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),+];

        fn addresses() -> Router<Arc<App>> {
            Router::new()$(.route($path, $method($handler)))+
        }
    };
}

addresses! {
    post "/auth/register/start" routes::register_start::handle;
    post "/auth/register/finish" routes::register_finish::handle;
    post "/auth/login/start" routes::login_start::handle;
    post "/auth/login/finish" routes::login_finish::handle;
    post "/auth/resume/start" routes::resume_start::handle;
    post "/auth/resume/finish" routes::resume_finish::handle;
    post "/auth/recover/start" routes::recover_start::handle;
    post "/auth/recover/open" routes::recover_open::handle;
    post "/auth/recover/finish" routes::recover_finish::handle;
    post "/auth/logout" routes::logout::handle;
    get "/auth/current_user" routes::current_user::handle;
    post "/auth/ticket" routes::ticket::handle;
    get "/api/vault" routes::vault::handle;
    get "/api/settings" routes::settings_read::handle;
    put "/api/settings" routes::settings_put::handle;
    get "/api/people/{handle}" routes::person::handle;
    get "/api/accounts/{id}/statements" routes::statements::handle;
    post "/api/accounts/{id}/key-packages/claim" routes::claim::handle;
    post "/api/devices" routes::enrol::handle;
    delete "/api/devices/{id}" routes::revoke::handle;
    get "/api/key-packages" routes::packages_count::handle;
    put "/api/key-packages" routes::packages_put::handle;
    get "/api/conversations" routes::conversations::handle;
    post "/api/conversations" routes::create::handle;
    post "/api/conversations/{id}/commits" routes::commit::handle;
    get "/api/conversations/{id}/rows" routes::rows::handle;
    get "/api/conversations/{id}/group-info" routes::group_info::handle;
    get "/api/inbox" routes::inbox::handle;
    post "/api/inbox/{number}/refused" routes::inbox_refused::handle;
    get "/healthz" routes::health::alive;
    get "/readyz" routes::health::ready;
    get "/ws" socket::handshake::handle;
    get "/" page;
    get "/login" page;
    get "/register" page;
    get "/recover" page;
    get "/settings" page;
    get "/c/{*rest}" page;
}

/// Everything this server answers.
pub fn router(app: Arc<App>) -> Router {
    addresses()
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
