//! The command line and its options, as a user meets them; without Kafka.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::{Ended, Home};

/// A bounded job that prints three numbers.
const NUMBERS: &str = "CREATE TABLE numbers (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '3');
CREATE TABLE shown (id INT) WITH ('connector' = 'print');
INSERT INTO shown SELECT id FROM numbers;
";
/// A job that runs until it is stopped.
const ENDLESS: &str = "CREATE TABLE ticks (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE nowhere (id INT) WITH ('connector' = 'blackhole');
INSERT INTO nowhere SELECT id FROM ticks;
";

fn run(text: &str, more: &[&str]) -> Ended {
    let home = Home::new();
    home.file("job.sql", text);
    home.run(&[&["run", "job.sql"], more].concat())
}

fn query(sql: &str, format: &str) -> Ended {
    Home::new().run(&["query", sql, "--format", format])
}

#[test]
fn unknown_options_name_the_nearest_and_all_known_ones() {
    let table = |option: &str| NUMBERS.replace("'number-of-rows'", option);
    let ended = run(&table("'number-of-row'"), &[]).exits(1);
    ended.says(&[
        "unknown option `number-of-row` of connector 'datagen'",
        "job.sql:1:62",
        "^",
        "did you mean `number-of-rows`?",
        "known: ",
    ]);
    run("CREATE TABLE t (a INT) WITH ('connector' = 'kafk');", &[]).exits(1).says(&[
        "unknown `connector` 'kafk'",
        "job.sql:1:30",
        "did you mean `kafka`?",
        "`datagen`",
    ]);

    let wrong = [
        ("number-of-row=1", "--option number-of-row: nothing in this run knows this option", "did you mean `number-of-rows`?"),
        ("numbers.number-of-row=1", "unknown option `number-of-row`", "did you mean `number-of-rows`?"),
        ("number.number-of-rows=1", "--option number.number-of-rows: nothing", "did you mean `numbers`?"),
        ("checkpoint.intervall=1 s", "--option checkpoint.intervall: nothing", "did you mean `checkpoint.interval`?"),
        ("checkpoint.interval=soon", "`soon` is not a duration", "hint: "),
        ("nothing", "--option nothing: not of the form [TABLE.]KEY=VALUE", "for example"),
    ];
    for (option, message, hint) in wrong {
        let ended = run(NUMBERS, &["--option", option]).says(&["error: ", message, hint]);
        assert!(matches!(ended.code, Some(1 | 2)), "{ended}");
        assert_eq!(ended.out, "", "nothing may run before the mistake is found");
    }
    let ended = run("SET 'pipeline.nam' = 'x';", &[]).exits(1);
    ended.says(&["unknown setting `pipeline.nam`", "job.sql:1:1", "did you mean `pipeline.name`?"]);
}

#[test]
fn options_reach_one_table_or_all_that_know_them_and_settings_their_job() {
    assert_eq!(run(NUMBERS, &["--option", "number-of-rows=2"]).ok().out, "+I[1]\n+I[2]\n");
    assert_eq!(run(NUMBERS, &["--option", "numbers.number-of-rows=1"]).ok().out, "+I[1]\n");
    let both = ["--option", "number-of-rows=2", "--option", "numbers.number-of-rows=1"];
    assert_eq!(run(NUMBERS, &both).ok().out, "+I[1]\n", "the table's own wins");
    let set = |text: &str| format!("{text};\n{NUMBERS}");
    // SET applies only where the table has no value.
    assert_eq!(run(&set("SET 'number-of-rows' = '1'"), &[]).ok().out, "+I[1]\n+I[2]\n+I[3]\n");
    assert_eq!(run(&set("SET 'print-identifier' = 'seen'"), &["-o", "number-of-rows=1"]).ok().out, "seen> +I[1]\n");
    run(&set("SET 'max.rows.per.epoch' = '1'; SET 'checkpoint.interval' = '0'"), &[]).ok().says(&["epoch 3,"]);
    run(&set("SET 'taskmanager.numberOfTaskSlots' = '4'"), &[]).ok().says(&["`taskmanager.numberOfTaskSlots` has no effect: "]);
    run(&set("SET 'parallelism.default' = '4'"), &["--threads", "1"]).ok();
    run(&set("SET 'parallelism.default' = '0'"), &[]).exits(1).says(&["`0` is not a number of at least 1", "job.sql:1:1"]);
    run(&set("SET 'max.rows.per.epoch' = 'many'"), &[]).exits(1).says(&["`many` is not a number", "job.sql:1:1"]);
}

#[test]
fn a_job_is_called_as_was_said_or_after_its_files() {
    let home = Home::new();
    home.file("job.sql", NUMBERS);
    home.file("work/flows/1.sql", NUMBERS);
    home.file("named.sql", &format!("SET 'pipeline.name' = 'of-the-script';\n{NUMBERS}"));
    for (args, name) in [
        (vec!["job.sql"], "job"),
        (vec!["work/flows"], "work-flows"),
        (vec!["named.sql"], "of-the-script"),
        (vec!["named.sql", "--option", "pipeline.name=given"], "given"),
        (vec!["named.sql", "--name", "said"], "said"),
    ] {
        let data = format!("data-{name}");
        let args: Vec<&str> = ["run", "--data", &data].into_iter().chain(args).collect();
        home.run(&args).ok().says(&[&format!("job {name}: 1 INSERT"), &format!("job {name} finished")]);
        assert!(home.path().join(&data).join("jobs").join(name).is_dir(), "{name}");
    }
}

#[test]
fn a_script_of_plain_creates_runs_twice_and_another_file_may_not_take_its_names() {
    let home = Home::new();
    home.file("job.sql", NUMBERS);
    home.file(
        "other.sql",
        &NUMBERS.replace("id INT", "other INT").replace("SELECT id", "SELECT other").replace("fields.id", "fields.other"),
    );
    assert_eq!(home.run(&["run", "job.sql"]).ok().out, "+I[1]\n+I[2]\n+I[3]\n");
    home.run(&["run", "job.sql"]).ok().says(&["resumed at commit", "read to the end before"]);
    // The changed file replaces its own declaration; another file needs OR REPLACE.
    home.file("job.sql", &NUMBERS.replace("'3',", "'4',").replace("'3')", "'4')"));
    home.run(&["run", "job.sql", "--fresh", "--yes"]).ok();
    assert!(home.read(".millstream/catalog/numbers.sql").contains("'number-of-rows' = '4'"));
    let ended = home.run(&["run", "other.sql"]).exits(1);
    ended.says(&["`numbers` exists, created by job.sql", "OR REPLACE", "other.sql:1:1"]);
}

#[test]
fn what_run_declares_query_finds() {
    let home = Home::new();
    home.file("job.sql", &format!("{NUMBERS}CREATE VIEW doubled AS SELECT id * 2 AS twice FROM numbers;"));
    home.run(&["run", "job.sql"]).ok();
    let written = home.read(".millstream/catalog/numbers.sql");
    assert!(written.starts_with("-- created by job.sql\nCREATE TABLE numbers (id INT) WITH ("), "{written}");
    assert_eq!(home.run(&["query", "SELECT sum(twice) AS s FROM doubled"]).ok().out, "s\n12\n");
    assert_eq!(home.run(&["query", "SELECT count(*) AS n FROM NUMBERS", "-o", "number-of-rows=2"]).ok().out, "n\n2\n");
    home.run(&["query", "SELECT * FROM number"]).exits(1).says(&["table `number` does not exist", "did you mean `numbers`?", "<sql>:1:1"]);
    // A shared catalog is only read.
    let other = Home::new();
    let shared = home.path().join(".millstream/catalog").display().to_string();
    assert_eq!(other.run(&["query", "SELECT max(id) AS m FROM numbers", "--catalog", &shared]).ok().out, "m\n3\n");
    // So is a single file, for this query alone.
    home.file("more.sql", "CREATE TABLE more (x INT) WITH ('connector' = 'datagen', 'number-of-rows' = '5');");
    assert_eq!(home.run(&["query", "-f", "more.sql", "SELECT count(x) AS n FROM more"]).ok().out, "n\n5\n");
    home.file("wrong.sql", "SELECT 1;");
    home.run(&["query", "-f", "wrong.sql", "SELECT 1"]).exits(1).says(&["only declarations and SET", "wrong.sql:1:1"]);
}

#[test]
fn a_folder_runs_in_natural_order() {
    let home = Home::new();
    let parts: Vec<&str> = NUMBERS.split_inclusive(";\n").collect();
    for (name, text) in ["flow/1_source.sql", "flow/2_sink.sql", "flow/10_insert.sql"].iter().zip(parts) {
        home.file(name, text);
    }
    home.file("flow/notes.txt", "not SQL");
    assert_eq!(home.run(&["run", "flow"]).ok().out, "+I[1]\n+I[2]\n+I[3]\n");
    home.file("empty/notes.txt", "");
    home.run(&["run", "empty"]).exits(2).says(&["empty holds no .sql files"]);
    home.run(&["run", "absent.sql"]).exits(2).says(&["cannot read absent.sql"]);
}

#[test]
fn nothing_starts_before_everything_is_parsed_and_planned() {
    let home = Home::new();
    home.file("job.sql", NUMBERS);
    home.file("typo.sql", "-- a comment\nINSERT INTO shown\n  SELECT id FORM numbers;\n");
    let ended = home.run(&["run", "job.sql", "typo.sql"]).exits(1);
    assert_eq!(ended.out, "");
    ended.says(&["typo.sql:3:18\n3 |   SELECT id FORM numbers;\n  |                  ^"]);
    home.file("select.sql", "SELECT id FROM numbers;");
    let ended = home.run(&["run", "job.sql", "select.sql"]).exits(1);
    assert_eq!(ended.out, "");
    ended.says(&["a SELECT in a job file has nowhere to go", "select.sql:1:1", "`millstream query`", "'connector' = 'print'"]);
    home.file("column.sql", "INSERT INTO shown SELECT idd FROM numbers;");
    let ended = home.run(&["run", "job.sql", "column.sql"]).exits(1);
    assert_eq!(ended.out, "");
    ended.says(&["idd", "column.sql:1:"]);
}

#[test]
fn query_prints_in_its_forms() {
    let nested = "SELECT 1 AS n, ARRAY[1, 2] AS a, NAMED_STRUCT('x', 1, 'y', 'z') AS s, MAP(ARRAY['k'], ARRAY[1]) AS m, 'a,\"b' AS t, \
                  CAST(NULL AS INT) AS nothing, TIMESTAMP '2024-05-01 12:00:00' AS at";
    let csv = query(nested, "csv").ok().out;
    assert_eq!(
        csv,
        "n,a,s,m,t,nothing,at\n1,\"[1,2]\",\"{\"\"x\"\":1,\"\"y\"\":\"\"z\"\"}\",\"{\"\"k\"\":1}\",\"a,\"\"b\",,2024-05-01 12:00:00\n"
    );
    let object = r#"{"n":1,"a":[1,2],"s":{"x":1,"y":"z"},"m":{"k":1},"t":"a,\"b","nothing":null,"at":"2024-05-01 12:00:00"}"#;
    assert_eq!(query(nested, "ndjson").ok().out, format!("{object}\n"));
    assert_eq!(query(nested, "json").ok().out, format!("[\n{object}\n]\n"));
    let table = query("VALUES (1, 'a'), (NULL, 'b')", "table").ok().out;
    assert!(table.contains("|    NULL | b       |") && table.ends_with("2 rows\n"), "{table}");
    // An empty result is an answer, too; when stdout is not a terminal it is CSV.
    assert_eq!(query("SELECT 1 AS a WHERE 1 = 0", "csv").ok().out, "a\n");
    assert_eq!(query("SELECT 1 AS a WHERE 1 = 0", "ndjson").ok().out, "");
    let none: serde_json::Value = serde_json::from_str(&query("SELECT 1 AS a WHERE 1 = 0", "json").ok().out).unwrap();
    assert_eq!(none, serde_json::json!([]));
    assert_eq!(Home::new().run(&["query", "SELECT 1 AS a"]).ok().out, "a\n1\n");
    assert_eq!(query("SELECT 1 AS a, 2 AS a", "csv").ok().out, "a,a0\n1,2\n");
}

#[test]
fn variables_and_what_is_shown() {
    let home = Home::new();
    let declare =
        "CREATE DATABASE d; CREATE TABLE d.t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = :n, 'fields.a.kind' = 'sequence',
                   'fields.a.start' = ${from}, 'fields.a.end' = '9'); SHOW TABLES FROM d";
    let ended = home.run(&["query", declare, "-v", "n=3", "-v", "from=7", "--format", "csv"]).ok();
    assert_eq!(ended.out, "table name\nt\n");
    assert_eq!(home.run(&["query", "DESCRIBE d.t", "--format", "csv"]).ok().out, "name,type,null,key,extras,watermark\na,INT,true,,,\n");
    assert_eq!(home.run(&["query", "SELECT a FROM d.t WHERE A < :most", "--format", "csv", "-v", "most=9"]).ok().out, "a\n7\n8\n");
    assert_eq!(home.run(&["query", "SELECT a FROM d.t", "--format", "csv", "-o", "d.t.number-of-rows=1"]).ok().out, "a\n7\n");
    home.run(&["query", "SELECT :most"]).exits(1).says(&["variable `most` has no value", "<sql>:1:8", "-v most=VALUE"]);
    home.run(&["query", "SELECT 1", "-v", "most"]).exits(2).says(&["-v most: not of the form NAME=VALUE"]);
    home.file("job.sql", "SHOW TABLES FROM d;\nCREATE TABLE o WITH ('connector' = 'print') AS SELECT a + :n AS b FROM d.t WHERE a = 7;");
    let ended = home.run(&["run", "job.sql", "-v", "n=10"]).ok();
    assert_eq!(ended.out, "table name\nt\n+I[17]\n");
    assert_eq!(home.run(&["query", "SHOW JOBS LIKE 'j%'", "--format", "csv"]).ok().out.lines().nth(1), Some("job,FINISHED,,,,,,,,,,1,"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = Home::new();
    home.file("many.sql", "CREATE TABLE many (id INT, t STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '200000');");
    for format in ["csv", "ndjson", "table"] {
        let mut child = home.command(&["query", "-f", "many.sql", "SELECT * FROM many", "--format", format]).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned()), (Some(0), String::new()), "{format}");
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let home = Home::new();
    home.run(&["query", "SELECT 1"]).exits(0);
    home.run(&["query", "SELEC 1"]).exits(1).says(&["unknown statement `SELEC`", "did you mean `SELECT`?"]);
    for usage in
        [vec!["run"], vec!["query"], vec!["walk"], vec!["query", "SELECT 1", "--format", "xml"], vec!["query", "SELECT 1", "--fast"]]
    {
        home.run(&usage).exits(2);
    }
    home.file("job.sql", NUMBERS);
    home.run(&["run", "job.sql", "--from", "earliest"]).exits(2).says(&["--from without --fresh", "add --fresh"]);
    home.run(&["run", "job.sql", "--fresh", "--from", "noon"]).exits(2).says(&["--from noon: not a position", "timestamp:"]);
    home.run(&["run", "job.sql"]).ok();
    home.run(&["run", "job.sql", "--fresh"]).exits(2).says(&["--fresh drops the state of job `job`", "--yes"]);
    // 3, an unreachable server, and 130 have separate tests, which take longer.
}

#[test]
fn signals_end_a_query_with_130_and_a_job_in_good_order() {
    let home = Home::new();
    let mut live = home.start(&[
        "query",
        "SELECT count(*) FROM UNNEST(RANGE(0, 30000)) AS a(x) CROSS JOIN UNNEST(RANGE(0, 10000000)) AS b(y) WHERE x * y % 7 = 3",
    ]);
    live.until("time to begin", {
        let begin = Instant::now();
        move |_| begin.elapsed() > Duration::from_millis(700)
    });
    live.signal("INT");
    live.end().exits(130).says(&["interrupted"]);

    home.file("endless.sql", ENDLESS);
    for signal in ["INT", "TERM"] {
        let mut live = home.start(&["run", "endless.sql"]);
        live.says("RUNNING");
        live.signal(signal);
        live.end().exits(0).says(&["job endless stopped at commit", "the same command resumes it"]);
    }
}

#[test]
fn insert_values_runs_at_once_and_says_how_many() {
    let values = "CREATE TABLE shown (id INT, name STRING) WITH ('connector' = 'print');\nINSERT INTO shown VALUES (1, 'a');\n";
    let ended = run(values, &[]).ok();
    assert_eq!(ended.out, "+I[1, a]\n");
    ended.says(&["1 row\n"]);
    let ended = run(&values.replace("(1, 'a')", "(1, 'a'), (2, NULL)"), &[]).ok();
    assert_eq!(ended.out, "+I[1, a]\n+I[2, null]\n");
    ended.says(&["2 rows\n"]);
    let ended = run(&values.replace("(1, 'a')", "(2147483648, 'a')"), &[]).exits(1);
    assert_eq!(ended.out, "");
    ended.says(&["INSERT INTO shown: ", "2147483648 does not fit", "nothing was written", "job.sql:2:1"]);
}

#[test]
fn the_whole_line_works_in_one_process() {
    let home = Home::new();
    home.file("make.sql", "CREATE TABLE topic (id INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
        INSERT INTO topic VALUES (1), (2);
        CREATE TABLE shown (id INT) WITH ('connector' = 'print');
        INSERT INTO shown SELECT id + 10 FROM topic;");
    let ended = home.run(&["run", "make.sql", "--embedded"]).ok();
    let mut lines: Vec<&str> = ended.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["+I[11]", "+I[12]"], "{ended}");
    let ended = home.run(&["run", "make.sql"]).exits(1);
    ended.says(&["option `properties.bootstrap.servers` is missing", "--embedded"]);
    // The topics are in the data folder, and so is the job: it does not read rows again.
    let ended = home.run(&["query", "--embedded", "SELECT id FROM topic ORDER BY id"]).ok();
    assert_eq!(ended.out, "id\n1\n2\n");
    home.run(&["query", "--embedded", "INSERT INTO topic VALUES (3)"]).ok();
    let ended = home.run(&["query", "--embedded", "SELECT count(*) AS n, max(id) AS id FROM topic"]).ok();
    assert_eq!(ended.out, "n,id\n3,3\n");
}

#[test]
fn demo_shows_windows_and_ends() {
    let ended = Home::new().run(&["demo", "--seconds", "10"]).ok();
    let windows: Vec<&str> = ended.out.lines().filter(|l| l.contains(" transactions ") && l.contains(" paid ")).collect();
    assert!(windows.len() >= 8, "half a minute of the past is shown at once:\n{ended}");
    ended.says(&["millstream run sql/transactions/flink --option properties.bootstrap.servers=HOST:PORT"]);
}

#[test]
fn secrets_are_never_shown() {
    const SECRET: &str = "hunter2-hunter2";
    let home = Home::new();
    let table = |more: &str| {
        format!(
            "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'properties.bootstrap.servers' = '127.0.0.1:1',\n\
             'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN',\n\
             'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"{SECRET}\";',\n\
             'scan.startup.mode' = 'earliest-offset'{more});\n"
        )
    };
    home.file("good.sql", &table(""));
    home.file("option.sql", &table(",\n'topik' = 'x'"));
    home.file("jaas.sql", &table("").replace("username", "user"));
    home.file("line.sql", &table(",'properties.ssl.key.password' = 'hunter2-hunter2', 'topik' = 'x'"));
    home.file("misspelt.sql", &table(",'properties.ssl.key.pasword' = 'hunter2-hunter2'"));
    home.file("typo.sql", &table(",'properties.sasl.password' = 'hunter2-hunter2' 'x' = 'y'"));
    let mut said = String::new();
    for args in [
        vec!["query", "-f", "good.sql", "SELECT * FROM t", "--verbose"],
        vec!["query", "-f", "option.sql", "SELECT * FROM t"],
        vec!["query", "-f", "jaas.sql", "SELECT * FROM t"],
        vec!["query", "-f", "line.sql", "SELECT * FROM t"],
        vec!["query", "-f", "typo.sql", "SELECT * FROM t"],
        vec!["query", "-f", "misspelt.sql", "SELECT * FROM t"],
        vec!["query", "SELECT 1", "-o", "properties.sasl.jaas.confg=hunter2-hunter2"],
    ] {
        let ended = home.run(&[&args[..], &["--data", &format!("data-{}", args[2])]].concat());
        assert!(matches!(ended.code, Some(0..=3)), "{ended}");
        said = said + &ended.out + &ended.err;
    }
    assert!(!said.contains(SECRET), "{said}");
    for shown in [
        "unknown option `topik`",
        "= '****', 'topik'",
        "has no username and password",
        "unknown Kafka property `properties.ssl.key.pasword`",
        "typo.sql:4:",
        "127.0.0.1:1",
    ] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
}

#[test]
fn a_question_without_a_terminal_is_not_asked() {
    let home = Home::new();
    home.file("job.sql", NUMBERS);
    home.run(&["run", "job.sql"]).ok();
    let mut command = home.command(&["run", "job.sql", "--fresh"]);
    command.stdin(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let again = home.run(&["run", "job.sql", "--fresh", "--yes"]).ok();
    assert_eq!(again.out, "+I[1]\n+I[2]\n+I[3]\n");
}

/// A script with mistakes of every kind. Its Kafka address is never contacted.
const WRONG: &str = "CREATE TABLE a (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 'a',
  'properties.bootstrap.servers' = 'nowhere:1', 'properties.sasl.password' = 'hidden', 'format' = 'json');
CREATE TABLE b (id BIGINT) WITH ('connector' = 'kafka', 'topik' = 'b');
SELEC 1;
INSERT INTO a SELECT id, ts FROM b;
INSERT INTO a SELECT idd, ts FROM a;
CREATE TABLE p (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'p',
  'properties.bootstrap.servers' = 'nowhere:1', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO p SELECT id, COUNT(*) FROM a GROUP BY id;
SELECT id FROM a;
";

#[test]
fn check_says_what_would_be_done_and_all_that_is_wrong() {
    let home = Home::new();
    home.file("job.sql", WRONG);
    let ended = home.run(&["check", "job.sql"]).exits(1);
    let ended = ended.says(&["unknown option `topik`", "job.sql:3:57", "did you mean `topic`?"]);
    let ended = ended.says(&["unknown statement `SELEC`", "there is no column `idd`", "did you mean `id`?", "3 errors in 8 statements"]);
    for line in [
        "job.sql:1: CREATE TABLE a (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)\n",
        "    source     kafka: topic a, event time `ts`\n",
        "    sink       kafka: topic a: append-only, exactly once\n",
        "job.sql:5: INSERT INTO a SELECT id, ts FROM b\n    note       not checked: it needs `b`, which is wrong\n",
        "    does       a job from a into p\n    changelog  updating, one row per id\n    state      KeyedAggregate: groups UNBOUNDED\n",
        "    columns    id BIGINT\n",
    ] {
        assert!(ended.out.contains(line), "{line}\n{ended}");
    }
    assert!(!ended.to_string().contains("hidden"), "{ended}");
    // Nothing was declared.
    home.run(&["query", "SELECT * FROM a"]).exits(1).says(&["`a`"]);

    home.file("good.sql", NUMBERS);
    let ended = home.run(&["check", "good.sql", "--connect"]).ok().says(&["3 statements, nothing wrong"]);
    assert!(
        ended.out.contains("a job from numbers into shown; it ends with its input") && ended.out.contains("numbers\n{\"id\":1}\n"),
        "{ended}"
    );
}
