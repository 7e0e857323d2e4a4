//! Changes of a table without a key, in any order: the delete of a row may come before its insert.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use async_trait::async_trait;
use hashbrown::HashMap;

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, keyed_by_row};

/// The column of a stored row's count; a negative one counts inserts that are still missing.
const COUNT: &str = "__count";

/// Adds up the weights of each row of a changelog, and emits the changes of rows with a count above zero.
///
/// ```text
///   records of the epoch, added up ─┬▶ count n−1 + weight = count n               ─▶ put, or delete at 0 ─▶ delta
///   kept counts of those rows ──────┘  above zero before ─▶ above zero now        ─▶ the difference      ─▶ out
/// ```
/// A row with a negative count does not exist: a later insert only cancels an earlier delete. So the result depends neither on the order
/// of records nor on how they are split into epochs, and a batch query has the same result.
///
/// # Invariants
/// * The emitted weights of a row add up to its count, or to 0 if that is negative.
/// * No row is stored with the count 0.
#[derive(Debug)]
pub struct Reconcile {
    /// The columns of rows, without weight.
    rows: SchemaRef,
    layout: Arc<Layout>,
    schema: SchemaRef,
}

impl Reconcile {
    /// Creates an operator over records of these columns, followed by a weight.
    pub fn new(rows: SchemaRef) -> Self {
        let mut fields = rows.fields().to_vec();
        fields.push(Arc::new(Field::new(COUNT, DataType::Int64, false)));
        let key = (0..rows.fields().len()).collect();
        let layout = Layout { schema: Arc::new(Schema::new(fields)), key, time: None, mode: KeyMode::Upsert };
        Self { schema: zset::weighted(&rows), layout: Arc::new(layout), rows }
    }

    /// Whether rows of this schema can be compared.
    pub fn can(rows: &SchemaRef) -> bool {
        RowConverter::supports_fields(&rows.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect::<Vec<_>>())
    }

    /// The columns of rows, without weight.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The delta of the table: rows with their counts.
    fn delta(&self, rows: &[ArrayRef], counts: ArrayRef, weight: i64) -> Result<RecordBatch> {
        let length = counts.len();
        let columns = rows.iter().cloned().chain([counts, Arc::new(Int64Array::from_value(weight, length)) as ArrayRef]).collect();
        Ok(RecordBatch::try_new(zset::weighted(&self.layout.schema), columns)?)
    }
}

#[async_trait]
impl Operator for Reconcile {
    fn name(&self) -> &'static str {
        "Reconcile"
    }

    fn describe(&self) -> String {
        let names: Vec<_> = self.rows.fields().iter().map(|f| f.name().as_str()).collect();
        format!("columns=[{}]", names.join(", "))
    }

    fn supports_ttl(&self) -> bool {
        true
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("rows", &self.layout)]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        keyed_by_row(&self.rows)
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let input = inputs.into_iter().next().unwrap_or_default();
        let Some(schema) = input.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
        let changes = zset::consolidate(&schema, &input)?;
        if changes.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let width = self.rows.fields().len();
        let rows = changes.columns().get(..width).unwrap_or_default().to_vec();
        let kept = ctx.keyed(0)?.get(&rows)?;
        let before = kept.columns().get(width).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let before = before.ok_or_else(|| Error::internal("a kept row without a count"))?;
        // Without columns there is one row.
        let known_rows = zset::encode(kept.columns().get(..width).unwrap_or_default())?;
        let known: HashMap<&[u8], i64> = match &known_rows {
            Some(rows) => rows.iter().zip(before.values()).map(|(row, count)| (row.data(), *count)).collect(),
            None => before.values().iter().map(|count| (&[][..], *count)).collect(),
        };
        let encoded = zset::encode(&rows)?;
        let (mut out, mut weights): (Vec<u32>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut put, mut counts, mut gone): (Vec<u32>, Vec<i64>, Vec<u32>) = (Vec::new(), Vec::new(), Vec::new());
        let mut owed = 0;
        for ((index, row), weight) in (0u32..).zip(0..changes.num_rows()).zip(zset::weights(&changes)?.values()) {
            let old = known.get(encoded.as_ref().map_or(&[][..], |rows| rows.row(row).data())).copied().unwrap_or(0);
            let new = old.saturating_add(*weight);
            owed += old.min(0) - new.min(0);
            if new.max(0) != old.max(0) {
                out.push(index);
                weights.push(new.max(0) - old.max(0));
            }
            if new == 0 {
                gone.push(index);
            } else {
                put.push(index);
                counts.push(new);
            }
        }
        ctx.epoch.report_unmatched(owed);

        let pick = |indices: Vec<u32>| -> Result<Vec<ArrayRef>> {
            let picked = take_record_batch(&changes, &UInt32Array::from(indices))?;
            Ok(picked.columns().get(..width).unwrap_or_default().to_vec())
        };
        let mut delta = Vec::new();
        if !gone.is_empty() {
            let nothing: ArrayRef = Arc::new(Int64Array::from_value(0, gone.len()));
            delta.push(self.delta(&pick(gone)?, nothing, -1)?);
        }
        if !put.is_empty() {
            delta.push(self.delta(&pick(put)?, Arc::new(Int64Array::from(counts)), 1)?);
        }
        ctx.emit_delta(0, KeyedDelta::new(delta, None))?;
        let mut columns = pick(out)?;
        columns.push(Arc::new(Int64Array::from(weights)));
        let changed = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(if changed.num_rows() == 0 { Vec::new() } else { vec![changed] })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl PortableOperator for Reconcile {
    const NAME: &'static str = "Reconcile";
    type Parts = PlanBytes;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<PlanBytes> {
        encoder.schema(self.rows())
    }

    fn decode(parts: PlanBytes, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(decoder.schema(&parts)?))
    }
}
