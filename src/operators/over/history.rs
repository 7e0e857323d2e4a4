//! Past rows as state: read together with new rows, and dropped when no frame contains them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::record_batch::RecordBatch;

use crate::common::Result;

use super::{OverAggregate, Past};
use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::distinct;
use crate::operators::changes::zset;
use crate::operators::epoch::stateful::OperatorContext;
use crate::operators::first_columns;

impl OverAggregate {
    /// The output for `new` rows, and the delta of the past rows.
    pub(super) async fn over_rows(
        &self,
        ctx: &OperatorContext,
        kept: Option<&ExpiringRows>,
        new: RecordBatch,
    ) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>)> {
        let Some(past) = kept else {
            let answer = self.plan.run(ctx, vec![self.with_age(&new, 0)?]).await?;
            return Ok((answer, Vec::new()));
        };
        let kept = ctx.keyed(1)?.get(&distinct(&[self.keys(&new)?])?)?;
        let earlier = first_columns(&self.rows.input, &zset::expand(&kept)?)?;
        let all = concat_batches(&self.rows.input, [&earlier, &new])?;
        let answer = self.plan.run(ctx, vec![self.with_age(&all, earlier.num_rows())?]).await?;
        match self.past {
            Past::Last(_) => {
                // Rows that stay are written again, to restart their TTL.
                let mut changes = vec![zset::negate(&kept)?];
                let mut shown = Vec::with_capacity(answer.len());
                for rows in &answer {
                    let last = filter_record_batch(rows, self.flag(rows, 1)?)?;
                    changes.push(self.put(ctx, past, &first_columns(&self.rows.input, &last)?)?);
                    shown.push(filter_record_batch(rows, self.flag(rows, 0)?)?);
                }
                Ok((shown, vec![zset::consolidate(&zset::weighted(&past.layout().schema), &changes)?]))
            }
            Past::Within(_) => {
                let put = self.put(ctx, past, &new)?;
                let lasting = filter_record_batch(&put, &not(&past.passed(&put, ctx.watermark())?)?)?;
                Ok((answer, vec![lasting]))
            }
            _ => Ok((answer, vec![self.put(ctx, past, &new)?])),
        }
    }

    /// Rows with a flag: false for the first `old` ones, true for new ones.
    fn with_age(&self, rows: &RecordBatch, old: usize) -> Result<RecordBatch> {
        let new: BooleanArray = (0..rows.num_rows()).map(|row| Some(row >= old)).collect();
        let columns = rows.columns().iter().cloned().chain([Arc::new(new) as ArrayRef]).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.leaf), columns)?)
    }

    /// The stored form of rows.
    fn put(&self, ctx: &OperatorContext, past: &ExpiringRows, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = rows.columns().iter().cloned().chain(self.keys(rows)?).collect();
        past.put(columns, rows.num_rows(), || match self.past {
            Past::Within(age) => self.until(rows, age),
            _ => Ok(Int64Array::from_value(ctx.epoch_time.clock, rows.num_rows())),
        })
    }
}
