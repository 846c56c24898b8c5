//! Who asks: the session behind the cookie of the named slot.
//!
//! Reads are checked on a reader; every operation of the writer checks the session again inside its own transaction, so
//! that nothing is changed by a session that ended in between.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, request::Parts},
};
use server_core::{Caller, Context, Done, Outcome, Peer, Refusal, Session, Token, session, sql::Sql};
use shared::Code;

use super::{
    Refused,
    cookies::{self, Slot},
};
use crate::{
    app::App,
    remote::{Remote, prefix},
};

/// A live session, enrolled or not.
#[derive(Clone, Debug)]
pub struct Live {
    /// What the cookie held.
    pub token: Token,
    /// What it stands for.
    pub session: Session,
}

/// A live session bound to a device.
#[derive(Clone, Debug)]
pub struct Enrolled {
    live: Live,
    caller: Caller,
}

impl Live {
    async fn of(headers: &HeaderMap, app: &App) -> Result<Self, Refused> {
        let slot = Slot::of(headers)?;
        let token = cookies::read_session(headers, slot).ok_or(Code::LoginRequired)?;
        let asked = token.clone();
        let seen = app.store.read(move |sql, context| session::check(sql, context, &asked)).await?;
        let session = if seen.wrote {
            let asked = token.clone();
            app.store.write(move |sql, context| session::check(sql, context, &asked)).await?
        } else {
            seen.answer
        };
        Ok(Self { token, session })
    }

    /// Runs an operation in the writer, in one transaction with another check of the session.
    ///
    /// # Errors
    /// The operation's refusal.
    pub async fn write<T: Send + 'static>(
        self,
        app: &App,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>, &Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let token = self.token;
        let operation = move |sql: &mut dyn Sql, context: &mut Context<'_>| {
            let Done { answer: session, announce: mut told } = session::check(sql, context, &token)?;
            let Done { answer, announce } = operation(sql, context, &session)?;
            told.extend(announce);
            Ok(Done::telling(answer, told))
        };
        Ok(app.store.write(operation).await?)
    }
}

impl Enrolled {
    /// The session.
    #[must_use]
    pub fn session(self) -> Session {
        self.live.session
    }

    /// Runs an operation on a reader.
    ///
    /// # Errors
    /// The operation's refusal.
    pub async fn read<T: Send + 'static>(
        self,
        app: &App,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>, &Caller) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let caller = self.caller;
        Ok(app.store.read(move |sql, context| operation(sql, context, &caller)).await?.answer)
    }

    /// Runs an operation in the writer, in one transaction with another check of the session.
    ///
    /// # Errors
    /// The operation's refusal.
    pub async fn write<T: Send + 'static>(
        self,
        app: &App,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>, &Caller) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Refused> {
        self.live.write(app, move |sql, context, session| operation(sql, context, &session.caller()?)).await
    }
}

impl FromRequestParts<Arc<App>> for Live {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        Self::of(&parts.headers, app).await
    }
}

impl OptionalFromRequestParts<Arc<App>> for Live {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Refused> {
        match Self::of(&parts.headers, app).await {
            Ok(live) => Ok(Some(live)),
            Err(Refused(Refusal { code: Code::LoginRequired, .. })) => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}

impl FromRequestParts<Arc<App>> for Enrolled {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let live = Live::of(&parts.headers, app).await?;
        let caller = live.session.caller()?;
        Ok(Self { live, caller })
    }
}

/// What attempts without a session are counted by: the address's prefix, and the known-browser cookie.
#[derive(Clone, Debug)]
pub struct Asking(pub Peer);

impl FromRequestParts<Arc<App>> for Asking {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refused> {
        let remote = parts.extensions.get::<Remote>().ok_or_else(|| Refusal::internal("a request without an address"))?;
        let slot = Slot::of(&parts.headers)?;
        Ok(Self(Peer { prefix: prefix(remote.address()), known: cookies::read_known(&parts.headers, slot) }))
    }
}
