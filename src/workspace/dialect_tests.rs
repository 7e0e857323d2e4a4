//! Objects of one dialect in queries of another: each keeps its own names, functions, casts and emission.

use std::sync::{Arc, Mutex};

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream_partitioned};
use datafusion_proto::bytes::{physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec};
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Overrides};
use crate::common::{Error, Result};
use crate::connectors::Connectors;
use crate::jobs::stage_runner::StageRunner;
use crate::jobs::{Ending, Settings, run};
use crate::planner::Mode;
use crate::planner::codec::Codec;
use crate::sql::ast::{Parsed, Source, Statement};
use crate::sql::{Dialect, parse};
use crate::state::object::RemoteStore;
use crate::workspace::{Connection, Workspace};

/// A table, views on it in both dialects, and views of each dialect on those of the other.
const SCRIPT: &str = "
KEEP TABLE numbers (id BIGINT, double = twice(id)) WITH (connector = 'datagen', 'number-of-rows' = '3', 'rows-per-second' = 'unlimited',
  'fields.ID.kind' = 'sequence', 'fields.ID.start' = '1', 'fields.ID.end' = '3');
KEEP theirs AS SELECT id, double, concat('a', 'b') AS text, CAST(id > 1 AS VARCHAR) AS more FROM numbers;
CREATE VIEW ours AS SELECT id, CONCAT('a', 'b') AS text, CAST(id > 1 AS STRING) AS more FROM numbers;
CREATE VIEW ours_on_theirs AS SELECT t.ID AS id, text, more, CONCAT('a', 'b') AS own_text, CAST(id > 1 AS STRING) AS own_more FROM theirs t;
KEEP theirs_on_ours AS SELECT id, text, more, concat('a', 'b') AS own_text, CAST(id > 1 AS VARCHAR) AS own_more FROM ours;
CREATE VIEW mixed AS SELECT a.own_more AS a, b.own_more AS b FROM theirs_on_ours AS a JOIN ours_on_theirs AS b ON a.id = b.id;
KEEP nested AS SELECT a, b, CAST(TRUE AS VARCHAR) AS c FROM mixed;";

async fn connection() -> Connection {
    let connection = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default()).into_connection();
    for parsed in parse(&Source::new("a.sql", SCRIPT)).unwrap() {
        connection.declare(&parsed).await.unwrap_or_else(|e| panic!("{e}"));
    }
    connection
}

async fn answer(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let parsed = parse(&Source::new("q.sql", sql))?.remove(0);
    let Statement::Query(query) = &parsed.statement else { panic!("{sql}") };
    let (_, rows) = connection.session(Mode::Batch)?.run(query).await?;
    let batches: Vec<_> = rows.map_err(Error::from).try_collect().await?;
    let mut shown = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &FormatOptions::default()).unwrap()).collect();
        shown.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ")));
    }
    shown.sort();
    Ok(shown)
}

#[tokio::test]
async fn each_object_means_what_it_means_in_its_own_dialect() {
    let connection = connection().await;
    for (sql, rows) in [
        // Found in lower case, too, as names are.
        ("SELECT id, double, text, more FROM theirs", ["1 2 a+b false", "2 4 a+b true", "3 6 a+b true"]),
        ("SELECT id, text, more FROM ours", ["1 ab FALSE", "2 ab TRUE", "3 ab TRUE"]),
        ("SELECT * FROM ours_on_theirs", ["1 a+b false ab FALSE", "2 a+b true ab TRUE", "3 a+b true ab TRUE"]),
        ("SELECT * FROM theirs_on_ours", ["1 ab FALSE a+b false", "2 ab TRUE a+b true", "3 ab TRUE a+b true"]),
        ("SELECT a, b, CAST(TRUE AS STRING) FROM mixed", ["false FALSE TRUE", "true TRUE TRUE", "true TRUE TRUE"]),
        ("SELECT a, b, c, CAST(TRUE AS STRING) FROM nested", ["false FALSE true TRUE", "true TRUE true TRUE", "true TRUE true TRUE"]),
    ] {
        assert_eq!(answer(&connection, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")), rows, "{sql}");
    }
}

#[tokio::test]
async fn functions_are_those_of_the_dialect() {
    let connection = connection().await;
    for (sql, missing) in [
        ("SELECT twice(1)", "twice"),
        ("KEEP v AS SELECT upper('a') AS a FROM numbers", "upper"),
        ("KEEP v AS SELECT date_format(NULL, 'y') AS a FROM numbers", "date_format"),
    ] {
        let parsed = parse(&Source::new("q.sql", sql)).unwrap().remove(0);
        let query = match &parsed.statement {
            Statement::Query(query) => query.clone(),
            Statement::CreateView(view) => view.query.clone(),
            _ => panic!("{sql}"),
        };
        let error = connection.session(Mode::Batch).unwrap().schema(&query).await.unwrap_err();
        assert!(error.to_string().to_lowercase().contains(missing), "{sql}: {error}");
    }
    let session = connection.session(Mode::Batch).unwrap();
    let (flink, test) = (session.functions(Dialect::FLINK).unwrap(), session.functions(Dialect::TEST).unwrap());
    let has = |functions: &[String], name: &str| functions.iter().any(|known| known == name);
    assert!(has(&flink, "upper") && !has(&flink, "twice") && has(&flink, "date_format"));
    assert_eq!(test, ["abs", "concat", "count", "sum", "twice"]);

    let declare = "CREATE FUNCTION loud(x STRING) AS UPPER(x); KEEP v AS SELECT loud('a') AS a FROM numbers";
    let mut parsed = parse(&Source::new("f.sql", declare)).unwrap();
    let view = parsed.pop().unwrap();
    connection.declare(&parsed.remove(0)).await.unwrap();
    let Statement::CreateView(view) = &view.statement else { panic!() };
    let error = connection.session(Mode::Batch).unwrap().schema(&view.query).await.unwrap_err();
    assert!(error.message().contains("function `loud` is declared in the dialect Flink"), "{error}");
}

#[tokio::test]
async fn types_nulls_and_names_of_fields_are_those_of_the_dialect() {
    let connection = connection().await;
    let script = "
        CREATE VIEW odd AS SELECT CASE WHEN id <> 2 THEN id END AS id FROM numbers;
        KEEP theirs_in_order AS SELECT id FROM odd ORDER BY id LIMIT 2;
        CREATE VIEW ours_in_order AS SELECT id FROM odd ORDER BY id LIMIT 2;
        KEEP theirs_last AS SELECT id FROM odd ORDER BY id DESC LIMIT 1;
        CREATE VIEW whole AS SELECT CAST(ROW(id) AS ROW<`A` BIGINT>) AS `R` FROM numbers;
        KEEP long AS SELECT CAST(id AS LONG) AS id FROM numbers";
    for parsed in parse(&Source::new("b.sql", script)).unwrap() {
        connection.declare(&parsed).await.unwrap_or_else(|e| panic!("{e}"));
    }
    for (view, rows) in
        [("theirs_in_order", &["1", "3"][..]), ("ours_in_order", &["", "1"]), ("theirs_last", &[""]), ("long", &["1", "2", "3"])]
    {
        assert_eq!(answer(&connection, &format!("SELECT * FROM {view}")).await.unwrap(), rows, "{view}");
    }
    let error = answer(&connection, "SELECT CAST(1 AS LONG)").await.unwrap_err();
    assert!(error.to_string().contains("BIGINT"), "{error}");

    let names = async |sql: &str| {
        let Statement::Query(query) = parse(&Source::new("q.sql", sql)).unwrap().pop().unwrap().statement else { panic!("{sql}") };
        let schema = connection.session(Mode::Batch).unwrap().schema(&query).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        schema.field(0).name().clone()
    };
    assert_eq!(names("SELECT R.A FROM whole").await, "A");
    assert_eq!(names("SET 'sql.dialect' = 'test'; SELECT R.A FROM whole").await, "WHOLE.R[A]");
}

/// The dialect of an INSERT, not that of the table.
#[tokio::test]
async fn what_is_cast_on_insert_is_up_to_the_dialect() {
    let connection = connection().await;
    let table = "CREATE TABLE narrow (`ID` INT) WITH ('connector' = 'blackhole');";
    connection.declare(&parse(&Source::new("t.sql", table)).unwrap().remove(0)).await.unwrap();
    let planned = async |sql: &str| {
        let inserts: Vec<Parsed> = parse(&Source::new("i.sql", sql)).unwrap().split_off(sql.matches("SET").count());
        let store: Arc<dyn crate::state::store::StateStore> =
            Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), object_store::path::Path::default(), "memory"));
        connection.plan_job("narrow", &inserts, store, Settings::default()).await.map(|_| ())
    };
    planned("INSERT INTO narrow SELECT id FROM numbers").await.unwrap();
    let error = planned("SET 'sql.dialect' = 'test'; INSERT INTO narrow SELECT id FROM numbers").await.unwrap_err();
    assert!(error.message().contains("column `ID` is int, the query gives bigint"), "{error}");
}

/// Runs the plans of a job after a way through bytes, as a worker would.
#[derive(Debug, Default)]
struct ThroughBytes {
    seen: Mutex<String>,
}

impl StageRunner for ThroughBytes {
    fn run(&self, plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>> {
        let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec)?;
        let plan = physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec)?;
        self.seen.lock().unwrap().push_str(&displayable(plan.as_ref()).indent(false).to_string());
        Ok(execute_stream_partitioned(plan, Arc::clone(context))?)
    }
}

/// They have other names in plans than in texts.
#[tokio::test]
async fn functions_of_a_dialect_are_found_in_plans_that_were_sent() {
    let connection = connection().await;
    let script = "KEEP called AS SELECT concat(more, 'x') AS text, twice(id) AS twice FROM theirs;
        CREATE TABLE sink (a STRING, b BIGINT, c STRING) WITH ('connector' = 'kafka', 'topic' = 'sink', 'format' = 'json',
            'scan.startup.mode' = 'earliest-offset');
        INSERT INTO sink SELECT text, twice, CONCAT(text, 'y') FROM called";
    let mut inserts = parse(&Source::new("job.sql", script)).unwrap();
    for parsed in inserts.drain(..2) {
        connection.declare(&parsed).await.unwrap();
    }
    let store = Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), object_store::path::Path::default(), "memory"));
    let mut spec = connection.plan_job("sent", &inserts, store, Settings::default()).await.unwrap();
    let runner = Arc::new(ThroughBytes::default());
    spec.runner = Arc::clone(&runner) as _;
    assert!(matches!(run(&spec, &CancellationToken::new()).await.unwrap(), Ending::Finished(_)));
    let rows = answer(&connection, "SELECT * FROM sink").await.unwrap();
    assert_eq!(rows, ["false+x 2 false+xy", "true+x 4 true+xy", "true+x 6 true+xy"]);
    let seen = runner.seen.lock().unwrap();
    assert!(seen.contains("__test_concat(") && seen.contains("__test_twice("), "{seen}");
}

/// The rules of each dialect change its own part of a plan.
#[tokio::test]
async fn a_job_runs_over_views_of_both() {
    let connection = connection().await;
    let insert =
        "CREATE TABLE sink (a STRING, b STRING, c STRING, d STRING) WITH ('connector' = 'kafka', 'topic' = 'sink', 'format' = 'json',
            'scan.startup.mode' = 'earliest-offset');
        INSERT INTO sink SELECT a, b, c, CAST(a = 'true' AS STRING) FROM nested";
    let mut parsed = parse(&Source::new("job.sql", insert)).unwrap();
    connection.declare(&parsed.remove(0)).await.unwrap();
    let store =
        || Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), object_store::path::Path::default(), "memory"));
    let inserts: Vec<Parsed> = parsed;
    let spec = connection.plan_job("mixed", &inserts, store(), Settings::default()).await.unwrap();
    assert!(matches!(run(&spec, &CancellationToken::new()).await.unwrap(), Ending::Finished(_)));
    let rows = answer(&connection, "SELECT * FROM sink").await.unwrap();
    assert_eq!(rows, ["false FALSE true FALSE", "true TRUE true TRUE", "true TRUE true TRUE"]);
    let Statement::Insert(insert) = &inserts[0].statement else { panic!() };
    let shown = connection.session(Mode::Batch).unwrap().explain_rules(&insert.query).await.unwrap();
    assert!(shown.contains("ForeignView: test"), "{shown}");
    let after = shown.split("== after DataFusion").nth(1).unwrap();
    assert!(!after.contains("ForeignView"), "{after}");
}
