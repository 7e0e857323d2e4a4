//! Tables read as a whole: in token ranges, and by key, which never changes the answer.

use crate::database::TestDatabase;
use crate::keyspace::Keyspace;

fn events(db: &Keyspace) -> String {
    db.run(
        "CREATE TABLE events (day int, kind text, at timestamp, n int, word text, PRIMARY KEY ((day, kind), at, n))
         WITH CLUSTERING ORDER BY (at DESC, n ASC)",
    );
    for i in 0..60_i64 {
        let kind = ["a", "A", "it''s"][usize::try_from(i % 3).unwrap()];
        db.run(&format!(
            "INSERT INTO events (day, kind, at, n, word) VALUES ({}, '{kind}', {}, {i}, 'w{}')",
            i % 4,
            i * 1000 - 5000,
            i % 7
        ));
    }
    format!("CREATE TABLE events {};", db.with("events", ""))
}

#[test]
fn conditions_at_the_servers_change_no_answer() {
    let db = Keyspace::new();
    let table = events(&db);
    let conditions = [
        ("day = 1 AND kind = 'a'", "WHERE day = 1 AND kind = 'a'"),
        ("day = 1 AND kind = 'it''s'", "WHERE day = 1 AND kind = 'it''s'"),
        ("kind = 'A' AND day IN (1, 2, 9)", "day = 2 AND kind = 'A'"),
        ("day = 1", "ranges of tokens"),
        ("day = 1 AND kind > 'a'", "ranges of tokens"),
        ("day = 1 AND kind = 'a' AND at > TO_TIMESTAMP_LTZ(4000, 3)", "AND at > '1970-01-01 00:00:04.000Z'"),
        (
            "day = 1 AND kind = 'a' AND at BETWEEN TO_TIMESTAMP_LTZ(4000, 3) AND TO_TIMESTAMP_LTZ(30000, 3)",
            "AND at >= '1970-01-01 00:00:04.000Z' AND at <= ",
        ),
        ("day = 1 AND kind = 'a' AND n = 9", "WHERE day = 1 AND kind = 'a'\n"),
        ("day = 1 AND kind = 'a' AND word = 'w2'", "WHERE day = 1 AND kind = 'a'\n"),
        ("word = 'w3'", "ranges of tokens"),
        ("n > 30", "ranges of tokens"),
        ("day = 1 OR kind = 'a'", "ranges of tokens"),
        ("(day = 1 OR day = 3) AND kind = 'a'", "day = 3 AND kind = 'a'"),
        ("day = 1 AND kind = UPPER('a')", "kind = 'A'"),
        ("day IS NULL", ""),
    ];
    let mut script = table.clone();
    for (condition, _) in conditions {
        script.push_str(&format!("\nSELECT 'new', n FROM events WHERE {condition} ORDER BY n;"));
        // Derived from the whole table: the filter applies to a copy of the columns.
        let copy = "(SELECT COALESCE(day, 0) + 0 AS day, CONCAT(kind, '') AS kind, CASE WHEN n >= 0 THEN at END AS at, COALESCE(n, 0) + 0 AS n, \
                    CONCAT(word, '') AS word FROM events) x";
        script.push_str(&format!("\nSELECT 'old', n FROM {copy} WHERE {condition} ORDER BY n;"));
    }
    let out = db.shell(&script).ok().out;
    let mut answers: Vec<Vec<&str>> = Vec::new();
    for line in out.lines().filter(|line| !line.contains("columns found")) {
        // A header starts the next answer.
        if line.ends_with(",n") { answers.push(Vec::new()) } else { answers.last_mut().unwrap().push(&line[4..]) }
    }
    assert_eq!(answers.len(), conditions.len() * 2, "{out}");
    for (pair, (condition, _)) in answers.chunks(2).zip(conditions) {
        assert_eq!(pair[0], pair[1], "WHERE {condition}");
    }
    for (condition, part) in conditions {
        let out = db.shell(&format!("{table}\nEXPLAIN SELECT n FROM events WHERE {condition};")).ok().out;
        assert!(format!("{out}\n").contains(part), "{condition}: not {part:?}\n{out}");
    }
}

#[test]
fn a_table_is_read_in_ranges_page_by_page() {
    let db = Keyspace::new();
    db.run("CREATE TABLE many (id int PRIMARY KEY, t text)");
    let table = |more: &str| format!("CREATE TABLE many (id INT, t STRING, PRIMARY KEY (id) NOT ENFORCED) {};", db.with("many", more));
    let ids: String = (1..=20_000).map(|id| format!("{id},t{id}\n")).collect();
    db.home().file("ids/a.csv", &ids);
    let files = "CREATE TABLE ids (id INT, t STRING) WITH ('connector' = 'filesystem', 'path' = 'ids', 'format' = 'csv');";
    db.shell(&format!("{files}\n{}\nINSERT INTO many SELECT id, t FROM ids;", table(""))).ok();
    for more in ["", ", 'scan.partition.num' = '1'", ", 'scan.partition.num' = '7', 'scan.fetch-size' = '33'", ", 'consistency' = 'ONE'"] {
        assert_eq!(
            db.query(&table(more), "SELECT COUNT(*), COUNT(DISTINCT id), SUM(CAST(SUBSTRING(t FROM 2) AS INT)) FROM many"),
            ["20000,20000,200010000"],
            "{more}"
        );
        assert_eq!(db.query(&table(more), "SELECT COUNT(*) FROM many"), ["20000"]);
        assert_eq!(db.query(&table(more), "SELECT id FROM many LIMIT 7").len(), 7);
    }
    let plan = db.shell(&format!("{}\nEXPLAIN SELECT id FROM many LIMIT 7;", table(""))).ok().out;
    assert!(plan.contains("LIMIT 7") && plan.contains("CassandraScanExec"), "{plan}");
    let plan = db.shell(&format!("{}\nEXPLAIN SELECT t FROM many;", table(", 'scan.partition.num' = '3'"))).ok().out;
    assert!(
        plan.contains("3 ranges of tokens side by side: SELECT t FROM ") && plan.contains("WHERE token(id) >= ? AND token(id) <= ?"),
        "{plan}"
    );
}

#[test]
fn names_views_static_columns_and_single_rows() {
    let db = Keyspace::new();
    db.run(
        "CREATE TABLE \"OddName\" (\"Key\" int, \"order\" int, s text static, v int, PRIMARY KEY (\"Key\", \"order\"));
         INSERT INTO \"OddName\" (\"Key\", s) VALUES (1, 'alone');
         INSERT INTO \"OddName\" (\"Key\", \"order\", s, v) VALUES (2, 1, 'both', 5)",
    );
    let table = format!("CREATE TABLE o {};", db.with("OddName", ""));
    assert_eq!(db.query(&table, "SELECT * FROM o ORDER BY 1"), ["1,,alone,", "2,1,both,5"]);
    assert_eq!(db.query(&table, "SELECT v FROM o WHERE `Key` = 2 AND `order` = 1"), ["5"]);
    let said = db.shell(&format!("{table}\n\\peek o\n\\d o")).ok();
    assert!(said.out.contains("alone") && said.out.contains("Key"), "{said}");
    assert!(!format!("{}{}", said.out, said.err).contains("'password' = 'millstream'"), "{said}");
    db.home().file("o.sql", &format!("{table}\n"));
    let said = db.home().run(&["check", "--connect", "o.sql"]).ok();
    assert!(format!("{}{}", said.out, said.err).contains("\"Key\":"), "{said}");
}

#[test]
fn what_cannot_be_reached_is_told_to_people() {
    let db = Keyspace::new();
    db.run("CREATE TABLE here (id int PRIMARY KEY)");
    let table = |from: &str, to: &str| format!("CREATE TABLE x (id INT) {};", db.with("here", "").replace(from, to));
    let address = db.address.clone();
    for (declared, says) in [
        (table(&address, "127.0.0.1:1"), "Cassandra at 127.0.0.1:1: nothing listens there"),
        (table("'password' = 'millstream'", "'password' = 'secret-word'"), "check `username` and `password`"),
        (table(", 'username' = 'millstream', 'password' = 'millstream'", ""), "the server wants a user and a password"),
        (table("'here'", "'nowhere'"), "there is no table"),
        (table("'here'", "'here', 'local-datacenter' = 'moon'"), "there is no data center `moon` (`local-datacenter`), but datacenter1"),
        (table("'here'", "'here', 'consistency' = 'THREE'"), "consistency THREE takes 3 replica(s), of which 1 are alive"),
        (table("'here'", "'here', 'ssl' = 'true'"), "its certificate is of no authority of `ssl.ca`"),
        (table("'here'", "'here', 'ssl.ca' = 'x'"), "`ssl.ca` has no effect without TLS"),
        (table("'here'", "'here', 'sink.ttl' = '0 s'"), "give 1 s to 7300 d"),
        (table("'here'", "'here', 'consistancy' = 'ONE'"), "unknown option `consistancy`"),
    ] {
        let said = db.shell(&format!("{declared}\nSELECT * FROM x;"));
        assert!(said.err.contains(says), "{declared}: not {says:?}\n{said}");
        assert!(!said.err.contains("secret-word") && !said.err.contains("Pool"), "{said}");
    }
}
