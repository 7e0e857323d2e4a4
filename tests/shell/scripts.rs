//! Scripts from `-c`, `-f` and stdin.

use std::io::Write;
use std::process::Stdio;

use super::cli::Home;

#[test]
fn scripts_run_in_the_order_in_which_they_stand() {
    let home = Home::new();
    home.file("a.sql", "SELECT 'a' AS file;\n");
    home.file("b.sql", "\\echo b\n");
    let args = ["-c", "SELECT 1 AS n", "-f", "a.sql", "-c", "SELECT 2 AS n; SELECT 3 AS m", "--file=b.sql", "--command", "SELECT 4 AS n"];
    let ended = home.run(&args).ok();
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("n\n1\nfile\na\nn\n2\nm\n3\nn\n4\n", "b\n"));

    let mut child = home.command(&["-f", "a.sql", "-f", "-", "-c", "SELECT 5 AS n"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 'in' AS std;").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "file\na\nstd\nin\nn\n5\n");
}

#[test]
fn the_first_error_ends_it_with_its_place_and_a_caret() {
    let home = Home::new();
    home.file("wrong.sql", "SELECT 1 AS n;\n\\echo on\nSELECT 2 AS n;\nSELECT nothing FROM nowhere;\nSELECT 3 AS n;\n");
    home.file("command.sql", "SELECT 1 AS n;\nSELECT 2 AS n; \\timming\n");
    for (args, code, out, err) in [
        (&["-f", "wrong.sql", "-c", "SELECT 4"][..], 1, "n\n1\nn\n2\n", "wrong.sql:4:21"),
        (&["-c", "SELECT 1 AS n", "-c", "SELECT 2 +", "-c", "SELECT 3"], 1, "n\n1\n", "<sql>:1:"),
        (&["-f", "command.sql"], 2, "n\n1\nn\n2\n", "command.sql:2:16"),
        (&["-f", "missing.sql", "-c", "SELECT 1"], 2, "", "cannot read missing.sql"),
        (&["-c", "SELECT 1 AS n", "-f", "missing.sql"], 2, "", "cannot read missing.sql"),
        (&["-c", "\\i missing.sql"], 2, "", "<sql>:1:1"),
    ] {
        let ended = home.run(args).exits(code).says(&[err]);
        assert_eq!(ended.out, out, "{args:?}\n{ended}");
        let caret = ended.err.lines().any(|line| line.contains('|') && line.trim_end().ends_with('^'));
        assert!(caret || !err.contains(':'), "{ended}");
    }
}

#[test]
fn commands_behind_sql_in_a_script() {
    let home = Home::new();
    home.file(
        "script.sql",
        "SELECT 'a\n\\d\n.tables\n' AS lines \\g lines.csv\nSELECT 1 AS n; SELECT 2 AS n \\gx\nSELECT 3 AS n\n\\echo then\n",
    );
    let ended = home.run(&["-f", "script.sql"]).ok();
    assert_eq!(home.read("lines.csv"), "lines\n\"a\n\\d\n.tables\n\"\n");
    assert!(ended.out.starts_with("n\n1\n") && ended.out.ends_with("n\n3\n"), "{ended}");
}

#[test]
fn inserts_start_at_their_place_and_errors_do_not_hide_them() {
    let home = Home::new();
    let script = "CREATE TABLE three (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '3', 'fields.id.kind' = 'sequence',
        'fields.id.start' = '1', 'fields.id.end' = '3');
      CREATE TABLE o (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
      INSERT INTO o SELECT id FROM three;
      INSERT INTO o SELECT id + 10 FROM three;
      SELECT COUNT(*) AS n FROM o;
      SELECT nope;";
    let ended = home.run(&["--embedded", "-c", script]).exits(1).says(&["job o started", "job o-2 started", "nope"]);
    assert_eq!(ended.out, "n\n6\n", "{ended}");
}

#[test]
fn a_reader_of_a_materialized_view_reads_its_content() {
    let home = Home::new();
    let tables = "CREATE TABLE e (k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 'e', 'format' = 'json', 'scan.startup.mode' = 'latest-offset');
      CREATE TABLE o (k STRING, s INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'o', 'key.format' = 'json', 'value.format' = 'json');";
    let script = format!(
        "{tables} INSERT INTO e VALUES ('a', 100);
      CREATE MATERIALIZED VIEW m AS SELECT k, SUM(v) AS s FROM e GROUP BY k;
      INSERT INTO e VALUES ('a', 3);
      \\! sleep 1
      SELECT * FROM m EMIT CHANGES LIMIT 1;
      INSERT INTO o SELECT * FROM m;
      CREATE MATERIALIZED VIEW m AS SELECT k, SUM(v) AS s FROM e GROUP BY k;
      INSERT INTO e VALUES ('a', 10), ('b', 1);
      \\! sleep 2
      SELECT * FROM o ORDER BY k;
      SELECT * FROM m ORDER BY k;
      SELECT nope;"
    );
    let ended = home.run(&["--embedded", "-c", &script]).exits(1).says(&["`m` is there"]);
    assert_eq!(ended.out, "op,k,s\n+I,a,3\nk,s\na,13\nb,1\nk,s\na,13\nb,1\n", "{ended}");
}

#[test]
fn a_sink_that_cannot_be_reached_is_told_at_its_insert() {
    let table = |name: &str, options: &str| format!("CREATE TABLE {name} (id BIGINT) WITH ({options});\n");
    let tables = table("g", "'connector' = 'datagen', 'rows-per-second' = '10'")
        + &table("folder", "'connector' = 'filesystem', 'path' = '/proc/nothing', 'format' = 'csv'")
        + &table("bucket", "'connector' = 'filesystem', 'path' = 's3://b/x', 'format' = 'csv', 's3.endpoint' = 'http://localhost:1'")
        + &table("topic", "'connector' = 'kafka', 'topic' = 'x', 'format' = 'json', 'properties.bootstrap.servers' = 'localhost:1'");
    // A failed script waits for its running jobs, and their last commits wait for the sinks.
    std::thread::scope(|scope| {
        for (sink, says) in [("folder", "/proc/nothing"), ("bucket", "s3://b/x"), ("topic", "localhost:1")] {
            let script = format!("{tables} INSERT INTO {sink} SELECT * FROM g; SELECT nope;");
            scope.spawn(move || {
                let ended = Home::new().run(&["-c", &script]).exits(1);
                let place = |text: &str| ended.err.find(text).unwrap_or_else(|| panic!("`{text}` is missing in {ended}"));
                assert!(place("started") < place(says) && place(says) < place("nope"), "{ended}");
            });
        }
    });
}

/// Files read by EXPLAIN ANALYZE are still read by the job.
#[test]
fn explain_analyze_of_a_folder_takes_nothing_from_the_job() {
    let home = Home::new();
    home.file("in/a.csv", "1\n2\n3\n");
    let script =
        "CREATE TABLE src (id INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv', 'source.monitor-interval' = '20 ms');
      CREATE TABLE o (id INT) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
      EXPLAIN ANALYZE INSERT INTO o SELECT id FROM src;
      INSERT INTO o SELECT id FROM src;
      EXPLAIN ANALYZE INSERT INTO o SELECT id FROM src;
      INSERT INTO o SELECT id + 10 FROM src;
      \\! printf '4\\n' > in/.b; mv in/.b in/b.csv; sleep 2
      SELECT id FROM o ORDER BY id;
      SELECT nope;";
    let ended = home.run(&["--embedded", "-c", script]).exits(1).says(&["nope"]);
    assert!(ended.out.ends_with("id\n1\n2\n3\n4\n11\n12\n13\n14\n"), "{ended}");
}
