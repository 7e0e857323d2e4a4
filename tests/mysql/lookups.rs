//! Streams joined with tables: rows found by the keys of an epoch, in one request; what is kept between epochs.

use crate::cli::Ended;
use crate::servers::{Database, both};

const JOIN: &str =
    "INSERT INTO result SELECT o.id, o.item, i.name FROM orders o LEFT JOIN items FOR SYSTEM_TIME AS OF o.at AS i ON i.id = o.item";

/// Orders of items 1 to 4, of which 4 does not exist; how a table of items is declared.
fn run(db: &Database, items: &str, join: &str, rows_per_epoch: &str) -> Ended {
    let orders: Vec<String> =
        (0..40).map(|i| format!("{i},{}", if i % 5 == 4 { String::new() } else { (i % 5 + 1).to_string() })).collect();
    db.home().file("in/orders.csv", &(orders.join("\n") + "\n"));
    db.home().file(
        "job.sql",
        &format!(
            "CREATE TABLE orders (id INT, item INT, at AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv',
               'source.monitor-interval' = '1 s');
             CREATE TABLE result (id INT, item INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {};\n{items};\n{join};",
            db.with("result", "")
        ),
    );
    let rows = format!("max.rows.per.epoch={rows_per_epoch}");
    db.home().run(&["run", "job.sql", "--fresh", "--yes", "--until-now", "--option", &rows])
}

fn expected() -> Vec<String> {
    let row = |i: i32| match i % 5 {
        4 => format!("{i}|NULL|NULL"),
        3 => format!("{i}|4|NULL"),
        n => format!("{i}|{}|n{}", n + 1, n + 1),
    };
    (0..40).map(row).collect()
}

/// A table of items.
fn items(db: &Database) {
    db.run(
        "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(10)); INSERT INTO items VALUES (1, 'n1'), (2, 'n2'), (3, 'n3'), (9, 'n9');
         CREATE TABLE result (id INT PRIMARY KEY, item INT, name VARCHAR(10))",
    );
}

#[test]
fn rows_are_found_by_the_keys_of_an_epoch() {
    for db in both() {
        items(&db);
        let keyed = format!("CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", ""));
        for (table, rows) in [
            (keyed.clone(), "1000"),
            (keyed.clone(), "3"),
            // By columns without a key, with other types, and with all rows kept.
            (format!("CREATE TABLE items (id INT, name STRING) {}", db.with("items", "")), "7"),
            (format!("CREATE TABLE items (id BIGINT, name STRING) {}", db.with("items", "")), "7"),
            (format!("CREATE TABLE items {}", db.with("items", "")), "7"),
            (
                format!(
                    "CREATE TABLE items (id INT, name STRING) {}",
                    db.with("items", ", 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'")
                ),
                "7",
            ),
            (
                format!(
                    "CREATE TABLE items (id INT, name STRING) {}",
                    db.with("items", ", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '2'")
                ),
                "3",
            ),
            (
                format!(
                    "CREATE TABLE items (id INT, name STRING) {}",
                    db.with("items", ", 'lookup.cache.max-rows' = '10', 'lookup.cache.ttl' = '1 h'")
                ),
                "3",
            ),
        ] {
            db.run("DELETE FROM result");
            let ended = run(&db, &table, JOIN, rows).ok();
            assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), expected(), "{} {table}\n{ended}", db.address);
        }
        // The key as text, and of other names.
        let texts = format!("CREATE TABLE items (id STRING, name STRING) {}", db.with("items", ""));
        let join = "INSERT INTO result SELECT o.id, o.item, i.name FROM orders o LEFT JOIN items i ON i.id = CAST(o.item AS STRING)";
        db.run("DELETE FROM result");
        run(&db, &texts, join, "7").ok();
        assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), expected(), "{}", db.address);
    }
}

#[test]
fn a_large_table_is_not_scanned() {
    let db = Database::new("MARIADB");
    items(&db);
    db.run("INSERT INTO items SELECT seq, CONCAT('n', seq) FROM seq_10_to_300000");
    let before = db.rows("SHOW GLOBAL STATUS LIKE 'Rows_read'");
    let keyed = format!("CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", ""));
    run(&db, &keyed, JOIN, "7").ok();
    let after = db.rows("SHOW GLOBAL STATUS LIKE 'Rows_read'");
    let number = |rows: &[String]| rows[0].split('|').nth(1).unwrap().parse::<u64>().unwrap();
    // Other tests read, too; a scan of the table would be 300,000 rows in each of six epochs.
    assert!(number(&after) - number(&before) < 1_000_000, "{before:?} {after:?}");
    assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), expected());
}

#[test]
fn the_plan_says_how_rows_are_found_and_why() {
    let db = Database::new("MARIADB");
    items(&db);
    let tables = |items: &str| {
        format!(
            "CREATE TABLE orders (id INT, item INT, price DOUBLE, at AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 'x',
             'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'json');
             CREATE TABLE result (id INT, name STRING) WITH ('connector' = 'blackhole');\n{items};"
        )
    };
    let items = format!("CREATE TABLE items (id INT, name STRING, price DOUBLE, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", ""));
    let full = format!(
        "CREATE TABLE items (id INT, name STRING) {}",
        db.with("items", ", 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'")
    );
    for (items, on, says) in [
        (&items, "i.id = o.item", "its rows are found by key (id), those of an epoch in one request"),
        (
            &items,
            "i.name = CAST(o.id AS STRING) AND i.price = o.price",
            "its rows are found by key (name), those of an epoch in one request",
        ),
        (&items, "i.price = o.price", "all of its rows are read: the join equals no columns by which it finds rows"),
        (&items, "i.id > o.item", "all of its rows are read: the join equals no columns by which it finds rows"),
        (&full, "i.id = o.item", "all of its rows are read: it finds none by key"),
    ] {
        let ended = db
            .shell(&format!("{}\nEXPLAIN INSERT INTO result SELECT o.id, i.name FROM orders o JOIN items i ON {on};", tables(items)))
            .ok();
        assert!(ended.out.contains(says), "{on}: {ended}");
    }
}
