//! The line editor: rustyline with what it has to know of SQL.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};

use crate::common::{Error, Result};
use crate::jobs::Names;
use crate::sql::lexed::{Kind, is_whole, lexed};

use super::commands::is_meta;
use super::complete::complete;
use super::render::colours_wanted;

const PROMPT: &str = "millstream> ";

/// What a person has typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A whole input.
    Input(String),
    /// Ctrl-C: what was typed is forgotten.
    Interrupted,
    /// Ctrl-D.
    End,
}

/// Asks for inputs: several lines until a semicolon, with history, completion and colours.
pub(super) struct Editor {
    lines: rustyline::Editor<Sql, FileHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    pub(super) fn new(history: Option<&Path>) -> Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .max_history_size(10_000)
            .map_err(|e| broken(&e))?
            .history_ignore_space(true)
            .indent_size(2)
            .build();
        let mut lines = rustyline::Editor::with_config(config).map_err(|e| broken(&e))?;
        lines.set_helper(Some(Sql {
            names: Arc::default(),
            files: FilenameCompleter::new(),
            old: HistoryHinter::new(),
            colours: colours_wanted(),
        }));
        if let Some(path) = history {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).ok(); // without it there is no history over the end of the session
            }
            lines.load_history(path).ok(); // there is none yet
        }
        Ok(Self { lines, history: history.map(Path::to_path_buf) })
    }

    /// What completion knows.
    pub(super) fn knows(&mut self, names: Names) {
        if let Some(sql) = self.lines.helper_mut() {
            sql.names = Arc::new(names);
        }
    }

    /// Asks for an input that begins with this text. The thread waits.
    pub(super) fn read(&mut self, text: &str) -> Result<Read> {
        match self.lines.readline_with_initial(PROMPT, (text, "")) {
            Ok(input) => {
                let added = self.lines.add_history_entry(input.trim()).unwrap_or(false);
                if let Some(path) = self.history.as_ref().filter(|_| added) {
                    self.lines.append_history(path).ok(); // the input counts, not its memory
                }
                Ok(Read::Input(input))
            }
            Err(ReadlineError::Interrupted) => Ok(Read::Interrupted),
            Err(ReadlineError::Eof) => Ok(Read::End),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Asks a question; anything but a yes is a no.
    pub(super) fn yes(&self, question: &str) -> Result<bool> {
        use std::io::Write;
        print!("{question}");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

fn broken(error: &ReadlineError) -> Error {
    Error::internal(format!("the terminal cannot be used: {error}"))
}

/// What rustyline asks.
struct Sql {
    names: Arc<Names>,
    files: FilenameCompleter,
    old: HistoryHinter,
    colours: bool,
}

impl Helper for Sql {}

impl Validator for Sql {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        Ok(if is_meta(text) || is_whole(text) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Sql {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = complete(line, at, &self.names);
        match found.candidates {
            None => self.files.complete(line, at, context),
            Some(candidates) => Ok((found.start, candidates.into_iter().map(|c| Pair { display: c.shown, replacement: c.text }).collect())),
        }
    }
}

impl Hinter for Sql {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        self.old.hint(line, at, context).filter(|hint| !line.is_empty() && !hint.contains('\n'))
    }
}

impl Highlighter for Sql {
    fn highlight<'l>(&self, line: &'l str, _at: usize) -> Cow<'l, str> {
        if !self.colours || line.starts_with('\\') {
            return Cow::Borrowed(line);
        }
        Cow::Owned(coloured(line))
    }

    fn highlight_char(&self, _line: &str, _at: usize, _kind: CmdKind) -> bool {
        self.colours
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        if self.colours { Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colours { Cow::Owned(format!("\x1b[90m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }
}

/// SQL with a colour for each kind of word.
fn coloured(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len() * 2), 0);
    for part in lexed(text) {
        let colour = match part.kind {
            Kind::Keyword => "\x1b[1;34m",
            Kind::Text | Kind::Open => "\x1b[32m",
            Kind::Number => "\x1b[36m",
            Kind::Comment => "\x1b[90m",
            Kind::Quoted => "\x1b[33m",
            Kind::Word | Kind::Symbol => "",
        };
        out.push_str(text.get(at..part.range.start).unwrap_or_default());
        let word = text.get(part.range.clone()).unwrap_or_default();
        if colour.is_empty() {
            out.push_str(word);
        } else {
            out.push_str(&format!("{colour}{word}\x1b[0m"));
        }
        at = part.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_nothing_away() {
        let text = "SELECT 'a', 1 FROM `t` -- end\nWHERE x = 'open";
        let plain = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(&coloured(text), "").into_owned();
        assert_eq!(plain, text);
        assert!(coloured(text).starts_with("\x1b[1;34mSELECT\x1b[0m \x1b[32m'a'\x1b[0m"));
    }
}
