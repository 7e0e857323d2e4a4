//! An input or a script, cut into SQL and meta commands.
//!
//! A command begins with a backslash outside of quotes and comments, behind SQL as well (`SELECT 1 \gx`), or is a line of its own where a
//! statement could begin (`.tables`, `quit`); it ends with its line.

use std::ops::Range;

use crate::sql::ast::Source;
use crate::sql::highlight::first_command;

use super::commands::is_meta;

/// A piece of a text: its bytes, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// SQL, not blank.
    Sql(Range<usize>),
    /// A command, from its backslash to the end of its line.
    Command(Range<usize>),
}

/// The pieces of a text, in order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (start, end) = match next_command(rest) {
            Some(command) => (at + command.start, at + command.end),
            None => (text.len(), text.len()),
        };
        if text.get(at..start).is_some_and(|sql| !sql.trim().is_empty()) {
            pieces.push(Piece::Sql(at..start));
        }
        if start < end {
            pieces.push(Piece::Command(start..end));
        }
        at = text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |line| end + line + 1);
    }
    pieces
}

/// The first command of a text. Only lines that look like one are read with what stands before them, so that a script without commands
/// is not read at all.
fn next_command(text: &str) -> Option<Range<usize>> {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if line.contains('\\') || is_meta(line) {
            let before = text.get(..end)?;
            if let Some(start) = first_command(before, is_meta) {
                let command = before.get(start..)?;
                return Some(start..start + command.trim_end_matches(['\n', '\r']).len());
            }
        }
    }
    None
}

/// A part of a script as a script: the rest is blanked out, so that errors name the right line and column.
pub(super) fn part(source: &Source, range: &Range<usize>) -> Source {
    let before = source.text.get(..range.start).unwrap_or_default();
    let (lines, line) = before.rsplit_once('\n').map_or((0, before), |(lines, line)| (lines.matches('\n').count() + 1, line));
    let sql = source.text.get(range.clone()).unwrap_or_default();
    Source::new(source.name.to_string(), format!("{}{}{sql}", "\n".repeat(lines), " ".repeat(line.chars().count())))
}

/// Line and column of a byte, both from 1.
pub(super) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    (before.matches('\n').count() + 1, before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands in brackets.
    fn shown(text: &str) -> Vec<String> {
        let word = |range: &Range<usize>| text[range.clone()].to_string();
        pieces(text)
            .iter()
            .map(|piece| match piece {
                Piece::Sql(range) => word(range),
                Piece::Command(range) => format!("[{}]", word(range)),
            })
            .collect()
    }

    #[test]
    fn commands_cut_a_script() {
        for (text, expected) in [
            ("", &[][..]),
            ("SELECT 1;", &["SELECT 1;"]),
            ("SELECT 1,\n  2;\n\\x on\n\\timing\nSELECT\n  3;\n", &["SELECT 1,\n  2;\n", "[\\x on]", "[\\timing]", "SELECT\n  3;\n"]),
            ("SELECT 1 \\gx\r\nSELECT 2;", &["SELECT 1 ", "[\\gx]", "SELECT 2;"]),
            ("SELECT '\n\\d\n.tables\nquit\n';", &["SELECT '\n\\d\n.tables\nquit\n';"]),
            (
                "/*\n\\d */ SELECT 1; \\g 'it''s'\n\\echo don't\nSELECT 'a\\b';",
                &["/*\n\\d */ SELECT 1; ", "[\\g 'it''s']", "[\\echo don't]", "SELECT 'a\\b';"],
            ),
            ("SELECT a\n.tables", &["SELECT a\n.tables"]),
            ("SELECT 1;\n  .tables\nexit", &["SELECT 1;\n  ", "[.tables]", "[exit]"]),
            ("SELECT 1; .tables", &["SELECT 1; .tables"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn parts_keep_their_places() {
        let source = Source::new("a.sql", "SELECT 1;\nSELECT è; SELECT 2 \\gx\n");
        let at = source.text.find("SELECT 2").unwrap();
        let kept = part(&source, &(at..at + 8));
        assert_eq!(&*kept.text, "\n          SELECT 2");
        assert_eq!(place(&source.text, at), (2, 11));
    }
}
