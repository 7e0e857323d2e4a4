//! Streams joined with tables: rows found by the keys of an epoch; caches between epochs.

use crate::database::{LOOKUP, TestDatabase, looked_up};
use crate::keyspace::Keyspace;

#[test]
fn rows_are_found_by_the_keys_of_an_epoch() {
    let db = Keyspace::new();
    db.run(
        "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items (id, name) VALUES (1, 'n1'); INSERT INTO items (id, name) VALUES (2, 'n2');
         INSERT INTO items (id, name) VALUES (3, 'n3'); INSERT INTO items (id, name) VALUES (9, 'n9'); CREATE TABLE result (id int PRIMARY KEY, item int, name text)",
    );
    let keyed = |more: &str| format!("CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", more));
    for (table, rows) in [
        (keyed(""), "1000"),
        (keyed(""), "3"),
        // Without a key, with another type, inferred, and with a cache.
        (format!("CREATE TABLE items (id INT, name STRING) {}", db.with("items", "")), "7"),
        (format!("CREATE TABLE items (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {}", db.with("items", "")), "7"),
        (format!("CREATE TABLE items {}", db.with("items", "")), "7"),
        (keyed(", 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'"), "7"),
        (keyed(", 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '2'"), "3"),
        (keyed(", 'lookup.cache.max-rows' = '10', 'lookup.cache.ttl' = '1 h'"), "3"),
    ] {
        db.run("TRUNCATE result");
        let ended = db.lookup_job(&table, LOOKUP, rows).ok();
        let mut expected = looked_up();
        expected.sort();
        assert_eq!(db.rows("SELECT id, item, name FROM result"), expected, "{table}\n{ended}");
    }
}

#[test]
fn part_of_a_key_finds_all_rows_of_a_partition() {
    let db = Keyspace::new();
    db.run(
        "CREATE TABLE visits (who text, what uuid, at timestamp, n int, PRIMARY KEY ((who, what), at, n)); CREATE TABLE result (k text PRIMARY KEY, n bigint)",
    );
    for i in 0..30 {
        let (who, what) = (["a", "b"][i % 2], format!("550e8400-e29b-41d4-a716-44665544000{}", i % 3));
        db.run(&format!("INSERT INTO visits (who, what, at, n) VALUES ('{who}', {what}, {}, {i})", i % 5 * 1000));
    }
    db.home().file("in/a.csv", "a,550e8400-e29b-41d4-a716-446655440000,0\na,550E8400-E29B-41D4-A716-446655440000,1\nb,no uuid,2\n,x,3\nb,550e8400-e29b-41d4-a716-446655440001,4\n");
    let job = |visits: &str, on: &str| {
        format!(
            "CREATE TABLE input (who STRING, what STRING, id INT, at AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv',
               'source.monitor-interval' = '1 s');
             CREATE TABLE visits {visits} {};
             CREATE TABLE result (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) {};
             INSERT INTO result SELECT CONCAT(input.who, CAST(id AS STRING), '-', CAST(v.n AS STRING)), v.n FROM input
               JOIN visits FOR SYSTEM_TIME AS OF input.at AS v ON {on};",
            db.with("visits", ""),
            db.with("result", "")
        )
    };
    let columns = "(who STRING, what STRING, at TIMESTAMP_LTZ(3), n INT, PRIMARY KEY (who, what, at, n) NOT ENFORCED)";
    let both = "v.who = input.who AND v.what = input.what";
    let expected: Vec<String> = {
        let mut rows: Vec<String> = (0..30).filter(|i| i % 6 == 0).map(|i| format!("a0-{i}|{i}")).collect();
        rows.extend((0..30).filter(|i| i % 2 == 1 && i % 3 == 1).map(|i| format!("b4-{i}|{i}")));
        rows.sort();
        rows
    };
    for (visits, says) in [
        (format!("{columns} PARTITIONED BY (who, what)"), "its rows are found by key (who, what)"),
        (String::new(), "its rows are found by key (who, what)"),
        // By default the partition key would be the first column; the job finds out that it is not, and reads all rows.
        (columns.to_string(), "its rows are found by key (who, what)"),
    ] {
        db.run("TRUNCATE result");
        db.home().file("job.sql", &job(&visits, both));
        db.home().run(&["run", "job.sql", "--fresh", "--yes", "--until-now"]).ok();
        assert_eq!(db.rows("SELECT k, n FROM result"), expected, "{visits}");
        let explained = db.shell(&job(&visits, both).replace("INSERT INTO", "EXPLAIN INSERT INTO")).ok();
        assert!(explained.out.contains(says), "{visits}: {explained}");
    }
    let said = db.shell(&job("", "v.what = input.what").replace("INSERT INTO", "EXPLAIN INSERT INTO")).ok();
    assert!(said.out.contains("all of its rows are read: the join equals no columns by which it finds rows"), "{said}");
}
