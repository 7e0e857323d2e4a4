//! The line editor: rustyline with what it has to know of SQL.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};

use crate::common::{Error, Result, secret};
use crate::sql::highlight::is_whole;
use crate::workspace::CompletionNames;

use super::colours::{LONGEST, coloured};
use super::complete::{Completion, Completions, complete};
use super::render::colours_wanted;
use super::split::{Piece, pieces};

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
            edited: Cell::new(true),
        }));
        if let Some(path) = history {
            if let Some(folder) = path.parent() {
                crate::common::private::create_folder(folder).ok(); // without it there is no history over the end of the session
            }
            lines.load_history(path).ok(); // there is none yet
        }
        Ok(Self { lines, history: history.map(Path::to_path_buf) })
    }

    /// What completion knows.
    pub(super) fn knows(&mut self, names: CompletionNames) {
        if let Some(sql) = self.lines.helper_mut() {
            sql.names = Arc::new(names);
        }
    }

    /// Asks for an input that begins with this text. The thread waits.
    pub(super) fn read(&mut self, text: &str) -> Result<Read> {
        match self.lines.readline_with_initial(PROMPT, (text, "")) {
            Ok(input) => {
                // What stays in a file, and what Up shows to who stands behind, must not hold passwords.
                let kept = !secret::has_secrets(&input);
                let added = kept && self.lines.add_history_entry(input.trim()).unwrap_or(false);
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
    names: Arc<CompletionNames>,
    files: FilenameCompleter,
    old: HistoryHinter,
    colours: bool,
    /// Whether the line is still to be changed.
    edited: Cell<bool>,
}

impl Helper for Sql {}

impl Validator for Sql {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let whole = match pieces(text).last() {
            Some(Piece::Sql(last)) => text.get(last.clone()).is_some_and(|sql| is_whole(sql, self.names.dialect)),
            // The end of a command's line is its end.
            Some(Piece::Command(_)) | None => true,
        };
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Sql {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Completion { start, found } = complete(line, at, &self.names);
        let candidates = match found {
            Completions::Words(mut words) => {
                // As in psql, what is certain is done with.
                if let [only] = words.as_mut_slice()
                    && line.get(at..).is_none_or(str::is_empty)
                    && only.text.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '`')
                {
                    only.text.push(' ');
                }
                words.into_iter().map(|c| Pair { display: c.shown, replacement: c.text }).collect()
            }
            Completions::File { quoted } => {
                // In a quote nothing is escaped, nor is it in what a command takes.
                let path = format!("'{}", line.get(start..at).unwrap_or_default());
                let (_, mut files) = self.files.complete_path(&path, path.len())?;
                for file in files.iter_mut().filter(|file| quoted && !file.replacement.ends_with('/')) {
                    file.replacement.push('\'');
                }
                files
            }
        };
        Ok((start, candidates))
    }
}

impl Hinter for Sql {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        if line.len() > LONGEST {
            return None;
        }
        self.old.hint(line, at, context).filter(|hint| !line.is_empty() && !hint.contains('\n'))
    }
}

impl Highlighter for Sql {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        if !self.colours || line.len() > LONGEST {
            return Cow::Borrowed(line);
        }
        Cow::Owned(coloured(line, Some(at).filter(|_| self.edited.get()), self.names.dialect))
    }

    fn highlight_char(&self, line: &str, _at: usize, kind: CmdKind) -> bool {
        // What stays on the screen is without marked brackets.
        self.edited.set(kind != CmdKind::ForcedRefresh);
        self.colours && line.len() <= LONGEST
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        if self.colours { Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colours { Cow::Owned(format!("\x1b[90m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }
}
