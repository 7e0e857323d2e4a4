//! The sources of tables, opened once for all connections.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::common::Result;
use crate::connectors::{Connector, Source, TableSpec};

/// Sources by the name of their table, each with what it was opened from. A source has no state of a query or a job, so that all may read it.
///
/// A source is what its [`TableSpec`] says: a table that was declared anew, or that a connection reads with options of its own, is opened
/// again, and takes the place of the other one.
#[derive(Debug, Default)]
pub(super) struct OpenSources(Mutex<HashMap<String, Opened>>);

type Opened = (Arc<TableSpec>, Arc<dyn Source>);

impl OpenSources {
    /// The source of a table.
    ///
    /// # Errors
    /// What the connector says.
    pub(super) fn get(&self, connector: &dyn Connector, spec: TableSpec) -> Result<Arc<dyn Source>> {
        if let Some((_, source)) = self.0.lock().get(&spec.name).filter(|(open, _)| **open == spec) {
            return Ok(Arc::clone(source));
        }
        // Opened without the lock: others must not wait for a slow one.
        let spec = Arc::new(spec);
        let source = connector.source(Arc::clone(&spec))?;
        self.0.lock().insert(spec.name.clone(), (spec, Arc::clone(&source)));
        Ok(source)
    }

    /// Forgets all of them: a table that was dropped keeps no server busy.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Whether a table's is open.
    #[cfg(test)]
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.lock().contains_key(name)
    }

    /// Forgets a table's, which may have changed where it is.
    pub(super) fn forget(&self, name: &str) {
        self.0.lock().remove(name);
    }
}
