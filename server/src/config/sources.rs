//! Where a setting is looked for: flag, then `SOTTO_*`, then the file.

use std::{ffi::OsString, path::Path};

use super::{Layer, Place};

pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// All of them, the strongest first.
pub(super) struct Sources<'a> {
    pub(super) flags: Layer,
    pub(super) environment: Environment<'a>,
    pub(super) file: Layer,
    pub(super) path: Option<&'a Path>,
}

impl Sources<'_> {
    pub(super) fn text(&self, key: &str, field: impl Fn(&Layer) -> Option<String>) -> Option<(String, Place)> {
        if let Some(text) = field(&self.flags) {
            return Some((text, Place::Flag));
        }
        let name = format!("SOTTO_{}", key.to_uppercase());
        if let Some(text) = (self.environment)(&name).filter(|text| !text.is_empty()) {
            return Some((text.to_string_lossy().into_owned(), Place::Environment(name)));
        }
        field(&self.file).map(|text| (text, self.file_place()))
    }

    pub(super) fn listen(&self) -> Option<(Vec<String>, Place)> {
        if let Some(texts) = &self.flags.listen {
            return Some((texts.clone(), Place::Flag));
        }
        if let Some((text, place)) = self.text("listen", |_| None) {
            return Some((text.split(',').map(|part| part.trim().to_owned()).collect(), place));
        }
        self.file.listen.clone().map(|texts| (texts, self.file_place()))
    }

    fn file_place(&self) -> Place {
        self.path.map_or(Place::Default, |path| Place::File(path.to_owned()))
    }
}
