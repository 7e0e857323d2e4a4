//! INSERTs that end: one transaction, then done.

use std::sync::Arc;

use futures::StreamExt;
use uuid::Uuid;

use crate::common::{Error, Result};
use crate::connectors::{Sink, Writer};
use crate::operators::coerce::Coercion;
use crate::planner::Session;
use crate::sql::ast;
use crate::sql::types::display;

use super::workspace::insert_columns;

/// Runs the query to its end and writes its rows as one commit. Returns how many rows were written.
///
/// # Errors
/// A row that does not fit fails the whole INSERT: unlike in a job, somebody is there to mend it.
pub(super) async fn insert(session: &Session, sink: Arc<dyn Sink>, insert: &ast::Insert) -> Result<u64> {
    let (schema, mut rows) = session.run(&insert.query.query).await?;
    let target = insert_columns(&insert.table, &insert.columns, &sink)?;
    let coercion = Coercion::new(&insert.table, &schema, target, display)?.filling(sink.schema())?;
    let mut batches = Vec::new();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let coerced = coercion.apply(&batch?)?;
        if let Some(sample) = coerced.sample {
            return Err(Error::data(format!("INSERT INTO {}: {sample}", insert.table)).hint("nothing was written"));
        }
        count += coerced.rows.num_rows() as u64;
        batches.push(coerced.rows);
    }
    sink.prepare().await?;
    let name = format!("insert-{}", Uuid::new_v4().simple());
    let writer = Writer { job: name, job_uuid: Uuid::new_v4().to_string(), incarnation: 1, sink: insert.table.clone() };
    let (mut writer, _) = sink.open(&writer).await?;
    writer.write(1, &batches).await?;
    writer.commit(1).await?;
    Ok(count)
}
