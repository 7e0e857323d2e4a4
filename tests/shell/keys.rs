//! Keys: the history, multi-line input, pasted text.

use std::time::Instant;

use super::terminal::Terminal;
use super::{home, shell};

/// Returns what a terminal sends for pasted text.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r"))
}

#[test]
fn ctrl_r_searches_further_and_further_back() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("SELECT 'older' AS word;", "older");
    terminal.enter("SELECT 'newer' AS word;", "newer");
    terminal.prompts();
    terminal.keys("\x12word");
    terminal.shows("(reverse-i-search)`word': SELECT 'newer' AS word;");
    terminal.keys("\x12");
    terminal.shows("(reverse-i-search)`word': SELECT 'older' AS word;");
    terminal.keys("\r");
    terminal.until("the older one again", |text| text.matches("| older |").count() == 2);
}

#[test]
fn up_brings_back_all_lines_of_an_input() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    terminal.keys("SELECT 'first' AS a,\r'second' AS b;\r");
    terminal.shows("1 row");
    terminal.enter("\\echo between", "between");
    terminal.prompts();
    terminal.keys("\x1b[A\x1b[A");
    terminal.until("both lines", |text| text.matches("'second' AS b;").count() == 2);
    terminal.keys("\r");
    terminal.until("the answer again", |text| text.matches("| first | second |").count() == 2);
}

#[test]
fn ctrl_d_deletes_on_a_line_and_quits_on_an_empty_one() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    terminal.keys("SELECT 123 AS n;\x04");
    terminal.shows("SELECT 123 AS n;");
    // Moves to the beginning, and past `SELECT `: deletes the digit under the cursor.
    terminal.keys("\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x04\r");
    let text = terminal.shows("1 row");
    assert!(text.contains("| 23 |"), "{text}");
    terminal.prompts();
    terminal.keys("\x04");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn statements_and_commands_can_be_pasted_together() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    terminal.keys(&pasted("SELECT 'one' AS a;\n-- it's a comment\nSELECT 'two'\n  AS b;\n\\echo three\nSELECT 'fo\nur' AS c \\gx\n"));
    terminal.shows("\\gx");
    terminal.keys("\r");
    let text = terminal.shows("RECORD 1");
    assert!(text.contains("| one |") && text.contains("| two |") && text.lines().any(|line| line.trim() == "three"), "{text}");
    terminal.enter("SELECT 'still here' AS it;", "| still here |");
}

/// Highlighting a megabyte on each key would be too slow.
#[test]
fn a_very_long_line_can_be_pasted() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    let begin = Instant::now();
    terminal.keys(&pasted(&format!("SELECT CHAR_LENGTH('{}') AS n;", "it''s ".repeat(170_000))));
    terminal.shows("') AS n;");
    // Editing keys still work on it.
    terminal.keys("\x1b[D\x1b[D\x1b[C\x1b[C\r");
    terminal.shows("| 850000 |");
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}

#[test]
fn many_candidates_are_not_listed_without_a_question() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    terminal.keys("SELECT \t\t");
    terminal.shows("possibilities? (y or n)");
    terminal.keys("n\x03");
    terminal.until("the prompt again", |text| text.matches("millstream>").count() > 1);
    // A few candidates are listed.
    terminal.keys("\\ti\t \x15\\f\t\t");
    terminal.keys("\x03");
}

/// Our SQL's keywords are coloured, names that only other dialects reserve are not; matching brackets are marked.
#[test]
fn colours_tell_words_from_names() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.prompts();
    terminal.keys("SELECT status, count(1) FROM orders EMIT CHANGES");
    terminal.shows("EMIT CHANGES");
    let colour = |terminal: &Terminal, word: &str| {
        let screen = terminal.screen();
        let (row, column) = (0..24)
            .find_map(|row| Some((row, u16::try_from(screen.contents_between(row, 0, row, 80).find(word)?).unwrap())))
            .unwrap_or_else(|| panic!("{word}"));
        let cell = screen.cell(row, column).unwrap();
        (cell.fgcolor(), cell.bold())
    };
    use vt100::Color::{Default, Idx};
    for (word, expected) in [("SELECT", Idx(4)), ("CHANGES", Idx(4)), ("count", Idx(5)), ("status", Default), ("orders", Default)] {
        terminal.until(word, |_| colour(&terminal, word).0 == expected);
    }
}

#[test]
fn no_colours_where_none_are_wanted() {
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let home = home();
        let mut terminal = Terminal::open(home.path(), 80.try_into().unwrap(), &[], &[env]);
        terminal.enter("SELECT 'plain' AS text;", "| plain |");
        terminal.enter("SELEC 1;", "did you mean `SELECT`?");
        let screen = terminal.screen();
        for (row, column) in (0..24).flat_map(|row| (0..80).map(move |column| (row, column))) {
            let cell = screen.cell(row, column).unwrap();
            assert!(cell.fgcolor() == vt100::Color::Default && !cell.bold(), "{env:?}: {:?}", cell.contents());
        }
        terminal.line("\\q");
        assert_eq!(terminal.ends(), 0);
    }
}

#[test]
fn an_input_with_a_password_is_not_remembered() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("SELECT 'before' AS word;", "before");
    terminal.prompts();
    terminal.keys("SET 'properties.sasl.password' = 'hunter2';\r");
    terminal.prompts();
    terminal.keys("\x1b[A\r");
    terminal.until("the one before", |text| text.matches("| before |").count() == 2);
    let folder = home.path().join(".local/state/millstream");
    let kept: String = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert!(kept.contains("SELECT 'before'") && !kept.contains("hunter2"), "{kept}");
}
