//! Tables opened for writing, and statements that write rows at once.

use std::sync::Arc;

use crate::catalog::{TableEntry, database_of};
use crate::common::{Error, Result};
use crate::connectors::Sink;
use crate::operators::changes::coerce::Coercion;
use crate::planner::{Mode, Session};
use crate::sql::Dialect;
use crate::sql::ast;
use crate::sql::types::fewer_digits;

use super::connection::Connection;
use super::tables::locate_entry;
use super::{batch_insert, job_sources, schema_inference};
use crate::jobs::dead_letter;
use crate::jobs::routed_sink::RoutedSink;
use crate::jobs::spec::DeadLetter;

/// A table to write, and the one that rows go to which it cannot take.
type Routed = (Arc<dyn Sink>, Option<Arc<DeadLetter>>);

impl Connection {
    /// A table opened for writing.
    ///
    /// # Errors
    /// When there is no such table, or it cannot be written.
    pub fn sink(&self, name: &str) -> Result<Arc<dyn Sink>> {
        self.sink_of(&self.canonical(name)?, &ast::Options::default()).map(|(sink, _)| sink)
    }

    /// A table by its canonical name, with options of an INSERT's hint, and with the table that rows go to which it cannot take.
    pub(super) fn sink_of(&self, name: &str, options: &ast::Options) -> Result<Routed> {
        let (entry, sink) = self.bare_sink(name, options)?;
        let dead = sink.dead_letter().map(|target| self.dead_letter(&self.named_by(&entry, target)?)).transpose();
        Ok(match dead.map_err(|e| job_sources::place(&entry, "dead-letter.table", e))?.map(Arc::new) {
            Some(dead) => (Arc::new(RoutedSink::new(name, sink, Arc::clone(&dead))), Some(dead)),
            None => (sink, None),
        })
    }

    /// The same without a table for rejected rows: else two tables could name each other.
    fn bare_sink(&self, name: &str, options: &ast::Options) -> Result<(Arc<TableEntry>, Arc<dyn Sink>)> {
        let (entry, spec) = self.tables.table_with(name, options)?;
        if spec.columns.is_empty() {
            return Err(Error::sql(format!("table `{name}` declares no columns, so that nothing can be written to it"))
                .hint(format!("declare them: CREATE TABLE {name} (column TYPE, ...)")));
        }
        let sink = self.workspace.connectors.get(&spec.connector)?.sink(Arc::new(spec));
        let sink = sink.map_err(|e| locate_entry(&entry, e))?;
        Ok((entry, sink))
    }

    /// The canonical name of a table that an option of another one names: without a database it is in that one's.
    pub(super) fn named_by(&self, table: &TableEntry, target: &str) -> Result<String> {
        let database = database_of(&table.definition.name);
        Ok(self.tables.lock().catalog.table_from(&database, target)?.definition.name.clone())
    }

    pub(super) fn dead_letter(&self, target: &str) -> Result<DeadLetter> {
        let (_, sink) = self.bare_sink(target, &ast::Options::default())?;
        let schema = dead_letter::schema(target, &sink.schema())?;
        let coercion = Coercion::new(target, &schema, sink.schema(), Dialect::default())?;
        Ok(DeadLetter { id: target.to_string(), sink, schema, coercion })
    }

    /// Where an INSERT makes files, which other statements may read by name.
    pub fn files_of(&self, insert: &ast::Insert) -> Option<String> {
        let (_, spec) = self.tables.table(&self.canonical(&insert.table).ok()?).ok()?;
        spec.option("path").filter(|_| spec.connector == "filesystem").map(ToString::to_string)
    }

    /// Runs an INSERT that ends: VALUES, or a query over everything its tables hold now. Returns how many rows were written.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn insert_now(&self, insert: &ast::Insert) -> Result<u64> {
        self.insert_in(&self.session(Mode::Batch)?, insert).await
    }

    /// The same in a session of [`Mode::Batch`], whose progress is shown.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn insert_in(&self, session: &Session, insert: &ast::Insert) -> Result<u64> {
        let sink = self.sink_of(&self.canonical(&insert.table)?, &insert.options)?.0;
        batch_insert::insert(session, sink, insert, self.digits(&insert.table)?).await
    }

    /// How many digits of a second a table's columns have, where their type has more.
    pub(super) fn digits(&self, table: &str) -> Result<impl Fn(&str) -> Option<Vec<Option<u32>>> + use<>> {
        let (entry, _) = self.tables.table(&self.canonical(table)?)?;
        Ok(move |name: &str| fewer_digits(&entry.definition.columns.iter().find(|column| column.name == name)?.text))
    }

    /// Runs a COPY. Returns how many rows were written.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn copy(&self, copy: &ast::Copy) -> Result<u64> {
        self.copy_in(&self.session(Mode::Batch)?, copy).await
    }

    /// The same in a session of [`Mode::Batch`], whose progress is shown.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn copy_in(&self, session: &Session, copy: &ast::Copy) -> Result<u64> {
        let options = self.workspace.connectors.copy_options(&copy.path, &copy.options)?;
        let (schema, rows) = session.run(&copy.query).await?;
        let table = schema_inference::copied(&copy.path, options, &schema, &copy.partitioned_by)?;
        let spec = self.tables.spec_of(&self.tables.lock().overrides, &table)?;
        let target = self.workspace.connectors.get(&spec.connector)?.copy(Arc::new(spec)).await?;
        batch_insert::write_whole(target, rows, |batch| schema_inference::plain(&batch)).await
    }
}
