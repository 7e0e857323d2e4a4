//! The fallback for plans without an incremental form: runs the batch plan again for the changed keys.

use std::any::Any;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta, KeyedTable, Layout};

use super::key_index::distinct;
use super::key_slices::KeySlices;
use super::subplan::SubPlan;
use super::subplan::SubPlanParts;
use super::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed};

/// A relation and the key that its rows are partitioned by.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// Its columns, without weight.
    pub schema: SchemaRef,
    /// One expression over those columns per part of the key; none: everything is one partition.
    pub key: Vec<Arc<dyn PhysicalExpr>>,
}

impl Keyed {
    /// The layout of stored rows: the relation's columns, then those of the key.
    fn layout(&self) -> Result<Arc<Layout>> {
        let mut fields: Vec<_> = self.schema.fields().iter().cloned().collect();
        for (i, expr) in self.key.iter().enumerate() {
            fields.push(Arc::new(Field::new(format!("__key{i}"), expr.data_type(&self.schema)?, true)));
        }
        let width = self.schema.fields().len();
        let key = (width..fields.len()).collect();
        Ok(Arc::new(Layout { schema: Arc::new(Schema::new(fields)), key, time: None, mode: KeyMode::Multiset }))
    }

    fn keys(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.key.iter().map(|e| Ok(e.evaluate(rows)?.into_array(rows.num_rows())?)).collect()
    }

    /// Weighted rows of the relation as stored ones.
    fn stored(&self, layout: &Layout, rows: &RecordBatch) -> Result<RecordBatch> {
        let plain = zset::rows_of(rows)?;
        let mut columns = plain.columns().to_vec();
        columns.extend(self.keys(&plain)?);
        columns.push(Arc::new(zset::weights(rows)?.clone()));
        Ok(RecordBatch::try_new(zset::weighted(&layout.schema), columns)?)
    }

    /// Stored rows as weighted rows of the relation.
    fn unstored(&self, stored: &RecordBatch) -> Result<RecordBatch> {
        let width = self.schema.fields().len();
        let mut columns = stored.columns()[..width].to_vec();
        columns.extend(stored.columns().last().cloned());
        Ok(RecordBatch::try_new(zset::weighted(&self.schema), columns)?)
    }
}

/// Keeps its inputs, runs the batch plan again on the partitions that have changed, and emits the difference to the output that it
/// emitted before.
///
/// ```text
///  changes of each input ─┬▶ dirty keys ─▶ kept rows of those keys, with the changes ─▶ batch plan ─▶ new output
///                         └▶ delta of the kept input                                                    │ −
///                                           kept output of those keys ──────────────────────────────────┴▶ changes
/// ```
/// Slower than an incremental operator, but correct by construction: the result is that of the batch plan. The output is stored
/// rather than computed again from the earlier input, so that a plan whose result its input does not determine (ties, volatile
/// functions) retracts exactly the rows that it emitted.
///
/// # Invariants
/// * The plan's answer over all input is the union of its answers over the partitions of the key; without a key there is
///   one partition.
/// * Stored weights are never negative.
#[derive(Debug)]
pub struct Recompute {
    plan: SubPlan,
    inputs: Vec<Keyed>,
    output: Keyed,
    /// Why there is no incremental form, for EXPLAIN.
    why: String,
    layouts: Vec<Arc<Layout>>,
    schema: SchemaRef,
}

impl Recompute {
    /// Runs `plan`, whose leaves read `inputs` in order and whose rows are `output`.
    ///
    /// # Errors
    /// When the type of a key cannot be determined.
    pub fn new(plan: SubPlan, inputs: Vec<Keyed>, output: Keyed, why: String) -> Result<Self> {
        let layouts = inputs.iter().chain([&output]).map(Keyed::layout).collect::<Result<_>>()?;
        let schema = zset::weighted(&output.schema);
        Ok(Self { plan, inputs, output, why, layouts, schema })
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[Keyed] {
        &self.inputs
    }

    /// Its output.
    pub fn output(&self) -> &Keyed {
        &self.output
    }

    /// Why there is no incremental form.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The stored rows of these keys, as weighted rows.
    fn kept(&self, of: &Keyed, table: &KeyedTable, keys: &[ArrayRef]) -> Result<RecordBatch> {
        of.unstored(&table.get(keys)?)
    }
}

#[async_trait]
impl Operator for Recompute {
    fn name(&self) -> &'static str {
        "Recompute"
    }

    fn describe(&self) -> String {
        let key: Vec<_> = self.output.key.iter().map(ToString::to_string).collect();
        let key = if key.is_empty() { "everything".to_string() } else { format!("[{}]", key.join(", ")) };
        match self.plan.tables().as_slice() {
            [] => format!("{}, partitioned by {key}", self.why),
            tables => format!("{} with {}, static as of epoch, partitioned by {key}", self.why, tables.join(", ")),
        }
    }

    fn strategy(&self) -> String {
        let how = if self.output.key.is_empty() { "all of it, whenever something changes" } else { "by key, where something changes" };
        match self.plan.tables().as_slice() {
            [] => format!("recompute ({} has no incremental form here; {how})", self.why),
            tables => {
                format!("static as of epoch: new rows meet {} as of then; what a row gave is kept to be taken back", tables.join(", "))
            }
        }
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let names = self.inputs.iter().map(|_| "input").chain(["output"]);
        names.zip(&self.layouts).map(|(name, layout)| TableSpec::by_key(name, layout)).collect()
    }

    /// A plan that scans tables runs once, not once in each partition.
    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        let scans = !self.plan.tables().is_empty();
        all_keyed(self.inputs.iter().map(|input| input.key.clone())).filter(|_| !scans)
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let changes = inputs
            .iter()
            .zip(&self.inputs)
            .map(|(batches, input)| zset::consolidate(&zset::weighted(&input.schema), batches))
            .collect::<Result<Vec<_>>>()?;
        let output_table = u32::try_from(self.inputs.len()).map_err(|_| Error::internal("too many inputs"))?;
        let kept_output = ctx.keyed(output_table)?;
        // An aggregate without groups has a result even without input.
        let first = self.output.key.is_empty() && kept_output.is_empty();
        if !first && changes.iter().all(|c| c.num_rows() == 0) {
            return Ok(Vec::new());
        }
        let keys = |(input, change): (&Keyed, &RecordBatch)| input.keys(&zset::rows_of(change)?);
        let of_rows = self.inputs.iter().zip(&changes).map(keys).collect::<Result<Vec<_>>>()?;
        let keys = distinct(&of_rows)?;
        for ((table, input), change) in (0u32..).zip(&self.inputs).zip(&changes).filter(|(_, change)| change.num_rows() > 0) {
            let layout = self.layouts.get(table as usize).ok_or_else(|| Error::internal("an input without a table"))?;
            let rows = vec![input.stored(layout, change)?];
            ctx.emit_delta(table, KeyedDelta { rows, ..KeyedDelta::default() })?;
        }
        let kept_inputs = (0..output_table).map(|table| ctx.keyed(table)).collect::<Result<Vec<_>>>()?;
        // A plan that scans tables scans them once in an epoch: all its keys are one slice.
        let scans = !self.plan.tables().is_empty();
        let tables: Vec<&KeyedTable> = kept_inputs.iter().chain([&kept_output]).map(AsRef::as_ref).filter(|_| !scans).collect();
        let mut slices = KeySlices::new(keys, changes.into_iter().zip(of_rows).collect(), &tables)?;
        let (mut differences, mut stored) = (Vec::new(), 0);
        while let Some((keys, changes)) = slices.next(stored)? {
            let before = self.kept(&self.output, &kept_output, &keys)?;
            stored = before.get_array_memory_size();
            let mut whole = Vec::with_capacity(changes.len());
            for ((input, table), change) in self.inputs.iter().zip(&kept_inputs).zip(changes) {
                let kept = self.kept(input, table, &keys)?;
                stored += kept.get_array_memory_size();
                whole.push(zset::expand(&zset::consolidate(&change.schema(), &[kept, change])?)?);
            }
            let answer = self.plan.run(ctx, whole).await?;
            let answer = answer.iter().map(|b| zset::with_weight(b, &self.schema, 1)).collect::<Result<Vec<_>>>()?;
            // Retractions come before insertions.
            let parts: Vec<_> = [zset::negate(&before)?].into_iter().chain(answer).collect();
            differences.push(zset::consolidate(&self.schema, &parts)?);
        }
        differences.retain(|difference| difference.num_rows() > 0);
        if differences.is_empty() {
            return Ok(Vec::new());
        }
        let layout = self.layouts.last().ok_or_else(|| Error::internal("an output without a table"))?;
        let rows = differences.iter().map(|difference| self.output.stored(layout, difference)).collect::<Result<_>>()?;
        ctx.emit_delta(output_table, KeyedDelta { rows, ..KeyedDelta::default() })?;
        Ok(differences)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Concatenates batches; of no batches an empty one.
pub(in crate::operators) fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    if schema.fields().is_empty() {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        return Ok(RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options)?);
    }
    Ok(concat_batches(schema, batches)?)
}

/// The serialized form of a [`Recompute`].
#[derive(Debug, Serialize, Deserialize)]
pub struct RecomputeParts {
    plan: SubPlanParts,
    inputs: Vec<KeyedParts>,
    output: KeyedParts,
    why: String,
}

impl PortableOperator for Recompute {
    const NAME: &'static str = "Recompute";
    type Parts = RecomputeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<RecomputeParts> {
        let inputs = self.inputs().iter().map(|input| input.encode(encoder)).collect::<Result<_>>()?;
        Ok(RecomputeParts {
            plan: self.plan().encode(encoder)?,
            inputs,
            output: self.output().encode(encoder)?,
            why: self.why().to_string(),
        })
    }

    fn decode(parts: RecomputeParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let inputs = parts.inputs.iter().map(|input| Keyed::decode(input, decoder)).collect::<Result<_>>()?;
        Self::new(SubPlan::decode(parts.plan, decoder)?, inputs, Keyed::decode(&parts.output, decoder)?, parts.why)
    }
}

/// The serialized form of a [`Keyed`].
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyedParts {
    schema: PlanBytes,
    key: Vec<PlanBytes>,
}

impl Keyed {
    /// Encodes it.
    ///
    /// # Errors
    /// When an expression cannot be encoded: a bug.
    pub fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<KeyedParts> {
        let key = self.key.iter().map(|expr| encoder.expr(expr, &self.schema)).collect::<Result<_>>()?;
        Ok(KeyedParts { schema: encoder.schema(&self.schema)?, key })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When the parts are damaged.
    pub fn decode(parts: &KeyedParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let key = parts.key.iter().map(|expr| decoder.expr(expr)).collect::<Result<_>>()?;
        Ok(Self { schema: decoder.schema(&parts.schema)?, key })
    }
}
