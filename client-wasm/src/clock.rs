//! The one place that looks at the clock.

use shared::Millis;

/// The browser's wall clock.
pub(crate) fn now() -> Millis {
    // Whole, positive and far below 2^53: the cast saturates for a clock before 1970.
    Millis(js_sys::Date::now() as u64)
}
