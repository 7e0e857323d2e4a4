//! The newest rows of a table, raw beside what they are read as.

use std::sync::Arc;

use crate::common::{Error, Result};
use crate::planner::{Relation, Tables};

use super::connection::Connection;
use super::show::ShownRows;
use super::tables::locate_entry;

impl Connection {
    /// The newest rows of a topic or of files, the newest one last.
    ///
    /// Of a topic it is a row per message: partition, offset, timestamp, key, `raw`, the value as text (`0x...` if it is none), and
    /// `decoded`, the declared columns as JSON, NULL if the message cannot be read. In a table whose messages say changes each row that
    /// comes has a `+` before it, each one that goes a `-`. Of files of text it is a row per record: file, byte, `raw` and `decoded`; of
    /// other files the declared columns.
    ///
    /// # Errors
    /// When there is no such table, it has neither messages nor files, or its server is away.
    pub async fn peek(&self, name: &str, rows: usize) -> Result<ShownRows> {
        let name = &self.tables.canonical(name);
        // Its columns may have to be found out; those that are declared tell enough, also of a table that can only be written.
        if !self.tables.table(name).is_ok_and(|(entry, _)| !entry.definition.columns.is_empty()) {
            match self.tables.relation(&self.tables.written(name)).await? {
                Some(Relation::Table) => drop(self.tables.open(&self.tables.written(name)).await?),
                Some(_) => {
                    return Err(
                        Error::sql(format!("`{name}` is a view, which has no messages of its own")).hint("peek at a table that it reads")
                    );
                }
                None => return Err(self.tables.table(name).err().unwrap_or_else(|| nothing_there(name))),
            }
        }
        let (entry, spec) = self.tables.table(name)?;
        let connector = self.workspace.connectors.get(&spec.connector)?;
        let peeked = connector.peek(Arc::new(spec), rows).await.map_err(|e| locate_entry(&entry, e))?;
        let batch = peeked.ok_or_else(|| nothing_there(name))?;
        Ok((batch.schema(), batch))
    }
}

fn nothing_there(name: &str) -> Error {
    Error::sql(format!("table `{name}` has neither messages nor files to peek at"))
        .hint("peek shows what stands in topics and files; SELECT ... LIMIT 10 shows rows of any table that can be read")
}

#[cfg(test)]
#[path = "peek_files_tests.rs"]
mod files_tests;
#[cfg(test)]
#[path = "peek_tests.rs"]
mod tests;
