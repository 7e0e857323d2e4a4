//! Meta commands: psql's with a backslash, DuckDB's with a dot.

use crate::common::suggest;
use crate::common::{Error, Result};

use super::render::Format;

/// What a line that is no SQL asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Meta {
    /// The columns of a relation, or all relations.
    Describe(Option<String>),
    /// Statements to answer in their place: `\dt` is SHOW TABLES.
    Sql(String),
    /// How a table was declared.
    Schema(Option<String>),
    /// So many of the newest messages of a table.
    Peek(String, usize),
    /// One row below the other: on, off, or when it does not fit.
    Expanded(Option<Expanded>),
    /// How long statements take.
    Timing(Option<bool>),
    /// Answers go to a file, or back to the screen.
    Output(Option<String>),
    /// Statements of a file.
    Include(String),
    /// The last query again and again, every so many seconds.
    Watch(f64),
    /// A variable gets a value; without a name all are shown.
    Set(Option<(String, String)>),
    /// A variable goes.
    Unset(String),
    /// The format of answers, or which one it is.
    Mode(Option<Format>),
    /// What stands for NULL.
    Null(String),
    /// The last statement, or a file, in an editor.
    Edit(Option<String>),
    /// Text to print.
    Echo(String),
    /// These commands.
    Help,
    /// How a statement is written.
    SqlHelp(Option<String>),
    /// The end.
    Quit,
}

/// When rows are shown one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expanded {
    /// Always.
    On,
    /// Never.
    Off,
    /// When they are too wide for the terminal.
    Auto,
}

/// One meta command.
pub struct Command {
    /// Its names, the first one for people.
    pub names: &'static [&'static str],
    /// Its arguments, for people.
    pub arguments: &'static str,
    /// What it does, for people.
    pub help: &'static str,
    read: fn(&str) -> Result<Meta>,
}

/// All of them, in the order of the help.
pub const COMMANDS: &[Command] = &[
    Command {
        names: &["\\d", "\\d+"],
        arguments: "[NAME]",
        help: "tables and views, or the columns of one",
        read: |a| Ok(Meta::Describe(some(a))),
    },
    Command { names: &["\\dt", ".tables"], arguments: "[PATTERN]", help: "tables and views", read: |a| Ok(listed("SHOW TABLES", a)) },
    Command { names: &["\\dv"], arguments: "[PATTERN]", help: "views", read: |a| Ok(listed("SHOW VIEWS", a)) },
    Command { names: &["\\df", ".functions"], arguments: "[PATTERN]", help: "functions", read: |a| Ok(listed("SHOW FUNCTIONS", a)) },
    Command { names: &["\\dj", "\\jobs", ".jobs"], arguments: "[PATTERN]", help: "jobs", read: |a| Ok(listed("SHOW JOBS", a)) },
    Command { names: &["\\l", "\\dn", ".databases"], arguments: "", help: "databases", read: |_| Ok(Meta::Sql("SHOW DATABASES".into())) },
    Command {
        names: &["\\sf", ".schema"],
        arguments: "[NAME]",
        help: "the statement that declared a table or view, or all",
        read: |a| Ok(Meta::Schema(some(a))),
    },
    Command {
        names: &["\\peek", ".peek"],
        arguments: "TABLE [ROWS]",
        help: "the newest messages of a topic or records of files, raw and decoded",
        read: peek,
    },
    Command { names: &["\\x"], arguments: "[on|off|auto]", help: "one row below the other", read: |a| Ok(Meta::Expanded(expanded(a)?)) },
    Command {
        names: &["\\format", "\\mode", ".mode"],
        arguments: "[FORMAT]",
        help: "table, box, vertical, markdown, csv, tsv, json or ndjson",
        read: mode,
    },
    Command { names: &["\\null", ".nullvalue"], arguments: "TEXT", help: "what stands for NULL", read: |a| Ok(Meta::Null(unquoted(a))) },
    Command {
        names: &["\\timing", ".timer"],
        arguments: "[on|off]",
        help: "how long statements take",
        read: |a| Ok(Meta::Timing(switch(a)?)),
    },
    Command { names: &["\\watch"], arguments: "[SECONDS]", help: "the last query again and again", read: watch },
    Command {
        names: &["\\o", "\\out", ".output"],
        arguments: "[FILE]",
        help: "answers go to a file, or back to the screen",
        read: |a| Ok(Meta::Output(some(a).map(|a| unquoted(&a)))),
    },
    Command {
        names: &["\\i", "\\include", ".read"],
        arguments: "FILE",
        help: "statements of a file",
        read: |a| Ok(Meta::Include(unquoted(&needed(a, "a file")?))),
    },
    Command {
        names: &["\\e", "\\edit", ".edit"],
        arguments: "[FILE]",
        help: "the last statement in $EDITOR",
        read: |a| Ok(Meta::Edit(some(a).map(|a| unquoted(&a)))),
    },
    Command { names: &["\\set"], arguments: "[NAME VALUE]", help: "a variable: `:NAME` in statements becomes VALUE", read: set },
    Command { names: &["\\unset"], arguments: "NAME", help: "a variable goes", read: |a| Ok(Meta::Unset(needed(a, "a name")?)) },
    Command { names: &["\\echo", ".print"], arguments: "TEXT", help: "print a text", read: |a| Ok(Meta::Echo(unquoted(a))) },
    Command { names: &["\\?", ".help"], arguments: "", help: "these commands", read: |_| Ok(Meta::Help) },
    Command {
        names: &["\\h", "\\help"],
        arguments: "[STATEMENT]",
        help: "how a statement is written, with an example",
        read: |a| Ok(Meta::SqlHelp(some(a))),
    },
    Command { names: &["\\q", ".quit", ".exit"], arguments: "", help: "quit (Ctrl-D, too)", read: |_| Ok(Meta::Quit) },
];

/// Whether a line is a meta command, and not SQL.
pub fn is_meta(line: &str) -> bool {
    let line = line.trim_start();
    let dot = line.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    let word = line.trim_end().trim_end_matches(';').to_ascii_lowercase();
    line.starts_with('\\') || dot || matches!(word.as_str(), "quit" | "exit" | "help" | "clear")
}

/// Reads a meta command.
///
/// # Errors
/// When there is no such command, naming one that is near, or its argument does not fit.
pub fn meta(line: &str) -> Result<Meta> {
    let line = line.trim().trim_end_matches(';').trim_end();
    match line.to_ascii_lowercase().as_str() {
        "quit" | "exit" => return Ok(Meta::Quit),
        "help" => return Ok(Meta::Help),
        "clear" => return Ok(Meta::Echo("\x1b[H\x1b[2J".into())),
        _ => {}
    }
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim();
    if let Some(command) = COMMANDS.iter().find(|c| c.names.contains(&name)) {
        return (command.read)(argument).map_err(|e| match e.hint_text() {
            None => e.hint(format!("{} {}: {}", name, command.arguments, command.help)),
            Some(_) => e,
        });
    }
    let error = Error::usage(format!("there is no command {name}"));
    let names: Vec<&str> = COMMANDS.iter().flat_map(|c| c.names.iter().copied()).collect();
    Err(match suggest::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}? \\? lists them all")),
        None => error.hint("\\? lists them all"),
    })
}

fn some(argument: &str) -> Option<String> {
    (!argument.is_empty()).then(|| argument.to_string())
}

fn needed(argument: &str, what: &str) -> Result<String> {
    some(argument).ok_or_else(|| Error::usage(format!("{what} is missing")))
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> String {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(text).to_string()
}

/// SHOW with psql's pattern: `*` stands for any text, `?` for one character.
fn listed(show: &str, pattern: &str) -> Meta {
    if pattern.is_empty() {
        return Meta::Sql(show.to_string());
    }
    let like = pattern.replace('_', "\\_").replace('*', "%").replace('?', "_");
    Meta::Sql(format!("{show} LIKE {}", crate::sql::literal(&like)))
}

fn switch(argument: &str) -> Result<Option<bool>> {
    match argument.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" | "true" | "1" => Ok(Some(true)),
        "off" | "false" | "0" => Ok(Some(false)),
        other => Err(Error::usage(format!("`{other}` is neither on nor off"))),
    }
}

fn expanded(argument: &str) -> Result<Option<Expanded>> {
    match argument.to_ascii_lowercase().as_str() {
        "auto" => Ok(Some(Expanded::Auto)),
        other => Ok(switch(other)?.map(|on| if on { Expanded::On } else { Expanded::Off })),
    }
}

fn mode(argument: &str) -> Result<Meta> {
    if argument.is_empty() {
        return Ok(Meta::Mode(None));
    }
    let format = match argument.to_ascii_lowercase().as_str() {
        "table" | "ascii" | "aligned" => Format::Table,
        "box" | "duckbox" | "unicode" => Format::Box,
        "vertical" | "line" => Format::Vertical,
        "markdown" => Format::Markdown,
        "csv" => Format::Csv,
        "tsv" | "tabs" => Format::Tsv,
        "json" => Format::Json,
        "ndjson" | "jsonlines" => Format::Ndjson,
        other => {
            return Err(
                Error::usage(format!("there is no format `{other}`")).hint("table, box, vertical, markdown, csv, tsv, json, ndjson")
            );
        }
    };
    Ok(Meta::Mode(Some(format)))
}

fn watch(argument: &str) -> Result<Meta> {
    let seconds: f64 = if argument.is_empty() {
        2.0
    } else {
        argument.parse().map_err(|_| Error::usage(format!("`{argument}` is no number of seconds")))?
    };
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err(Error::usage("between 0.1 and 86400 seconds, please"));
    }
    Ok(Meta::Watch(seconds))
}

/// How many messages are shown if nothing is said.
pub const PEEKED: u32 = 10;

fn peek(argument: &str) -> Result<Meta> {
    let argument = needed(argument, "a table")?;
    let (name, rows) = match argument.rsplit_once(char::is_whitespace) {
        Some((name, rows)) if rows.bytes().all(|c| c.is_ascii_digit()) => (name.trim_end(), rows),
        _ => (argument.as_str(), ""),
    };
    let rows: u32 = if rows.is_empty() { PEEKED } else { rows.parse().map_err(|_| Error::usage(format!("{rows} rows are too many")))? };
    if rows == 0 {
        return Err(Error::usage("at least one row, please"));
    }
    Ok(Meta::Peek(unquoted(name.trim_matches('`')), rows as usize))
}

fn set(argument: &str) -> Result<Meta> {
    let Some((name, value)) = argument.split_once(|c: char| c.is_whitespace() || c == '=') else {
        return if argument.is_empty() { Ok(Meta::Set(None)) } else { Ok(Meta::Set(Some((argument.to_string(), String::new())))) };
    };
    Ok(Meta::Set(Some((name.to_string(), unquoted(value.trim())))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_psql_and_duckdb() {
        for (line, expected) in [
            ("\\d", Meta::Describe(None)),
            ("\\d orders;", Meta::Describe(Some("orders".into()))),
            (".tables", Meta::Sql("SHOW TABLES".into())),
            ("\\dt my_*", Meta::Sql("SHOW TABLES LIKE 'my\\_%'".into())),
            ("\\x", Meta::Expanded(None)),
            ("\\x auto", Meta::Expanded(Some(Expanded::Auto))),
            ("\\peek orders", Meta::Peek("orders".into(), 10)),
            (".peek 'data/my orders.csv' 3;", Meta::Peek("data/my orders.csv".into(), 3)),
            (".mode jsonlines", Meta::Mode(Some(Format::Ndjson))),
            ("\\watch 0.5", Meta::Watch(0.5)),
            ("\\set day '2024-05-01'", Meta::Set(Some(("day".into(), "2024-05-01".into())))),
            ("exit;", Meta::Quit),
            ("\\i 'my file.sql'", Meta::Include("my file.sql".into())),
        ] {
            assert!(is_meta(line), "{line}");
            assert_eq!(meta(line).unwrap(), expected, "{line}");
        }
        assert!(!is_meta("SELECT 1") && !is_meta(".5") && !is_meta("help_me"));
    }

    #[test]
    fn a_wrong_one_says_what_is_near() {
        for (line, message, hint) in [
            ("\\timming", "there is no command \\timming", "did you mean \\timing?"),
            (".shema", "there is no command .shema", "did you mean .schema?"),
            ("\\nothing_like_it", "there is no command \\nothing_like_it", "\\? lists them all"),
            ("\\timing maybe", "`maybe` is neither on nor off", "\\timing [on|off]"),
            ("\\i", "a file is missing", "\\i FILE"),
            ("\\peek t 0", "at least one row, please", "\\peek TABLE [ROWS]"),
            ("\\mode xml", "there is no format `xml`", "csv"),
        ] {
            let error = meta(line).unwrap_err();
            assert_eq!(error.message(), message);
            assert!(error.hint_text().unwrap().contains(hint), "{error}");
        }
    }
}
