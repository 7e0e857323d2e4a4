//! Tests of the generator and the queries of benches/nexmark, without a server.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::physical_plan::common::collect;
use millstream::catalog::{Catalog, Overrides};
use millstream::connectors::Connectors;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::connectors::kafka::broker::OutRecord;
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::{Ack, Connection, Workspace};

use crate::generator::{Config, Event, Generator, ROUND};

const START: i64 = 1_714_564_800_000;
const CONFIG: Config = Config { seed: 1, start: START, rate: 50_000 };

fn events(n: u64) -> Vec<Event> {
    let generator = Generator::new(CONFIG);
    (0..n).map(|n| generator.event(n)).collect()
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all as f64
}

#[track_caller]
fn about(value: f64, expected: f64) {
    assert!((value - expected).abs() < 0.02 * expected.max(0.5), "{value}, not about {expected}");
}

fn queries() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/nexmark/queries");
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| !path.ends_with("tables.sql")).collect()
}

#[test]
fn events_have_the_published_proportions() {
    let events = events(1000 * ROUND);
    let of = |kind: u8| events.iter().filter(|e| e.event_type == kind).count();
    assert_eq!([of(0), of(1), of(2)], [1000, 3000, 46_000]);
    for (n, event) in events.iter().enumerate() {
        let place = n as u64 % ROUND;
        assert_eq!(
            event.event_type,
            if place == 0 {
                0
            } else if place < 4 {
                1
            } else {
                2
            }
        );
        let times = [
            event.person.as_ref().map(|p| p.date_time),
            event.auction.as_ref().map(|a| a.date_time),
            event.bid.as_ref().map(|b| b.date_time),
        ];
        let times: Vec<i64> = times.into_iter().flatten().map(|t| t.0).collect();
        assert_eq!(times, [START + n as i64 / 50], "event {n}: one of the three, and 50 every millisecond");
    }
}

#[test]
fn people_auctions_and_bids_refer_to_each_other() {
    let events = events(1000 * ROUND);
    let people: Vec<_> = events.iter().filter_map(|e| e.person.as_ref()).collect();
    let auctions: Vec<_> = events.iter().filter_map(|e| e.auction.as_ref()).collect();
    let bids: Vec<_> = events.iter().filter_map(|e| e.bid.as_ref()).collect();
    assert!(people.iter().zip(1000..).all(|(p, id)| p.id == id));
    assert!(auctions.iter().zip(1000..).all(|(a, id)| a.id == id));
    // Hot auctions, and by chance some of the others.
    about(share(bids.iter().filter(|b| b.auction % 100 == 0).count(), bids.len()), 0.5 + 0.5 * 0.01);
    about(share(bids.iter().filter(|b| b.bidder % 100 == 1).count(), bids.len()), 0.75 + 0.25 * 0.01);
    about(share(auctions.iter().filter(|a| a.seller % 100 == 0).count(), auctions.len()), 0.75 + 0.25 * 0.01);
    about(share(bids.iter().filter(|b| !b.channel.starts_with("channel-")).count(), bids.len()), 0.5);
    about(share(bids.iter().filter(|b| b.url.contains("&channel_id=")).count(), bids.len()), 0.5 * 0.9);
    // The logarithms of prices are uniform between 100 and 100,000,000.
    about(share(bids.iter().filter(|b| b.price < 10_000).count(), bids.len()), 1.0 / 3.0);
    about(share(bids.iter().filter(|b| b.price >= 1_000_000).count(), bids.len()), 1.0 / 3.0);
    assert!(bids.iter().all(|b| (100..=100_000_000).contains(&b.price)));
    for (bid, n) in bids.iter().zip(0_u64..) {
        let round = n / 46;
        assert!(bid.bidder <= 1000 + round + 10 && bid.auction <= 1000 + 3 * round + 2 + 10, "bid {n} is too far ahead");
        assert!(bid.auction + 100 >= 1000 + 3 * round, "bid {n} is on an auction that is over");
    }
    for auction in &auctions {
        let open = auction.expires.0 - auction.date_time.0;
        assert!((1..=68).contains(&open), "{open} ms: up to twice what 100 auctions need");
        assert!(auction.reserve > auction.initial_bid && (10..15).contains(&auction.category));
    }
    let names: HashSet<&str> = people.iter().map(|p| p.name.as_str()).collect();
    let states: HashSet<&str> = people.iter().map(|p| p.state).collect();
    assert_eq!((names.len(), states.len()), (11 * 9, 6));
    let mean = |sizes: Vec<usize>| share(sizes.iter().sum(), sizes.len());
    about(mean(bids.iter().map(|b| b.extra.len() + 32).collect()), 100.0);
    about(mean(auctions.iter().map(|a| a.extra.len() + a.item_name.len() + a.description.len() + 48).collect()), 500.0);
}

#[test]
fn an_event_depends_on_its_number_and_the_seed_alone() {
    let (all, again) = (events(500), Generator::new(CONFIG));
    assert!((0..500).rev().all(|n| again.event(n) == all[n as usize]));
    let other = Generator::new(Config { seed: 2, ..CONFIG });
    assert!((0..500).all(|n| other.event(n) != all[n as usize]));
    // Benchmark topics are kept, so events must not change.
    let text = |n: u64| serde_json::to_string(&again.event(n)).unwrap();
    assert_eq!(
        text(0),
        concat!(
            r#"{"event_type":0,"person":{"id":1000,"name":"Sarah White","emailAddress":"flin@fonm.com","creditCard":"1805 3507 8636 6607","#,
            r#""city":"Phoenix","state":"WY","dateTime":"2024-05-01 12:00:00.000","extra":"hbxcomilgzpyvyjsygikqugsginpywwxapzbdtztwjixeqdz"#,
            r#"nvhkxwcnddupayhbjjhdowlrbbsbhnoriigelvajqwietphcwwxkxiajgwymtivxxqbkkjcihzzfvikpieqouvcctfioygvqhewfsfwxhnfi"},"#,
            r#""auction":null,"bid":null}"#
        )
    );
    assert_eq!(
        text(4),
        concat!(
            r#"{"event_type":2,"person":null,"auction":null,"bid":{"auction":1006,"bidder":1001,"price":698,"channel":"channel-4814","#,
            r#""url":"https://www.nexmark.com/_pm/isim/sdkq/item.htm?query=1&channel_id=1934098432","dateTime":"2024-05-01 12:00:00.000","#,
            r#""extra":"xqzxoasnqrdxymfpsfiyavlnnkxysisodvoapuzakwizpwnkwxsenorrfxlefucpimvtxey"}}"#
        )
    );
}

#[test]
fn every_query_is_read() {
    let files = queries();
    assert_eq!(files.len(), 20);
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let statements = parse(&Source::new(name.as_str(), text)).unwrap_or_else(|e| panic!("{e}"));
        let inserts: Vec<_> = statements
            .iter()
            .filter_map(|s| match &s.statement {
                Statement::Insert(insert) => Some(insert.table.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(inserts, [format!("nexmark_{name}")]);
    }
}

/// Returns a connection with the tables over 1000 events.
async fn connection() -> Connection {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("nexmark", Some(1)).unwrap();
    let record =
        |event: &Event| OutRecord { partition: Some(0), value: Some(serde_json::to_vec(event).unwrap().into()), ..OutRecord::default() };
    broker.append("nexmark", events(20 * ROUND).iter().map(record).collect()).unwrap();
    let connection =
        Workspace::new(Catalog::in_memory(), Connectors::embedded(broker), Overrides::parse(&[] as &[&str]).unwrap()).into_connection();
    let tables = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/nexmark/queries/tables.sql")).unwrap();
    for parsed in parse(&Source::new("tables", tables)).unwrap() {
        assert!(matches!(connection.declare(&parsed).await.unwrap(), Some(Ack(_))));
    }
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_a_batch_answer() {
    let connection = connection().await;
    for file in queries() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for parsed in parse(&Source::new(name.as_str(), std::fs::read_to_string(&file).unwrap())).unwrap() {
            let Statement::Insert(insert) = &parsed.statement else {
                assert!(matches!(connection.declare(&parsed).await.unwrap(), Some(Ack(_))));
                continue;
            };
            let (_, rows) = connection.session(Mode::Batch).unwrap().run(&insert.query).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            collect(rows).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_read_every_event() {
    let connection = connection().await;
    for (sql, expected) in [
        // COUNT skips NULLs, so every field was present.
        (
            "SELECT count(id), count(name), count(emailAddress), count(creditCard), count(city), count(state), count(dateTime), count(extra) FROM person",
            [20; 8].to_vec(),
        ),
        (
            "SELECT count(id), count(itemName), count(description), count(initialBid), count(reserve), count(dateTime), count(expires), count(seller), count(category), count(extra) FROM auction",
            [60; 10].to_vec(),
        ),
        (
            "SELECT count(auction), count(bidder), count(price), count(channel), count(url), count(dateTime), count(extra) FROM bid",
            [920; 7].to_vec(),
        ),
    ] {
        let asked = parse(&Source::new("sql", sql)).unwrap();
        let Statement::Query(query) = &asked[0].statement else { panic!("{sql}") };
        let (_, rows) = connection.session(Mode::Batch).unwrap().run(query).await.unwrap();
        let rows = collect(rows).await.unwrap();
        let counts: Vec<i64> =
            rows[0].columns().iter().map(|c| c.as_any().downcast_ref::<arrow::array::Int64Array>().unwrap().value(0)).collect();
        assert_eq!(counts, expected, "{sql}");
    }
}
