//! `\?` and `\h`. What `\h` knows stands in `docs/statements.md`, which is a page of the documentation, too.

use std::sync::LazyLock;

use crate::common::{Error, Result, suggest};

use super::commands::COMMANDS;

/// A heading, a line on what it is for, a block of syntax and one of examples for each statement.
const PAGE: &str = include_str!("../../docs/statements.md");

/// A statement: what it is for, how it is written, and an example.
#[derive(Debug)]
struct Statement {
    name: &'static str,
    summary: String,
    syntax: &'static str,
    example: &'static str,
}

/// The statements, in the order of the page.
static STATEMENTS: LazyLock<Vec<Statement>> = LazyLock::new(|| PAGE.split("\n## ").skip(1).map(section).collect());

fn section(text: &'static str) -> Statement {
    let (name, rest) = text.split_once('\n').unwrap_or((text, ""));
    // What `\h` shows is no page: links are words there.
    let text_of = |word: &str| word.split("](").next().unwrap_or(word).replace(['[', '`'], "");
    let summary = rest.split("```").next().unwrap_or_default().split_whitespace().map(text_of).collect::<Vec<_>>().join(" ");
    let block = |mark: &str| rest.split_once(mark).and_then(|(_, block)| block.split_once("\n```")).map_or("", |(block, _)| block);
    Statement { name: name.trim(), summary, syntax: block("```text\n"), example: block("```sql\n") }
}

/// The names of all statements.
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    STATEMENTS.iter().map(|statement| statement.name)
}

/// What `\?` shows.
pub(super) fn commands() -> String {
    let head = |command: &super::commands::Command| format!("{} {}", command.names.join(" "), command.arguments);
    let width = COMMANDS.iter().map(|c| head(c).len()).max().unwrap_or(0);
    let lines = COMMANDS.iter().map(|c| format!("  {:width$}  {}\n", head(c), c.help)).collect::<String>();
    format!(
        "{lines}\nStatements end with `;`. \\h lists them, \\h SELECT shows one.\nTab completes, Ctrl-R searches what was typed before.\n"
    )
}

/// What `\h` shows: all statements with a line each, or those with these words in their names.
///
/// # Errors
/// When there is no such statement.
pub(super) fn statement(name: Option<&str>) -> Result<String> {
    let Some(name) = name else {
        let width = statements().map(str::len).max().unwrap_or(0);
        let line = |s: &Statement| format!("  {:width$}  {}\n", s.name, first_sentence(&s.summary));
        return Ok(format!("{}\n\\h SELECT shows how one is written.\n", STATEMENTS.iter().map(line).collect::<String>()));
    };
    let upper = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let mut found: Vec<&Statement> = STATEMENTS.iter().filter(|s| s.name == upper).collect();
    if found.is_empty() {
        found = STATEMENTS.iter().filter(|s| format!(" {} ", s.name).contains(&format!(" {upper} "))).collect();
    }
    if found.is_empty() {
        let names: Vec<&str> = statements().collect();
        return Err(Error::usage(format!("there is no help on `{name}`")).hint(suggest::hint(&upper, &names)));
    }
    let indented = |text: &str| text.replace('\n', "\n  ").replace("\n  \n", "\n\n");
    Ok(found
        .iter()
        .map(|s| format!("{}\n{}\n\n  {}\n\nFor example\n\n  {}\n\n", s.name, s.summary, indented(s.syntax), indented(s.example)))
        .collect())
}

fn first_sentence(text: &str) -> &str {
    text.split_once([':', ';', '.']).map_or(text, |(first, _)| first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Source;
    use crate::sql::highlight::{Kind, lexed};
    use crate::sql::{Dialect, parse};

    #[test]
    fn every_section_is_whole_and_its_example_can_be_parsed() {
        assert!(STATEMENTS.len() >= 18, "{STATEMENTS:?}");
        for statement in STATEMENTS.iter() {
            assert!(!statement.summary.is_empty() && !statement.syntax.is_empty() && !statement.example.is_empty(), "{statement:?}");
            parse(&Source::new(statement.name, statement.example)).unwrap_or_else(|e| panic!("{e}"));
        }
    }

    /// Words in capitals are those of the language: the examples name everything else in lower case.
    #[test]
    fn words_of_the_examples_are_coloured_as_keywords() {
        const TYPES_AND_FUNCTIONS: [&str; 2] = ["KAFKA", "JSON"];
        for statement in STATEMENTS.iter() {
            for part in lexed(statement.example, Dialect::FLINK) {
                let word = &statement.example[part.range.clone()];
                let loud = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
                if loud && matches!(part.kind, Kind::Word) && !TYPES_AND_FUNCTIONS.contains(&word) {
                    panic!("{word} in {}", statement.name);
                }
                assert!(loud || part.kind != Kind::Keyword, "{word} in {}", statement.name);
            }
        }
    }

    #[test]
    fn help_on_one_of_them() {
        assert!(statement(Some("create  table")).unwrap().contains("WATERMARK FOR"));
        assert!(!statement(Some("create table")).unwrap().contains("EXTERNAL"));
        for (asked, found) in [("create", "CREATE VIEW dear"), ("statement set", "END;"), ("tumble", "HOP(TABLE"), ("emit", "EMIT FINAL")] {
            assert!(statement(Some(asked)).unwrap().contains(found), "{asked}");
        }
        assert!(statement(Some("selekt")).unwrap_err().hint_text().unwrap().contains("`SELECT`"));
        let all = statement(None).unwrap();
        assert!(all.contains("STOP JOB") && all.lines().all(|line| line.len() <= 80), "{all}");
        assert!(statement(Some("set")).unwrap().contains("configuration.md lists them"));
        let all = commands();
        assert!(all.contains("\\watch [SECONDS]"));
        all.lines().for_each(|line| assert!(line.len() <= 80, "{line}"));
    }
}
