//! Tests that the parser accepts or rejects any text, with a position, in bounded time, and without a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::tests::{script, show};

#[test]
fn deep_nesting_is_refused_soon() {
    let mut slow = Vec::new();
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("f(x => ", ")"),
        ("TABLE(", ")"),
        ("(SELECT ", ")"),
        ("CAST(", " AS INT)"),
        ("CASE WHEN ", " THEN 1 END"),
        ("NOT ", ""),
        ("- ", ""),
        ("ARRAY[", "]"),
        ("MAP[", "]"),
        ("MAP[1, ", "]"),
        ("[", "]"),
        ("{", "}"),
        ("{a: ", "}"),
        ("a IN (", ")"),
        ("EXISTS (SELECT ", ")"),
        ("INTERVAL ", " DAY"),
        ("ROW(", ")"),
        ("STRUCT(", ")"),
        ("ARRAY<", ">"),
        ("TRY_CAST(", " AS INT)"),
        ("a BETWEEN ", " AND 2"),
        ("SELECT * FROM (", ")"),
        ("EXTRACT(DAY FROM ", ")"),
        ("EXTRACT(", ")"),
        ("FLOOR(", " TO DAY)"),
        ("SUBSTRING(", ")"),
        ("POSITION(", ")"),
        ("OVERLAY(", ")"),
        ("CONVERT(", ", INT)"),
        ("TRIM(", ")"),
        ("x::", ""),
        ("CAST(1 AS ARRAY<", ">)"),
        ("STRUCT<a ", ">"),
        ("Nullable(", ")"),
        ("(SELECT 1 UNION ", ")"),
        ("LATERAL (", ")"),
        ("CASE ", " END"),
        ("a[", "]"),
        ("COUNT(*) OVER (PARTITION BY ", ")"),
        ("WITH a AS (", ") SELECT 1"),
    ] {
        for n in [20, 45, 2_000] {
            for closed in [0, n] {
                let nested = format!("{}1{}", open.repeat(n), close.repeat(closed));
                for sql in [format!("SELECT {nested}"), format!("SELECT * FROM {nested}"), format!("CREATE TABLE t (a INT, b AS {nested})")]
                {
                    let (done, wait) = std::sync::mpsc::channel();
                    let head: String = sql.chars().take(30).collect();
                    std::thread::spawn(move || {
                        let _ = script(&sql);
                        let _ = done.send(());
                    });
                    // An endless parse must not hang the test.
                    if wait.recv_timeout(Duration::from_secs(5)).is_err() {
                        slow.push(format!("{n} levels, {closed} closed: {head}"));
                    }
                }
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

/// Fragments of texts that are nearly SQL.
const PIECES: [&str; 97] = [
    "ALTER ",
    "DATABASE ",
    "FUNCTION ",
    "EXTERNAL ",
    "STORED AS ",
    "RENAME TO ",
    "LIKE ",
    "(INCLUDING ALL) ",
    "ADD ",
    "DROP COLUMN ",
    "SHOW ",
    "RETURNS ",
    "/*+ OPTIONS('k'='v') */ ",
    "/*+ ",
    "db.",
    "CREATE ",
    "MATERIALIZED ",
    "ANALYZE ",
    "STATEMENT SET ",
    "BEGIN ",
    "OR REPLACE ",
    "TEMPORARY ",
    "TABLE ",
    "VIEW ",
    "IF NOT EXISTS ",
    "t ",
    "`a b` ",
    "\"c\" ",
    "(",
    ")",
    ",",
    "a INT",
    "STRING ",
    "ARRAY<",
    "MAP<",
    "ROW<",
    ">",
    ">>",
    "TIMESTAMP(3) ",
    "NOT NULL ",
    "METADATA ",
    "FROM ",
    "'key' ",
    "VIRTUAL ",
    "AS ",
    "WATERMARK FOR ",
    "PRIMARY KEY ",
    "NOT ENFORCED ",
    "CONSTRAINT ",
    "COMMENT ",
    "WITH ",
    "=",
    "'v'",
    ";",
    "INSERT INTO ",
    "SELECT ",
    "* ",
    "WHERE ",
    "GROUP BY ",
    "TUMBLE(",
    "TABLE(",
    "DESCRIPTOR(",
    "INTERVAL '3' SECOND ",
    "EMIT ",
    "CHANGES ",
    "FINAL ",
    "LIMIT 1 ",
    "EXPLAIN ",
    "SET ",
    "RESET ",
    "DROP ",
    "EXECUTE STATEMENT SET BEGIN ",
    "END ",
    "-- c\n",
    "/* c */ ",
    "/*",
    "'",
    "`",
    "\"",
    "$$",
    "$a$",
    "E'\\",
    "U&'\\",
    "X'",
    "N'",
    ".",
    "..",
    "1",
    "1e",
    "-",
    "[",
    "]",
    "{",
    "}",
    ":",
    "MAP[",
    "JOIN ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,80}") {
        check(&text)?;
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_pieces_are_parsed_or_refused(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        check(&pieces.into_iter().map(|i| PIECES[i]).collect::<String>())?;
    }

    #[test]
    fn half_of_a_script_is_parsed_or_refused(cut in 0_usize..2_000) {
        let script = concat!(
            include_str!("../../sql/transactions/flink/1_source.sql"),
            include_str!("../../sql/transactions/flink/2_sink.sql"),
            include_str!("../../sql/transactions/flink/3_insert.sql")
        );
        check(script.get(..cut.min(script.len())).unwrap_or(""))?;
    }
}

/// The text of a parsed statement parses to the same statement, because the catalog keeps the text; errors have a position.
fn check(text: &str) -> std::result::Result<(), TestCaseError> {
    let before = Instant::now();
    match script(text) {
        Ok(parsed) => {
            for p in parsed {
                let again = script(&p.text).map_err(|e| TestCaseError::fail(format!("{e}\nagain: {}", p.text)))?;
                prop_assert_eq!(again.len(), 1);
                prop_assert_eq!(show(&again[0].statement), show(&p.statement));
            }
        }
        Err(error) => prop_assert!(error.place().is_some(), "no place: {}", error),
    }
    // Retries once, in case the machine was busy.
    let soon = |begin: Instant| begin.elapsed() < Duration::from_secs(5);
    let again = || {
        let begin = Instant::now();
        let _ = script(text);
        soon(begin)
    };
    prop_assert!(soon(before) || again(), "took too long: {}", text);
    Ok(())
}

/// Scripts that are mutated.
fn seeds() -> Vec<String> {
    let repo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![repo.join("sql"), repo.join("tests/oracle/cases")];
    let mut scripts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "sql") {
                scripts.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    scripts.sort();
    scripts.into_iter().map(|(_, text)| text).collect()
}

/// A script with a few words removed, doubled, swapped, or replaced by fragments and odd characters.
fn mutated(random: &mut StdRng, seeds: &[String]) -> String {
    let pick = |random: &mut StdRng| seeds[random.random_range(0..seeds.len())].clone();
    let words = |text: &str| -> Vec<String> { text.split_inclusive(|c: char| !c.is_alphanumeric()).map(String::from).collect() };
    let (mut text, other) = (words(&pick(random)), words(&pick(random)));
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..text.len());
        match random.random_range(0..6) {
            0 if text.len() > 1 => drop(text.remove(at)),
            1 => text.insert(at, text[random.random_range(0..text.len())].clone()),
            2 => text.insert(at, PIECES[random.random_range(0..PIECES.len())].to_string()),
            3 => text.insert(at, other[random.random_range(0..other.len())].clone()),
            4 => text.insert(at, char::from_u32(random.random_range(0..0x3000)).unwrap_or('(').to_string()),
            _ => {
                let to = random.random_range(0..text.len());
                text.swap(at, to);
            }
        }
    }
    text.concat()
}

/// `MILLSTREAM_FUZZ=100000` runs more of them.
#[test]
fn mutated_scripts_are_parsed_or_refused() {
    let inputs: u64 = std::env::var("MILLSTREAM_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let seeds = seeds();
    let mut parsed = 0;
    for seed in 0..inputs {
        let text = mutated(&mut StdRng::seed_from_u64(seed), &seeds);
        parsed += u64::from(script(&text).is_ok());
        check(&text).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
    }
    // Both outcomes occur, else the mutations are too weak or too strong to find anything.
    assert!(parsed > inputs / 50 && parsed < inputs / 2, "{parsed} of {inputs} were parsed");
}

/// Chains are not nested in the text, but in the tree.
#[test]
fn too_long_chains_are_refused() {
    assert!(script(&format!("INSERT INTO t VALUES (1){}", ", (2)".repeat(30_000))).is_ok(), "a list is no chain");
    for (first, more) in [
        ("SELECT 1", " + 1"),
        ("SELECT a", " AND a"),
        ("SELECT 1", " UNION ALL SELECT 1"),
        ("SELECT 1, 2", " EXCEPT SELECT 1, 2"),
        ("SELECT a", "::INT"),
        ("SELECT SUM(a), SUM(CAST(a AS INT)), CAST(a AS INT)", " + 1"),
    ] {
        for (n, taken) in [(1_000, true), (100_000, false)] {
            let parsed = script(&format!("{first}{}", more.repeat(n)));
            assert_eq!(parsed.is_ok(), taken, "{more} {n}");
        }
    }
}
