//! What people type: handles, kits, ids, passwords.

use shared::{AccountId, Code, handle::Handle, kit::Kit, password};

/// See the module.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(handle) = Handle::parse(text) {
        let canonical = Handle::parse(&handle.canonical()).expect("the canonical form is a handle");
        assert_eq!(canonical.canonical(), handle.canonical());
        assert_eq!(canonical.skeleton(), handle.skeleton());
    }
    if let Ok(kit) = Kit::parse(text) {
        let again = Kit::parse(&kit.text()).expect("what a kit shows can be typed");
        assert_eq!(again.secret(), kit.secret());
    }
    if let Ok(id) = text.parse::<AccountId>() {
        assert_eq!(id.to_string().parse::<AccountId>().ok(), Some(id));
    }
    if let Some(code) = Code::from_wire(text) {
        assert_eq!(code.as_str(), text);
    }
    // Whatever is typed, each rule is named once at most.
    let mut unmet = password::unmet(text);
    let named = unmet.len();
    unmet.dedup();
    assert_eq!(unmet.len(), named);
}

/// One of each.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = ["ann.varga-2", "Quiet-river7", "stale_epoch", &AccountId([7; 16]).to_string(), &Kit::new(&[5; 28]).text()];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}
