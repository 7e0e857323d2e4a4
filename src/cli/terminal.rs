//! The properties of the terminal.

use ratatui::crossterm::terminal;

/// Cuts a line so that it takes one row of the terminal: a line that wraps cannot be drawn over.
pub(super) fn fit(line: &str) -> String {
    let width = terminal::size().map_or(80, |(columns, _)| usize::from(columns)).max(20);
    if line.chars().count() <= width {
        return line.to_string();
    }
    line.chars().take(width - 1).chain(['…']).collect()
}
