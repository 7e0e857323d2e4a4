//! Tables that streams look rows up in: `lookup.cache`, and a table that keeps its rows for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::{ExecutionPlan, collect};
use tokio::sync::Mutex;

use crate::common::{Error, OptionSpec, Result, Subject, clock, units};

use crate::connectors::TableSpec;

const CACHE: &str = "lookup.cache";
const INTERVAL: &str = "lookup.full-cache.periodic-reload.interval";

/// The options of a table that streams are joined with.
pub const OPTIONS: [OptionSpec; 3] = [
    OptionSpec::one_of(
        CACHE,
        &["NONE", "FULL", "PARTIAL"],
        "what is kept of a table that a stream is joined with; default: NONE, each epoch reads it",
    ),
    OptionSpec::text(INTERVAL, "with FULL: so long the rows stay in memory before they are read again"),
    OptionSpec::one_of("lookup.full-cache.reload-strategy", &["PERIODIC"], "with FULL: rows are read again after an interval"),
];

/// How long all rows of a table stay in memory; `None`: they do not.
///
/// # Errors
/// When FULL has no interval, the interval has no cache, or single keys were to be kept.
pub fn kept(spec: &TableSpec) -> Result<Option<Duration>> {
    let table = &spec.name;
    let cache = spec.option(CACHE).unwrap_or("NONE").to_ascii_uppercase();
    match (cache.as_str(), spec.option(INTERVAL)) {
        ("PARTIAL", _) => {
            let error = format!("`{CACHE}` = 'PARTIAL' keeps keys that were asked for, but the table is read as a whole");
            Err(Error::sql(error)
                .about(Subject::Option(CACHE.into()))
                .in_table(table)
                .hint(format!("'FULL' with '{INTERVAL}' = '10 min' keeps all rows")))
        }
        ("FULL", Some(interval)) => units::duration(interval).map(Some).map_err(|e| e.in_table_option(table, INTERVAL)),
        ("FULL", None) => Err(Error::sql(format!("`{CACHE}` = 'FULL' says not how long"))
            .about(Subject::Option(CACHE.into()))
            .in_table(table)
            .hint(format!("add '{INTERVAL}' = '10 min'"))),
        (_, Some(_)) => Err(Error::sql(format!("`{INTERVAL}` has no cache"))
            .about(Subject::Option(INTERVAL.into()))
            .in_table(table)
            .hint(format!("add '{CACHE}' = 'FULL'"))),
        (_, None) => Ok(None),
    }
}

/// A table for lookups, with the cache that its options ask for.
///
/// # Errors
/// As [`kept`].
pub fn cached(table: Arc<dyn TableProvider>, spec: &TableSpec) -> Result<Arc<dyn TableProvider>> {
    Ok(match kept(spec)? {
        None => table,
        Some(interval) => Arc::new(Cached { table, interval, loaded: Mutex::default() }),
    })
}

/// Columns by their places; `None`: all of them.
type Columns = Option<Vec<usize>>;

/// A table whose rows are read at most once per interval, and stay in memory meanwhile.
///
/// What is kept is all rows of the columns that were asked for, so that scans with other filters share them.
#[derive(Debug)]
struct Cached {
    table: Arc<dyn TableProvider>,
    interval: Duration,
    loaded: Mutex<HashMap<Columns, (Instant, Vec<RecordBatch>)>>,
}

impl Cached {
    async fn rows(&self, session: &dyn Session, columns: &Columns) -> DfResult<Vec<RecordBatch>> {
        // Held while rows are read, so that nobody reads them a second time.
        let mut loaded = self.loaded.lock().await;
        if let Some((at, rows)) = loaded.get(columns)
            && clock::since(*at) < self.interval
        {
            return Ok(rows.clone());
        }
        let at = clock::instant();
        let plan = self.table.scan(session, columns.as_ref(), &[], None).await?;
        let rows = collect(plan, Arc::new(TaskContext::from(session))).await?;
        loaded.insert(columns.clone(), (at, rows.clone()));
        Ok(rows)
    }
}

#[async_trait]
impl TableProvider for Cached {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let rows = self.rows(session, &projection.cloned()).await?;
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        Ok(MemorySourceConfig::try_new_exec(&[rows], schema, None)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow::array::Int32Array;
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Counts how often it is scanned, in its rows.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl TableProvider for Counting {
        fn schema(&self) -> SchemaRef {
            let field = |name: &str| Field::new(name, DataType::Int32, false);
            Arc::new(Schema::new(vec![field("id"), field("scan")]))
        }

        fn table_type(&self) -> TableType {
            TableType::Base
        }

        async fn scan(
            &self,
            _: &dyn Session,
            columns: Option<&Vec<usize>>,
            _: &[Expr],
            _: Option<usize>,
        ) -> DfResult<Arc<dyn ExecutionPlan>> {
            let scan = i32::try_from(self.0.fetch_add(1, Ordering::SeqCst)).unwrap();
            let rows = [vec![1, 2], vec![scan, scan]].map(|column| Arc::new(Int32Array::from(column)) as _);
            let rows = RecordBatch::try_new(self.schema(), rows.to_vec())?;
            Ok(MemorySourceConfig::try_new_exec(&[vec![rows]], self.schema(), columns.cloned())?)
        }
    }

    #[tokio::test]
    async fn rows_are_read_once_per_interval_and_columns() {
        for (interval, expected) in [(Duration::from_secs(3600), ["0", "0", "1", "0"]), (Duration::ZERO, ["0", "1", "2", "3"])] {
            let context = SessionContext::new();
            let cached = Cached { table: Arc::new(Counting::default()), interval, loaded: Mutex::default() };
            context.register_table("t", Arc::new(cached)).unwrap();
            let both = "SELECT id, scan FROM t WHERE id = 1";
            for (sql, expected) in [both, "SELECT id, scan FROM t WHERE id > 1", "SELECT scan FROM t LIMIT 1", both].iter().zip(expected) {
                let rows = context.sql(sql).await.unwrap().collect().await.unwrap();
                let scan = rows[0].column_by_name("scan").unwrap();
                assert_eq!(arrow::util::display::array_value_to_string(scan, 0).unwrap(), expected, "{sql}");
            }
        }
    }
}
