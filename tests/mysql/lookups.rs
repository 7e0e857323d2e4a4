//! Streams joined with tables: rows found by the keys of an epoch, in one request; caches between epochs.

use crate::database::{LOOKUP, TestDatabase, looked_up};
use crate::servers::{Database, both};

/// Creates a table of items.
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
            // By columns without a key, with other types, and with a cache of all rows.
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
            let ended = db.lookup_job(&table, LOOKUP, rows).ok();
            assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), looked_up(), "{} {table}\n{ended}", db.address);
        }
        // The key as text, and with other names.
        let texts = format!("CREATE TABLE items (id STRING, name STRING) {}", db.with("items", ""));
        let join = "INSERT INTO result SELECT o.id, o.item, i.name FROM orders o LEFT JOIN items i ON i.id = CAST(o.item AS STRING)";
        db.run("DELETE FROM result");
        db.lookup_job(&texts, join, "7").ok();
        assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), looked_up(), "{}", db.address);
    }
}

#[test]
fn a_large_table_is_not_scanned() {
    let db = Database::new("MARIADB");
    items(&db);
    db.run("INSERT INTO items SELECT seq, CONCAT('n', seq) FROM seq_10_to_300000");
    let before = db.rows("SHOW GLOBAL STATUS LIKE 'Rows_read'");
    let keyed = format!("CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", ""));
    db.lookup_job(&keyed, LOOKUP, "7").ok();
    let after = db.rows("SHOW GLOBAL STATUS LIKE 'Rows_read'");
    let number = |rows: &[String]| rows[0].split('|').nth(1).unwrap().parse::<u64>().unwrap();
    // Other tests read, too; a scan of the table would read 300,000 rows in each of six epochs.
    assert!(number(&after) - number(&before) < 1_000_000, "{before:?} {after:?}");
    assert_eq!(db.rows("SELECT * FROM result ORDER BY id"), looked_up());
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
