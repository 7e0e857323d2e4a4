//! Meta commands as users of psql, DuckDB and MySQL write them, also after SQL.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::terminal::Terminal;
use super::{TABLES, home, shell};

/// Creates a program that replaces an editor or a pager.
fn program(home: &Path, name: &str, lines: &str) -> String {
    let path = home.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn a_command_may_stand_behind_sql() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    let text = terminal.enter("SELECT 'a;\\x' AS one, 2 AS two \\gx", "RECORD 1");
    assert!(text.contains("one | a;\\x"), "{text}");
    terminal.enter("SELECT 'once' AS word;\\g", "| once |");
    assert_eq!(terminal.text().matches("| once |").count(), 1, "{}", terminal.text());
    terminal.enter("SELECT 'first' AS word; SELECT 'second' AS word \\G", "word | second");
    assert!(terminal.text().contains("| first |"), "{}", terminal.text());
    // Runs the last statement again, on the screen and into files.
    terminal.enter("\\g", "| second |");
    terminal.line("\\g again.csv");
    terminal.line("SELECT 1 AS a, 'x' AS b \\g out.json");
    terminal.line("\\once 'my file.csv'");
    terminal.line("SELECT 3 AS c;");
    terminal.enter("SELECT 'on the screen' AS it;", "| on the screen |");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert_eq!((read("again.csv").as_str(), read("my file.csv").as_str()), ("word\nsecond\n", "c\n3\n"));
    assert_eq!(read("out.json").split_whitespace().collect::<String>(), r#"[{"a":1,"b":"x"}]"#);
    terminal.enter("SELECT 1 \\g | less", "an answer goes to a file or to the screen");
    terminal.enter("SELECT 1 \\g no/such/folder/x.csv", "cannot write");
    terminal.enter("SELECT 'screen' AS here;", "| screen |");
}

/// An unrelated command does not discard an unfinished statement.
#[test]
fn an_unfinished_statement_stays() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("SELECT 'kept' AS it \\x", "Expanded display is on.");
    terminal.until("it again", |text| text.matches("millstream> SELECT 'kept' AS it").count() == 2);
    terminal.keys(";\r");
    terminal.shows("it | kept");
    terminal.enter("SELECT 'forget me' \\r", "What was typed is forgotten.");
    terminal.enter("\\p", "\nSELECT 'kept' AS it;\n");
    terminal.line("\\w last.sql");
    terminal.enter("\\! cat last.sql | tr a-z A-Z", "SELECT 'KEPT' AS IT;");
}

#[test]
fn watch_repeats_until_ctrl_c() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.line("SELECT 'seen' AS it, CURRENT_TIMESTAMP AS at \\watch 0.2");
    terminal.shows("(every 0.2 s, Ctrl-C ends)");
    let text = terminal.shows("1 row");
    terminal.until("another time", |now| now.contains("1 row") && now != text);
    terminal.keys("\x03");
    terminal.enter("SELECT 'and on' AS it;", "| and on |");
    terminal.enter("INSERT INTO nowhere SELECT 1 \\watch", "repeats queries");
}

#[test]
fn an_editor_changes_the_last_statement_or_what_is_typed() {
    let home = home();
    std::fs::create_dir_all(home.path().join(".millstream")).unwrap();
    let editor = program(home.path(), "editor", "sed -i 's/before/after/' \"$1\"");
    let mut terminal = Terminal::open(home.path(), 80.try_into().unwrap(), &[], &[("EDITOR", &editor)]);
    terminal.enter("SELECT 'before' AS it;", "| before |");
    terminal.line("\\e");
    terminal.shows("millstream> SELECT 'after' AS it;");
    terminal.keys("\r");
    terminal.shows("| after |");
    terminal.line("SELECT 'typed before' AS it \\e");
    terminal.shows("millstream> SELECT 'typed after' AS it");
    terminal.keys(";\r");
    terminal.shows("| typed after |");
    std::fs::write(home.path().join("file.sql"), "SELECT 'a file before';\n").unwrap();
    terminal.line("\\e file.sql");
    terminal.shows("millstream> SELECT 'a file after';");
    terminal.keys("\x03");
}

#[test]
fn a_long_answer_goes_through_the_pager() {
    let home = home();
    std::fs::write(home.path().join("tables.sql"), TABLES).unwrap();
    let pager = program(home.path(), "pager", "cat > paged.txt; echo pager ended");
    let args = ["--catalog", "tables.sql"];
    let mut terminal = Terminal::open(home.path(), 80.try_into().unwrap(), &args, &[("PAGER", &pager)]);
    terminal.enter("SELECT 'short' AS it;", "| short |");
    assert!(!home.path().join("paged.txt").exists());
    terminal.enter("SELECT id FROM three CROSS JOIN UNNEST(ARRAY[1,2,3,4,5,6,7,8,9,10,11,12]) AS u (n);", "pager ended");
    let paged = std::fs::read_to_string(home.path().join("paged.txt")).unwrap();
    assert!(paged.lines().count() >= 36 && paged.contains("36 rows"), "{paged}");
}

#[test]
fn files_folders_and_what_it_is_connected_to() {
    let home = home();
    std::fs::create_dir_all(home.path().join("below")).unwrap();
    std::fs::write(home.path().join("below/more.sql"), "SELECT 'from below' AS it;\n\\echo and\nSELEC;\n").unwrap();
    let mut terminal = shell(home.path(), 120);
    terminal.enter("\\i nothing.sql", "cannot read nothing.sql");
    terminal.enter("\\conninfo", "dialect: Flink");
    assert!(terminal.text().contains("/.millstream") && terminal.text().contains("tables.sql"), "{}", terminal.text());
    terminal.line("\\cd below");
    let text = terminal.enter("\\i more.sql", "did you mean `SELECT`?");
    assert!(text.contains("| from below |") && text.contains("more.sql:3:1"), "{text}");
    // The catalog does not move.
    terminal.line("CREATE TABLE here (id INT) WITH ('connector' = 'print');");
    terminal.enter("\\d here", "INT");
    assert!(home.path().join(".millstream/catalog/here.sql").exists());
    let text = terminal.enter("\\d+ here", "'connector' = 'print'");
    assert!(text.contains("| id "), "{text}");
    terminal.enter("\\cd nowhere", "cannot go to nowhere");
    terminal.enter("\\maxrows 2", "No more than 2 rows of an answer are shown.");
    terminal.enter("SELECT * FROM (VALUES (1), (2), (3)) AS t (n);", "the first 2 rows");
    terminal.enter(".maxrows 0", "All rows of an answer are shown.");
    terminal.line("\\o answers.txt");
    terminal.line("SELECT 'in the file' AS it;");
    terminal.line("\\o");
    terminal.enter("SELECT 'here' AS it;", "| here");
    assert!(std::fs::read_to_string(home.path().join("below/answers.txt")).unwrap().contains("| in the file |"));
    for (typed, instead) in
        [("\\c shop", "USE database"), ("\\copy t from 'a'", "COPY (query)"), ("\\du", "no users"), (".width 5", "\\x auto")]
    {
        terminal.enter(typed, instead);
    }
}

#[test]
fn h_shows_statements_and_their_examples() {
    let home = home();
    let mut terminal = Terminal::sized(home.path(), (60.try_into().unwrap(), 100.try_into().unwrap()), &[], &[]);
    terminal.enter("\\h", "STOP JOB                  Ends a job of the shell");
    let text = terminal.enter("\\h CREATE", "CREATE DATABASE shop;");
    assert!(text.contains("CREATE MATERIALIZED VIEW per_item"), "{text}");
}
