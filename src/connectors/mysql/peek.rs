//! Reads the newest rows of a table, by its key if that grows with time.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use futures::TryStreamExt;

use crate::common::Result;

use super::config::quoted;
use super::decode::Selection;
use super::remote_table::Access;
use super::scan::batches;

/// Returns the rows with the greatest PRIMARY KEY, the greatest one last; any rows of a table without one.
///
/// # Errors
/// When the server is unreachable, or a row does not fit the declaration.
pub(super) async fn newest(access: Arc<Access>, rows: usize) -> Result<RecordBatch> {
    let (remote, schema) = (access.look().await?, access.table.spec.schema());
    let selection = Selection::new(&access.table, &remote, &schema)?;
    let key: Vec<String> = remote.primary_key.iter().map(|name| format!("{} DESC", quoted(name))).collect();
    let order = if key.is_empty() { String::new() } else { format!(" ORDER BY {}", key.join(", ")) };
    let select = format!("SELECT {} FROM {}{order} LIMIT {rows}", selection.list(), access.table.quoted());
    let found: Vec<RecordBatch> = batches(Arc::clone(&access), selection, select)?.try_collect().await?;
    let all = concat_batches(&schema, &found)?;
    let backwards: UInt64Array = (0..all.num_rows() as u64).rev().collect::<Vec<_>>().into();
    Ok(take_record_batch(&all, &backwards)?)
}
