//! A connection that writes rows to a table.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};

use crate::common::{Error, Result};
use crate::connectors::database::cast_to;

use super::client::{Outcome, Session};
use super::config::MySqlTable;
use super::failure::Kind;
use super::remote_table::{Access, RemoteTable};
use super::statements::{Action, Row, Statements};

/// The size of a statement without its rows, at most.
const AROUND: usize = 64 << 10;

/// An open connection for writing.
pub(super) struct Target {
    pub(super) access: Arc<Access>,
    pub(super) session: Session,
    statements: Statements,
    schema: SchemaRef,
    max_packet: usize,
}

/// A row that the server rejects, and why.
pub(super) type Refused = (usize, String);

impl Target {
    /// Connects, and checks the table.
    ///
    /// # Errors
    /// When the server is unreachable, or the table does not match the declaration.
    pub(super) async fn open(access: &Arc<Access>) -> Result<Self> {
        let (table, client) = (&access.table, &access.client);
        let remote = access.look().await?;
        transactional(table, &remote)?;
        let schema = table.spec.writable();
        let statements = Statements::new(table, &remote, &schema)?;
        let what = client.what(&table.label());
        let mut session = client.connect().await.map_err(|failure| failure.error(&what))?;
        let max_packet = session.prepare_to_write().await.map_err(|failure| failure.error(&what))?;
        warn_of_collations(table, &remote);
        Ok(Self { access: Arc::clone(access), session, statements, schema, max_packet })
    }

    /// Casts rows to the types of the table's columns; changes keep their weight as the last column.
    ///
    /// # Errors
    /// When a value does not fit.
    pub(super) fn fit(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        cast_to(&self.schema, rows)
    }

    /// Writes rows that [fit](Self::fit): deletes first, because two keys that differ here may be equal to the server.
    pub(super) async fn put(&mut self, rows: &RecordBatch, refused: &mut Vec<Refused>) -> Outcome<()> {
        let weights = rows.columns().get(self.schema.fields().len()).and_then(|w| w.as_primitive_opt::<Int64Type>().cloned());
        for action in [Action::Delete, Action::Put] {
            let mut texts = Vec::new();
            let wanted = |row: &usize| weights.as_ref().is_some_and(|w| w.value(*row) < 0) == (action == Action::Delete);
            for place in (0..rows.num_rows()).filter(wanted) {
                match self.text(action, rows, place) {
                    Ok(row) => texts.push(row),
                    Err(reason) => refused.push((place, reason)),
                }
            }
            for chunk in self.statements.chunks(&texts) {
                self.run(action, chunk, refused).await?;
            }
        }
        Ok(())
    }

    fn text(&self, action: Action, rows: &RecordBatch, place: usize) -> std::result::Result<Row, String> {
        let columns = rows.columns().iter().zip(self.schema.fields()).enumerate();
        for (i, (column, field)) in columns {
            let counts = action == Action::Put || self.statements.key().contains(&i);
            if counts && !field.is_nullable() && column.is_null(place) {
                return Err(format!("column `{}` is NOT NULL, but there is no value", field.name()));
            }
        }
        let row = self.statements.row(action, rows, place)?;
        let room = self.max_packet.saturating_sub(AROUND);
        if row.text.len() > room {
            return Err(format!("the row takes {} bytes, and the server's `max_allowed_packet` is {}", row.text.len(), self.max_packet));
        }
        Ok(row)
    }

    /// Runs one statement; when the server refuses a row of it, with half of the rows, until that row is alone. The server rolls back a
    /// failed statement.
    async fn run(&mut self, action: Action, rows: &[Row], refused: &mut Vec<Refused>) -> Outcome<()> {
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            match self.session.run(self.statements.sql(action, rows)).await {
                Ok(_) => {}
                Err(failure) if failure.kind != Kind::Row => return Err(failure),
                Err(failure) => match rows {
                    [row] => refused.push((row.place, self.statements.reason(&failure))),
                    rows => {
                        let (first, second) = rows.split_at(rows.len() / 2);
                        waiting.extend([second, first]);
                    }
                },
            }
        }
        Ok(())
    }
}

/// Checks that rows and the record of their commit become visible together.
fn transactional(table: &MySqlTable, remote: &RemoteTable) -> Result<()> {
    if remote.is_view {
        return Err(Error::sql(format!("{}: {} is a view, and is not written", table.label(), table.quoted())).hint("write to its table"));
    }
    match remote.engine.as_deref() {
        Some(engine) if !["innodb", "rocksdb", "tokudb", "ndbcluster"].contains(&engine.to_ascii_lowercase().as_str()) => {
            let error = format!("{}: {} is kept by {engine}, which has no transactions", table.label(), table.quoted());
            Err(Error::sql(error).hint(format!("run ALTER TABLE {} ENGINE = InnoDB", table.quoted())))
        }
        _ => Ok(()),
    }
}

/// Warns of keys that are distinct here but equal at the server.
fn warn_of_collations(table: &MySqlTable, remote: &RemoteTable) {
    let key = table.spec.primary_key.iter().filter_map(|name| remote.column(name));
    for (column, collation) in key.filter_map(|column| Some((column, column.collation.as_deref()?))) {
        if !collation.ends_with("_bin") && collation != "binary" {
            tracing::warn!(
                "{}: column `{}` of the PRIMARY KEY has collation {collation}, to which texts that differ in case or accents may be the same \
                 key: the row written last stays; utf8mb4_bin tells them apart",
                table.label(),
                column.name
            );
        }
    }
}
