//! Inputs and scripts: SQL and meta commands in their order.
//!
//! ```text
//!  SELECT 1; SELECT 2 \gx out.csv
//!  ╰── first ─╯╰ given ╯╰ command ╯      what a command is given, it carries out; the rest runs before it
//! ```
//! As in psql, `\g` and its kin carry out the statement that stands before them on the line, or the last one again; to other commands an
//! unfinished statement means nothing, and a person finds it again at the next prompt. A script has no prompt: there it runs first.

use std::ops::Range;
use std::path::Path;

use crate::common::{Error, Result};
use crate::sql::ast::Source;
use crate::sql::{Dialect, highlight};

use super::commands::{Meta, meta};
use super::session::{Next, Session};
use super::split::{Piece, part, pieces, place};

/// How deep files may include each other.
const DEEP: usize = 16;

impl Session {
    /// Carries out statements and meta commands.
    pub(super) async fn text(&mut self, source: &Source) -> Result<Next> {
        let text = &*source.text;
        let pieces = pieces(text);
        let person = self.interactive && self.depth == 0;
        let dialect = self.connection.dialect()?;
        let mut given: Option<Range<usize>> = None;
        for (n, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Sql(range) => {
                    let (first, rest) = match pieces.get(n + 1) {
                        Some(Piece::Command(command)) => {
                            divided(text, range, text.get(command.clone()).unwrap_or_default(), person, dialect)
                        }
                        _ => (Some(range.clone()), None),
                    };
                    if let Some(first) = first {
                        self.sql(&part(source, &first)).await?;
                    }
                    given = rest;
                }
                Piece::Command(range) => {
                    let command = text.get(range.clone()).unwrap_or_default();
                    let sql = given.take().map(|given| part(source, &given));
                    let at = |error: Error| {
                        let (line, column) = place(text, range.start);
                        // A person sees the line already.
                        if person { error } else { error.at(source.place(line, column)) }
                    };
                    match self.command(command, sql).await.map_err(at)? {
                        Next::Go => {}
                        // What was pasted behind it is not lost.
                        Next::Edit(edited) => return Ok(Next::Edit(edited + text.get(range.end..).unwrap_or_default())),
                        Next::Quit => return Ok(Next::Quit),
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    /// Carries out SQL, with the answer in the file of `\once`.
    async fn sql(&mut self, source: &Source) -> Result<()> {
        match self.once.take() {
            Some(file) => self.diverted(Some(&file), false, source).await,
            None => self.statements(source).await,
        }
    }

    /// Carries out SQL with its answer in a file, or one row below the other.
    pub(super) async fn diverted(&mut self, file: Option<&str>, expanded: bool, source: &Source) -> Result<()> {
        let before = self.screen.divert(file.map(Path::new), expanded)?;
        let done = Box::pin(self.statements(source)).await;
        self.screen.restore(before);
        done
    }

    /// Carries out a file.
    pub(super) async fn include(&mut self, file: &Path) -> Result<()> {
        if self.depth >= DEEP {
            return Err(Error::usage(format!("{}: more than {DEEP} files read each other", file.display())));
        }
        let text = std::fs::read_to_string(file).map_err(|e| Error::usage(format!("cannot read {}", file.display())).with_source(e))?;
        self.depth += 1;
        let done = self.text(&Source::new(file.display().to_string(), text)).await;
        self.depth -= 1;
        done.map(|_| ())
    }
}

/// SQL before a command: what runs first, and what the command is given.
fn divided(
    text: &str,
    range: &Range<usize>,
    command: &str,
    person: bool,
    dialect: Dialect,
) -> (Option<Range<usize>>, Option<Range<usize>>) {
    let sql = text.get(range.clone()).unwrap_or_default();
    let last = highlight::last(sql, dialect);
    let beside = !sql.get(sql.trim_end().len()..).unwrap_or_default().contains('\n');
    let takes = meta(command).is_ok_and(|command| takes_sql(&command));
    let given = if takes { beside || !last.ends } else { person && !last.ends };
    let at = if given { range.start + last.start } else { range.end };
    let some = |range: Range<usize>| Some(range.clone()).filter(|_| text.get(range).is_some_and(|sql| !sql.trim().is_empty()));
    (some(range.start..at), some(at..range.end))
}

/// Whether a command has to do with the statement before it.
fn takes_sql(command: &Meta) -> bool {
    matches!(command, Meta::Go(_) | Meta::Watch(_) | Meta::Edit(None) | Meta::Print | Meta::Forget | Meta::Write(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_is_given() {
        for (sql, command, person, expected) in [
            ("SELECT 1 ", "\\gx", true, (None, Some("SELECT 1 "))),
            ("SELECT 1; ", "\\gx", true, (None, Some("SELECT 1; "))),
            ("SELECT 1;\n", "\\gx", true, (Some("SELECT 1;\n"), None)),
            ("SELECT 1\n", "\\gx", true, (None, Some("SELECT 1\n"))),
            ("SELECT 1; SELECT 2 ", "\\watch 1", false, (Some("SELECT 1; "), Some("SELECT 2 "))),
            ("SELECT 1; SELECT 2 ", "\\x", true, (Some("SELECT 1; "), Some("SELECT 2 "))),
            ("SELECT 1; SELECT 2 ", "\\x", false, (Some("SELECT 1; SELECT 2 "), None)),
            ("SELECT 1; ", "\\x", true, (Some("SELECT 1; "), None)),
            ("SELECT 1 ", "\\e", true, (None, Some("SELECT 1 "))),
            ("SELECT 1 ", "\\nonsense", true, (None, Some("SELECT 1 "))),
        ] {
            let text = format!("{sql}{command}");
            let (first, given) = divided(&text, &(0..sql.len()), command, person, Dialect::FLINK);
            let shown = |range: Option<Range<usize>>| range.map(|range| text[range].to_string());
            assert_eq!((shown(first), shown(given)), (expected.0.map(String::from), expected.1.map(String::from)), "{text}");
        }
    }
}
