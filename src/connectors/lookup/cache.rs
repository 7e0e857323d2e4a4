//! A table that caches all of its rows for a while: `'lookup.cache' = 'FULL'`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::project_schema;
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::{ExecutionPlan, collect};
use tokio::sync::Mutex;

use crate::common::{Result, clock};
use crate::connectors::TableSpec;

use super::options::{Cache, cache_of};

/// Wraps a table for lookups in the cache that its options ask for.
///
/// # Errors
/// As [`cache_of`].
pub fn cached(table: Arc<dyn TableProvider>, spec: &TableSpec) -> Result<Arc<dyn TableProvider>> {
    Ok(match cache_of(spec)? {
        Cache::None | Cache::Partial(_) => table,
        Cache::Full(interval) => Arc::new(Cached { table, interval, loaded: Mutex::default() }),
    })
}

/// Indices of columns; `None`: all of them.
type Columns = Option<Vec<usize>>;

/// A table whose rows are read at most once per interval, and cached in memory meanwhile.
///
/// The cache holds all rows of the requested columns, so that scans with other filters share them.
#[derive(Debug)]
struct Cached {
    table: Arc<dyn TableProvider>,
    interval: Duration,
    loaded: Mutex<HashMap<Columns, (Instant, Vec<RecordBatch>)>>,
}

impl Cached {
    async fn rows(&self, session: &dyn Session, columns: &Columns) -> DfResult<Vec<RecordBatch>> {
        // Held while rows are read, so that concurrent lookups do not read them again.
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
        let schema = project_schema(&self.schema(), projection)?;
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

    /// A table whose row says how often it was scanned.
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
