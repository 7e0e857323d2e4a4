//! The context of one attempt of an epoch: its inputs, state and report. Operators find it in the `TaskContext`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::record_batch::RecordBatch;
use datafusion::execution::TaskContext;

use crate::common::{Error, Result};
use crate::connectors::Source;
use crate::state::{KeyGroups, SpillContext, SpillableBatches, StateDelta, StateMemory, StateTable};

/// The tables that a batch query reads from, by name.
#[derive(Debug, Default)]
pub struct SourceSet(pub Mutex<HashMap<String, Arc<dyn Source>>>);

impl SourceSet {
    /// Adds a table.
    pub fn add(&self, table: &str, source: Arc<dyn Source>) {
        lock(&self.0).insert(table.to_string(), source);
    }

    /// A table that was added.
    pub fn get(&self, table: &str) -> Result<Arc<dyn Source>> {
        lock(&self.0).get(table).cloned().ok_or_else(|| Error::internal(format!("source `{table}` is not open")))
    }
}

/// The name of a state table: the operator's number, the table's number in it, and the key groups whose rows it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId {
    /// The operator's number in its job.
    pub node: u32,
    /// Which of its tables.
    pub table: u32,
    /// The key groups of its rows: those of one partition of the operator.
    pub groups: KeyGroups,
}

impl std::fmt::Display for StateId {
    /// `3/0/32-63`, or `3/0` for a table with the rows of all key groups.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.node, self.table)?;
        if self.groups == KeyGroups::ALL { Ok(()) } else { write!(f, "/{}", self.groups) }
    }
}

impl std::str::FromStr for StateId {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let wrong = || Error::state(format!("`{name}` is no state table"));
        let mut parts = name.splitn(3, '/');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong);
        let (node, table) = (number()?, number()?);
        let groups = parts.next().map_or(Ok(KeyGroups::ALL), str::parse)?;
        Ok(Self { node, table, groups })
    }
}

/// State tables at one version.
pub type StateTables = BTreeMap<StateId, StateTable>;

/// One attempt of one epoch.
///
/// ```text
///            inputs (rows of this epoch, per table and partition) ─┐
///            state  (tables at version n−1) ───────────────────────┼─▶ operators ─▶ output rows
///            exchanges (output rows of stages, read by later ones) ┘       │
///                                                                          └─▶ report: event times, deltas, late rows
/// ```
/// # Invariants
/// * `inputs` and `state` never change during the attempt; a second attempt of the same epoch sees the same.
/// * Reports only add up, so operators may run in any order and in parallel.
#[derive(Debug)]
pub struct EpochContext {
    inputs: HashMap<(String, i32), Vec<RecordBatch>>,
    state: StateTables,
    exchanges: Mutex<HashMap<u32, BTreeMap<u32, SpillableBatches>>>,
    /// How many stages have read an exchange.
    read: Mutex<BTreeMap<u32, usize>>,
    spill: SpillContext,
    report: Mutex<EpochReport>,
    keep_late_rows: bool,
}

/// What the operators reported in one attempt.
#[derive(Debug, Default)]
pub struct EpochReport {
    /// The newest event time, in milliseconds, of the watermark expression, per table and partition.
    pub event_times: BTreeMap<(String, i32), i64>,
    /// What changes in the state tables.
    pub deltas: BTreeMap<StateId, StateDelta>,
    /// The number of rows without a time, by the column that should hold it.
    pub timeless: BTreeMap<String, u64>,
    /// The number of deletes of missing rows, minus those whose insert has come later.
    pub unmatched: i64,
    /// The number of (row, window) pairs that were late, per operator.
    pub late: BTreeMap<u32, u64>,
    /// The same per filter.
    pub late_by_filter: BTreeMap<u32, u64>,
    /// Those rows, if late rows are kept.
    pub late_rows: Vec<LateRows>,
}

/// Rows that were late.
#[derive(Debug, Clone)]
pub struct LateRows {
    /// The operator that they were late for.
    pub node: u32,
    /// The filter that found them.
    pub filter: u32,
    /// The rows, as the filter has read them.
    pub rows: RecordBatch,
}

impl EpochContext {
    /// An attempt over these rows and this state, whose exchanges share the state's `memory`. `keep_late_rows` collects late rows
    /// instead of only counting them.
    pub fn new(
        inputs: HashMap<(String, i32), Vec<RecordBatch>>,
        state: StateTables,
        memory: &Arc<StateMemory>,
        keep_late_rows: bool,
    ) -> Self {
        let (exchanges, read, report, spill) = (Mutex::default(), Mutex::default(), Mutex::default(), SpillContext::new(memory));
        Self { inputs, state, exchanges, read, spill, report, keep_late_rows }
    }

    /// The spill context of rows of this attempt.
    pub fn spill_context(&self) -> &SpillContext {
        &self.spill
    }

    /// The attempt that a plan runs in.
    pub fn from_task(context: &TaskContext) -> Option<Arc<Self>> {
        context.session_config().get_extension::<Self>()
    }

    /// The attempt that a plan runs in, for operators that exist only in continuous plans.
    pub fn required(context: &TaskContext) -> Result<Arc<Self>> {
        Self::from_task(context).ok_or_else(|| Error::internal("a streaming operator outside of an epoch"))
    }

    /// The rows of one partition of a table.
    pub fn input(&self, table: &str, partition: i32) -> &[RecordBatch] {
        self.inputs.get(&(table.to_string(), partition)).map_or(&[], Vec::as_slice)
    }

    /// A state table at version n−1.
    pub fn table(&self, id: StateId) -> Result<StateTable> {
        self.state.get(&id).cloned().ok_or_else(|| Error::internal(format!("there is no state table {id}")))
    }

    /// A table of an operator in all of its partitions, at version n−1.
    pub fn tables(&self, node: u32, table: u32) -> impl Iterator<Item = &StateTable> {
        self.state.iter().filter(move |(id, _)| (id.node, id.table) == (node, table)).map(|(_, table)| table)
    }

    /// Stores rows for a later stage: one partition of an exchange.
    pub fn put_exchange(&self, id: u32, partition: u32, rows: SpillableBatches) {
        lock(&self.exchanges).entry(id).or_default().insert(partition, rows);
    }

    /// One partition of the rows that an earlier stage stored.
    pub fn exchange(&self, id: u32, partition: u32) -> Result<SpillableBatches> {
        let rows = lock(&self.exchanges).get(&id).and_then(|partitions| partitions.get(&partition).cloned());
        rows.ok_or_else(|| Error::internal(format!("nothing has been left for exchange {id}, partition {partition}")))
    }

    /// All rows that an earlier stage stored, partition by partition.
    pub fn whole_exchange(&self, id: u32) -> Result<SpillableBatches> {
        let mut all = SpillableBatches::default();
        let exchanges = lock(&self.exchanges);
        let partitions = exchanges.get(&id).ok_or_else(|| Error::internal(format!("nothing has been left for exchange {id}")))?;
        partitions.values().for_each(|rows| all.extend(rows.clone()));
        Ok(all)
    }

    /// Counts a reader of an exchange, and drops the rows after the last of its `readers`.
    pub fn exchange_was_read(&self, id: u32, readers: usize) {
        let mut read = lock(&self.read);
        let times = read.entry(id).or_default();
        *times += 1;
        if *times >= readers {
            lock(&self.exchanges).remove(&id);
        }
    }

    /// Drops one partition of an exchange.
    pub fn drop_exchange_partition(&self, id: u32, partition: u32) {
        if let Some(partitions) = lock(&self.exchanges).get_mut(&id) {
            partitions.remove(&partition);
        }
    }

    /// Reports an event time.
    pub fn report_event_time(&self, table: &str, partition: i32, millis: i64) {
        let mut report = lock(&self.report);
        let newest = report.event_times.entry((table.to_string(), partition)).or_insert(millis);
        *newest = millis.max(*newest);
    }

    /// Reports the delta of a state table.
    pub fn report_delta(&self, id: StateId, delta: StateDelta) -> Result<()> {
        if delta.is_empty() {
            return Ok(());
        }
        match lock(&self.report).deltas.entry(id) {
            Entry::Occupied(mut before) => before.get_mut().join(delta),
            Entry::Vacant(none) => {
                none.insert(delta);
                Ok(())
            }
        }
    }

    /// Reports late rows.
    pub fn report_late(&self, late: LateRows) {
        let mut report = lock(&self.report);
        *report.late.entry(late.node).or_default() += late.rows.num_rows() as u64;
        *report.late_by_filter.entry(late.filter).or_default() += late.rows.num_rows() as u64;
        if self.keep_late_rows {
            report.late_rows.push(late);
        }
    }

    /// Reports rows without a window: their time is NULL.
    pub fn report_timeless(&self, column: &str, rows: u64) {
        *lock(&self.report).timeless.entry(column.to_string()).or_default() += rows;
    }

    /// Reports deletes of missing rows; negative: inserts that came after their deletes.
    pub fn report_unmatched(&self, records: i64) {
        lock(&self.report).unmatched += records;
    }

    /// The event times reported so far.
    pub fn event_times(&self) -> BTreeMap<(String, i32), i64> {
        lock(&self.report).event_times.clone()
    }

    /// Takes the report at the end of the attempt.
    pub fn finish(&self) -> EpochReport {
        std::mem::take(&mut lock(&self.report))
    }
}

/// Locks a mutex, even after a panic of another holder: values inside are only replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
