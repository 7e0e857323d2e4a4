//! Short texts that expand to millions of nodes, and very long ones: refused quickly, with little memory, or answered.

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use crate::cli::{Ended, Home};

/// How often each text doubles something.
const TIMES: usize = 24;
/// Refusals take a tenth of it on an idle machine.
const SOON: Duration = Duration::from_secs(20);
/// Far less than an expanded plan would take.
const MEMORY: u64 = 8 << 30;

/// Concatenates `first`, the text of each step, and `last`.
fn steps(first: &str, step: impl Fn(usize) -> String, last: &str) -> String {
    (1..=TIMES).fold(first.to_string(), |text, n| text + &step(n)) + last
}

fn listed(count: usize, one: impl Fn(usize) -> String, between: &str) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(between)
}

#[track_caller]
fn asked(sql: &str) -> Ended {
    let home = Home::new();
    home.file("a.sql", sql);
    let mut command = home.command(&["-f", "a.sql"]);
    // SAFETY: setrlimit may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
            if libc::setrlimit(libc::RLIMIT_AS, &raw const limit) == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let begin = Instant::now();
    let ended = home.launch(command, None);
    assert!(begin.elapsed() < SOON, "{:?} for {}", begin.elapsed(), &sql[..sql.len().min(300)]);
    ended
}

#[test]
fn what_doubles_is_refused_soon() {
    let with = "WITH c0 AS (SELECT 1 AS x)";
    let cte = |body: &str| {
        let step = |n: usize| format!(", c{n} AS ({})", body.replace("{}", &format!("c{}", n - 1)));
        steps(with, step, &format!(" SELECT COUNT(*) FROM c{TIMES} WHERE x > 0;"))
    };
    let too_large = "the query is too large";
    for (sql, says) in [
        (cte("SELECT x FROM {} UNION ALL SELECT x FROM {}"), too_large),
        (cte("SELECT a.x FROM {} a JOIN {} b ON a.x = b.x"), too_large),
        (cte("SELECT (SELECT MAX(x) FROM {}) + (SELECT MIN(x) FROM {}) AS x FROM {}"), too_large),
        (cte("SELECT x FROM {} WHERE x IN (SELECT x FROM {})"), too_large),
        (cte("SELECT x + x AS x FROM {}"), too_large),
        (cte("SELECT CASE WHEN x > 3 THEN x ELSE x + 1 END AS x FROM {}"), too_large),
        (cte("SELECT a.*, b.* FROM {} a, {} b"), too_large),
        (cte("SELECT {}.*, {}.* FROM {}"), "no more than 5000 are possible"),
        (
            steps(
                "CREATE VIEW v0 AS SELECT 1 AS x;",
                |n| format!("CREATE VIEW v{n} AS SELECT x FROM v{0} UNION ALL SELECT x FROM v{0};", n - 1),
                &format!("SELECT COUNT(*) FROM v{TIMES};"),
            ),
            too_large,
        ),
        (
            steps(
                "CREATE FUNCTION f0(x BIGINT) RETURNS BIGINT AS x + x;",
                |n| format!("CREATE FUNCTION f{n}(x BIGINT) RETURNS BIGINT AS f{0}(x) + f{0}(x);", n - 1),
                &format!("SELECT f{TIMES}(1);"),
            ),
            "the functions of this query stand for more than",
        ),
        (
            format!("CREATE FUNCTION f(x BIGINT) RETURNS BIGINT AS x + x; SELECT {}1{};", "f(".repeat(TIMES), ")".repeat(TIMES)),
            "the functions of this query stand for more than",
        ),
    ] {
        asked(&sql).exits(1).says(&[says, "hint: "]);
    }
}

#[test]
fn what_is_too_wide_is_refused_soon() {
    let most = "no more than 5000 are possible";
    for (sql, says) in [
        (format!("SELECT {};", listed(60_000, |n| format!("{n} AS c{n}"), ", ")), most),
        (format!("SELECT {};", listed(60_000, |n| n.to_string(), ", ")), most),
        (
            format!("CREATE TABLE t ({}) WITH ('connector' = 'datagen');", listed(60_000, |n| format!("c{n} INT"), ", ")),
            "a table has no more than 5000 columns",
        ),
        (
            format!("SELECT COUNT(*) FROM ({});", listed(3_000, |n| format!("SELECT {n} AS x"), " UNION ALL ")),
            "3000 SELECTs stand in one UNION",
        ),
        (
            format!("SELECT {} FROM (VALUES (1), (2)) t(x);", listed(3_000, |n| format!("Avg(x + {n}) AS a{n}"), ", ")),
            "a SELECT has 3000 aggregates; no more than 1000 are possible",
        ),
    ] {
        asked(&sql).exits(1).says(&[says]);
    }
}

#[test]
fn what_is_only_long_is_answered() {
    for (sql, answer) in [
        (format!("SELECT COUNT(*) FROM ({});", listed(1_000, |n| format!("SELECT {n} AS x"), " UNION ALL ")), "1000"),
        (format!("SELECT COUNT(*) FROM (VALUES (1)) t(x) WHERE x IN ({});", listed(20_000, |n| n.to_string(), ",")), "1"),
        (format!("SELECT COUNT(*) FROM (VALUES (1)) t(x) WHERE {};", listed(150, |_| "x IN (SELECT 1)".into(), " AND ")), "1"),
        (format!("SELECT COUNT(*) FROM (SELECT {} FROM (VALUES (3)) t(x));", listed(900, |n| format!("SUM(x + {n}) AS s{n}"), ", ")), "1"),
        (format!("SELECT COUNT(*) FROM {};", listed(100, |n| format!("(VALUES ({n})) t{n}(x{n})"), ", ")), "1"),
    ] {
        let ended = asked(&sql).ok();
        assert_eq!(ended.out.lines().last(), Some(answer), "{ended}");
    }
}

#[test]
fn five_hundred_tables_are_declared_in_seconds() {
    let tables = (0..500).fold(String::new(), |mut all, n| {
        writeln!(
            all,
            "CREATE TABLE t{n} (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't{n}',
             'format' = 'json', 'properties.bootstrap.servers' = '127.0.0.1:1');"
        )
        .unwrap();
        all
    });
    let ended = asked(&(tables + "SHOW TABLES;")).ok();
    assert_eq!(ended.out.lines().count(), 501, "{ended}");
}
