//! The web client: embedded in a release, read from `web/dist` by a debug build.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use sha2::{Digest as _, Sha256};

use crate::clock::hex;

/// One file of the built client.
#[derive(Debug)]
pub struct Embedded {
    /// Address, from `/`.
    pub path: &'static str,
    /// As built.
    pub plain: &'static [u8],
    /// Compressed with brotli, when that was made.
    pub brotli: Option<&'static [u8]>,
}

/// The table the build made; empty in a debug build.
pub static EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

static INDEX: LazyLock<HashMap<&'static str, (&'static Embedded, String)>> =
    LazyLock::new(|| EMBEDDED.iter().map(|file| (file.path, (file, etag(file.plain)))).collect());

const PAGE: &str = "/index.html";
const NOT_BUILT: &str = "The web client is not built.\n\nRun `cargo xtask web` and load this page again, \
or make the whole program with `cargo xtask dist`.\n";

/// Where the client comes from.
#[derive(Clone, Debug)]
pub enum Assets {
    /// Out of this program.
    Embedded,
    /// Out of a folder, while developing.
    Folder(PathBuf),
}

impl Assets {
    /// The folder named on the command line, else what this build has.
    #[must_use]
    pub fn new(web_dir: Option<PathBuf>) -> Self {
        match web_dir {
            Some(folder) => Self::Folder(folder),
            #[cfg(debug_assertions)]
            None => Self::Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist")),
            #[cfg(not(debug_assertions))]
            None => Self::Embedded,
        }
    }

    /// index.html, which is never reused without asking.
    pub async fn page(&self, request: &HeaderMap) -> Response<Body> {
        match self.file(PAGE, request).await {
            Some(response) => response,
            None => not_built(),
        }
    }

    /// A file by its address.
    pub async fn file(&self, path: &str, request: &HeaderMap) -> Option<Response<Body>> {
        match self {
            Self::Embedded => {
                let (file, etag) = INDEX.get(path)?;
                let brotli = file.brotli.filter(|_| takes_brotli(request));
                let bytes = Bytes::from_static(brotli.unwrap_or(file.plain));
                Some(answer(path, bytes, brotli.is_some(), etag, request))
            }
            Self::Folder(folder) => {
                let bytes = tokio::fs::read(inside(folder, path)?).await.ok()?;
                let etag = etag(&bytes);
                Some(answer(path, bytes.into(), false, &etag, request))
            }
        }
    }
}

fn answer(path: &str, bytes: Bytes, brotli: bool, etag: &str, request: &HeaderMap) -> Response<Body> {
    let etag = if brotli { format!("\"{etag}-br\"") } else { format!("\"{etag}\"") };
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag));
    let mut response = Response::new(if fresh { Body::empty() } else { Body::from(bytes) });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    let caching = if is_hash_named(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if brotli && !fresh {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    response
}

fn not_built() -> Response<Body> {
    let mut response = Response::new(Body::from(NOT_BUILT));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn etag(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).get(..12).unwrap_or_default())
}

/// `Accept-Encoding` names br and does not weigh it with zero.
fn takes_brotli(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let zero = |q: &str| q.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br")) && !parts.any(zero)
    })
}

/// `name-<16 hexadecimal digits>.ext` never changes its content.
fn is_hash_named(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| hash.len() >= 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "map" | "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// A path below the folder, without dots that lead out or hide.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.strip_prefix('/')?);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
    (relative.components().next().is_some() && relative.components().all(plain)).then(|| folder.join(relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_named() {
        let folder = Path::new("dist");
        assert_eq!(inside(folder, "/assets/a.js"), Some(folder.join("assets/a.js")));
        for bad in ["/", "", "a.js", "/../a", "/a/../../b", "//etc/passwd", "/.env", "/a/.git/config"] {
            assert_eq!(inside(folder, bad), None, "{bad}");
        }
    }

    #[test]
    fn only_hash_named_files_are_immutable() {
        assert!(is_hash_named("/assets/app-0123456789abcdef.js"));
        for other in ["/index.html", "/release.json", "/assets/app-one.js", "/assets/0123456789abcdef.js"] {
            assert!(!is_hash_named(other), "{other}");
        }
    }

    #[test]
    fn brotli_only_for_who_takes_it() {
        let with = |text: &'static str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]);
        assert!(takes_brotli(&with("gzip, deflate, br, zstd")));
        assert!(takes_brotli(&with("BR;q=0.5")));
        assert!(!takes_brotli(&with("gzip")));
        assert!(!takes_brotli(&with("br;q=0")));
        assert!(!takes_brotli(&HeaderMap::new()));
    }
}
