//! Every refusal a client can be told: one closed list with a stable code, a status, a plain sentence and advice.

/// Generates the enum and its table from one list, so that neither can miss a row.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $status:literal, $field:expr, $text:literal, $advice:literal;)*) => {
        /// Why something was refused. The wire form is stable; texts may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
        pub enum Code { $($(#[$doc])* #[error($text)] $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The stable code on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $wire,)* } }
            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }
            /// What happened, in a plain sentence.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Self::$name => $text,)* } }
            /// What a client should do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str { match self { $(Self::$name => $advice,)* } }
            /// The field of the form it is about.
            #[must_use]
            pub const fn field(self) -> Option<&'static str> { match self { $(Self::$name => $field,)* } }
            /// From the wire. Unknown codes of newer servers are nothing here.
            #[must_use]
            pub fn from_wire(text: &str) -> Option<Self> { match text { $($wire => Some(Self::$name),)* _ => None } }
        }
    };
}

codes! {
    /// The bytes or the JSON can't be read, or hold unknown fields.
    Malformed = "malformed", 400, None, "The request could not be read", "A program error: update the client.";
    /// A required field is empty (F066).
    MissingFields = "missing_fields", 400, None, "All fields required", "Fill in every field.";
    /// F106.
    UsernameLength = "username_length", 400, Some("username"), "Username must be 3-30 characters", "Choose another name.";
    /// F106.
    UsernameCharacters = "username_characters", 400, Some("username"), "Username can only contain letters, numbers, dots, dashes, underscores", "Choose another name.";
    /// A name that could pass for Sotto or its operator.
    UsernameReserved = "username_reserved", 409, Some("username"), "This username can't be used", "Choose another name.";
    /// F067.
    UsernameTaken = "username_taken", 409, Some("username"), "Username already taken", "Choose another name.";
    /// F071.
    MissingCredentials = "missing_credentials", 400, None, "missing credentials", "Type name and password.";
    /// F072: the same for an unknown name and a wrong password.
    InvalidCredentials = "invalid_credentials", 401, None, "invalid credentials", "Try again; nothing was changed.";
    /// F092.
    LoginRequired = "login_required", 401, None, "Login required", "Resume with the device key, else ask for the password.";
    /// The session is not bound to a device yet.
    NotEnrolled = "not_enrolled", 403, None, "This browser is not enrolled yet", "Enrol, then ask again.";
    /// A login, recovery or resume id is unknown, used or older than its minutes.
    AttemptExpired = "attempt_expired", 401, None, "This attempt is too old or was used already", "Start again.";
    /// Device key and challenge do not fit, or the password changed since this device's last log-in.
    ResumeRefused = "resume_refused", 401, None, "This browser has to log in with the password again", "Ask for the password; keep everything.";
    /// Registration is closed on this server.
    RegistrationClosed = "registration_closed", 403, None, "This server takes no new accounts", "Ask its operator.";
    /// Not allowed by role, policy or membership of the actor.
    Forbidden = "forbidden", 403, None, "You may not do that", "Nothing was changed.";
    /// The request comes from another web site.
    WrongOrigin = "wrong_origin", 403, None, "This request did not come from this server's own page", "Open the page at its own address.";
    /// Not there, or not for you to see.
    NotFound = "not_found", 404, None, "Nothing is there", "Check the name or the address.";
    /// The method is not known at this address.
    MethodNotAllowed = "method_not_allowed", 405, None, "This address does not take that method", "A program error: update the client.";
    /// The account has a newer statement than the request knew.
    StaleStatement = "stale_statement", 409, None, "The account has changed meanwhile", "Read the statements, then try again.";
    /// The settings item has a newer version.
    StaleSettings = "stale_settings", 409, None, "This setting has changed meanwhile", "Read it, merge, write again.";
    /// The row was sealed for an epoch that is over, or names one to come.
    StaleEpoch = "stale_epoch", 409, None, "The conversation has moved on", "Apply what was missed, seal again, send again with the same id.";
    /// The row names another generation of the conversation.
    StaleGeneration = "stale_generation", 409, None, "The conversation continues in another generation", "Join it, seal again, send again with the same id.";
    /// The device counter is not the last one plus one; detail: the expected counter.
    OutOfTurn = "out_of_turn", 409, None, "A message before this one is missing", "Send the one with the expected counter first.";
    /// Too many rows of this device in one epoch.
    CommitFirst = "commit_first", 409, None, "This device must renew the conversation first", "Send an empty commit, then go on.";
    /// There is a direct conversation of these two already; detail: its id.
    ConversationExists = "conversation_exists", 409, None, "This conversation exists already", "Drop the new group, take the Welcome of the existing one.";
    /// A newer run of this device is or was connected: this one is a copy or was restored.
    Superseded = "superseded", 409, None, "This browser's data is an older copy", "Drop the group state and enrol as a new device.";
    /// The device has rows that the server never had, under the same store epoch: an older copy was put back in silence.
    WentBack = "went_back", 409, None, "The server was restored from an older copy", "Keep everything and try again. The operator deletes store.epoch and starts again; then offer again what is lacking.";
    /// An id was used for something else before.
    IdTaken = "id_taken", 409, None, "This id is in use already", "Draw another id.";
    /// The body or frame is larger than its limit.
    TooLarge = "too_large", 413, None, "This is too large", "Send less at once.";
    /// Not the content type this address takes.
    UnsupportedType = "unsupported_type", 415, None, "This address takes another content type", "A program error: update the client.";
    /// A key-stretching version the server does not accept.
    UnknownKsf = "unknown_ksf", 422, None, "This password protection is not accepted here", "Update the client.";
    /// A statement's signature, chain or content is wrong.
    BadStatement = "bad_statement", 422, None, "The account statement does not fit", "A program error: update the client.";
    /// A certificate's signature or content is wrong.
    BadCertificate = "bad_certificate", 422, None, "The device certificate does not fit", "A program error: update the client.";
    /// A signature by a device or recovery key is wrong.
    BadSignature = "bad_signature", 422, None, "A signature does not verify", "A program error: update the client.";
    /// A key package is of another device, too old, or malformed.
    BadPackage = "bad_package", 422, None, "A key package is not acceptable", "Make new ones.";
    /// A commit does not verify or breaks the policy.
    BadCommit = "bad_commit", 422, None, "This change of the conversation is not acceptable", "Nothing was changed; reload the conversation.";
    /// The group info does not fit the state after the commit.
    BadGroupInfo = "bad_group_info", 422, None, "The group info does not fit the commit", "A program error: update the client.";
    /// A row's authenticated data does not fit the row.
    BadRow = "bad_row", 422, None, "The message is not built as it should be", "A program error: update the client.";
    /// An added device is missing from its account's newest statement.
    DeviceNotStated = "device_not_stated", 422, None, "An added device is not part of its account any more", "Read the statements, then try again.";
    /// More devices than an account may have.
    TooManyDevices = "too_many_devices", 422, None, "This account has too many browsers", "Sign one out first.";
    /// The client's version is no longer accepted.
    VersionTooOld = "version_too_old", 426, None, "This version is too old for the server", "Reload the page.";
    /// Too many attempts; comes with retry_after_ms.
    RateLimited = "rate_limited", 429, None, "Too many attempts. Wait a moment", "Wait for retry_after_ms, then try again.";
    /// Nobody has key packages left for this device right now.
    NoPackages = "no_packages", 409, None, "This person's browsers can't be reached yet", "Try again when they have been online.";
    /// A socket's ticket is unknown, used or older than 30 seconds.
    BadTicket = "bad_ticket", 401, None, "The socket ticket is not valid", "Get a new ticket.";
    /// The first frame must be Hello, and only the first.
    HelloFirst = "hello_first", 400, None, "The first frame must be Hello", "A program error: update the client.";
    /// A later socket of the same device took over.
    Replaced = "replaced", 409, None, "Another connection of this browser took over", "Stay closed; the other one serves.";
    /// The session behind a socket is over.
    SessionEnded = "session_ended", 401, None, "The session is over", "Resume, then connect again.";
    /// The reader was too slow for its queue.
    TooSlow = "too_slow", 429, None, "The connection could not keep up", "Connect again and resume by cursor.";
    /// The server is going down in good order.
    GoingAway = "going_away", 503, None, "The server is restarting", "Connect again in a moment.";
    /// The server can't make things durable right now.
    Unavailable = "unavailable", 503, None, "The server can't store anything right now", "Keep it and try again.";
    /// An error of ours, logged under an id.
    Internal = "internal", 500, None, "Something went wrong on the server", "Keep it and try again; tell the operator the id.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_distinct_and_complete() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert_eq!(Code::from_wire(code.as_str()), Some(*code));
            assert!(!code.text().is_empty() && !code.advice().is_empty());
            assert!((400..600).contains(&code.status()));
            assert!(Code::ALL.iter().skip(i + 1).all(|other| other.as_str() != code.as_str()));
        }
        assert_eq!(Code::from_wire("from_the_future"), None);
    }
}
