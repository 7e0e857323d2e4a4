//! A table in Cassandra as something to read.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;

use crate::common::Result;
use crate::connectors::lookup::{self, Cache};
use crate::connectors::{BoundedScan, Lookup, Source};

use super::lookup::CassandraLookup;
use super::remote_table::Access;
use super::scan::CassandraScan;

/// A table that is read as a whole, or by key.
#[derive(Debug)]
pub(super) struct CassandraSource {
    access: Arc<Access>,
    /// As streams look rows up in it.
    snapshot: Arc<dyn TableProvider>,
    /// Its rows by key; nothing if all of them are kept.
    lookup: Option<Arc<dyn Lookup>>,
}

impl CassandraSource {
    pub(super) fn new(access: Arc<Access>) -> Result<Self> {
        let spec = &access.table.spec;
        let keyed: Arc<dyn Lookup> = Arc::new(CassandraLookup::new(Arc::clone(&access)));
        let lookup = match lookup::cache_of(spec)? {
            Cache::None => Some(keyed),
            Cache::Partial(limits) => Some(lookup::partial(keyed, spec.schema(), limits)?),
            Cache::Full(_) => None,
        };
        let snapshot = lookup::cached(Arc::new(CassandraScan::new(Arc::clone(&access))), spec)?;
        Ok(Self { access, snapshot, lookup })
    }
}

impl Source for CassandraSource {
    fn schema(&self) -> SchemaRef {
        self.access.table.spec.schema()
    }

    fn keys(&self) -> Vec<Vec<String>> {
        let key = self.access.table.spec.primary_key.clone();
        if key.is_empty() { Vec::new() } else { vec![key] }
    }

    fn identity(&self) -> String {
        format!("table {}", self.access.table.quoted())
    }

    fn scan(&self) -> Option<BoundedScan> {
        Some(BoundedScan::Provider(Arc::new(CassandraScan::new(Arc::clone(&self.access)))))
    }

    fn snapshot(&self) -> Option<Arc<dyn TableProvider>> {
        Some(Arc::clone(&self.snapshot))
    }

    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        self.lookup.clone()
    }
}
