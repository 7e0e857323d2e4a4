//! The report `sql/logins`: logins from a topic update the last login of each user in Cassandra, which each epoch reads again.

use crate::common;
use crate::common::process::{Job, repo};
use crate::keyspace::Keyspace;

#[test]
fn logins_become_the_last_ones_of_known_users() {
    let db = Keyspace::new();
    let cql = std::fs::read_to_string(repo().join("sql/logins/users.cql")).unwrap();
    // The test uses its own keyspace.
    let cql: Vec<&str> = cql.split(';').filter(|statement| !statement.contains("CREATE KEYSPACE")).collect();
    db.run(&cql.join(";").replace("spark_db.", &format!("{}.", db.name)));
    let topic = common::unique("logins");
    common::create(&topic, 1);
    let add = |logins: &[(&str, &str)]| {
        let record = |(id, time): &(&str, &str)| millstream::connectors::kafka::broker::OutRecord {
            partition: Some(0),
            value: Some(format!(r#"{{"login_id": "{id}", "created_time": "{time}"}}"#).into()),
            ..Default::default()
        };
        common::write(&topic, logins.iter().map(record).collect());
    };
    let at = |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp_millis();
    let users = |rows: &[(&str, &str, &str)]| {
        let mut rows: Vec<String> = rows.iter().map(|(id, name, time)| format!("{id}|{name}|{}", at(time))).collect();
        rows.sort();
        rows
    };
    let held = || db.rows("SELECT login_id, user_name, last_login FROM users");
    let job = Job::new(&repo().join("sql/logins")).args(&["--name", &topic]).option("trigger.interval", "1 s");
    let job = job.option("logins.topic", &topic).option("properties.bootstrap.servers", &common::address());
    let job = job.option("contact-points", &db.address).option("keyspace", &db.name);
    let job = job.option("username", "millstream").option("password", "millstream").option("standard-error", "true");

    // Many logins of one user in an epoch, the newest at the end; others in between.
    let times: Vec<String> = (0..3000).map(|i| format!("2020-09-09 08:{:02}:{:02}", i / 60, i % 60)).collect();
    let many: Vec<(&str, &str)> =
        times.iter().enumerate().map(|(i, time)| (["100001", "999999", "888888"][i % 3], time.as_str())).collect();
    add(&many);
    add(&[("100001", "2020-09-09 10:18:00"), ("999999", "2020-09-09 10:19:00"), ("100001", "2020-09-09 10:20:00")]);
    let mut running = job.start();
    let expected = users(&[("100001", "Prashant", "2020-09-09 10:20:00"), ("100009", "Alisha", "2019-03-07 10:00:00")]);
    running.until("the first logins", |_| held() == expected);
    // A new user, after a crash.
    assert!(running.kill().killed());
    db.run("INSERT INTO users (login_id, user_name) VALUES ('999999', 'New')");
    add(&[("999999", "2020-09-09 11:00:00"), ("100009", "2020-09-09 11:00:01")]);
    let mut running = job.start();
    let expected = users(&[
        ("100001", "Prashant", "2020-09-09 10:20:00"),
        ("100009", "Alisha", "2020-09-09 11:00:01"),
        ("999999", "New", "2020-09-09 11:00:00"),
    ]);
    running.until("the later logins", |_| held() == expected);
    let printed = running.stop().code(0);
    assert!(["Prashant", "Alisha", "New"].iter().all(|name| printed.contains(name)), "{printed}");
    assert_eq!(held(), expected);
}
