//! Connections with TLS.

use std::net::TcpStream;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

use crate::database::TestDatabase;
use crate::keyspace::Keyspace;

/// The certificate that a node presents, in PEM: it is of no authority but itself.
fn certificate(address: &str) -> Vec<u8> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let stream = builder.build().connect("127.0.0.1", TcpStream::connect(address).unwrap()).unwrap();
    stream.ssl().peer_certificate().unwrap().to_pem().unwrap()
}

#[test]
fn tables_are_reached_with_tls() {
    let db = Keyspace::new();
    db.run("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items (id, name) VALUES (1, 'tea')");
    db.home().file("ca.pem", &String::from_utf8(certificate(&db.address)).unwrap());
    let ca = db.home().path().join("ca.pem").display().to_string();
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
