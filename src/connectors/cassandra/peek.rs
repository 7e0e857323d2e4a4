//! Reads some rows of a table: Cassandra does not know which are the newest.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::TryStreamExt;

use crate::common::Result;

use super::client::Cells;
use super::decode::Selection;
use super::remote_table::Access;
use super::scan::batches;

/// Returns any rows.
///
/// # Errors
/// When the servers are unreachable, or a row does not fit the declaration.
pub(super) async fn some(access: Arc<Access>, rows: usize) -> Result<RecordBatch> {
    let (remote, schema) = (access.look().await?, access.table.spec.schema());
    let selection = Selection::new(&access.table, &remote, &schema)?;
    let select = format!("SELECT {} FROM {} LIMIT {}", selection.list(&remote), access.table.quoted(), rows.max(1));
    let page_rows = i32::try_from(rows.max(1)).ok();
    let found: Vec<RecordBatch> = batches(Arc::clone(&access), selection, select, vec![Cells::default()], page_rows).try_collect().await?;
    let all = concat_batches(&schema, &found)?;
    Ok(all.slice(0, all.num_rows().min(rows)))
}
