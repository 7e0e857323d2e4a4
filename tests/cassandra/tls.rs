//! Connections with TLS.

use crate::database::TestDatabase;
use crate::keyspace::Keyspace;

#[test]
fn tables_are_reached_with_tls() {
    let db = Keyspace::new();
    db.run("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items (id, name) VALUES (1, 'tea')");
    let ca = std::env::var("MILLSTREAM_TEST_CASSANDRA_CA")
        .unwrap_or_else(|_| panic!("no certificate; run: tests/services start cassandra && eval \"$(tests/services env)\""));
    let table = |more: &str| {
        format!("CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {};", db.with("items", &format!(", {more}")))
    };
    let secure = table(&format!("'ssl' = 'true', 'ssl.ca' = '{ca}'"));
    assert_eq!(db.query(&secure, "SELECT * FROM items"), ["1,tea"]);
    db.shell(&format!("{secure}\nINSERT INTO items VALUES (2, 'pot');")).ok();
    assert_eq!(db.rows("SELECT id, name FROM items"), ["1|tea", "2|pot"]);
    // The system's authorities do not know the node's.
    let refused = db.shell(&format!("{}\nSELECT * FROM items;", table("'ssl' = 'true'"))).exits(1);
    refused.says(&["its certificate is of no authority of `ssl.ca`"]);
    let wrong = db.shell(&format!("{}\nSELECT * FROM items;", table("'ssl' = 'true', 'ssl.ca' = '/nowhere.pem'"))).exits(1);
    wrong.says(&["`ssl.ca`", "'/nowhere.pem' cannot be read"]);
}
