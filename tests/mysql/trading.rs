//! The report `sql/trading`: trades of a topic go to Cassandra, their volumes per minute and sector to MySQL, and new ones go on
//! from the largest id in Cassandra.

use std::collections::{BTreeMap, BTreeSet};

use millstream::connectors::kafka::broker::OutRecord;
use serde_json::Value;

use crate::common::process::{Job, repo};
use crate::common::{self, read};
use crate::database::TestDatabase;
use crate::keyspace::Keyspace;
use crate::servers::Database;

/// The report on a database, a keyspace and a topic of the test's own.
struct Trading {
    mysql: Database,
    cassandra: Keyspace,
    topic: String,
}

/// What a message of the topic says of a trade.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Trade {
    id: i64,
    sector: String,
    date: String,
    volume: i64,
    /// All of it, as [`Keyspace::rows`] has it.
    row: String,
}

impl Trading {
    /// Its tables by the files that the report brings.
    fn new() -> Self {
        let report = Self { mysql: Database::new("MYSQL"), cassandra: Keyspace::new(), topic: common::unique("trading") };
        let file = |name: &str| std::fs::read_to_string(repo().join("sql/trading").join(name)).unwrap();
        // All but the database and the keyspace, which are the test's own.
        let without = |text: String, left_out: &[&str]| {
            let statements = text.split(';').filter(|statement| !left_out.iter().any(|part| statement.contains(part)));
            statements.collect::<Vec<_>>().join(";")
        };
        report.mysql.run(&without(file("mysql.sql"), &["CREATE DATABASE", "USE trading"]));
        let cql = without(file("cassandra.cql"), &["CREATE KEYSPACE"]);
        report.cassandra.run(&cql.replace("trading.", &format!("{}.", report.cassandra.name)));
        common::create(&report.topic, 2);
        report
    }

    /// A job of the report on this topic.
    fn job(&self, folder: &str) -> Job {
        let job = Job::new(&repo().join("sql/trading").join(folder)).args(&["--name", &format!("{}-{folder}", self.topic)]);
        let job = job.option("topic", &self.topic).option("properties.bootstrap.servers", &common::address());
        job.option("username", "millstream").option("password", "millstream")
    }

    /// The job on trades in Cassandra, more often than every ten seconds.
    fn raw(&self) -> Job {
        self.on_cassandra(&self.job("raw")).option("trigger.interval", "300 ms")
    }

    /// The job on volumes, with windows of two seconds.
    fn volume(&self) -> Job {
        for name in ["1_tables.sql", "2_aggregate.sql"] {
            let text = std::fs::read_to_string(repo().join("sql/trading/volume").join(name)).unwrap();
            assert_eq!(text.contains("INTERVAL '60' SECOND"), name == "2_aggregate.sql");
            self.mysql.home().file(&format!("volume/{name}"), &text.replace("INTERVAL '60' SECOND", "INTERVAL '2' SECOND"));
        }
        let files = [self.mysql.home().path().join("volume")];
        self.job("volume").of_files(&files).option("url", &self.url())
    }

    /// The job that makes 120 trades in six seconds.
    fn generator(&self) -> Job {
        let job = self.on_cassandra(&self.job("generator")).option("url", &self.url()).option("trigger.interval", "300 ms");
        job.option("number-of-rows", "120").option("rows-per-second", "20")
    }

    fn on_cassandra(&self, job: &Job) -> Job {
        job.option("contact-points", &self.cassandra.address).option("keyspace", &self.cassandra.name)
    }

    fn url(&self) -> String {
        format!("mysql://{}/{}", self.mysql.address, self.mysql.name)
    }

    fn write(&self, messages: &[&str]) {
        let record = |(partition, message): (i32, &&str)| OutRecord {
            partition: Some(partition % 2),
            value: Some((*message).to_string().into()),
            ..Default::default()
        };
        common::write(&self.topic, (0..).zip(messages).map(record).collect());
    }

    /// All trades of the topic by their ids.
    fn trades(&self) -> Vec<Trade> {
        let trade = |value: &Value| {
            let (id, volume) = (value["id"].as_i64().unwrap(), value["volume"].as_i64().unwrap());
            let text = |name: &str| value[name].as_str().unwrap().to_string();
            let [at, ticker, sector] = ["created_at", "ticker", "sector"].map(text);
            let [market_cap, price] = ["market_cap", "price"].map(|name| shown(value[name].as_f64().unwrap()));
            let millis = chrono::NaiveDateTime::parse_from_str(&at, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp_millis();
            let row = format!("{id}|{millis}|{ticker}|{sector}|{volume}|{market_cap}|{price}");
            Trade { id, sector, date: at[..10].to_string(), volume, row }
        };
        let mut trades = Vec::new();
        for message in read(&self.topic) {
            match serde_json::from_str(&message).unwrap() {
                Value::Array(array) => trades.extend(array.iter().map(trade)),
                object => trades.push(trade(&object)),
            }
        }
        trades.sort();
        trades
    }

    /// The rows in Cassandra.
    fn kept(&self) -> Vec<String> {
        self.cassandra.rows("SELECT id, created_at, ticker, sector, volume, market_cap, price FROM real_time_data")
    }

    /// The volumes in MySQL over all windows: `date|sector|volume`.
    fn volumes(&self) -> Vec<String> {
        self.mysql.rows("SELECT date, sector, SUM(total_volume) FROM aggregated_data GROUP BY date, sector ORDER BY date, sector")
    }
}

/// A number with two digits behind the point, as [`Keyspace::rows`] has a `decimal`.
fn shown(number: f64) -> String {
    let (mut digits, mut scale) = (format!("{number:.2}").replace('.', "").parse::<i64>().unwrap(), 2);
    while digits != 0 && digits % 10 == 0 {
        (digits, scale) = (digits / 10, scale - 1);
    }
    format!("{digits}e{}", -scale)
}

fn rows(trades: &[Trade]) -> Vec<String> {
    let mut rows: Vec<String> = trades.iter().map(|trade| trade.row.clone()).collect();
    rows.sort();
    rows
}

fn volumes(trades: &[Trade]) -> Vec<String> {
    let mut sums = BTreeMap::new();
    for trade in trades {
        *sums.entry((&trade.date, &trade.sector)).or_insert(0) += trade.volume;
    }
    sums.into_iter().map(|((date, sector), volume)| format!("{date}|{sector}|{volume}")).collect()
}

#[test]
fn trades_are_kept_and_summed_and_new_ones_go_on_from_the_largest_id() {
    let report = Trading::new();
    let (raw, volume) = (report.raw(), report.volume());
    let (mut keeping, mut summing) = (raw.start(), volume.start());

    // Arrays of several trades, of one and of none, and a trade that stands alone.
    report.write(&[
        r#"[{"id": 1, "created_at": "2024-05-01 09:30:00", "ticker": "AAPL", "sector": "Technology", "volume": 100, "market_cap": 2620000000000.50, "price": 173.25},
            {"id": 2, "created_at": "2024-05-01 09:30:01", "ticker": "XOM", "sector": "Energy", "volume": 7, "market_cap": 460000000000, "price": 116}]"#,
        r#"[{"id": 3, "created_at": "2024-05-01 23:59:59", "ticker": "MSFT", "sector": "Technology", "volume": 50, "market_cap": 2900000000000, "price": 394.94},
            {"id": 4, "created_at": "2024-05-02 00:00:00", "ticker": "MSFT", "sector": "Technology", "volume": 60, "market_cap": 2900000000000, "price": 394.95},
            {"id": 5, "created_at": "2024-05-02 00:00:00", "ticker": "KO", "sector": "Consumer Staples", "volume": 70, "market_cap": 266000000000, "price": 61.70}]"#,
        r#"[{"id": 6, "created_at": "2024-05-02 00:00:01", "ticker": "JNJ", "sector": "Health Care", "volume": 1, "market_cap": 350000000000, "price": 145.02}]"#,
        r#"{"id": 7, "created_at": "2024-05-02 00:00:02", "ticker": "PFE", "sector": "Health Care", "volume": 2, "market_cap": 157000000000, "price": 27.81}"#,
        "[]",
    ]);
    let first = [
        "1|1714555800000|AAPL|Technology|100|26200000000005e-1|17325e-2",
        "2|1714555801000|XOM|Energy|7|46e10|116e0",
        "3|1714607999000|MSFT|Technology|50|29e11|39494e-2",
        "4|1714608000000|MSFT|Technology|60|29e11|39495e-2",
        "5|1714608000000|KO|Consumer Staples|70|266e9|617e-1",
        "6|1714608001000|JNJ|Health Care|1|35e10|14502e-2",
        "7|1714608002000|PFE|Health Care|2|157e9|2781e-2",
    ];
    keeping.until("the first trades", |_| report.kept() == first);
    summing.until("the first volumes", |_| {
        report.volumes()
            == [
                "2024-05-01|Energy|7",
                "2024-05-01|Technology|150",
                "2024-05-02|Consumer Staples|70",
                "2024-05-02|Health Care|3",
                "2024-05-02|Technology|60",
            ]
    });

    // New trades have the ids behind these; both jobs are killed while they come.
    let generator = report.generator();
    let mut making = generator.start();
    making.until("some of the new trades", |_| report.kept().len() > 20);
    assert!(keeping.kill().killed());
    assert!(summing.kill().killed());
    let (mut keeping, mut summing) = (raw.start(), volume.start());
    making.ended().code(0);
    let trades = report.trades();
    assert!(trades.iter().map(|trade| trade.id).eq(1..=127), "{trades:?}");
    keeping.until("the new trades", |_| report.kept() == rows(&trades));

    // The generator begins anew, behind those. Killed and started again it makes all the rest, and none twice.
    let mut making = generator.args(&["--fresh", "--yes"]).start();
    making.until("some more trades", |_| report.kept().len() > 140);
    assert!(making.kill().killed());
    generator.run().code(0);
    let trades = report.trades();
    let ids: BTreeSet<i64> = trades.iter().map(|trade| trade.id).collect();
    assert_eq!((trades.len(), ids.len()), (247, 247), "{trades:?}");
    assert!(ids.range(..=141).copied().eq(1..=141), "{ids:?}");
    keeping.until("all trades", |_| report.kept() == rows(&trades));
    summing.until("all volumes", |_| report.volumes() == volumes(&trades));
    keeping.stop().code(0);
    summing.stop().code(0);

    // A row per window, day and sector.
    assert_eq!(report.kept(), rows(&trades));
    assert_eq!(report.volumes(), volumes(&trades));
    let of_windows =
        "SELECT COUNT(DISTINCT processed_at) > 3, MAX(SECOND(processed_at) % 2), COUNT(*) = COUNT(DISTINCT processed_at, date, sector)
        FROM aggregated_data";
    assert_eq!(report.mysql.rows(of_windows), ["1|0|1"]);

    let today = report.mysql.rows("SELECT UTC_DATE()").remove(0);
    let of_today: Vec<Trade> = trades.into_iter().filter(|trade| trade.date == today).collect();
    let expected: Vec<String> = volumes(&of_today).iter().map(|row| row[11..].replace('|', ",")).collect();
    let query = "SELECT * FROM volume_today ORDER BY sector";
    let folder = volume.folder().display().to_string();
    let ended = report.mysql.home().run(&["query", query, "--data", &folder, "--option", &format!("url={}", report.url())]).ok();
    assert_eq!(ended.out.lines().skip(1).collect::<Vec<_>>(), expected);
}
