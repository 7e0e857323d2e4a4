//! Exactly once: processes killed at every numbered point and at random, stopped servers, conflicting transactions, second copies, and
//! databases that were reset. Two sinks in one job: windows that are appended, and totals by key.

use std::time::Duration;

use millstream::common::faults::CrashPoint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common;
use crate::common::process::crash_at;
use crate::common::transactions::windows;
use crate::database::{OwnServer, Sales, lookup_over_an_outage};
use crate::servers::{Database, rows};

fn kill_at_every_point(server: &str) {
    let later = ["after-write-rows@3", "before-commit-rows@4", "after-commit-rows@3", "after-commit-rows@6"].map(String::from);
    let points = CrashPoint::numbered().map(|point| point.to_string()).chain(later);
    crash_at(points.collect(), |point| {
        // Old commits are pruned only after a hundred commits.
        let (rows, first, all) = if point.contains("prune") { ("2", 360, 420) } else { ("15", 300, 400) };
        let sales = Sales::new(Database::new(server), first);
        let job = sales.job.without("max.rows.per.epoch").option("max.rows.per.epoch", rows);
        let ended = job.start_to_crash(point).ended();
        assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
        sales.add(first, all);
        sales.finish(job.start(), all);
    });
}

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing_in_mysql() {
    kill_at_every_point("MYSQL");
}

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing_in_mariadb() {
    kill_at_every_point("MARIADB");
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    for (server, seed) in [("MYSQL", 1), ("MARIADB", 2)] {
        let mut random = StdRng::seed_from_u64(seed);
        let sales = Sales::new(Database::new(server), 100);
        let mut all = 100;
        for _ in 0..10 {
            let running = sales.job.start();
            let more = all + random.random_range(60..160);
            sales.add(all, more);
            all = more;
            std::thread::sleep(Duration::from_millis(random.random_range(100..1200)));
            assert!(running.kill().killed());
        }
        sales.add(all, all + 60);
        sales.finish(sales.job.start(), all + 60);
    }
}

#[test]
fn sessions_that_are_killed_and_locks_that_are_held_lose_and_double_nothing() {
    for server in ["MYSQL", "MARIADB"] {
        let sales = Sales::new(Database::new(server), 200);
        let mut running = sales.job.start();
        running.until("rows", |_| !sales.db.rows("SELECT 1 FROM users LIMIT 1").is_empty());
        // Another session locks every row for longer than the server's lock timeout.
        let mut other = sales.db.connect();
        common::block(async {
            loop {
                rows(&mut other, "START TRANSACTION").await;
                // The job may win the conflict.
                if sqlx::raw_sql("SELECT * FROM users FOR UPDATE").execute(&mut other).await.is_ok() {
                    return;
                }
            }
        });
        sales.add(200, 300);
        std::thread::sleep(Duration::from_secs(7));
        drop(other);
        for _ in 0..5 {
            let sessions = sales
                .db
                .rows(&format!("SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> CONNECTION_ID()", sales.db.name));
            for session in sessions {
                // The session may have ended by itself.
                let mut killer = sales.db.connect();
                let kill = format!("KILL {session}");
                let _ = common::block(async { sqlx::raw_sql(sqlx::AssertSqlSafe(kill)).execute(&mut killer).await });
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        sales.add(300, 400);
        sales.finish(running, 400);
    }
}

#[test]
fn a_deadlock_loses_and_doubles_nothing() {
    for server in ["MYSQL", "MARIADB"] {
        let sales = Sales::new(Database::new(server), 200);
        let mut running = sales.job.start();
        running.until("all users", |_| sales.db.rows("SELECT 1 FROM users").len() == 10);
        // Transactions that lock the same rows in the opposite order.
        for round in 0..10 {
            sales.add(200 + round * 20, 220 + round * 20);
            let mut other = sales.db.connect();
            common::block(async {
                rows(&mut other, "START TRANSACTION").await;
                for user in rows(&mut other, "SELECT user FROM users ORDER BY user DESC").await {
                    // No row may be lost, whichever session the server picks as the victim.
                    let lock = format!("SELECT n FROM users WHERE user = '{user}' FOR UPDATE");
                    if sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut other).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        sales.finish(running, 400);
    }
}

#[test]
fn a_second_copy_takes_over() {
    let endpoint = std::env::var("MILLSTREAM_TEST_S3")
        .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
    for server in ["MYSQL", "MARIADB"] {
        let sales = Sales::new(Database::new(server), 200);
        let job = sales
            .job
            .args(&["--checkpoints", &format!("s3://millstream/checkpoints/{}", sales.topic)])
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "millstream")
            .env("AWS_SECRET_ACCESS_KEY", "millstream-secret")
            .env("AWS_REGION", "us-east-1");
        let mut first = job.start();
        first.until("windows", |_| !sales.held().0.is_empty());
        // Frozen, possibly in the middle of a transaction.
        first.signal(libc::SIGSTOP);
        let mut second = job.elsewhere().start();
        sales.add(200, 300);
        second.until("a resumed job", |running| running.said().contains("resumed at commit"));
        second.until("its rows", |_| sales.held().0.len() >= windows(300, false).len());
        first.signal(libc::SIGCONT);
        let ended = first.ended();
        assert!(!ended.status.success() && ended.said.contains("taken over by incarnation 2"), "{:?}\n{}", ended.status, ended.said);
        sales.add(300, 400);
        sales.finish(second, 400);
    }
}

#[test]
fn a_database_that_was_set_back_stops_the_job() {
    for server in ["MYSQL", "MARIADB"] {
        let sales = Sales::new(Database::new(server), 200);
        let mut running = sales.job.start();
        running.until("rows", |_| sales.held().0.len() >= windows(200, false).len());
        running.stop().code(0);
        let says = |what: &str, part: &str| {
            let ended = sales.job.run();
            assert!(!ended.status.success() && ended.said.contains(part), "{what}: {:?}\n{}", ended.status, ended.said);
        };
        sales.db.run("UPDATE millstream_commits SET n = 1, attempt = NULL");
        says("an older commit", "was written to it");
        sales.db.run("DELETE FROM millstream_commits");
        says("no record", "has no record of commit");
        sales.db.run("DROP TABLE millstream_commits");
        says("no table of records", "has no record of commit");
    }
}

#[test]
fn a_table_that_is_altered_or_dropped_under_a_job() {
    for server in ["MYSQL", "MARIADB"] {
        let sales = Sales::new(Database::new(server), 200);
        let mut running = sales.job.start();
        running.until("rows", |_| sales.held().0.len() >= windows(200, false).len());
        // An additional column does not matter, nor does a wider one.
        sales.db.run("ALTER TABLE users ADD COLUMN note VARCHAR(10), MODIFY paid DECIMAL(30, 0)");
        sales.add(200, 300);
        running.until("more rows", |_| sales.held().0.len() >= windows(300, false).len());
        sales.db.run("DROP TABLE windows");
        sales.add(300, 400);
        let ended = running.ended();
        assert!(!ended.status.success() && ended.said.contains("windows"), "{:?}\n{}", ended.status, ended.said);
    }
}

#[test]
fn a_server_that_stops_and_comes_back_loses_and_doubles_nothing() {
    std::thread::scope(|scope| {
        for name in ["mysql", "mariadb"] {
            scope.spawn(move || {
                let server = OwnServer::start(name);
                let sales = Sales::new(Database::on(&server), 100);
                let mut running = sales.job.start();
                running.until("rows", |_| !sales.held().0.is_empty());
                for (round, killed) in [true, false, true].into_iter().enumerate() {
                    let from = 100 + 80 * i64::try_from(round).unwrap();
                    sales.add(from, from + 40);
                    std::thread::sleep(Duration::from_millis(150));
                    if killed {
                        server.kill()
                    } else {
                        server.services("stop")
                    }
                    sales.add(from + 40, from + 80);
                    std::thread::sleep(Duration::from_secs(2));
                    server.services("start");
                }
                sales.finish(running, 340);
                // The server is down when the job starts.
                server.services("stop");
                let mut running = sales.job.start();
                sales.add(340, 400);
                running.until("a word on it", |running| running.said().contains("nothing listens there"));
                server.services("start");
                sales.finish(running, 400);
            });
        }
    });
}

#[test]
fn a_lookup_waits_for_its_server() {
    let server = OwnServer::start("mariadb");
    let (items, db) = (Database::on(&server), Database::new("MARIADB"));
    items.run("CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(10)); INSERT INTO items VALUES (0, 'n0'), (1, 'n1')");
    db.run("CREATE TABLE named (k INT PRIMARY KEY, name VARCHAR(10))");
    lookup_over_an_outage(&server, &items, &db, || db.rows("SELECT * FROM named"));
}
