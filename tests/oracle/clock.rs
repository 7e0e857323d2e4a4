//! Queries by the clock: whenever the clock stands still, a view holds what the batch query answers at that time.
//!
//! The job runs while rows arrive and the clock advances, with or without rows, and it is stopped and killed now and then. The job itself
//! records the clock at which each row entered: every case has a view `clocks` of it, and its batch query reads that time instead of
//! `PROCTIME()`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use chrono::DateTime;
use datafusion::physical_plan::collect;
use futures::TryStreamExt;
use millstream::common::ErrorKind;
use millstream::common::clock::{Clock, Millis};
use millstream::common::faults::{CrashPoint, EpochStep, Faults};
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::connectors::kafka::broker::OutRecord;
use millstream::jobs::{self, Ending, JobSpec, Settings};
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::state::StateStore;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::case::{BASE, Case, Row};
use super::harness::{connection_with, show, store, views};
use super::manual_clock::ManualClock;

const OPTIONS: [&str; 2] = ["scan.startup.mode=earliest-offset", "scan.watermark.idle-timeout=0 s"];
const PATIENCE: Duration = Duration::from_secs(20);

/// A topic with the rows that have arrived so far.
struct World {
    case: Case,
    broker: Arc<EmbeddedBroker>,
    store: Arc<dyn StateStore>,
    clock: ManualClock,
    come: Vec<Row>,
}

fn broker_of(rows: impl Iterator<Item = OutRecord>) -> Arc<EmbeddedBroker> {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("events", Some(2)).unwrap();
    broker.append("events", rows.collect()).unwrap();
    broker
}

async fn plan(case: &Case, broker: &Arc<EmbeddedBroker>, store: &Arc<dyn StateStore>, settings: Settings) -> JobSpec {
    let (connection, outputs) = connection_with(case, broker, &OPTIONS, None);
    connection.plan_job(&case.name, &outputs, Arc::clone(store), settings).await.unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

impl World {
    fn new(name: &str) -> Self {
        let case = Case::read("clock", name);
        let (broker, store, clock) = (broker_of(std::iter::empty()), store(), ManualClock::at(BASE - 500));
        Self { case, broker, store, clock, come: Vec::new() }
    }

    fn arrive(&mut self, rows: &[Row]) {
        self.broker.append("events", rows.iter().map(Row::record).collect()).unwrap();
        self.come.extend_from_slice(rows);
    }

    /// Runs the job until it is told to stop, and restarts it when it was killed.
    fn start(&self, stop: &CancellationToken, seed: u64) -> tokio::task::JoinHandle<()> {
        let (case, broker, store) = (self.case.clone(), Arc::clone(&self.broker), Arc::clone(&self.store));
        let (clock, stop) = (self.clock.clone(), stop.clone());
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            for life in 0..5 {
                let interval = Duration::from_millis([0, 3][random.random_range(0..2)]);
                let settings =
                    Settings { checkpoint_interval: interval, max_rows_per_epoch: random.random_range(1..20), ..Settings::default() };
                let mut spec = plan(&case, &broker, &store, settings).await;
                spec.clock = Arc::new(clock.clone());
                if life < 2 {
                    // The points of an epoch and its commit.
                    let points: Vec<CrashPoint> = CrashPoint::all().take_while(|point| point.step() < EpochStep::WriteRows).collect();
                    spec.faults = Faults::error_at(points[random.random_range(0..points.len())], random.random_range(1..30));
                }
                match jobs::run(&spec, &stop).await {
                    Ok(_) => return,
                    Err(e) => assert_eq!(e.kind(), ErrorKind::Injected, "{}: {e}", case.name),
                }
            }
        })
    }

    /// Returns the views as of the last commit.
    async fn content(&self) -> BTreeMap<String, Vec<String>> {
        views(&self.case, &self.broker, &self.store).await
    }

    /// Waits until the job has announced its views, which it does after its start.
    async fn announced(&self) {
        let begin = Instant::now();
        while let Err(error) = self.clocks().await {
            assert!(begin.elapsed() < PATIENCE, "{}: {error}", self.case.name);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn clocks(&self) -> millstream::common::Result<Vec<RecordBatch>> {
        let (connection, _) = connection_with(&self.case, &self.broker, &OPTIONS, Some(&self.store));
        let all = parse(&Source::new("read", "SELECT id, at FROM clocks")).unwrap().remove(0);
        let Statement::Query(query) = all.statement else { unreachable!() };
        let (_, rows) = connection.session(Mode::Batch)?.run(&query).await?;
        Ok(rows.try_collect().await?)
    }

    /// Returns when each row entered, if it has.
    async fn entered(&self) -> BTreeMap<i64, Millis> {
        let rows = self.clocks().await.unwrap();
        let pair = |batch: &RecordBatch| {
            let (ids, times) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<TimestampMillisecondType>());
            ids.values().iter().copied().zip(times.values().iter().copied()).collect::<Vec<_>>()
        };
        rows.iter().flat_map(pair).collect()
    }

    /// Returns the batch answers at the current clock, over the rows that have entered, with their times of entry.
    async fn batch(&self) -> BTreeMap<String, Vec<String>> {
        let entered = self.entered().await;
        let with_time = |row: &Row| {
            let mut value: serde_json::Value = serde_json::from_str(row.value.as_deref()?).unwrap();
            value["entered"] = (*entered.get(&row.id)?).into();
            Some(OutRecord { value: Some(value.to_string().into()), ..row.record() })
        };
        let broker = broker_of(self.come.iter().filter_map(with_time));
        // A group window requires a column.
        let sql = self.case.sql.replace("(PROCTIME(),", "(at,").replace("PROCTIME()", "TO_TIMESTAMP_LTZ(entered, 3)");
        let case = Case { sql, ..self.case.clone() };
        let (connection, outputs) = connection_with(&case, &broker, &OPTIONS, None);
        let session = connection.session(Mode::Batch).unwrap();
        // Filters that are evaluated for all rows use whole seconds.
        let clock = if case.name == "ticks" { self.clock.now() / 1_000 * 1_000 } else { self.clock.now() };
        let mut answer = BTreeMap::new();
        for output in &outputs {
            let Statement::CreateView(view) = &output.statement else { unreachable!() };
            let plan = session.logical(&view.query).await.unwrap();
            let mut state = session.state();
            state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_millis(clock);
            let plan = state.create_physical_plan(&plan).await.unwrap();
            let rows = collect(plan, session.task_context()).await.unwrap();
            let rows: Vec<RecordBatch> = rows.iter().map(|b| closed(b, clock)).collect();
            answer.insert(view.name.clone(), show(&rows));
        }
        answer
    }

    /// Waits until the views equal the batch answers.
    async fn agree(&self, what: &str) {
        let begin = Instant::now();
        loop {
            let entered = self.entered().await.len();
            let (got, expected) = (self.content().await, self.batch().await);
            if entered == self.come.len() && got == expected {
                return;
            }
            if begin.elapsed() > PATIENCE {
                let differ: Vec<_> = expected.iter().filter(|(name, rows)| got.get(*name) != Some(rows)).collect();
                let [(name, rows), ..] = differ.as_slice() else { panic!("{what}: {entered} of {} rows entered", self.come.len()) };
                let answer = BTreeMap::from([(name.to_string(), rows.to_vec())]);
                let got = BTreeMap::from([(name.to_string(), got.get(*name).cloned().unwrap_or_default())]);
                panic!("{}, {what}, clock {}:\n{}", self.case.name, self.clock.now(), super::compare::difference(&got, &answer));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Windows are emitted when they are complete.
fn closed(rows: &RecordBatch, clock: Millis) -> RecordBatch {
    let Some(end) = rows.column_by_name("window_end") else { return rows.clone() };
    let ends = millstream::operators::to_millis(end).unwrap();
    let mask: BooleanArray = ends.iter().map(|end| Some(end.is_none_or(|end| end <= clock))).collect();
    assert_eq!(mask.len(), rows.num_rows());
    filter_record_batch(rows, &mask).unwrap()
}

/// Rows arrive, the clock advances, the job is stopped and killed; after each step views and batch answers are equal.
fn follow(name: &str, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(name);
        let rows: Vec<Row> = world.case.input["events"].clone();
        let mut left = rows.as_slice();
        let mut random = StdRng::seed_from_u64(seed);
        let mut stop = CancellationToken::new();
        let mut job = world.start(&stop, seed);
        world.announced().await;
        let mut tail = 6;
        while !left.is_empty() || tail > 0 {
            let steps: &[Millis] =
                if left.is_empty() { &[1_000, 3_600_000, 86_400_000, 35 * 86_400_000] } else { &[0, 1, 40, 499, 1_000, 2_500] };
            world.clock.advance(steps[random.random_range(0..steps.len())]);
            let count = random.random_range(0..25).min(left.len());
            let (now, later) = left.split_at(count);
            world.arrive(now);
            left = later;
            tail -= usize::from(left.is_empty());
            world.agree(&format!("seed {seed}, {} rows left", left.len())).await;
            if random.random_bool(0.2) {
                stop.cancel();
                job.await.unwrap();
                stop = CancellationToken::new();
                job = world.start(&stop, random.random());
            }
        }
        stop.cancel();
        job.await.unwrap();
        // The machine's clock may go back; the job's does not.
        let (views, clock) = (world.content().await, world.clock.clone());
        clock.advance(-10_000_000);
        let stop = CancellationToken::new();
        let job = world.start(&stop, seed);
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.cancel();
        job.await.unwrap();
        assert_eq!(world.content().await, views, "the clock went back");
    });
}

#[test]
fn filters_by_the_clock() {
    (0..2).for_each(|seed| follow("filters", seed));
}

#[test]
fn filters_that_tick() {
    follow("ticks", 0);
}

#[test]
fn windows_by_the_clock() {
    (0..2).for_each(|seed| follow("windows", seed));
}

#[test]
fn over_by_the_clock() {
    (0..2).for_each(|seed| follow("over", seed));
}

#[test]
fn bounded_input_ends_a_job_that_waits_for_the_clock() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (name, flushed) in [("filters", None), ("windows", Some("tumbling")), ("over", Some("first_rows")), ("ticks", None)] {
            let mut world = World::new(name);
            let rows = world.case.input["events"].clone();
            world.arrive(&rows);
            let options = [OPTIONS.as_slice(), &["scan.bounded.mode=latest-offset"]].concat();
            let (connection, outputs) = connection_with(&world.case, &world.broker, &options, None);
            let settings = Settings::default();
            let mut spec = connection.plan_job(name, &outputs, Arc::clone(&world.store), settings).await.unwrap();
            spec.clock = Arc::new(world.clock.clone());
            let ended = tokio::time::timeout(PATIENCE, jobs::run(&spec, &CancellationToken::new())).await.unwrap().unwrap();
            assert!(matches!(ended, Ending::Finished(_)), "{name}: {ended:?}");
            let (content, expected) = (world.content().await, world.batch().await);
            match flushed {
                // Windows that wait for the clock are emitted when nothing else can be.
                Some(view) => assert!(!content[view].is_empty()),
                None => assert_eq!(content, expected, "{name}: the content as of the last epoch"),
            }
        }
    });
}

/// Checks how clocks are planned: what EXPLAIN contains, and what it does not.
#[test]
fn plans_by_the_clock() {
    let windowed = "SELECT window_end, COUNT(*) n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY window_start, window_end";
    let cases = [
        (
            "SELECT id FROM events WHERE ts > now() - INTERVAL '5' MINUTE AND v > 3",
            "FilterExec: v@2 > 3|TemporalFilter|bounded by the clock",
            "Ticking",
        ),
        ("SELECT id FROM events WHERE d = CURRENT_DATE", "TemporalFilter|from [|until not [", "Ticking"),
        ("SELECT id FROM events WHERE d <> CURRENT_DATE", "TickingFilter|rows: UNBOUNDED|every 86400 s", "Temporal"),
        ("SELECT id FROM events WHERE MOD(EXTRACT(SECOND FROM now()), 2) = v", "TickingFilter|every 1 s", "Temporal"),
        ("SELECT id, now() FROM events", "ClockExec", "state"),
        ("SELECT k, n, now() FROM (SELECT k, COUNT(*) n FROM events GROUP BY k)", "ProctimeMaterialize", "ClockExec"),
        (
            "SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY now()) n FROM events",
            "ClockExec|OverAggregate|final per row|the clock|append-only",
            "Recompute",
        ),
        (windowed, "ClockExec|WindowAggregate|bounded by the watermark", "KeyedAggregate"),
        // The filter stays above the window, whose rows are still emitted once.
        (
            &format!("SELECT * FROM ({windowed}) WHERE window_end > now() - INTERVAL '1' HOUR AND n > 2"),
            "WindowAggregate|TemporalFilter",
            "KeyedAggregate",
        ),
        // Where no other form applies, the clock is a column.
        (
            "SELECT a.id FROM events a LEFT JOIN events b ON a.k = b.k AND b.ts > a.ts - (now() - a.ts)",
            "TickingClock|all rows again every 1 s|Recompute",
            "TemporalFilter",
        ),
        (
            "WITH RECURSIVE r AS (SELECT id FROM events WHERE d = CURRENT_DATE UNION SELECT id + 1 FROM r WHERE id < 9) SELECT id FROM r",
            "TickingClock|every 86400 s|Recompute",
            "TemporalFilter",
        ),
        ("SELECT k, COUNT(*) FROM events GROUP BY ROLLUP (k, CAST(now() AS DATE))", "ClockExec|Recompute", "Ticking"),
        // Below a join it keeps the join's state small.
        ("SELECT a.id FROM events a JOIN events b ON a.k = b.k WHERE a.ts > now() - INTERVAL '1' HOUR", "TemporalFilter|Join", "Ticking"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, _) = connection_with(&Case::read("clock", "filters"), &broker_of(std::iter::empty()), &OPTIONS, None);
        let explain = async |sql: &str| {
            let emit = if sql.contains("window_end") || sql.contains("OVER") { "EMIT FINAL" } else { "EMIT CHANGES" };
            let parsed = parse(&Source::new("explain", format!("EXPLAIN {sql} {emit}"))).unwrap().remove(0);
            let Statement::Explain(explain) = &parsed.statement else { unreachable!() };
            connection.explain(explain).await
        };
        for (sql, says, not) in cases {
            let plan = explain(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            // The texts must occur in this order.
            let found = says.split('|').try_fold(plan.as_str(), |rest, s| rest.split_once(s).map(|(_, rest)| rest));
            assert!(found.is_some() && !plan.contains(not), "{sql}:\n{plan}");
        }
    });
}
