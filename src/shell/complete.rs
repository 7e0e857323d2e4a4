//! What may come next where the cursor is.

use crate::common::OptionSpec;
use crate::sql::Dialect;
use crate::sql::highlight::{Kind, Lexed, lexed};
use crate::workspace::CompletionNames;

use super::commands::COMMANDS;
use super::help;
use super::render::Format;
use super::scope::{columns_of, used};
use super::split::{Piece, pieces};

/// What could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in.
    pub text: String,
    /// What is shown in the list.
    pub shown: String,
}

/// Where the word begins that is to be replaced, and what may stand there.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    /// The byte where it begins.
    pub start: usize,
    /// What it is.
    pub found: Completions,
}

/// What may stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub enum Completions {
    /// One of these, in the order of the alphabet.
    Words(Vec<Candidate>),
    /// A file; `quoted`: in a quote that is open.
    File {
        /// Whether a quote has to be closed.
        quoted: bool,
    },
}

/// What may stand at byte `at` of a text.
pub fn complete(text: &str, at: usize, names: &CompletionNames) -> Completion {
    let before = text.get(..at).unwrap_or(text);
    if let Some(Piece::Command(range)) = pieces(before).pop()
        && range.end == before.len()
    {
        return of_command(before, before.get(range).unwrap_or_default(), names);
    }
    if before.trim() == "." {
        return of_command(before, ".", names);
    }
    let parts = lexed(before, names.dialect);
    if let Some(start) = in_path(before, &parts) {
        return Completion { start, found: Completions::File { quoted: true } };
    }
    let (word, rest) = last_word(before, &parts);
    let typed = before.get(word..).unwrap_or_default();
    if let Some((start, candidates)) = in_options(before, &parts, names) {
        return Completion { start, found: Completions::Words(candidates) };
    }
    let previous =
        |n: usize| rest.len().checked_sub(n).and_then(|i| rest.get(i)).and_then(|p| before.get(p.range.clone())).unwrap_or_default();
    let one = previous(1).to_ascii_uppercase();
    let relations = || names.relations.keys().map(|name| crate::sql::quoted_path(name));
    let statement = statement_at(text, at, names.dialect);
    let found: Vec<String> = if previous(1) == "." {
        columns_of(previous(2), statement, names)
    } else if matches!(one.as_str(), "FROM" | "JOIN" | "INTO" | "DESCRIBE" | "DESC" | "EXISTS" | "UPDATE")
        || one == "TABLE"
        || one == "VIEW"
    {
        let words = if one == "FROM" || one == "JOIN" { vec!["TABLE(".to_string(), "UNNEST(".to_string()] } else { Vec::new() };
        relations().chain(words).collect()
    } else if rest.is_empty() || one == ";" {
        names.dialect.begins().iter().map(ToString::to_string).collect()
    } else if one == "SHOW" {
        names.dialect.shown().iter().map(ToString::to_string).collect()
    } else {
        let used = used(statement, names).into_iter().flat_map(|used| used.columns).map(|c| crate::sql::quoted(&c));
        let functions = names.functions.iter().map(|name| format!("{}(", name.to_uppercase()));
        used.chain(relations()).chain(names.dialect.inside().iter().map(ToString::to_string)).chain(functions).collect()
    };
    Completion { start: word, found: Completions::Words(matching(found, typed)) }
}

/// The statement that a byte stands in: names of others mean nothing in it.
fn statement_at(text: &str, at: usize, dialect: Dialect) -> &str {
    let ends = || lexed(text, dialect).into_iter().filter(|part| text.get(part.range.clone()) == Some(";"));
    let start = ends().map(|part| part.range.end).take_while(|end| *end <= at).fold(0, usize::max);
    let end = ends().map(|part| part.range.start).find(|start| *start >= at).unwrap_or(text.len());
    text.get(start..end).unwrap_or(text)
}

/// Where the path begins that is typed in an open quote: behind FROM, JOIN, TO, LOCATION, and in the option `path`.
fn in_path(text: &str, parts: &[Lexed]) -> Option<usize> {
    let (last, rest) = parts.split_last().filter(|(last, _)| last.kind == Kind::Open)?;
    let open = text.get(last.range.clone())?;
    let quote = open.find('\'').filter(|quote| open.get(..*quote).is_some_and(|blank| blank.trim().is_empty()))?;
    let word = |n: usize| rest.len().checked_sub(n).and_then(|at| rest.get(at)).and_then(|part| text.get(part.range.clone()));
    let before = word(1)?.to_ascii_uppercase();
    let path = matches!(before.as_str(), "FROM" | "JOIN" | "TO" | "LOCATION") || (before == "=" && word(2) == Some("'path'"));
    path.then_some(last.range.start + quote + 1)
}

/// Candidates that begin with what is typed, without regard to case.
fn matching(found: impl IntoIterator<Item = String>, typed: &str) -> Vec<Candidate> {
    let lower = typed.trim_start_matches('`').to_lowercase();
    let begins = |text: &String| text.trim_start_matches('`').to_lowercase().starts_with(&lower);
    let mut all: Vec<Candidate> = found.into_iter().filter(begins).map(|text| Candidate { shown: text.clone(), text }).collect();
    all.sort_by_key(|candidate| candidate.text.trim_start_matches('`').to_lowercase());
    all.dedup_by(|a, b| a.text == b.text);
    all
}

/// Where the word at the end of the text begins, and the parts before it.
fn last_word<'p>(text: &str, parts: &'p [Lexed]) -> (usize, &'p [Lexed]) {
    match parts.split_last() {
        Some((last, rest))
            if last.range.end == text.len() && matches!(last.kind, Kind::Word | Kind::Keyword | Kind::Quoted | Kind::Open) =>
        {
            let blank = text.get(last.range.clone()).map_or(0, |t| t.len() - t.trim_start().len());
            (last.range.start + blank, rest)
        }
        _ => (text.len(), parts),
    }
}

/// Keys and values inside of `WITH (...)` and SET: what is typed there stands in an open quote.
fn in_options(text: &str, parts: &[Lexed], names: &CompletionNames) -> Option<(usize, Vec<Candidate>)> {
    let (last, rest) = parts.split_last().filter(|(last, _)| last.kind == Kind::Open)?;
    let open = text.get(last.range.clone())?;
    let quote = open.find('\'')?;
    let (start, typed) = (last.range.start + quote + 1, open.get(quote + 1..)?);
    let word = |part: &Lexed| text.get(part.range.clone()).unwrap_or_default();
    let plain = |part: &Lexed| word(part).trim_matches('\'').to_string();
    let value_of = rest.split_last().filter(|(equals, _)| word(equals) == "=").and_then(|(_, rest)| rest.last()).map(plain);
    if rest.first().is_some_and(|first| word(first).eq_ignore_ascii_case("SET")) && value_of.is_none() {
        return Some((start, closed(names.settings.iter().cloned(), typed)));
    }
    // The connector that is named in these brackets, before or behind.
    let opened = rest.iter().rposition(|part| word(part).eq_ignore_ascii_case("WITH"))?;
    let written: Vec<String> = rest.get(opened..)?.iter().map(plain).collect();
    let connector = written.windows(3).find(|w| w[0] == "connector" && w[1] == "=").map(|w| w[2].clone());
    let known: &[OptionSpec] = connector.and_then(|name| names.connectors.get(&name)).map_or(&[], Vec::as_slice);
    let candidates = match value_of.as_deref() {
        Some("connector") => closed(names.connectors.keys().cloned(), typed),
        Some(key) => closed(known.iter().filter(|spec| spec.matches(key)).flat_map(|spec| spec.values).map(ToString::to_string), typed),
        None => {
            let mut all = closed(known.iter().map(|spec| spec.key.to_string()).chain(["connector".to_string()]), typed);
            for candidate in &mut all {
                if let Some(spec) = known.iter().find(|spec| spec.key == candidate.shown) {
                    candidate.shown = format!("{}  {}", spec.key, spec.help);
                }
            }
            all.retain(|candidate| !written.contains(&candidate.text.trim_end_matches('\'').to_string()));
            all
        }
    };
    Some((start, candidates))
}

/// Candidates that close the quote that they stand in; a family of keys (`properties.*`) does not.
fn closed(found: impl IntoIterator<Item = String>, typed: &str) -> Vec<Candidate> {
    let mut all = matching(found, typed);
    for candidate in &mut all {
        match candidate.text.split_once('*') {
            Some((before, _)) => candidate.text = before.to_string(),
            None => candidate.text.push('\''),
        }
    }
    all
}

/// Names of commands, and what stands behind them.
fn of_command(before: &str, line: &str, names: &CompletionNames) -> Completion {
    let Some((command, argument)) = line.split_once(char::is_whitespace) else {
        let known = COMMANDS.iter().flat_map(|c| c.names.iter().map(ToString::to_string));
        return Completion { start: before.len() - line.len(), found: Completions::Words(matching(known, line)) };
    };
    let argument = argument.trim_start();
    let start = before.len() - argument.len();
    let found: Vec<String> = match command {
        "\\i" | "\\include" | ".read" | "\\o" | "\\out" | ".output" | "\\e" | "\\edit" | ".edit" | "\\g" | "\\gx" | "\\G" | "\\once"
        | ".once" | "\\w" | "\\cd" | ".cd" => {
            let quoted = argument.starts_with('\'');
            return Completion { start: start + usize::from(quoted), found: Completions::File { quoted } };
        }
        "\\d" | "\\d+" | "\\sf" | "\\sv" | ".schema" | "\\peek" | ".peek" => names.relations.keys().cloned().collect(),
        "\\h" | "\\help" => help::statements().map(String::from).collect(),
        "\\format" | "\\mode" | ".mode" => Format::names(),
        "\\x" => ["on", "off", "auto"].map(String::from).to_vec(),
        "\\timing" | ".timer" => ["on", "off"].map(String::from).to_vec(),
        _ => Vec::new(),
    };
    Completion { start, found: Completions::Words(matching(found, argument)) }
}
