//! What may come next where the cursor is.

use crate::common::OptionSpec;
use crate::jobs::Names;
use crate::sql::lexed::{Kind, Lexed, lexed};

use super::commands::COMMANDS;
use super::help;

/// What could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in.
    pub text: String,
    /// What is shown in the list.
    pub shown: String,
}

/// Where the word begins that is to be replaced, and what may stand there; `None`: a file's name.
pub struct Completion {
    /// The byte where it begins.
    pub start: usize,
    /// In the order of the alphabet.
    pub candidates: Option<Vec<Candidate>>,
}

/// Words that are offered where a statement begins.
const BEGINS: [&str; 20] = [
    "ALTER",
    "BEGIN STATEMENT SET",
    "COPY",
    "CREATE",
    "CREATE DATABASE",
    "CREATE FUNCTION",
    "CREATE MATERIALIZED VIEW",
    "CREATE TABLE",
    "CREATE TEMPORARY",
    "CREATE VIEW",
    "DESCRIBE",
    "DROP",
    "EXECUTE STATEMENT SET",
    "EXPLAIN",
    "INSERT INTO",
    "RESET",
    "SELECT",
    "SET",
    "SHOW",
    "USE",
];

/// Words that are offered inside of a statement.
const WORDS: [&str; 66] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CHANGES",
    "CROSS JOIN",
    "CUMULATE",
    "DATABASES",
    "DESC",
    "DESCRIPTOR",
    "DISTINCT",
    "ELSE",
    "EMIT CHANGES",
    "EMIT FINAL",
    "END",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL JOIN",
    "FUNCTIONS",
    "GROUP BY",
    "HAVING",
    "HOP",
    "IF NOT EXISTS",
    "IN",
    "INNER JOIN",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOBS",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "METADATA",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "PRIMARY KEY",
    "SESSION",
    "TABLE",
    "TABLES",
    "THEN",
    "TRUE",
    "TUMBLE",
    "UNION ALL",
    "UNNEST",
    "USING",
    "VALUES",
    "VIEWS",
    "WATERMARK FOR",
    "WHEN",
    "WHERE",
    "WITH",
    "WITH (",
];

/// What may stand at byte `at` of a text.
pub fn complete(text: &str, at: usize, names: &Names) -> Completion {
    let before = text.get(..at).unwrap_or(text);
    let line = before.trim_start();
    if line.starts_with('\\') || (line.starts_with('.') && !line.contains('\n')) {
        return of_command(before, line, names);
    }
    let parts = lexed(before);
    let (word, rest) = last_word(before, &parts);
    let typed = before.get(word..).unwrap_or_default();
    if let Some((start, candidates)) = in_options(before, &parts, names) {
        return Completion { start, candidates: Some(candidates) };
    }
    let previous =
        |n: usize| rest.len().checked_sub(n).and_then(|i| rest.get(i)).and_then(|p| before.get(p.range.clone())).unwrap_or_default();
    let one = previous(1).to_ascii_uppercase();
    let relations = || names.relations.keys().map(|name| crate::sql::quoted_path(name));
    let found: Vec<String> = if previous(1) == "." {
        columns_of(previous(2), text, names)
    } else if matches!(one.as_str(), "FROM" | "JOIN" | "INTO" | "DESCRIBE" | "DESC" | "EXISTS" | "UPDATE")
        || one == "TABLE"
        || one == "VIEW"
    {
        let words = if one == "FROM" || one == "JOIN" { vec!["TABLE(".to_string(), "UNNEST(".to_string()] } else { Vec::new() };
        relations().chain(words).collect()
    } else if rest.is_empty() || one == ";" {
        BEGINS.iter().map(ToString::to_string).collect()
    } else if one == "SHOW" {
        ["TABLES", "VIEWS", "DATABASES", "FUNCTIONS", "JOBS", "CREATE TABLE", "CREATE VIEW", "COLUMNS FROM"].map(String::from).to_vec()
    } else {
        let used = relations_in(text, names).into_iter().flat_map(|(_, columns)| columns.iter().map(|c| crate::sql::quoted(c)));
        let functions = names.functions.iter().map(|name| format!("{}(", name.to_uppercase()));
        used.chain(relations()).chain(WORDS.iter().map(ToString::to_string)).chain(functions).collect()
    };
    Completion { start: word, candidates: Some(matching(found, typed)) }
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
fn in_options(text: &str, parts: &[Lexed], names: &Names) -> Option<(usize, Vec<Candidate>)> {
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

/// Relations that are named in a text, with the names that they have there.
fn relations_in<'n>(text: &str, names: &'n Names) -> Vec<(String, &'n Vec<String>)> {
    let parts: Vec<Lexed> = lexed(text).into_iter().filter(|part| part.kind != Kind::Comment).collect();
    let word = |n: usize| parts.get(n).and_then(|part| text.get(part.range.clone())).unwrap_or_default().trim_matches('`');
    let mut found = Vec::new();
    for n in 0..parts.len() {
        let Some((name, columns)) = names.relations.iter().find(|(name, _)| name.eq_ignore_ascii_case(word(n))) else { continue };
        found.push((name.clone(), columns));
        let alias = if word(n + 1).eq_ignore_ascii_case("AS") { n + 2 } else { n + 1 };
        if parts.get(alias).is_some_and(|part| matches!(part.kind, Kind::Word | Kind::Quoted)) {
            found.push((word(alias).to_string(), columns));
        }
    }
    found
}

/// The columns of what stands before a dot: a relation, its alias, or the database of relations.
fn columns_of(name: &str, text: &str, names: &Names) -> Vec<String> {
    let name = name.trim_matches('`');
    let used = relations_in(text, names).into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let columns = used.into_iter().flat_map(|(_, columns)| columns.iter().map(|c| crate::sql::quoted(c)));
    let prefix = format!("{}.", name.to_lowercase());
    let inside = names
        .relations
        .keys()
        .filter(|known| known.to_lowercase().starts_with(&prefix))
        .filter_map(|known| known.get(prefix.len()..))
        .map(str::to_string);
    columns.chain(inside).collect()
}

/// Names of commands, and what stands behind them.
fn of_command(before: &str, line: &str, names: &Names) -> Completion {
    let Some((command, argument)) = line.split_once(char::is_whitespace) else {
        let known = COMMANDS.iter().flat_map(|c| c.names.iter().map(ToString::to_string));
        return Completion { start: before.len() - line.len(), candidates: Some(matching(known, line)) };
    };
    let argument = argument.trim_start();
    let start = before.len() - argument.len();
    let found: Vec<String> = match command {
        "\\i" | "\\include" | ".read" | "\\o" | "\\out" | ".output" | "\\e" | "\\edit" | ".edit" => {
            return Completion { start, candidates: None };
        }
        "\\d" | "\\d+" | "\\sf" | ".schema" | "\\peek" | ".peek" => names.relations.keys().cloned().collect(),
        "\\h" | "\\help" => help::statements().map(String::from).collect(),
        "\\format" | "\\mode" | ".mode" => {
            ["table", "box", "vertical", "markdown", "csv", "tsv", "json", "ndjson"].map(String::from).to_vec()
        }
        "\\x" => ["on", "off", "auto"].map(String::from).to_vec(),
        "\\timing" | ".timer" => ["on", "off"].map(String::from).to_vec(),
        _ => Vec::new(),
    };
    Completion { start, candidates: Some(matching(found, argument)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let kafka = vec![
            OptionSpec::text("topic", "the topic"),
            OptionSpec::one_of("scan.startup.mode", &["earliest-offset", "latest-offset"], "where reading begins"),
            OptionSpec::text("properties.*", "of the client"),
        ];
        Names {
            relations: [("orders", &["id", "order time", "price"][..]), ("payments", &["id", "paid"]), ("shop.stock", &["item"])]
                .map(|(name, c)| (name.to_string(), columns(c)))
                .into(),
            functions: columns(&["date_format", "upper"]),
            connectors: [("kafka".to_string(), kafka), ("print".to_string(), Vec::new())].into(),
            settings: columns(&["pipeline.name", "checkpoint.interval"]),
        }
    }

    #[test]
    fn what_may_come_next() {
        for (text, expected) in [
            ("SEL", "SELECT"),
            ("SELECT * FROM or", "orders"),
            ("SELECT * FROM ", "orders payments shop.stock TABLE( UNNEST("),
            ("SELECT o. FROM orders o", "id `order time` price"),
            ("SELECT o.pr FROM orders AS o", "price"),
            ("SELECT pa FROM payments", "paid PARTITION BY payments"),
            ("SELECT dat", "DATABASES DATE_FORMAT("),
            ("INSERT INTO pay", "payments"),
            ("SELECT * FROM shop.", "stock"),
            ("CREATE TABLE t (a INT) WITH ('conn", "connector'"),
            ("CREATE TABLE t (a INT) WITH ('connector' = 'k", "kafka'"),
            ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', '", "properties. scan.startup.mode' topic'"),
            ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 's", "scan.startup.mode'"),
            ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'scan.startup.mode' = 'l", "latest-offset'"),
            ("SET 'pip", "pipeline.name'"),
            ("\\ti", "\\timing"),
            ("\\d pay", "payments"),
            ("\\x a", "auto"),
            (".mode js", "json"),
        ] {
            let at =
                text.find(" FROM orders").filter(|_| text.starts_with("SELECT o.")).or(text.find(" FROM payments")).unwrap_or(text.len());
            let found = complete(text, at, &names()).candidates.unwrap();
            assert_eq!(found.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join(" "), expected, "{text}");
        }
        assert!(complete("\\i da", 5, &names()).candidates.is_none());
    }
}
