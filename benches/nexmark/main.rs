//! Nexmark over a topic of JSON, each query measured as a whole process: README.md in this folder.
//!
//! ```text
//! eval "$(tests/services env)"; cargo bench --bench nexmark [-- --events 5000000 --queries q0,q1 | --check | --cores]
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod check;
mod child;
mod cores;
mod generator;
mod queries;
mod topic;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use check::{Checker, Outcome};
use child::{Ended, millstream};
use clap::Parser;
use queries::{QUERIES, Query};
use topic::Topic;

/// The Nexmark queries over a topic of JSON.
#[derive(Debug, Parser)]
struct Flags {
    /// How many events the topic holds [default: 5000000, with --check 100000]
    #[arg(long)]
    events: Option<u64>,
    /// Which queries [default: all]
    #[arg(long, value_delimiter = ',')]
    queries: Vec<String>,
    /// Compare the answers of continuous and batch runs instead of measuring
    #[arg(long)]
    check: bool,
    /// Compare one core with two, from files; needs no broker
    #[arg(long, conflicts_with = "check")]
    cores: bool,
    /// With --cores: how often each query runs on each
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// The most seconds that one run may take
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Only fill the topic; done in a process of its own, because a child's peak memory is at least its parent's
    #[arg(long, hide = true)]
    fill: bool,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let topic = match flags.events {
        events if flags.check => Topic::checked(events.unwrap_or(100_000)),
        events if flags.cores => Topic::measured(events.unwrap_or(2_000_000)),
        events => Topic::measured(events.unwrap_or(5_000_000)),
    };
    let unknown = flags.queries.iter().find(|name| QUERIES.iter().all(|q| q.name != *name));
    if let Some(name) = unknown {
        eprintln!("there is no query `{name}`; known: {}", QUERIES.map(|q| q.name).join(", "));
        return ExitCode::FAILURE;
    }
    let chosen: Vec<&Query> =
        QUERIES.iter().filter(|q| flags.queries.is_empty() || flags.queries.iter().any(|name| name == q.name)).collect();
    let limit = Duration::from_secs(flags.seconds);
    if flags.cores {
        cores::measure(&chosen, &topic, flags.runs, limit);
        return ExitCode::SUCCESS;
    }
    let Ok(kafka) = std::env::var("MILLSTREAM_TEST_KAFKA") else {
        eprintln!("no broker: run `tests/services start kafka && eval \"$(tests/services env)\"`");
        return ExitCode::FAILURE;
    };
    if flags.fill {
        tokio::runtime::Runtime::new().unwrap().block_on(topic.fill(&kafka));
        return ExitCode::SUCCESS;
    }
    fill(&flags, topic.events);
    if flags.check {
        return check(&chosen, &Checker { kafka: &kafka, topic: &topic, limit });
    }
    fill(&flags, 0);
    measure(&chosen, &kafka, &topic, limit);
    ExitCode::SUCCESS
}

/// Fills a topic in another process.
fn fill(flags: &Flags, events: u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--fill", "--events", &events.to_string()]);
    if flags.check {
        command.arg("--check");
    }
    assert!(command.status().unwrap().success(), "the topic cannot be filled");
}

/// Compares both answers of each query.
fn check(chosen: &[&Query], checker: &Checker<'_>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for query in chosen {
        match checker.check(query) {
            Outcome::Same(what) => println!("{:<4} the same: {what}", query.name),
            Outcome::Refused(why) => println!("{:<4} does not run: {why}", query.name),
            Outcome::Differs(how) => {
                println!("{:<4} DIFFERS: {how}", query.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// Runs each query to the topic's end, and prints a table.
fn measure(chosen: &[&Query], kafka: &str, topic: &Topic, limit: Duration) {
    let empty = run("q0", kafka, &Topic::measured(0).name, limit);
    assert!(empty.ok, "{}", empty.err);
    println!("an empty topic: {:.2} CPU-s, {:.2} s, {:.0} MB (not taken off below)\n", empty.cpu, empty.seconds, empty.megabytes);
    println!("{} events; Flink: 5 million, start-up taken off\n", topic.events);
    println!(
        "| query | CPU-s | s | CPU-s per million | thousand events/s | peak MB | Flink CPU-s per million | thousand/s | MB | CPU ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let million = topic.events as f64 / 1e6;
    for query in chosen {
        let ended = run(query.name, kafka, &topic.name, limit);
        if !ended.ok {
            println!("| {} | does not run: {} |", query.name, ended.complaint());
            continue;
        }
        let (cpu, flink) = (ended.cpu / million, query.flink);
        let rate = topic.events as f64 / 1e3 / ended.seconds;
        println!(
            "| {} | {:.2} | {:.2} | {cpu:.2} | {rate:.0} | {:.0} | {:.1} | {} | {:.0} | {:.1} |",
            query.name,
            ended.cpu,
            ended.seconds,
            ended.megabytes,
            flink.cpu,
            flink.rate,
            flink.gigabytes * 1e3,
            flink.cpu / cpu,
        );
    }
}

/// One run of the release binary, to the end of the topic.
fn run(query: &str, kafka: &str, topic: &str, limit: Duration) -> Ended {
    let data = tempfile::tempdir().unwrap();
    let files = [queries::file("tables"), queries::file(query)].map(|file| file.display().to_string());
    let options =
        [format!("datagen.topic={topic}"), format!("properties.bootstrap.servers={kafka}"), "scan.bounded.mode=latest-offset".into()];
    let mut args = vec!["run".to_string()];
    args.extend(files);
    args.extend(options.into_iter().flat_map(|option| ["--option".into(), option]));
    millstream(Path::new(data.path()), &args, limit)
}
