//! HTTP bodies: the first byte says which.

use core::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use shared::{codec, http};

fn cbor<T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(body) = codec::decode::<T>(bytes) {
        assert_eq!(codec::decode::<T>(&codec::encode(&body)), Ok(body));
    }
}

fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&body).expect("a body can be written");
        assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written can be read"), body);
    }
}

/// Every body that travels, in either direction.
const READERS: [fn(&[u8]); 40] = [
    json::<http::Failure>,
    json::<http::Secrets>,
    json::<http::User>,
    json::<http::RegisterStart>,
    json::<http::RegisterStarted>,
    cbor::<http::RegisterFinish>,
    cbor::<http::DeviceUpload>,
    json::<http::Bound>,
    json::<http::LoginStart>,
    json::<http::LoginStarted>,
    json::<http::LoginFinish>,
    json::<http::LoggedIn>,
    json::<http::ResumeStart>,
    json::<http::ResumeStarted>,
    json::<http::ResumeFinish>,
    json::<http::RecoverStart>,
    json::<http::RecoverStarted>,
    json::<http::RecoverOpen>,
    cbor::<http::RecoverFinish>,
    json::<http::Logout>,
    json::<http::CurrentUser>,
    json::<http::Ticket>,
    json::<http::Person>,
    json::<http::Statements>,
    json::<http::Settings>,
    json::<http::SettingsPut>,
    json::<http::SettingsChanged>,
    cbor::<http::Enrol>,
    json::<http::Revoke>,
    json::<http::PackageCount>,
    cbor::<http::PutPackages>,
    json::<http::Claim>,
    cbor::<http::Claimed>,
    cbor::<http::Conversations>,
    cbor::<http::Commit>,
    cbor::<http::CreateConversation>,
    cbor::<http::Committed>,
    cbor::<http::Rows>,
    cbor::<http::GroupInfo>,
    cbor::<http::Inbox>,
];

/// See the module.
pub(crate) fn run(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    READERS[usize::from(*which) % READERS.len()](body);
}

/// The shortest body of each shape: the engine finds the rest.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let forms: [&[u8]; 3] = [b"{}", b"\xa0", b"{\"device_id\":\"00000000000000000000000000000000\"}"];
    let which = |which: usize| u8::try_from(which).unwrap_or(0);
    (0..READERS.len()).flat_map(|at| forms.map(|form| [&[which(at)], form].concat())).collect()
}
