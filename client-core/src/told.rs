//! What the server knows of this device's cursor in one conversation, over one connection. A device that stores all rows
//! before its own need not say that it has that one: the server raises its cursor with the row. So a person who writes
//! sends one frame a message instead of two, and the server has half the work.

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The highest cursor that was sent or is known.
    sent: u64,
    /// The server's, as it was when it stored the own row that was answered last.
    known: u64,
}

impl Told {
    /// A cursor is sent.
    pub(crate) fn say(&mut self, number: u64) {
        self.sent = self.sent.max(number);
    }

    /// The highest cursor that the server has once it has read all that was sent so far.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// An own row was stored as `number`; the cursor sent before that row was `before`. Frames are read in order.
    pub(crate) fn stored(&mut self, before: u64, number: u64) {
        self.known = self.known.max(before);
        if self.known + 1 == number {
            self.known = number;
        }
        self.sent = self.sent.max(self.known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rows_behind_what_was_said_need_no_word() {
        let mut told = Told::default();
        told.say(4);
        // Two on their way at once.
        told.stored(4, 5);
        told.stored(4, 6);
        assert_eq!(told.sent(), 6);
    }

    #[test]
    fn a_cursor_that_left_behind_the_row_does_not_count_for_it() {
        let mut told = Told::default();
        told.say(3);
        let before = told.sent();
        told.say(7);
        // The server had 3 when it stored row 8, and did not raise it.
        told.stored(before, 8);
        assert_eq!(told.sent(), 7);
        told.say(8);
        told.stored(before, 9);
        assert_eq!(told.sent(), 8, "nor for the one behind it");
        told.say(9);
        told.stored(told.sent(), 10);
        assert_eq!(told.sent(), 10);
    }

    #[test]
    fn nothing_is_known_of_a_new_connection() {
        let mut told = Told::default();
        told.stored(0, 12);
        assert_eq!(told.sent(), 0);
        told.stored(0, 1);
        assert_eq!(told.sent(), 1, "the very first row");
    }
}
