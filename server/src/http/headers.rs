//! Headers of every answer (F115, F116, web.md). The table in docs/API.md is made from [`ALWAYS`].

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The page's policy, exactly as web.md has it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
img-src 'self' blob:; connect-src 'self'; worker-src blob:; manifest-src 'self'; object-src 'none'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sotto-loader";

/// Name, value and reason of what every answer carries.
pub const ALWAYS: [(&str, &str, &str); 10] = [
    (
        "content-security-policy",
        CONTENT_SECURITY_POLICY,
        "only this release's own files run, nothing is framed, no string becomes code",
    ),
    ("integrity-policy", "blocked-destinations=(script style)", "a script or style without a hash is not loaded"),
    ("cross-origin-opener-policy", "same-origin", "no other window holds a handle to this one"),
    ("cross-origin-embedder-policy", "require-corp", "nothing foreign is embedded; with the opener policy: isolation"),
    ("cross-origin-resource-policy", "same-origin", "no other site embeds what we serve"),
    ("x-content-type-options", "nosniff", "a type is what it says"),
    ("x-frame-options", "DENY", "frame-ancestors for browsers that don't know it"),
    ("x-xss-protection", "0", "the old filters did harm; the policy above stands in their place (D7)"),
    ("referrer-policy", "no-referrer", "no address of a conversation leaves the page"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(self), bluetooth=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
        "nothing is asked for that a chat does not need",
    ),
];

/// Sent only with a certificate of the operator's own: with the local authority it would spoil other ports of localhost.
pub const STRICT_TRANSPORT_SECURITY: (&str, &str) = ("strict-transport-security", "max-age=31536000; includeSubDomains");

/// Puts the headers on an answer. Who set a caching rule keeps it; everything else is not stored.
pub fn apply(headers: &mut HeaderMap, hsts: bool) {
    for (name, value, _) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if hsts {
        let (name, value) = STRICT_TRANSPORT_SECURITY;
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
