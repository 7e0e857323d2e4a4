//! Runs a case: as a batch query, and as a job whose input is split, and which is stopped and restarted, in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{EmptyRelation, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_plan::collect;
use futures::TryStreamExt;
use millstream::catalog::{Catalog, Overrides};
use millstream::common::faults::{CrashPoint, Faults};
use millstream::common::{Error, ErrorKind};
use millstream::connectors::Connectors;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::connectors::kafka::broker::Broker;
use millstream::jobs::snapshots::SnapshotPolicy;
use millstream::jobs::{self, Ending, JobSpec, Settings, Status};
use millstream::planner::{Mode, Session};
use millstream::sql::ast::{Parsed, Query, Source, Statement};
use millstream::sql::parse;
use millstream::state::StateStore;
use millstream::state::object::RemoteStore;
use millstream::workspace::{Ack, Connection, Workspace};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::case::{Case, Row};
use super::epochs::{self, Watch};

/// Multisets of rows by topic or materialized view.
pub type Answer = BTreeMap<String, Vec<String>>;
/// Ids of late rows, with the end of the window if the row was late for one, per output for which they were late.
pub type LateIds = Vec<BTreeSet<(i64, Option<i64>)>>;

/// Everything is read from the beginning to the end at the start, and idleness is ignored.
pub const OPTIONS: [&str; 3] = ["scan.startup.mode=earliest-offset", "scan.bounded.mode=latest-offset", "scan.watermark.idle-timeout=0 s"];
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How the input is cut into epochs: the row counts at which one ends, in order.
#[derive(Debug, Clone)]
pub struct Cuts(pub Vec<u64>);

impl Cuts {
    /// One epoch, as far as the reader has prefetched.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// An epoch per row.
    pub fn everywhere(case: &Case) -> Self {
        Self((1..=case.rows() as u64).collect())
    }

    /// A cut about every `mean` rows.
    pub fn random(case: &Case, mean: u64, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self((1..=case.rows() as u64).filter(|_| random.random_ratio(1, mean as u32)).collect())
    }

    /// Merges adjacent epochs at random.
    pub fn merged(&self, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self(self.0.iter().copied().filter(|_| random.random_bool(0.5)).collect())
    }
}

/// Cuts epochs.
#[derive(Debug)]
pub struct Recorder {
    cuts: Cuts,
    status: watch::Receiver<Status>,
    /// The number of rows after which the job is asked to stop.
    ask_after: Option<u64>,
    ask: CancellationToken,
}

impl Recorder {
    pub fn new(cuts: Cuts, status: watch::Receiver<Status>, ask_after: Option<u64>, ask: CancellationToken) -> Self {
        Self { cuts, status, ask_after, ask }
    }

    /// Cuts the epochs of this job, whatever its settings say.
    pub fn watch(self, spec: &mut JobSpec) {
        spec.settings.max_rows_per_epoch = usize::MAX;
        epochs::watched(spec, &(Arc::new(self) as _));
    }
}

impl Watch for Recorder {
    fn epoch_rows(&self) -> usize {
        let read = self.status.borrow().rows;
        if self.ask_after.is_some_and(|rows| read >= rows) {
            self.ask.cancel();
        }
        self.cuts.0.iter().find(|cut| **cut > read).map_or(usize::MAX, |cut| usize::try_from(cut - read).unwrap())
    }
}

/// The result of a run of the job.
#[derive(Debug)]
pub struct Run {
    pub answer: Answer,
    pub late: LateIds,
    /// How often the job was started.
    pub starts: usize,
}

/// How the job is stopped before its end.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// Killed at a crash point, the n-th time that it is reached.
    At(CrashPoint, u64),
    /// Stopped gracefully, after this many rows.
    Asked(u64),
}

/// Returns a broker that holds the input, without some rows.
pub fn broker(case: &Case, without: &BTreeSet<i64>) -> Arc<EmbeddedBroker> {
    let broker = Arc::new(EmbeddedBroker::new());
    for (topic, rows) in &case.input {
        let partitions = rows.iter().map(|r| r.partition).max().unwrap_or(0) + 1;
        broker.create(topic, Some(usize::try_from(partitions).unwrap())).unwrap();
        broker.append(topic, rows.iter().filter(|r| !without.contains(&r.id)).map(Row::record).collect()).unwrap();
    }
    broker
}

/// Returns a connection with the case's declarations, and its INSERTs and materialized views.
fn connection(case: &Case, broker: &Arc<EmbeddedBroker>) -> (Connection, Vec<Parsed>) {
    connection_with(case, broker, &OPTIONS, None)
}

/// The same with other options, and with a checkpoint store, from which views can be read.
pub fn connection_with(
    case: &Case,
    broker: &Arc<EmbeddedBroker>,
    options: &[&str],
    store: Option<&Arc<dyn StateStore>>,
) -> (Connection, Vec<Parsed>) {
    let mut shared = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::clone(broker)), Overrides::parse(options).unwrap());
    if let Some(store) = store {
        shared = shared.with_checkpoints(Arc::clone(store), false);
    }
    let connection = shared.into_connection();
    let statements = parse(&Source::new(case.name.as_str(), case.sql.as_str())).unwrap_or_else(|e| panic!("{e}"));
    let mut outputs = Vec::new();
    let unfold = |parsed| futures::executor::block_on(connection.unfold(parsed)).unwrap_or_else(|e| panic!("{e}"));
    for parsed in statements.iter().flat_map(unfold) {
        let done = futures::executor::block_on(connection.declare(&parsed)).unwrap_or_else(|e| panic!("{e}"));
        match &parsed.statement {
            Statement::Insert(_) => outputs.push(parsed),
            Statement::CreateView(view) if view.materialized => outputs.push(parsed),
            _ => assert!(matches!(done, Some(Ack(_))), "{}", case.name),
        }
    }
    assert!(!outputs.is_empty(), "{}", case.name);
    (connection, outputs)
}

/// Plans every output, as batch and as a job; returns its operators, and whether it drops late rows.
///
/// # Errors
/// Why one of them does not plan.
pub async fn plans(case: &Case) -> Result<Vec<String>, String> {
    let broker = broker(case, &BTreeSet::new());
    let (connection, outputs) = connection(case, &broker);
    let session = connection.session(Mode::Batch).unwrap();
    for output in &outputs {
        let query = match &output.statement {
            Statement::Insert(insert) => &insert.query,
            Statement::CreateView(view) => &view.query,
            _ => unreachable!(),
        };
        let plan = session.logical(query).await.map_err(|e| format!("batch: {e}"))?;
        session.state().create_physical_plan(&plan).await.map_err(|e| format!("batch: {e}"))?;
    }
    let settings = Settings::default();
    let job = connection.plan_job(&case.name, &outputs, store(), settings).await.map_err(|e| format!("continuous: {e}"))?;
    let timed = |node: u32| if job.program.nodes[&node].sources.is_empty() { "" } else { " by time" };
    Ok(job.program.nodes.keys().filter_map(|node| Some(format!("{}{}", job.program.operator(*node)?.name(), timed(*node)))).collect())
}

/// Returns the contents of every topic except the input.
pub fn contents(case: &Case, broker: &EmbeddedBroker) -> Answer {
    let topics = tokio::runtime::Handle::current();
    let topics = tokio::task::block_in_place(|| topics.block_on(broker.topics(PATIENCE))).unwrap();
    let mut answer = Answer::new();
    for topic in topics.into_iter().filter(|t| !case.input.contains_key(t)) {
        let bounds = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(broker.bounds(&topic))).unwrap();
        let from: Vec<(i32, i64)> = bounds.iter().map(|b| (b.partition, b.earliest)).collect();
        let mut consumer = broker.consumer(&topic, &from).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut records = Vec::new();
        let mut each = |r: millstream::connectors::kafka::broker::Record<'_>| records.push((r.key.map(text), r.value.map(text)));
        while consumer.poll(usize::MAX, Duration::ZERO, &mut each).unwrap() > 0 {}
        answer.insert(topic, left(records));
    }
    answer
}

/// Returns the rows that result from a topic's records: the newest of each key, or the sum of changes.
fn left(records: Vec<(Option<String>, Option<String>)>) -> Vec<String> {
    let (mut by_key, mut rows) = (BTreeMap::new(), BTreeMap::<String, i64>::new());
    for (key, value) in records {
        let change = value.as_ref().and_then(|v| Some((v, v.strip_prefix("{\"before\":")?)));
        match (key, change) {
            (Some(key), _) => drop(by_key.insert(key, value)),
            (None, Some((value, _))) => {
                let change: serde_json::Value = serde_json::from_str(value).unwrap();
                for (image, weight) in [("before", -1), ("after", 1)] {
                    if !change[image].is_null() {
                        *rows.entry(change[image].to_string()).or_default() += weight;
                    }
                }
            }
            (None, None) => *rows.entry(value.unwrap()).or_default() += 1,
        }
    }
    for row in by_key.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?))) {
        *rows.entry(row).or_default() += 1;
    }
    assert!(rows.values().all(|n| *n >= 0), "more rows go than came: {rows:?}");
    rows.into_iter().flat_map(|(row, n)| std::iter::repeat_n(row, usize::try_from(n).unwrap())).collect()
}

/// Returns the content of the case's materialized views at the last commit.
pub async fn views(case: &Case, broker: &Arc<EmbeddedBroker>, store: &Arc<dyn StateStore>) -> Answer {
    let (connection, outputs) = connection_with(case, broker, &OPTIONS, Some(store));
    let mut answer = Answer::new();
    for output in &outputs {
        let Statement::CreateView(view) = &output.statement else { continue };
        let all = parse(&Source::new("read", format!("SELECT * FROM `{}`", view.name))).unwrap().remove(0);
        let Statement::Query(query) = all.statement else { unreachable!() };
        let session = connection.session(Mode::Batch).unwrap();
        let (_, rows) = session.run(&query).await.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        answer.insert(view.name.clone(), show(&rows.try_collect::<Vec<_>>().await.unwrap_or_else(|e| panic!("{}: {e}", case.name))));
    }
    answer
}

/// Returns rows as text, sorted; floats with a tolerance.
pub fn show(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let value = |(i, f): (usize, &ArrayFormatter<'_>)| match batch.column(i).as_primitive_opt::<Float64Type>() {
                Some(floats) if !floats.is_null(row) => format!("{:.9e}", floats.value(row)),
                _ => f.value(row).to_string(),
            };
            rows.push(columns.iter().enumerate().map(value).collect::<Vec<_>>().join(" | "));
        }
    }
    rows.sort();
    rows
}

/// Returns the batch answer, each output over the input without the rows that were late for it.
pub async fn batch(case: &Case, late: &LateIds) -> Answer {
    let nothing = BTreeSet::new();
    let mut answer = Answer::new();
    let count = connection(case, &broker(case, &BTreeSet::new())).1.len();
    for i in 0..count {
        let late = late.get(i).unwrap_or(&nothing);
        // A row that is late for one of its windows can be in time for another one.
        let pairs: BTreeSet<(i64, i64)> = late.iter().filter_map(|(id, end)| Some((*id, (*end)?))).collect();
        let ids: BTreeSet<i64> = late.iter().filter(|(_, end)| end.is_none()).map(|(id, _)| *id).collect();
        let dropped = pairs.iter().map(|(id, _)| *id).chain(ids.iter().copied()).collect();
        match &connection(case, &broker(case, &nothing_late())).1[i].statement {
            Statement::Insert(_) => {
                let broker = broker(case, &dropped);
                let (connection, outputs) = connection(case, &broker);
                let Statement::Insert(insert) = &outputs[i].statement else { unreachable!() };
                connection.insert_now(insert).await.unwrap_or_else(|e| panic!("{}: {e}", case.name));
                for (topic, rows) in contents(case, &broker) {
                    let all = answer.entry(topic).or_default();
                    all.extend(rows);
                    all.sort();
                }
            }
            Statement::CreateView(view) => {
                let broker = broker(case, &ids);
                let (connection, _) = connection(case, &broker);
                let session = connection.session(Mode::Batch).unwrap();
                let rows = answer_without(&session, &view.query, &pairs).await;
                answer.insert(view.name.clone(), show(&rows.unwrap_or_else(|e| panic!("{}, {}: {e}", case.name, view.name))));
            }
            _ => unreachable!(),
        }
    }
    answer
}

fn nothing_late() -> BTreeSet<i64> {
    BTreeSet::new()
}

/// Runs a query over window-expanded input without some (row, window) pairs.
async fn answer_without(session: &Session, query: &Query, pairs: &BTreeSet<(i64, i64)>) -> Result<Vec<RecordBatch>, Error> {
    let plan = session.logical(query).await?;
    let plan = plan.transform_up_with_subqueries(|node| {
        let windows = matches!(&node, LogicalPlan::Extension(e) if e.node.name() == "WindowTvf");
        // Windows over windows get only rows that were in time below.
        if !windows || pairs.is_empty() || node.schema().fields().iter().all(|f| f.name() != "id") {
            return Ok(Transformed::no(node));
        }
        // A row is late for a session as a whole: without it the session differs.
        if node.display().to_string().contains("SESSION") {
            let input = node.inputs()[0].clone();
            let ids = pairs.iter().map(|(row, _)| lit(*row)).collect();
            let kept = column(input.schema(), "id").in_list(ids, true);
            let input = LogicalPlanBuilder::from(input).filter(kept)?.build()?;
            return Ok(Transformed::yes(node.with_new_exprs(node.expressions(), vec![input])?));
        }
        let end = cast_expr(node.schema(), "window_end");
        let id = |id: i64| column(node.schema(), "id").eq(lit(id));
        let gone = pairs.iter().map(|(row, close)| id(*row).and(end.clone().eq(lit(*close))));
        let gone = gone.reduce(|a, b| a.or(b)).unwrap();
        Ok(Transformed::yes(LogicalPlanBuilder::from(node).filter(gone.is_not_true())?.build()?))
    })?;
    let plan = begun(session, plan.data).await?;
    let plan = session.state().create_physical_plan(&plan).await?;
    Ok(collect(plan, session.task_context()).await?)
}

/// A stream emits no row of an aggregate without GROUP BY before the first row that it counts, where the aggregate is the answer, or the
/// answer is computed from it row by row.
async fn begun(session: &Session, plan: LogicalPlan) -> Result<LogicalPlan, Error> {
    let mut inputs = Vec::new();
    globals(plan.clone(), &mut |aggregate| {
        inputs.push(aggregate.inputs()[0].clone());
        aggregate
    });
    let mut empty = Vec::new();
    for input in inputs {
        let plan = session.state().create_physical_plan(&input).await?;
        let rows: usize = collect(plan, session.task_context()).await?.iter().map(RecordBatch::num_rows).sum();
        empty.push(rows == 0);
    }
    let mut empty = empty.into_iter();
    Ok(globals(plan, &mut |aggregate| match empty.next() {
        Some(true) => LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::clone(aggregate.schema()) }),
        _ => aggregate,
    }))
}

/// Whether there is a row without any input: without GROUP BY, or as the grand total of grouping sets.
fn has_total(groups: &[Expr]) -> bool {
    match groups {
        [] => true,
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.iter().any(Vec::is_empty),
        [Expr::GroupingSet(_)] => true,
        _ => false,
    }
}

/// Replaces such aggregates.
fn globals(plan: LogicalPlan, replace: &mut dyn FnMut(LogicalPlan) -> LogicalPlan) -> LogicalPlan {
    let by_row = match &plan {
        LogicalPlan::Aggregate(aggregate) if has_total(&aggregate.group_expr) => return replace(plan),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => !plan
            .expressions()
            .iter()
            .any(|e| e.exists(|e| Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)))).unwrap()),
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Union(_) => true,
        _ => false,
    };
    if !by_row {
        return plan;
    }
    let inputs = plan.inputs().into_iter().map(|input| globals(input.clone(), replace)).collect();
    plan.with_new_exprs(plan.expressions(), inputs).unwrap()
}

fn column(schema: &DFSchema, name: &str) -> Expr {
    let index = schema.fields().iter().position(|f| f.name() == name).unwrap_or_else(|| panic!("rows are late, but there is no {name}"));
    Expr::Column(Column::from(schema.qualified_field(index)))
}

/// Casts a time column to milliseconds.
fn cast_expr(schema: &DFSchema, name: &str) -> Expr {
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    datafusion::logical_expr::cast(datafusion::logical_expr::cast(column(schema, name), millis), DataType::Int64)
}

/// Memory for the state of a job after its first restart, in bytes: most of the state is on disk then.
const LITTLE: usize = 32 << 10;

/// The numbers of partitions of jobs: they vary with the cuts of the input, and with each start of the job.
const PARTITIONS: [usize; 3] = [4, 1, 2];

/// Runs the job to its end, and restarts it after every injected stop, one per start.
///
/// Commits come every `interval`; if it is zero, an epoch waits for the previous commit.
pub async fn stream(case: &Case, cuts: &Cuts, interval: Duration, stops: &[Stop]) -> Run {
    let broker = broker(case, &BTreeSet::new());
    let store = store();
    let mut late = LateIds::new();
    let mut starts = 0;
    let begin = Instant::now();
    loop {
        let mut spec = job(case, &broker, &store, interval, PARTITIONS[(cuts.0.len() + starts) % PARTITIONS.len()]).await;
        if starts == 1 {
            spec.settings.state_memory = LITTLE;
        }
        if (cuts.0.len() + starts).is_multiple_of(2) {
            spec.settings.snapshots = SnapshotPolicy { least: 0, background: 0 };
        }
        let stop = CancellationToken::new();
        let planned = stops.get(starts).copied();
        // The status counts rows since this start; so do the cuts, which matters only where every row is an epoch.
        let ask_after = if let Some(Stop::Asked(rows)) = planned { Some(rows) } else { None };
        Recorder::new(cuts.clone(), spec.status.subscribe(), ask_after, stop.clone()).watch(&mut spec);
        let runner = epochs::travelling(&mut spec);
        if let Some(Stop::At(point, nth)) = planned {
            spec.faults = Faults::error_at(point, nth);
        }
        starts += 1;
        let ended = tokio::time::timeout(PATIENCE, jobs::run(&spec, &stop)).await;
        late.resize(spec.inserts.len() + spec.views.len(), BTreeSet::new());
        let mut outputs = BTreeMap::new();
        for found in runner.take_late() {
            for output in outputs.entry(found.node).or_insert_with(|| outputs_of(case, &broker, &spec, found.node)) {
                late[*output].extend(ids(case, &found.rows));
            }
        }
        match ended {
            Ok(Ok(Ending::Finished(_))) => break,
            Ok(Ok(Ending::Stopped(_))) if stop.is_cancelled() => {}
            Ok(Err(e)) if e.kind() == ErrorKind::Injected => assert!(starts <= stops.len(), "{}: stopped too often", case.name),
            other => panic!("{}: {other:?} after {:?}, {:?}", case.name, begin.elapsed(), spec.status.borrow()),
        }
    }
    let mut answer = contents(case, &broker);
    answer.extend(views(case, &broker, &store).await);
    Run { answer, late, starts }
}

/// An empty store without locks, as on S3.
pub fn store() -> Arc<dyn StateStore> {
    Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), object_store::path::Path::default(), "memory"))
}

/// Plans the job anew, as after a restart of the process.
async fn job(case: &Case, broker: &Arc<EmbeddedBroker>, store: &Arc<dyn StateStore>, interval: Duration, partitions: usize) -> JobSpec {
    let parallelism = format!("parallelism.default={partitions}");
    let options: Vec<&str> = OPTIONS.into_iter().chain([parallelism.as_str()]).collect();
    let (connection, inserts) = connection_with(case, broker, &options, None);
    let settings = Settings { checkpoint_interval: interval, max_rows_per_epoch: 1, ..Settings::default() };
    connection.plan_job(&case.name, &inserts, Arc::clone(store), settings).await.unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

/// Starts a second copy of the job, with the same store and topics, once the first has read this many rows. Returns the answer and how the
/// first one ended.
pub async fn take_over(case: &Case, after: u64) -> (Answer, Result<Ending, Error>) {
    let (broker, store) = (broker(case, &BTreeSet::new()), store());
    let older = job(case, &broker, &store, Duration::ZERO, 2).await;
    let newer = job(case, &broker, &store, Duration::ZERO, 3).await;
    let mut status = older.status.subscribe();
    let stop = CancellationToken::new();
    let newer = async {
        let _ = tokio::time::timeout(PATIENCE, status.wait_for(|s| s.rows >= after)).await;
        jobs::run(&newer, &stop).await
    };
    let (older, newer) = tokio::time::timeout(PATIENCE, async { tokio::join!(jobs::run(&older, &stop), newer) }).await.unwrap();
    assert!(matches!(newer, Ok(Ending::Finished(_))), "{}: {newer:?}", case.name);
    (contents(case, &broker), older)
}

/// Returns the outputs, by their order in the file, that are above an operator.
fn outputs_of(case: &Case, broker: &Arc<EmbeddedBroker>, spec: &JobSpec, node: u32) -> Vec<usize> {
    let (mut inserts, mut views) = (spec.inserts.iter(), spec.views.iter());
    let outputs = connection(case, broker).1;
    let above = |parsed: &Parsed| match parsed.statement {
        Statement::Insert(_) => inserts.next().unwrap().output.nodes.contains(&node),
        _ => views.next().unwrap().nodes.contains(&node),
    };
    outputs.iter().map(above).enumerate().filter(|(_, above)| *above).map(|(i, _)| i).collect()
}

/// Returns late rows by the column that numbers the input, with the window for which they were late.
fn ids(case: &Case, rows: &RecordBatch) -> Vec<(i64, Option<i64>)> {
    let id = rows.column_by_name("id").or_else(|| rows.column_by_name("transaction_id"));
    let id = id.unwrap_or_else(|| panic!("{}: rows are late, but its query does not read `id`", case.name));
    let id = cast(id, &DataType::Int64).unwrap();
    let end = rows.column_by_name("window_end").map(|end| millstream::operators::to_millis(end).unwrap());
    let end = |row: usize| end.as_ref().filter(|e| e.is_valid(row)).map(|e| e.value(row));
    id.as_primitive::<Int64Type>().values().iter().enumerate().map(|(row, id)| (*id, end(row))).collect()
}
