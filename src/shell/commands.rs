//! Meta commands: psql's with a backslash, DuckDB's with a dot.

use crate::common::suggest;
use crate::common::{Error, Result};

use super::arguments::{expanded, go, listed, mode, most_rows, needed, peek, set, some, switch, unquoted, watch};
pub use super::meta::{Expanded, Go, Meta, PEEKED};
use super::unsupported_commands;

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
    Command { names: &["\\g"], arguments: "[FILE]", help: "run what stands before it, or the last again", read: |a| go(a, false) },
    Command { names: &["\\gx", "\\G"], arguments: "[FILE]", help: "the same with one row below the other", read: |a| go(a, true) },
    Command {
        names: &["\\d"],
        arguments: "[NAME]",
        help: "tables and views, or the columns of one",
        read: |a| Ok(some(a).map_or(Meta::Sql("SHOW TABLES".into()), Meta::Describe)),
    },
    Command {
        names: &["\\d+"],
        arguments: "NAME",
        help: "columns, options, watermark, key",
        read: |a| Ok(some(a).map_or(Meta::Sql("SHOW TABLES".into()), Meta::DescribeMore)),
    },
    Command { names: &["\\dt", ".tables"], arguments: "[PATTERN]", help: "tables and views", read: |a| Ok(listed("SHOW TABLES", a)) },
    Command { names: &["\\dv"], arguments: "[PATTERN]", help: "views", read: |a| Ok(listed("SHOW VIEWS", a)) },
    Command { names: &["\\dm"], arguments: "[PATTERN]", help: "materialized views", read: |a| Ok(listed("SHOW MATERIALIZED VIEWS", a)) },
    Command { names: &["\\df", ".functions"], arguments: "[PATTERN]", help: "functions", read: |a| Ok(listed("SHOW FUNCTIONS", a)) },
    Command { names: &["\\dj", "\\jobs", ".jobs"], arguments: "[PATTERN]", help: "jobs", read: |a| Ok(listed("SHOW JOBS", a)) },
    Command { names: &["\\l", "\\dn", ".databases"], arguments: "", help: "databases", read: |_| Ok(Meta::Sql("SHOW DATABASES".into())) },
    Command {
        names: &["\\sf", "\\sv", ".schema"],
        arguments: "[NAME]",
        help: "the statement that declared one, or all",
        read: |a| Ok(Meta::Schema(some(a))),
    },
    Command { names: &["\\peek", ".peek"], arguments: "TABLE [ROWS]", help: "newest messages or records, raw and decoded", read: peek },
    Command { names: &["\\x"], arguments: "[on|off|auto]", help: "one row below the other", read: |a| Ok(Meta::Expanded(expanded(a)?)) },
    Command {
        names: &["\\format", "\\mode", ".mode"],
        arguments: "[FORMAT]",
        help: "table box vertical markdown csv tsv json ndjson",
        read: mode,
    },
    Command {
        names: &["\\maxrows", ".maxrows"],
        arguments: "[ROWS]",
        help: "how many rows of an answer are shown, 0 for all",
        read: most_rows,
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
        names: &["\\once", ".once"],
        arguments: "FILE",
        help: "the next answer goes to a file",
        read: |a| Ok(Meta::Once(unquoted(&needed(a, "a file")?))),
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
    Command { names: &["\\p"], arguments: "", help: "show the last statement", read: |_| Ok(Meta::Print) },
    Command { names: &["\\r"], arguments: "", help: "forget what stands before it", read: |_| Ok(Meta::Forget) },
    Command {
        names: &["\\w"],
        arguments: "FILE",
        help: "write the last statement to a file",
        read: |a| Ok(Meta::Write(unquoted(&needed(a, "a file")?))),
    },
    Command { names: &["\\set"], arguments: "[NAME VALUE]", help: "`:NAME` in statements becomes VALUE", read: set },
    Command { names: &["\\unset"], arguments: "NAME", help: "a variable goes", read: |a| Ok(Meta::Unset(needed(a, "a name")?)) },
    Command { names: &["\\echo", ".print"], arguments: "TEXT", help: "print a text", read: |a| Ok(Meta::Echo(unquoted(a))) },
    Command {
        names: &["\\!", ".shell", ".system"],
        arguments: "[COMMAND]",
        help: "a command of the system, or its shell",
        read: |a| Ok(Meta::System(some(a))),
    },
    Command {
        names: &["\\cd", ".cd"],
        arguments: "[FOLDER]",
        help: "paths begin in this folder",
        read: |a| Ok(Meta::Folder(some(a).map(|a| unquoted(&a)))),
    },
    Command { names: &["\\conninfo", ".show"], arguments: "", help: "data folder, catalog, dialect", read: |_| Ok(Meta::Connection) },
    Command { names: &["\\?", ".help"], arguments: "", help: "these commands", read: |_| Ok(Meta::Help) },
    Command {
        names: &["\\h", "\\help"],
        arguments: "[STATEMENT]",
        help: "how a statement is written, and an example",
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
    // `\!ls` is written without a blank, too.
    let name_ends = if line.starts_with("\\!") { 2 } else { line.find(char::is_whitespace).unwrap_or(line.len()) };
    let (name, argument) = line.split_at_checked(name_ends).unwrap_or((line, ""));
    let argument = argument.trim();
    // psql's `\dt+` asks for more of the same.
    let known = |name: &str| COMMANDS.iter().find(|c| c.names.contains(&name));
    if let Some(command) = known(name).or_else(|| known(name.strip_suffix('+')?)) {
        return (command.read)(argument).map_err(|e| match e.hint_text() {
            None => e.hint(format!("{} {}: {}", name, command.arguments, command.help)),
            Some(_) => e,
        });
    }
    let error = Error::usage(format!("there is no command {name}"));
    if let Some(hint) = unsupported_commands::hint(name) {
        return Err(error.hint(hint));
    }
    let names: Vec<&str> = COMMANDS.iter().flat_map(|c| c.names.iter().copied()).collect();
    Err(match suggest::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}? \\? lists them all")),
        None => error.hint("\\? lists them all"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::render::Format;
    use super::*;

    #[test]
    fn commands_of_psql_and_duckdb() {
        for (line, expected) in [
            ("\\d", Meta::Sql("SHOW TABLES".into())),
            ("\\d orders;", Meta::Describe("orders".into())),
            (".tables", Meta::Sql("SHOW TABLES".into())),
            ("\\dt+", Meta::Sql("SHOW TABLES".into())),
            ("\\dt my_*", Meta::Sql("SHOW TABLES LIKE 'my\\_%'".into())),
            ("\\x", Meta::Expanded(None)),
            ("\\x auto", Meta::Expanded(Some(Expanded::Auto))),
            ("\\peek orders", Meta::Peek("orders".into(), 10)),
            (".peek 'data/my orders.csv' 3;", Meta::Peek("data/my orders.csv".into(), 3)),
            (".mode jsonlines", Meta::Mode(Some(Format::Ndjson))),
            ("\\maxrows 0", Meta::MostRows(Some(0))),
            (".maxrows", Meta::MostRows(None)),
            ("\\watch 0.5", Meta::Watch(0.5)),
            ("\\g", Meta::Go(Go::default())),
            ("\\G;", Meta::Go(Go { file: None, expanded: true })),
            ("\\gx 'my file.csv'", Meta::Go(Go { file: Some("my file.csv".into()), expanded: true })),
            ("\\d+ orders", Meta::DescribeMore("orders".into())),
            ("\\!ls -l", Meta::System(Some("ls -l".into()))),
            (".shell", Meta::System(None)),
            ("\\cd", Meta::Folder(None)),
            (".once a.csv", Meta::Once("a.csv".into())),
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
    fn nothing_that_is_here_is_said_to_be_missing() {
        for name in COMMANDS.iter().flat_map(|command| command.names) {
            assert_eq!(unsupported_commands::hint(name), None, "{name}");
        }
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
            ("\\maxrows many", "`many` is no number of rows", "\\maxrows [ROWS]"),
            ("\\g | less", "an answer goes to a file or to the screen", "\\g FILE"),
            ("\\c shop", "there is no command \\c", "USE"),
            ("\\copy t from 'a.csv'", "there is no command \\copy", "COPY"),
            (".import a.csv t", "there is no command .import", "FROM 'file.csv'"),
            ("\\mode xml", "there is no format `xml`", "csv"),
        ] {
            let error = meta(line).unwrap_err();
            assert_eq!(error.message(), message);
            assert!(error.hint_text().unwrap().contains(hint), "{error}");
        }
    }
}
