//! INSERTs that end: one transaction, then done.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::common::{Error, Result, ids, suggest};
use crate::connectors::{BulkWriter, CommitInfo, Sink, Writer};
use crate::operators::changes::coerce::Coercion;
use crate::planner::Session;
use crate::sql::ast;
use crate::sql::rewrites::numbers::decimals_of_values;

/// The query of an INSERT; numbers of VALUES that go into columns of type DECIMAL are of that type.
pub(super) fn exact_values(insert: &ast::Insert, target: &SchemaRef) -> ast::Query {
    let mut query = insert.query.clone();
    if insert.values {
        decimals_of_values(&mut query.query, |i| target.fields().get(i).is_some_and(|field| field.data_type().is_decimal()));
    }
    query
}

/// Runs the query to its end and writes its rows as one commit. Returns how many rows were written.
///
/// # Errors
/// A row that does not fit fails the whole INSERT: unlike in a job, a person can correct it at once.
pub(super) async fn insert(
    session: &Session,
    sink: Arc<dyn Sink>,
    insert: &ast::Insert,
    digits: impl Fn(&str) -> Option<Vec<Option<u32>>>,
) -> Result<u64> {
    let target = insert_columns(&insert.table, &insert.columns, &sink)?;
    let (schema, mut rows) = session.run(&exact_values(insert, &target)).await?;
    let coercion = Coercion::new(&insert.table, &schema, target, insert.query.dialect)?.cutting(digits).filling(sink.schema())?;
    let fit = |batch: RecordBatch| {
        let coerced = coercion.apply(&batch)?;
        match coerced.wrong.first() {
            Some((_, sample)) => Err(Error::data(format!("INSERT INTO {}: {sample}", insert.table)).hint("nothing was written")),
            None => Ok(coerced.rows),
        }
    };
    if let Some(target) = sink.bulk_writer().await? {
        sink.prepare().await?;
        return write_whole(target, rows, fit).await;
    }
    let mut batches = Vec::new();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = fit(batch?)?;
        count += batch.num_rows() as u64;
        batches.push(batch);
    }
    sink.prepare().await?;
    let name = format!("insert-{}", ids::random().simple());
    let life = ids::random().to_string();
    let writer = Writer { job: name, job_uuid: life.clone(), folder: life, incarnation: 1, sink: insert.table.clone() };
    let (mut writer, _) = sink.open(&writer).await?;
    let commit = CommitInfo::new(1, "");
    let written = async {
        writer.write(&commit, &batches).await?;
        match writer.rejected().first() {
            Some(row) => Err(Error::data(format!("INSERT INTO {}: {}", insert.table, row.error)).hint("nothing was written")),
            None => writer.commit(&commit).await,
        }
    };
    if let Err(error) = written.await {
        // What was begun must not keep readers waiting until the server gives it up; the error is what counts.
        let _ = writer.abort().await;
        return Err(error);
    }
    // Who asked for it reads what was written.
    writer.flush().await?;
    Ok(count)
}

/// Writes all rows of a query, which are then shown together. Returns how many there were.
///
/// # Errors
/// Nothing is written then.
pub(super) async fn write_whole(
    mut target: Box<dyn BulkWriter>,
    mut rows: SendableRecordBatchStream,
    fit: impl Fn(RecordBatch) -> Result<RecordBatch>,
) -> Result<u64> {
    let mut count = 0;
    let written = async {
        while let Some(batch) = rows.next().await {
            let batch = fit(batch?)?;
            count += batch.num_rows() as u64;
            target.write(batch).await?;
        }
        target.finish().await
    };
    if let Err(error) = written.await {
        target.abort().await;
        return Err(error);
    }
    Ok(count)
}

/// The columns that an INSERT lists, or all that it fills.
pub(super) fn insert_columns(table: &str, columns: &[String], sink: &Arc<dyn Sink>) -> Result<SchemaRef> {
    let schema = sink.schema();
    if columns.is_empty() {
        return Ok(schema);
    }
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let index = |name: &String| {
        schema
            .index_of(name)
            .map_err(|_| Error::sql(format!("INSERT INTO {table}: there is no column `{name}` to write")).hint(suggest::hint(name, &names)))
    };
    Ok(Arc::new(schema.project(&columns.iter().map(index).collect::<Result<Vec<_>>>()?)?))
}
