//! EXPLAIN ANALYZE of a running job reports the same as EXPLAIN ANALYZE of its query.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Overrides};
use crate::connectors::Connectors;
use crate::jobs::{Ending, JobMetrics, Settings, run};
use crate::sql::ast::{Source, Statement};
use crate::sql::parse;
use crate::state::object::RemoteStore;
use crate::workspace::Workspace;

const SCRIPT: &str = "CREATE TABLE s (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
  'number-of-rows' = '10000', 'rows-per-second' = 'unlimited', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2024-05-01 12:00:00', 'fields.ts.step' = '10 ms');
CREATE TABLE w (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE d (id BIGINT) WITH ('connector' = 'blackhole');
EXPLAIN ANALYZE STATEMENT SET BEGIN
  INSERT INTO w SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
  INSERT INTO d SELECT DISTINCT id % 7 FROM s;
END;";

/// The lines behind the head, without times and without what depends on how many epochs there were.
fn steps(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.is_empty());
    lines
        .map(|line| match line.trim_start() {
            measured if measured.starts_with("measured") => "measured".to_string(),
            partitions if partitions.starts_with("partitions") => {
                let shares = partitions.split(", ").map(|share| share.split_once(" in ").map_or(share, |(rows, _time)| rows));
                shares.collect::<Vec<_>>().join(", ")
            }
            _ => line.split_once("; ").map_or(line, |(what, _)| what).to_string(),
        })
        .collect()
}

#[tokio::test]
async fn a_job_tells_what_explain_analyze_tells() {
    let connection = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default()).into_connection();
    let mut parsed = parse(&Source::new("a.sql", SCRIPT)).unwrap();
    let asked = parsed.pop().unwrap();
    for parsed in &parsed {
        connection.declare(parsed).await.unwrap();
    }
    let Statement::Explain(explain) = &asked.statement else { panic!("{asked:?}") };
    let explained = connection.explain(explain).await.unwrap();
    let inserts: Vec<_> = explain.statements.iter().map(|s| crate::sql::ast::Parsed { statement: s.clone(), ..asked.clone() }).collect();

    let store = Arc::new(RemoteStore::new(Arc::new(InMemory::new()), Path::default(), "memory"));
    let spec = connection.plan_job("both", &inserts, store, Settings::default()).await.unwrap();
    let gauge = JobMetrics::new(&spec);
    let before = gauge.explain();
    assert!(before.starts_with("job both: STARTING") && before.contains("read 0 rows in 0 epochs"), "{before}");
    assert!(matches!(run(&spec, &CancellationToken::new()).await.unwrap(), Ending::Finished(_)));
    let after = gauge.explain();
    assert!(after.starts_with("job both: FINISHED") && after.contains("\nread 10.0k rows in "), "{after}");
    for rows in ["in 10 rows, out 10 rows, ", "in 7 rows, out 7 rows, ", "UNBOUNDED; 7 rows, "] {
        assert!(after.contains(rows), "`{rows}` in\n{after}");
    }
    assert_eq!(steps(&after), steps(&explained), "{after}\n{explained}");
}
