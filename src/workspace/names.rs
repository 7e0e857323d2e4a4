//! What there is to name, for completion.

use std::collections::BTreeMap;

use crate::catalog::Entry;
use crate::common::{OptionSpec, Result};
use crate::planner::Mode;
use crate::sql::Dialect;

use super::connection::Connection;

/// Names of a workspace.
#[derive(Debug, Clone, Default)]
pub struct CompletionNames {
    /// Tables and views with their columns, as far as they are declared.
    pub relations: BTreeMap<String, Vec<String>>,
    /// Functions.
    pub functions: Vec<String>,
    /// Connectors with their options.
    pub connectors: BTreeMap<String, Vec<OptionSpec>>,
    /// Keys of SET.
    pub settings: Vec<String>,
    /// The dialect in force.
    pub dialect: Dialect,
}

impl Connection {
    /// All names.
    ///
    /// # Errors
    /// When the catalog's folder cannot be read.
    pub fn names(&self) -> Result<CompletionNames> {
        let dialect = self.dialect()?;
        let functions = self.session(Mode::Batch)?.functions(dialect)?;
        let mut inner = self.tables.lock();
        inner.catalog.refresh()?;
        let columns = |entry: &Entry| match entry {
            Entry::Table(table) => Some(table.definition.columns.iter().map(|c| c.name.clone()).collect()),
            Entry::View(view) => Some(view.definition.columns.clone()),
            Entry::Function(_) => None,
        };
        let relations = inner.catalog.entries().into_iter().filter_map(|e| Some((e.name().to_string(), columns(&e)?))).collect();
        let settings = crate::catalog::settings::KEYS.iter().map(ToString::to_string).collect();
        Ok(CompletionNames { relations, functions, connectors: self.workspace.connectors.options(), settings, dialect })
    }
}
