//! Past rows as state in the form of one row of totals per partition.

use std::sync::Arc;

use arrow::array::{Int64Array, UInt64Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::FieldRef;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::super::first_columns;
use super::{OverAggregate, OverRows};
use crate::operators::changes::expiring::ExpiringRows;
use crate::operators::changes::key_index::{KeyIndex, distinct};
use crate::operators::changes::subplan::SubPlan;
use crate::operators::epoch::stateful::OperatorContext;

/// The columns of totals: those of the plan between the output's columns and the flag at the end.
pub(super) fn columns(plan: &SubPlan, rows: &OverRows) -> Result<Vec<FieldRef>> {
    let schema = plan.schema();
    let behind = schema.fields().get(rows.output.fields().len()..).and_then(|f| f.split_last());
    let (_, totals) = behind.ok_or_else(|| Error::internal("a plan over totals that leaves none"))?;
    Ok(totals.iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))).collect())
}

impl OverAggregate {
    /// The output for `new` rows, and the changed totals.
    pub(super) async fn over_totals(
        &self,
        ctx: &OperatorContext,
        past: &ExpiringRows,
        new: RecordBatch,
    ) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>)> {
        let totals = self.leaf.fields().len() - self.rows.input.fields().len();
        let keys = self.keys(&new)?;
        let kept = ctx.keyed(1)?.get(&distinct(std::slice::from_ref(&keys))?)?;
        let known = &kept.columns()[totals..totals + keys.len()];
        let at = KeyIndex::new(known, kept.num_rows())?.positions(&keys, new.num_rows())?;
        let at: UInt64Array = at.into_iter().map(|place| place.map(|place| place as u64)).collect();
        let mut columns = new.columns().to_vec();
        for total in &kept.columns()[..totals] {
            columns.push(take(total, &at, None)?);
        }
        let answer = self.plan.run(ctx, vec![RecordBatch::try_new(Arc::clone(&self.leaf), columns)?]).await?;
        let mut changes = Vec::with_capacity(answer.len());
        let behind = self.rows.output.fields().len();
        for rows in &answer {
            let one = filter_record_batch(rows, self.flag(rows, totals)?)?;
            let keys = self.keys(&first_columns(&self.rows.input, &one)?)?;
            let columns = one.columns()[behind..behind + totals].iter().cloned().chain(keys).collect();
            changes.push(past.put(columns, one.num_rows(), || Ok(Int64Array::from_value(ctx.epoch_time.clock, one.num_rows())))?);
        }
        Ok((answer, changes))
    }
}
