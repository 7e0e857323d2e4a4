//! What may come next, case by case.

use super::complete::{Completions, complete};
use crate::common::OptionSpec;
use crate::workspace::CompletionNames;

fn names() -> CompletionNames {
    let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let kafka = vec![
        OptionSpec::text("topic", "the topic"),
        OptionSpec::one_of("scan.startup.mode", &["earliest-offset", "latest-offset"], "where reading begins"),
        OptionSpec::text("properties.*", "of the client"),
    ];
    CompletionNames {
        relations: [("orders", &["id", "order time", "price"][..]), ("payments", &["id", "paid"]), ("shop.stock", &["item", "left"])]
            .map(|(name, c)| (name.to_string(), columns(c)))
            .into(),
        functions: columns(&["date_format", "upper"]),
        connectors: [("kafka".to_string(), kafka), ("print".to_string(), Vec::new())].into(),
        settings: columns(&["pipeline.name", "checkpoint.interval"]),
        dialect: crate::sql::Dialect::FLINK,
    }
}

/// Candidates where `|` stands in a text, and the text that they replace.
fn found(marked: &str) -> (String, String) {
    let at = marked.find('|').unwrap();
    let text = marked.replacen('|', "", 1);
    let completion = complete(&text, at, &names());
    let found = match completion.found {
        Completions::Words(words) => words.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join(" "),
        Completions::File { quoted: true } => "a file and a quote".to_string(),
        Completions::File { quoted: false } => "a file".to_string(),
    };
    (found, text[completion.start..at].to_string())
}

#[test]
fn what_may_come_next() {
    for (text, expected) in [
        ("SEL|", "SELECT"),
        ("SELECT 1; STO|", "STOP JOB"),
        ("SELECT * FROM or|", "orders"),
        ("SELECT * FROM |", "orders payments shop.stock TABLE( UNNEST("),
        ("SELECT o.| FROM orders o", "id `order time` price"),
        ("SELECT o.pr| FROM orders AS o", "price"),
        ("SELECT pa| FROM payments", "paid PARTITION BY payments"),
        ("SELECT dat|", "DATABASES DATE_FORMAT("),
        ("INSERT INTO pay|", "payments"),
        ("CREATE TABLE t (a INT) WITH ('conn|", "connector'"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'k|", "kafka'"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', '|", "properties. scan.startup.mode' topic'"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'x', 's|", "scan.startup.mode'"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'scan.startup.mode' = 'l|", "latest-offset'"),
        ("SET 'pip|", "pipeline.name'"),
        ("SELECT 'da|", ""),
    ] {
        assert_eq!(found(text).0, expected, "{text}");
    }
}

#[test]
fn columns_of_what_stands_before_the_dot() {
    for (text, expected) in [
        ("SELECT * FROM orders o WHERE o.|", "id `order time` price"),
        ("SELECT *\nFROM orders o -- of today\n  JOIN payments AS p\n  ON o.id = p.i|", "id"),
        ("SELECT * FROM orders WHERE orders.p|", "price"),
        ("SELECT * FROM orders o WHERE O.P|", "price"),
        ("SELECT * FROM shop.|", "stock"),
        ("SELECT * FROM shop.stock s WHERE s.|", "item left"),
        ("SELECT * FROM shop.stock WHERE stock.i|", "item"),
        ("SELECT * FROM shop.stock WHERE shop.stock.i|", "item"),
        ("USE shop; SELECT * FROM stock s WHERE s.i|", "item"),
        ("SELECT * FROM default_database.o|", "orders"),
        ("SELECT * FROM default_database.orders x WHERE x.pr|", "price"),
        ("SELECT * FROM `orders` AS `my o` WHERE `my o`.pr|", "price"),
        (
            "SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) w WHERE w.w|",
            "window_end window_start window_time",
        ),
        ("SELECT * FROM TUMBLE(TABLE orders, DESCRIPTOR(|", ""),
        // Names of other statements mean nothing here.
        ("SELECT * FROM orders o; SELECT o.| FROM payments o; SELECT * FROM shop.stock o", "id paid"),
        ("SELECT x.|", ""),
    ] {
        let shown = found(text).0;
        if expected.is_empty() && text.contains("DESCRIPTOR") {
            assert!(shown.contains("`order time`"), "{text}: {shown}");
        } else {
            assert_eq!(shown, expected, "{text}");
        }
    }
}

#[test]
fn what_commands_take() {
    for (text, expected, replaced) in [
        ("\\ti|", "\\timing", "\\ti"),
        (".ti|", ".timer", ".ti"),
        ("\\d pay|", "payments", "pay"),
        ("\\d+ sh|", "shop.stock", "sh"),
        ("\\peek or|", "orders", "or"),
        ("\\x a|", "auto", "a"),
        (".mode js|", "json", "js"),
        ("\\h create t|", "CREATE TABLE", "create t"),
        ("SELECT 1 \\wat|", "\\watch", "\\wat"),
        ("SELECT 1;\n.mo|", ".mode", ".mo"),
        ("\\i da|", "a file", "da"),
        ("\\i 'my da|", "a file and a quote", "my da"),
        ("SELECT 1 \\g ou|", "a file", "ou"),
        ("SELECT * FROM 'da|", "a file and a quote", "da"),
        ("SELECT 'x' AS a FROM orders\nJOIN 'data/my f|", "a file and a quote", "data/my f"),
        ("COPY orders TO '|", "a file and a quote", ""),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'da|", "a file and a quote", "da"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'da|", "a file and a quote", "da"),
    ] {
        assert_eq!(found(text), (expected.to_string(), replaced.to_string()), "{text}");
    }
    assert!(found(".|").0.contains(".tables"));
}
