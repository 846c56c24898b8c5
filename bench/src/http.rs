//! One HTTP/1.1 connection that is kept, and the cookies of one browser.

use std::{collections::BTreeMap, net::Ipv4Addr};

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;

use crate::place::Place;

/// A browser's way to the server.
#[derive(Debug)]
pub(crate) struct Http {
    place: Place,
    from: Ipv4Addr,
    cookies: BTreeMap<String, String>,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// What a request carries.
pub(crate) enum Body {
    Nothing,
    Json(Vec<u8>),
    Cbor(Vec<u8>),
}

impl Body {
    pub(crate) fn json(body: &impl serde::Serialize) -> Result<Self> {
        Ok(Self::Json(serde_json::to_vec(body)?))
    }
    pub(crate) fn cbor(body: &impl minicbor::Encode<()>) -> Self {
        Self::Cbor(shared::codec::encode(body))
    }
}

impl Http {
    pub(crate) const fn new(place: Place, from: Ipv4Addr) -> Self {
        Self { place, from, cookies: BTreeMap::new(), open: None }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) const fn from(&self) -> Ipv4Addr {
        self.from
    }

    /// From now on to the same server at another address.
    pub(crate) fn go_to(&mut self, place: Place) {
        (self.place, self.open) = (place, None);
    }

    /// Ends the connection; the next request opens another.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// The answer's body when its status is below 300.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: Body) -> Result<Bytes> {
        let (kind, bytes) = match body {
            Body::Nothing => (None, vec![]),
            Body::Json(bytes) => (Some(shared::http::JSON), bytes),
            Body::Cbor(bytes) => (Some(shared::http::CBOR), bytes),
        };
        let (status, bytes) = self.answer(method, path, kind, bytes).await?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        }
        Ok(bytes)
    }

    /// Sends what our page would send; status and body of whatever is answered.
    pub(crate) async fn answer(
        &mut self,
        method: &str,
        path: &str,
        kind: Option<&str>,
        bytes: Vec<u8>,
    ) -> Result<(u16, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.place.host())
            .header("origin", self.place.origin())
            .header("sec-fetch-site", "same-origin")
            .header("sotto-client", env!("CARGO_PKG_VERSION"));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.body(Full::new(bytes.into()))?;
        let answer = self.sender().await?.send_request(request).await.with_context(|| format!("{method} {path}"))?;
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a value")?;
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&mut self, method: &str, path: &str, body: Body) -> Result<T> {
        Ok(serde_json::from_slice(&self.ask(method, path, body).await?)?)
    }

    pub(crate) async fn cbor<T: for<'b> minicbor::Decode<'b, ()>>(
        &mut self,
        method: &str,
        path: &str,
        body: Body,
    ) -> Result<T> {
        Ok(shared::codec::decode(&self.ask(method, path, body).await?)?)
    }

    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let mut open = self.open.take().filter(|open| !open.is_closed());
        if let Some(sender) = &mut open
            && sender.ready().await.is_err()
        {
            open = None;
        }
        if open.is_none() {
            let stream = self.place.connect(self.from).await?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // It ends with the sender.
            tokio::spawn(connection);
            open = Some(sender);
        }
        self.open = open;
        self.open.as_mut().context("no connection")
    }
}
