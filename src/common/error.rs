//! The error type: what is wrong, where, and what would be valid.

use std::fmt;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::excerpt::shortened;
use super::library_text::{self, Plain, plain};
use super::secret;

/// The result type of nearly every function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a caller can react to an error; it decides the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text or an option is wrong: the user must change it.
    Sql,
    /// A flag or a way of calling is wrong (exit code 2).
    Usage,
    /// A server, topic or folder cannot be reached right now (exit code 3).
    Unavailable,
    /// There is not enough memory; it may succeed when other data has left memory.
    Memory,
    /// A record could not be read or written, and the table says that this is fatal.
    Data,
    /// Stored data does not match the request: a changed query, a second copy, a damaged commit.
    State,
    /// A newer copy of this job has taken over; never restarted automatically.
    Fenced,
    /// The user stopped it (exit code 130 for a query).
    Interrupted,
    /// A crash point fired (test builds only).
    Injected,
    /// An internal error: a bug.
    Internal,
}

/// A place in a text: file (or `<sql>`), line and column, both from 1, and the line itself for the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line with its secrets masked, and the position of the column in it.
    pub line_shown: secret::Masked,
}

/// An error with a message, and its place, hint and cause if known.
///
/// The message is lower-case and says what is wrong, naming the thing; the hint says what would be valid.
/// [`fmt::Display`] prints all of it over several lines, ready for a terminal.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    /// Line and column, until a caller adds the text.
    spot: Option<(usize, usize)>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    subjects: Vec<Subject>,
}

/// What an error is about, for code that acts on it instead of parsing the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A table, by its name in the statement.
    Table(String),
    /// A table or view that does not exist.
    MissingTable(String),
    /// An option, by its key.
    Option(String),
    /// A file, as messages show it.
    File(String),
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, place: None, spot: None, source: None, subjects: Vec::new() }))
    }

    /// Something in the SQL text or its options is wrong.
    pub fn sql(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Sql, message)
    }

    /// A flag is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// A server cannot be reached.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A record cannot be read or written.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Stored data does not match the request.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::State, message)
    }

    /// A newer copy has taken over.
    pub fn fenced(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fenced, message)
    }

    /// An internal error: a bug.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the place; a place that is set already stays.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// Adds the line and the column (from 1) in the source, which the caller knows; a position that is already set stays.
    #[must_use]
    pub fn with_line_column(mut self, line: usize, column: usize) -> Self {
        self.0.spot.get_or_insert((line, column));
        self
    }

    /// Returns line and column while the text is unknown.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.0.spot.filter(|_| self.0.place.is_none())
    }

    /// Removes line and column, for an error about a text that users do not see.
    #[must_use]
    pub fn without_location(mut self) -> Self {
        (self.0.place, self.0.spot) = (None, None);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Puts `context: ` before the message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Adds a subject; an error may have several.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.0.subjects.push(subject);
        self
    }

    /// Returns the subjects, the innermost first.
    pub fn subjects(&self) -> &[Subject] {
        &self.0.subjects
    }

    /// A table that does not exist.
    pub fn missing_table(name: &str) -> Self {
        Self::sql(format!("table `{name}` does not exist")).about(Subject::MissingTable(name.to_string()))
    }

    /// An invalid option: `says` is the message after its name.
    pub fn option(key: &str, says: impl fmt::Display) -> Self {
        Self::sql(format!("option `{key}` {says}")).about(Subject::Option(key.to_string()))
    }

    /// Puts the option before the message.
    #[must_use]
    pub fn in_option(self, key: &str) -> Self {
        self.context(format!("option `{key}`")).about(Subject::Option(key.to_string()))
    }

    /// Puts the table and its option before the message.
    #[must_use]
    pub fn in_table_option(self, table: &str, key: &str) -> Self {
        let subjects = [Subject::Option(key.to_string()), Subject::Table(table.to_string())];
        subjects.into_iter().fold(self.context(format!("table `{table}`, option `{key}`")), Self::about)
    }

    /// Returns the option that the error is about, if there is one.
    pub fn option_key(&self) -> Option<&str> {
        self.0.subjects.iter().find_map(|subject| if let Subject::Option(key) = subject { Some(key.as_str()) } else { None })
    }

    /// Puts the table before the message, unless the message names one.
    #[must_use]
    pub fn in_table(self, name: &str) -> Self {
        if self.0.subjects.iter().any(|subject| matches!(subject, Subject::Table(_))) {
            return self;
        }
        self.context(format!("table `{name}`")).about(Subject::Table(name.to_string()))
    }

    /// Returns the kind, which says how a caller can react.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without place, hint or cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where it is, if known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The exit code of the command line (0 is success).
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Usage => 2,
            ErrorKind::Unavailable => 3,
            ErrorKind::Interrupted => 130,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, hint, place, source, .. } = &*self.0;
        // A message may quote the text at its place.
        let quoted = place.as_ref().map_or(&[][..], |place| &place.line_shown.secrets);
        let shown = |text: &str| {
            let long = quoted.iter().filter(|secret| secret.chars().count() > 2);
            secret::without_all(&secret::shown(&shortened(text)), long)
        };
        if *kind == ErrorKind::Internal {
            write!(f, "internal error (please report it): ")?;
        }
        write!(f, "{}", shown(message))?;
        if let Some(source) = source {
            let text = if source.is::<Self>() { source.to_string() } else { plain(&source.to_string()).text };
            if !message.contains(&text) {
                write!(f, ": {}", shown(&text))?;
            }
        }
        if let Some(Place { file, line, column, line_shown }) = place {
            let gutter = line.to_string().len();
            let (text, caret) = excerpt(&secret::shown(&line_shown.text), line_shown.column);
            write!(f, "\n{:gutter$}--> {}:{line}:{column}", "", secret::shown(file))?;
            write!(f, "\n{line} | {text}\n{:gutter$} | {:>caret$}", "", "^")?;
        }
        if let Some(hint) = hint {
            write!(f, "\nhint: {}", shown(hint))?;
        }
        Ok(())
    }
}

/// Shortens a very long line around the column, so that the caret stays under its place.
fn excerpt(text: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 120;
    let chars: Vec<char> = text.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    if chars.len() <= WIDTH {
        return (chars.into_iter().collect(), column.max(1));
    }
    let from = column.saturating_sub(WIDTH / 2).min(chars.len());
    let to = (from + WIDTH).min(chars.len());
    (chars[from..to].iter().collect(), (column - from).max(1))
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|s| &**s as &(dyn std::error::Error + 'static))
    }
}

impl From<DataFusionError> for Error {
    /// Planning errors are the user's, others keep DataFusion's text; an error of ours that went through a plan is returned unchanged.
    fn from(error: DataFusionError) -> Self {
        if let Some(ours) = find_ours(&error) {
            return ours;
        }
        let root = error.find_root();
        let kind = match root {
            DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::SQL(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_) => ErrorKind::Sql,
            // DataFusion reports wrong arguments of functions as internal errors, too.
            DataFusionError::Internal(text) if !library_text::is_misfit(text) => ErrorKind::Internal,
            DataFusionError::ResourcesExhausted(_) => ErrorKind::Memory,
            _ => ErrorKind::Data,
        };
        let said = root.strip_backtrace();
        if library_text::is_full_disk(&said) {
            return Self::new(ErrorKind::State, "no space is left on the disk for rows that do not fit into memory")
                .hint("make room in the folder of --data, where they go, or raise --memory-limit");
        }
        let Plain { text, hint } = plain(&said);
        match (library_text::same_name(&said), hint) {
            (Some(name), _) => {
                Self::sql(format!("two columns of the query are called `{name}`")).hint("give them names of their own with AS")
            }
            _ if kind == ErrorKind::Memory => {
                Self::new(kind, text).hint("raise --memory-limit, or lower max.rows.per.epoch: an epoch's rows are in memory together")
            }
            (None, Some(hint)) => Self::new(kind, text).hint(hint),
            (None, None) => Self::new(kind, text),
        }
    }
}

/// Finds an [`Error`] in the chain of causes.
fn find_ours(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(ours) = current.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        if let Some(DataFusionError::Shared(shared)) = current.downcast_ref::<DataFusionError>() {
            return find_ours(shared.as_ref());
        }
        next = current.source();
    }
    None
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::from(DataFusionError::ArrowError(Box::new(error), None))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let kind = if error.kind() == std::io::ErrorKind::Interrupted { ErrorKind::Interrupted } else { ErrorKind::State };
        Self::new(kind, plain(&error.to_string()).text)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal("JSON of our own could not be read or written").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_place_caret_and_hint() {
        let error = Error::sql("unknown option `topik`")
            .at(Place { file: "a.sql".into(), line: 12, column: 7, line_shown: secret::masked_line("WITH ('topik' = 'x')", 1, 7) })
            .hint("did you mean `topic`?");
        let text = "unknown option `topik`\n  --> a.sql:12:7\n12 | WITH ('topik' = 'x')\n   |       ^\nhint: did you mean `topic`?";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_full_disk_says_what_can_be_done() {
        let full = std::io::Error::from_raw_os_error(libc::ENOSPC);
        let error = Error::from(ArrowError::IoError(format!("IO error: {full}"), full));
        assert!(error.message().contains("no space is left on the disk") && error.hint_text().unwrap().contains("--data"), "{error}");
    }

    #[test]
    fn an_error_of_ours_survives_a_trip_through_datafusion() {
        let there = DataFusionError::from(Error::fenced("taken over by incarnation 3")).context("epoch 7");
        let back = Error::from(there);
        assert_eq!(back.kind(), ErrorKind::Fenced);
        assert_eq!(back.message(), "taken over by incarnation 3");
    }
}
