//! Materialized views as sources: one job keeps the views, another one reads them, each stopped and restarted separately. The result equals
//! the batch answer with plain views instead.

use std::sync::Arc;
use std::time::Duration;

use millstream::common::ErrorKind;
use millstream::common::faults::{CrashPoint, EpochStep, Faults};
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::jobs::{self, Ending, JobSpec, Settings};
use millstream::sql::ast::Statement;
use millstream::state::StateStore;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::case::Case;
use super::compare::difference;
use super::epochs;
use super::harness::{Cuts, OPTIONS, PATIENCE, Recorder, Stop, batch, broker, connection_with, contents, store};

/// The stops and epochs of one of the two jobs.
#[derive(Debug, Clone)]
struct Life {
    name: &'static str,
    cuts: Cuts,
    interval: Duration,
    stops: Vec<Stop>,
}

impl Life {
    fn whole(name: &'static str) -> Self {
        Self { name, cuts: Cuts::none(), interval: Duration::ZERO, stops: Vec::new() }
    }
}

/// The environment that both jobs share.
struct Place<'a> {
    case: &'a Case,
    broker: Arc<EmbeddedBroker>,
    store: Arc<dyn StateStore>,
}

impl<'a> Place<'a> {
    fn new(case: &'a Case) -> Self {
        Self { case, broker: broker(case, &Default::default()), store: store() }
    }

    /// Plans the job that keeps the views, or the job that reads them, anew, as after a restart of its process.
    async fn job(&self, life: &Life, views: bool, planned: Option<Stop>, stop: &CancellationToken) -> JobSpec {
        let (connection, parts) = connection_with(self.case, &self.broker, &OPTIONS, Some(&self.store));
        let parts: Vec<_> = parts.into_iter().filter(|p| matches!(p.statement, Statement::CreateView(_)) == views).collect();
        let settings = Settings { checkpoint_interval: life.interval, ..Settings::default() };
        let spec = connection.plan_job(life.name, &parts, Arc::clone(&self.store), settings).await;
        let mut spec = spec.unwrap_or_else(|e| panic!("{life:?}: {e}"));
        let ask_after = if let Some(Stop::Asked(rows)) = planned { Some(rows) } else { None };
        Recorder::new(life.cuts.clone(), spec.status.subscribe(), ask_after, stop.clone()).watch(&mut spec);
        epochs::travelling(&mut spec);
        if let Some(Stop::At(point, nth)) = planned {
            spec.faults = Faults::error_at(point, nth);
        }
        spec
    }

    /// The oldest commit of the job that keeps the views.
    async fn oldest(&self) -> u64 {
        let commits = self.store.list("keeper/commits").await.unwrap();
        commits.iter().map(|path| path.rsplit('/').next().unwrap().parse().unwrap()).min().unwrap()
    }

    /// The newest commit of the view's job.
    async fn newest(&self) -> u64 {
        let commits = self.store.list("keeper/commits").await.unwrap();
        commits.iter().map(|path| path.rsplit('/').next().unwrap().parse().unwrap()).max().unwrap()
    }

    /// Runs both jobs concurrently to their ends. Each kill is a crash point in one of them (`true`: in the one that keeps the views),
    /// which also ends the other one at the same moment, wherever it is.
    async fn run_both(&self, kills: &[(bool, Stop)]) {
        let mut kills = kills.iter();
        loop {
            let (kill, never) = (kills.next().copied(), CancellationToken::new());
            let planned = |views: bool| kill.filter(|(of_views, _)| *of_views == views).map(|(_, stop)| stop);
            let each = |name| Life { name, cuts: Cuts::everywhere(self.case), interval: Duration::ZERO, stops: Vec::new() };
            let (keeper, reader) = (each("keeper"), each("reader"));
            let keeping = async {
                let spec = self.job(&keeper, true, planned(true), &never).await;
                jobs::run(&spec, &never).await
            };
            let reading = async {
                while self.store.list("keeper/commits").await?.is_empty() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let spec = self.job(&reader, false, planned(false), &never).await;
                jobs::run(&spec, &never).await
            };
            match tokio::time::timeout(PATIENCE, async { tokio::try_join!(keeping, reading) }).await {
                Ok(Ok((Ending::Finished(_), Ending::Finished(_)))) => return,
                Ok(Err(e)) if e.kind() == ErrorKind::Injected => assert!(kill.is_some()),
                other => panic!("{kill:?}: {other:?}"),
            }
        }
    }

    /// Runs the job that keeps the views, or the job that reads them, through all of its restarts; returns early when it is told to stop
    /// for good.
    async fn run(&self, life: &Life, views: bool, to_the_end: bool) {
        let mut stops = life.stops.iter();
        loop {
            let (stop, planned) = (CancellationToken::new(), stops.next().copied());
            let spec = self.job(life, views, planned, &stop).await;
            match tokio::time::timeout(PATIENCE, jobs::run(&spec, &stop)).await {
                Ok(Ok(Ending::Finished(_))) => return,
                Ok(Ok(Ending::Stopped(_))) if stop.is_cancelled() && !to_the_end => return,
                Ok(Ok(Ending::Stopped(_))) if stop.is_cancelled() => {}
                Ok(Err(e)) if e.kind() == ErrorKind::Injected => assert!(planned.is_some(), "{life:?}"),
                other => panic!("{life:?}: {other:?}, {:?}", spec.status.borrow()),
            }
        }
    }
}

async fn holds(case: &Case, place: &Place<'_>, what: &str) {
    let plain = Case { sql: case.sql.replace("CREATE MATERIALIZED VIEW", "CREATE VIEW"), ..case.clone() };
    let difference = difference(&contents(case, &place.broker), &batch(&plain, &Vec::new()).await);
    assert!(difference.is_empty(), "{}, {what}:\n{difference}", case.name);
}

fn in_runtime(test: impl AsyncFnOnce(Case)) {
    in_runtime_with("kept_elsewhere", test);
}

fn in_runtime_with(case: &str, test: impl AsyncFnOnce(Case)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test(Case::read("views", case)));
}

#[test]
fn a_view_that_is_complete_is_read_as_its_content() {
    in_runtime(async |case| {
        let place = Place::new(&case);
        place.run(&Life::whole("keeper"), true, true).await;
        // Killed after its commit of all rows, and before it has announced the end.
        let killed = Life { stops: vec![Stop::At(CrashPoint::After(EpochStep::PutCommit), 1)], ..Life::whole("reader") };
        place.run(&killed, false, true).await;
        holds(&case, &place, "one after the other").await;
    });
}

/// Unread changes are still there, and the reader continues where it was: also after a stop of the job that keeps the views, and after its
/// own kill.
#[test]
fn a_reader_that_was_away_reads_on() {
    in_runtime(async |case| {
        let each = |name, stops| Life { name, cuts: Cuts::everywhere(&case), interval: Duration::ZERO, stops };
        let place = Place::new(&case);
        place.run(&each("keeper", vec![Stop::Asked(10)]), true, false).await;
        place.run(&each("reader", vec![Stop::Asked(1)]), false, false).await;
        place.run(&each("keeper", Vec::new()), true, true).await;
        place.run(&each("reader", vec![Stop::At(CrashPoint::After(EpochStep::PutCommit), 3)]), false, true).await;
        holds(&case, &place, "a reader that was away").await;
    });
}

/// Neither can wait for the other one: the reader's rows may or may not be in commits that the view's job has just put.
#[test]
fn a_view_and_its_reader_are_killed_at_once() {
    in_runtime(async |case| {
        for seed in 0..2 * super::stopped() {
            let mut random = StdRng::seed_from_u64(seed);
            let mut kill = || {
                let points: Vec<CrashPoint> = CrashPoint::all().take_while(|point| point.step() < EpochStep::Prune).collect();
                // The reader has fewer commits, because it takes everything available at once.
                let views = random.random_bool(0.5);
                (views, Stop::At(points[random.random_range(0..points.len())], random.random_range(1..if views { 25 } else { 12 })))
            };
            let kills: Vec<_> = (0..3).map(|_| kill()).collect();
            let place = Place::new(&case);
            place.run_both(&kills).await;
            holds(&case, &place, &format!("seed {seed}: {kills:?}")).await;
        }
    });
}

/// Unread changes are kept as long as the reader has a folder, and pruned afterwards.
#[test]
fn commits_that_a_reader_needs_are_not_pruned() {
    in_runtime_with("long", async |case| {
        let each = |name, stops| Life { name, cuts: Cuts::everywhere(&case), interval: Duration::ZERO, stops };
        let alone = Place::new(&case);
        alone.run(&each("keeper", vec![Stop::Asked(180)]), true, false).await;
        assert!(alone.oldest().await > 50, "nothing was pruned without a reader either");

        let place = Place::new(&case);
        place.run(&each("keeper", vec![Stop::Asked(20)]), true, false).await;
        place.run(&each("reader", vec![Stop::Asked(1)]), false, false).await;
        // The reader has the content as of that commit.
        let read = place.newest().await;
        place.run(&each("keeper", vec![Stop::Asked(180)]), true, false).await;
        let oldest = place.oldest().await;
        assert!(oldest <= read + 1, "commit {oldest} is the oldest, and the reader has read {read}");
        place.run(&each("reader", vec![Stop::Asked(1)]), false, false).await;
        place.run(&each("keeper", Vec::new()), true, true).await;
        let (oldest, newest) = (place.oldest().await, place.store.list("keeper/commits").await.unwrap().len() as u64);
        assert!(oldest > read + 1, "what the reader has read is pruned: {oldest} of {newest}");
        place.run(&each("reader", Vec::new()), false, true).await;
        holds(&case, &place, "a reader that was far behind").await;

        let gone = Place::new(&case);
        gone.run(&each("keeper", vec![Stop::Asked(20)]), true, false).await;
        gone.run(&each("reader", vec![Stop::Asked(1)]), false, false).await;
        gone.store.below("reader").remove().await.unwrap();
        gone.run(&each("keeper", vec![Stop::Asked(180)]), true, false).await;
        assert!(gone.oldest().await > 50, "held back for a reader that is gone");
    });
}
