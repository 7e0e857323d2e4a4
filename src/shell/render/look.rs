//! How answers look to people.

use std::time::Instant;

/// How a table looks.
#[derive(Debug, Clone)]
pub struct Look {
    /// What stands for NULL.
    pub null: String,
    /// The columns of the terminal; `None`: as wide as need be.
    pub width: Option<usize>,
    /// Rows that are too wide for the terminal are shown one below the other.
    pub turns: bool,
    /// Names are bold and NULLs faint.
    pub colours: bool,
    /// No more rows are read than this.
    pub most: Option<usize>,
    /// When the statement began, if its time is shown.
    pub begun: Option<Instant>,
}

impl Default for Look {
    fn default() -> Self {
        Self { null: "NULL".to_string(), width: None, turns: false, colours: false, most: None, begun: None }
    }
}

impl Look {
    /// A name of a column.
    pub(super) fn name(&self, padded: &str) -> String {
        self.painted(padded, "\x1b[1m")
    }

    /// What stands for NULL.
    pub(super) fn missing(&self, padded: &str) -> String {
        self.painted(padded, "\x1b[2m")
    }

    fn painted(&self, padded: &str, colour: &str) -> String {
        if self.colours && !padded.trim().is_empty() { format!("{colour}{padded}\x1b[0m") } else { padded.to_string() }
    }
}

/// Whether colours are wanted: <https://no-color.org>.
pub fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}
