//! The source of a table on a database server.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;

use crate::common::Result;
use crate::connectors::lookup::{self, Cache};
use crate::connectors::{BoundedScan, Lookup, Source, TableSpec};

/// A table that is read as a whole, or by key.
#[derive(Debug)]
pub struct DatabaseSource {
    schema: SchemaRef,
    primary_key: Vec<String>,
    identity: String,
    /// The whole table, as batch queries read it.
    table: Arc<dyn TableProvider>,
    /// The same for joins with streams: cached if the options say so.
    snapshot: Arc<dyn TableProvider>,
    /// Its rows by key; `None` if the cache holds the whole table.
    lookup: Option<Arc<dyn Lookup>>,
}

impl DatabaseSource {
    /// Creates the source from the ways to read its table as a whole and by key; `identity` names the table in the commits of jobs.
    ///
    /// # Errors
    /// When its lookup options are invalid.
    pub fn new(spec: &TableSpec, identity: String, table: Arc<dyn TableProvider>, keyed: Arc<dyn Lookup>) -> Result<Self> {
        let lookup = match lookup::cache_of(spec)? {
            Cache::None => Some(keyed),
            Cache::Partial(limits) => Some(lookup::partial(keyed, spec.schema(), limits)?),
            Cache::Full(_) => None,
        };
        let snapshot = lookup::cached(Arc::clone(&table), spec)?;
        Ok(Self { schema: spec.schema(), primary_key: spec.primary_key.clone(), identity, table, snapshot, lookup })
    }
}

impl Source for DatabaseSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn keys(&self) -> Vec<Vec<String>> {
        Vec::from_iter((!self.primary_key.is_empty()).then(|| self.primary_key.clone()))
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn scan(&self) -> Option<BoundedScan> {
        Some(BoundedScan::Provider(Arc::clone(&self.table)))
    }

    fn snapshot(&self) -> Option<Arc<dyn TableProvider>> {
        Some(Arc::clone(&self.snapshot))
    }

    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        self.lookup.clone()
    }
}
