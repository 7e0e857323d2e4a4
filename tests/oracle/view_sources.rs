//! Materialized views as sources: one job keeps the views, another one reads them, each stopped and started again on its own.
//! What comes out is the batch answer with plain views in their place.

use std::sync::Arc;
use std::time::Duration;

use millstream::common::ErrorKind;
use millstream::common::faults::{Faults, Side};
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::jobs::{self, Ending, Settings};
use millstream::sql::ast::Statement;
use millstream::state::StateStore;
use tokio_util::sync::CancellationToken;

use super::case::Case;
use super::compare::difference;
use super::harness::{Cuts, OPTIONS, PATIENCE, Recorder, Stop, batch, broker, contents, store, workspace_with};

/// How one of the two jobs runs.
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

/// Where both jobs live.
struct Place<'a> {
    case: &'a Case,
    broker: Arc<EmbeddedBroker>,
    store: Arc<dyn StateStore>,
}

impl<'a> Place<'a> {
    fn new(case: &'a Case) -> Self {
        Self { case, broker: broker(case, &Default::default()), store: store() }
    }

    /// Runs the job that keeps the views, or the one that reads them, through all of its lives; returns early where it is told to stop for
    /// good.
    async fn run(&self, life: &Life, views: bool, to_the_end: bool) {
        let mut stops = life.stops.iter();
        loop {
            let (workspace, parts) = workspace_with(self.case, &self.broker, &OPTIONS);
            let workspace = workspace.with_checkpoints(Arc::clone(&self.store));
            let parts: Vec<_> = parts.into_iter().filter(|p| matches!(p.statement, Statement::CreateView(_)) == views).collect();
            let settings = Settings { checkpoint_interval: life.interval, max_rows_per_epoch: 1, ..Settings::default() };
            let spec = workspace.plan_job(life.name, &parts, Arc::clone(&self.store), settings).await;
            let mut spec = spec.unwrap_or_else(|e| panic!("{life:?}: {e}"));
            let (stop, planned) = (CancellationToken::new(), stops.next().copied());
            let ask_after = if let Some(Stop::Asked(rows)) = planned { Some(rows) } else { None };
            spec.probe = Some(Arc::new(Recorder::new(life.cuts.clone(), spec.status.subscribe(), ask_after, stop.clone())));
            if let Some(Stop::At(step, side, nth)) = planned {
                spec.faults = Faults::error_at(step, side, nth);
            }
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test(Case::read("views", "kept_elsewhere")));
}

#[test]
fn a_view_that_is_complete_is_read_as_its_content() {
    in_runtime(async |case| {
        let place = Place::new(&case);
        place.run(&Life::whole("keeper"), true, true).await;
        place.run(&Life::whole("reader"), false, true).await;
        holds(&case, &place, "one after the other").await;
    });
}

/// What it has not read is still there, and it goes on where it was: also over a stop of the job that keeps the views, and a kill of its own.
#[test]
fn a_reader_that_was_away_reads_on() {
    in_runtime(async |case| {
        let each = |name, stops| Life { name, cuts: Cuts::everywhere(&case), interval: Duration::ZERO, stops };
        let place = Place::new(&case);
        place.run(&each("keeper", vec![Stop::Asked(10)]), true, false).await;
        place.run(&each("reader", vec![Stop::Asked(1)]), false, false).await;
        place.run(&each("keeper", Vec::new()), true, true).await;
        place.run(&each("reader", vec![Stop::At(5, Side::After, 3)]), false, true).await;
        holds(&case, &place, "a reader that was away").await;
    });
}
