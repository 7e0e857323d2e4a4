//! Large state tables that are written while epochs and commits continue, by a job that is stopped meanwhile and restarted with another
//! number of partitions.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use millstream::common::ErrorKind;
use millstream::common::faults::{CrashPoint, EpochStep, Faults};
use millstream::jobs::snapshots::SnapshotPolicy;
use millstream::jobs::{self, Ending, Settings};
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::Workspace;
use tokio_util::sync::CancellationToken;

use crate::embedded::Place;

/// Every key comes three times, always in the same order; rows of it also wait for a match in a join.
const JOB: &str = "CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '60000', 'rows-per-second' = 'unlimited',
       'fields.id.kind' = 'sequence', 'fields.id.start' = '0');
     CREATE MATERIALIZED VIEW counts AS SELECT k, COUNT(*) AS n, SUM(w) AS v
       FROM (SELECT a.id % 20000 AS k, b.id AS w FROM s a JOIN s b ON a.id = b.id) GROUP BY k;";

/// Runs the job in `partitions` partitions, up to the crash point or to its end.
async fn run(place: &Place, partitions: usize, stop: Option<(CrashPoint, u64)>) -> Result<Ending, millstream::common::Error> {
    let (connection, statements) = place.connection(JOB, &[&format!("parallelism.default={partitions}")]);
    let snapshots = SnapshotPolicy { least: 0, background: 16 << 10 };
    let settings = Settings { checkpoint_interval: std::time::Duration::ZERO, max_rows_per_epoch: 2000, snapshots, ..Settings::default() };
    let mut spec = connection.plan_job("job", &statements, Arc::clone(&place.store), settings).await.unwrap();
    if let Some((point, nth)) = stop {
        spec.faults = Faults::error_at(point, nth);
    }
    jobs::run(&spec, &CancellationToken::new()).await
}

/// Returns keys, rows and values of the view, as of the last commit.
async fn sums(place: &Place) -> Vec<i64> {
    let made = |w: Workspace| w.with_checkpoints(Arc::clone(&place.store), false);
    let (connection, _) = place.connection_in(JOB, &[], made);
    let asked = parse(&Source::new("q", "SELECT COUNT(*), SUM(n), SUM(v) FROM counts")).unwrap().remove(0);
    let Statement::Query(query) = asked.statement else { unreachable!() };
    let (_, rows) = connection.session(Mode::Batch).unwrap().run(&query).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows[0].columns().iter().map(|c| c.as_primitive::<Int64Type>().value(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_a_table_is_written_loses_and_doubles_nothing() {
    use CrashPoint::{After, Before};
    let write = EpochStep::WriteSnapshot;
    let stops = [(Before(write), 1), (After(write), 1), (Before(write), 5), (After(write), 4), (After(EpochStep::PutCommit), 11)];
    for (number, (point, nth)) in stops.into_iter().enumerate() {
        let place = Place::new();
        let stopped = run(&place, 1 + number % 3, Some((point, nth))).await;
        assert!(matches!(&stopped, Err(e) if e.kind() == ErrorKind::Injected), "{point}@{nth}: {stopped:?}");
        let again = run(&place, 2, Some((After(write), 3))).await;
        assert!(matches!(&again, Err(e) if e.kind() == ErrorKind::Injected), "{point}@{nth}: {again:?}");
        assert!(matches!(run(&place, 3, None).await, Ok(Ending::Finished(_))));
        assert_eq!(sums(&place).await, [20_000, 60_000, (0..60_000).sum()], "{point}@{nth}");
        let beside = place.store.below("job").list("objects").await.unwrap().iter().filter(|path| path.contains("-w")).count();
        assert!(beside > 0, "nothing was written in the background");
    }
}
