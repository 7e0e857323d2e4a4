//! The shell in a real pseudo-terminal: tests type keys, and read the screen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../common/cli.rs"]
mod cli;
mod commands;
mod kafka;
mod keys;
mod opening;
#[path = "../common/own_kafka.rs"]
mod own_kafka;
mod picture;
mod scripts;
mod terminal;
#[path = "../common/topic.rs"]
mod topic;
mod views;

use std::path::Path;

use terminal::Terminal;

/// Tables that need no server.
const TABLES: &str = "CREATE TABLE ticks (id BIGINT, at AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '200',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '0');
CREATE TABLE three (id BIGINT, word STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '3',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.word.length' = '4');
CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole');
";

fn shell(home: &Path, columns: u16) -> Terminal {
    std::fs::create_dir_all(home.join(".millstream/catalog")).unwrap();
    std::fs::write(home.join("tables.sql"), TABLES).unwrap();
    Terminal::open(home, columns.try_into().unwrap(), &["--catalog", "tables.sql"], &[])
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn statements_of_several_lines_and_their_errors() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.line("SELECT 'a;b' AS text, -- a comment;");
    terminal.keys("  (1 + 2) * 3 AS number, CAST(NULL AS INT) AS nothing\r;\r");
    let text = terminal.shows("1 row");
    assert!(text.contains("| a;b  |      9 |    NULL |"), "{text}");
    let text = terminal.enter("SELEC 1;", "hint:");
    assert!(text.contains("did you mean `SELECT`?") && text.contains("<input>:1:1"), "{text}");
    terminal.prompts();
    terminal.keys("SELECT 'never");
    terminal.shows("SELECT 'never");
    terminal.keys("\x03");
    terminal.prompts();
    terminal.enter("SELECT 40 + 2 AS answer;", "42");
    terminal.enter("\\timming", "did you mean \\timing?");
    terminal.prompts();
    terminal.keys("\x04");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn commands_of_psql_and_of_duckdb() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("\\dt", "nowhere");
    terminal.enter("\\dt no*r?", "1 row");
    terminal.enter("\\d three", "BIGINT");
    terminal.enter(".schema nowhere", "'connector' = 'blackhole'");
    terminal.enter("\\x", "Expanded display is on.");
    terminal.enter("SELECT 1 AS one, 'x' AS two;", "-[ RECORD 1 ]-");
    terminal.enter("\\x off", "Expanded display is off.");
    terminal.line(".mode csv");
    terminal.enter("SELECT 1 AS one, 'x' AS two;", "one,two");
    terminal.line("\\set n 5");
    terminal.enter("SELECT :n * 2 AS ten;", "10");
    terminal.line("\\mode table");
    terminal.enter("\\timing on", "Timing is on.");
    terminal.enter("SELECT 1;", "Time: ");
    terminal.line("\\o out.csv");
    terminal.line("\\mode csv");
    terminal.line("SELECT 7 AS seven;");
    terminal.line("\\o");
    terminal.enter("\\echo written", "written");
    assert_eq!(std::fs::read_to_string(home.path().join("out.csv")).unwrap(), "seven\n7\n");
    std::fs::write(home.path().join("more.sql"), "SELECT 'from a file' AS place;\n\\echo end of it\n").unwrap();
    terminal.enter("\\i more.sql", "end of it");
    terminal.shows("from a file");
    terminal.enter("\\h STOP JOB", "STOP JOB 'name'");
    terminal.line("\\q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn tab_completes_and_words_have_colours() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    for (typed, completed) in [
        ("SELECT * FROM nowh\t", "SELECT * FROM nowhere"),
        ("CREATE TABLE k (a INT) WITH ('connector' = 'black\t", "'connector' = 'blackhole'"),
        ("\\timi\t", "\\timing"),
    ] {
        terminal.prompts();
        terminal.keys(typed);
        terminal.shows(completed);
        terminal.keys("\x03");
    }
    terminal.prompts();
    terminal.keys("SELECT 'text', 12");
    terminal.shows("SELECT 'text', 12");
    let colours = terminal.coloured();
    assert!(colours.contains("32m'text'") && colours.contains("36m12"), "{colours:?}");
}

#[test]
fn what_was_typed_is_there_in_the_next_session() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("SELECT 'remember me' AS text;", "1 row");
    terminal.line("\\q");
    terminal.ends();
    let mut terminal = shell(home.path(), 80);
    terminal.keys("\x12remem");
    terminal.shows("SELECT 'remember me' AS text;");
    terminal.keys("\r");
    terminal.shows("1 row");
}

#[test]
fn a_live_answer_changes_in_place_until_q() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.line("SELECT id % 2 AS k, COUNT(*) AS n FROM ticks GROUP BY id % 2 EMIT CHANGES;");
    let text = terminal.shows("[q] quit");
    assert!(text.contains("rows/s") && text.contains("lag"), "{text}");
    terminal.until("more than 200 rows", |text| counted(text) > 200);
    // The table is drawn in place, not repeatedly.
    assert_eq!(terminal.text().matches("| k |").count(), 1, "{}", terminal.text());
    terminal.keys(" ");
    terminal.shows("PAUSED");
    terminal.keys(" ");
    terminal.until("going on", |text| !text.contains("PAUSED"));
    terminal.keys("q");
    let text = terminal.prompts();
    assert!(counted(&text) > 200 && text.contains("2 rows") && !text.contains("[q] quit"), "{text}");
    terminal.enter("SELECT 'still here' AS here;", "still here");
}

/// Returns the sum of the column n.
fn counted(text: &str) -> u64 {
    let numbers = text.lines().filter_map(|line| line.split('|').nth(2)?.trim().parse::<u64>().ok());
    numbers.sum()
}

#[test]
fn changes_with_what_became_of_rows_and_a_limit_that_ends() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.enter("SELECT id FROM ticks EMIT CHANGES LIMIT 3;", "3 rows");
    terminal.enter("SELECT id FROM ticks EMIT CHANGES LIMIT 2; SELECT 'and on' AS it;", "| and on |");
    terminal.enter("SELECT id FROM ticks EMIT CHANGES; SELECT 1;", "a query that goes on has to be the last statement");
    terminal.line("SET 'sql-client.execution.result-mode' = 'changelog';");
    terminal.line("SELECT COUNT(*) AS n FROM ticks EMIT CHANGES;");
    terminal.shows("-U");
    terminal.keys("\x03");
    let text = terminal.prompts();
    assert!(text.contains("+U"), "{text}");
}

#[test]
fn jobs_go_on_behind_the_prompt() {
    let home = home();
    let mut terminal = shell(home.path(), 120);
    terminal.enter("INSERT INTO nowhere SELECT id FROM ticks;", "job nowhere started");
    terminal.enter("SHOW JOBS;", "rows/s");
    let text = terminal.enter("EXPLAIN ANALYZE JOB nowhere;", "measured     out ");
    assert!(text.contains("job nowhere: RUNNING") && text.contains("stage 0: INSERT INTO nowhere"), "{text}");
    terminal.enter("EXPLAIN ANALYZE JOB nowere;", "did you mean `nowhere`?");
    terminal.enter("INSERT INTO nowhere SELECT id + 1 FROM ticks;", "job nowhere-2 started");
    terminal.enter("STOP JOB nowhere;", "job nowhere stopped at commit");
    terminal.enter("STOP JOB nowhere;", "no job `nowhere` was started in this session");
    terminal.enter("EXPLAIN ANALYZE JOB nowhere;", "job `nowhere` does not run in this session");
    terminal.enter("INSERT INTO nowhere SELECT id FROM ticks;", "job nowhere started");
    terminal.enter("\\q", "2 jobs are running and will be stopped; quit? [y/N]");
    terminal.keys("n\r");
    terminal.enter("SELECT 1 AS one;", "| one |");
    terminal.line("\\q");
    terminal.until("the question again", |text| text.matches("[y/N]").count() == 2);
    terminal.keys("y\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_wide_answer_fits_the_terminal() {
    let home = home();
    let columns: Vec<String> = (0..30).map(|i| format!("{i}{i}{i}{i}{i}{i} AS column_{i}")).collect();
    let sql = format!("SELECT {};", columns.join(", "));
    let mut terminal = shell(home.path(), 80);
    let text = terminal.enter(&sql, "columns shown");
    assert!(text.contains(" … ") && text.contains("of 30 columns shown"), "{text}");
    terminal.enter("\\x auto", "automatically");
    terminal.enter(&sql, "column_29 |");
    let mut terminal = shell(home.path(), 200);
    let text = terminal.enter("SELECT repeat('x', 150) AS x, 1 AS n;", "1 row");
    assert!(text.contains(&"x".repeat(150)), "{text}");
}

#[test]
fn ctrl_c_ends_the_statement_and_not_the_shell() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    terminal.line(
        "CREATE TABLE many (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000000000', 'rows-per-second' = 'unlimited');",
    );
    for (statement, after) in [
        ("SELECT COUNT(*) FROM many;", "one"),
        ("EXPLAIN ANALYZE SELECT COUNT(*) FROM many;", "two"),
        ("INSERT INTO nowhere SELECT MAX(id) FROM many;", "three"),
        ("COPY (SELECT * FROM many WHERE id < 0) TO 'none.csv';", "four"),
    ] {
        if after == "three" {
            terminal.enter("SET 'execution.runtime-mode' = 'batch';", "SET");
        }
        terminal.line(statement);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        terminal.keys("\x03");
        terminal.until("it is heard", |text| text.trim_end().ends_with("interrupted\nmillstream>"));
        terminal.enter(&format!("SELECT 'after {after}' AS that;"), &format!("| after {after} |"));
    }
}

#[test]
fn peek_shows_messages_as_they_stand_and_as_they_are_read() {
    let home = home();
    let mut terminal = Terminal::open(home.path(), 120.try_into().unwrap(), &["--embedded"], &[]);
    terminal.line("CREATE TABLE orders (id INT, item STRING) WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json');");
    terminal.line("CREATE TABLE lines (line STRING) WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'raw');");
    terminal.enter("INSERT INTO orders VALUES (1, 'tea'), (2, 'cake');", "2 rows");
    terminal.enter("INSERT INTO lines VALUES ('{\"id\":3,broken');", "1 row");
    let text = terminal.enter("\\peek orders", "3 rows");
    assert!(text.contains(r#"| NULL | {"id":2,"item":"cake"} | {"id":2,"item":"cake"} |"#), "{text}");
    let broken = text.lines().find(|line| line.contains(r#"| {"id":3,broken"#)).unwrap();
    assert!(broken.contains(" | NULL "), "{text}");
    terminal.enter(".peek orders 1", "1 row");
    terminal.enter("\\peek ordrs", "did you mean");
    terminal.line("\\q");
    assert_eq!(terminal.ends(), 0);
    let outside = std::process::Command::new(env!("CARGO_BIN_EXE_millstream"))
        .args(["--embedded", "peek", "orders", "-n", "3", "--format", "ndjson"])
        .current_dir(home.path())
        .env_remove("MILLSTREAM_DATA")
        .output()
        .unwrap();
    let text = String::from_utf8(outside.stdout).unwrap();
    assert!(text.lines().count() == 3 && text.contains(r#""raw":"{\"id\":3,broken","decoded":null"#), "{text}");
}

#[test]
fn the_demo_has_a_shell() {
    let home = home();
    let mut terminal = Terminal::open(home.path(), 120.try_into().unwrap(), &["demo", "--shell"], &[]);
    terminal.shows("job transactions_generated started");
    terminal.enter("\\dt", "transactions_table");
    terminal.enter("\\peek transactions_table 3", "3 rows");
    terminal.line(
        "SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE transactions_table, DESCRIPTOR(event_timestamp), INTERVAL '3' SECONDS))
  GROUP BY window_start, window_end EMIT CHANGES LIMIT 100;",
    );
    terminal.shows("[q] quit");
    terminal.keys("q");
    terminal.line("\\q");
    terminal.shows("1 job is running and will be stopped; quit? [y/N]");
    terminal.keys("y\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn shells_get_what_completes_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_millstream")).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && script.contains("millstream") && script.contains("until-now"), "{shell}: {script}");
    }
}

#[test]
fn a_long_query_over_files_shows_how_many_rows_are_read() {
    let home = home();
    let lines: String = (0..400_000).map(|i| format!("{i},{}\n", i % 7)).collect();
    std::fs::write(home.path().join("many.csv"), format!("a,b\n{lines}")).unwrap();
    let mut terminal = shell(home.path(), 100);
    terminal.line("SELECT COUNT(*) FROM 'many.csv' AS x JOIN 'many.csv' AS y ON x.a + y.a > 100000 * (x.b % 2);");
    let text = terminal.shows(" rows read, ");
    assert!(!text.contains('%') || text.contains("% 2"), "{text}");
    terminal.keys("\x03");
    terminal.shows("interrupted");
    let text = terminal.enter("SELECT 'after' AS that;", "| after |");
    assert!(!text.contains("rows read"), "{text}");
}

#[test]
fn a_large_answer_is_shown_up_to_the_row_limit() {
    let home = home();
    let mut terminal = shell(home.path(), 80);
    let text = terminal.enter("SELECT value FROM generate_series(1, 30000);", "the first 10000 rows in ");
    assert!(text.contains("there are more (\\maxrows 0 shows all, \\o FILE keeps them)"), "{text}");
}

#[test]
fn names_are_bold_and_nulls_faint_unless_colours_are_unwanted() {
    let home = home();
    for (no_color, bold) in [("", true), ("1", false)] {
        let mut terminal = Terminal::open(home.path(), 80.try_into().unwrap(), &[], &[("NO_COLOR", no_color)]);
        terminal.enter("SELECT 'x' AS letter, NULL AS nothing;", "1 row");
        assert_eq!(terminal.coloured().contains("\x1b[1mletter"), bold, "{:?}", terminal.coloured());
    }
}
