//! LIMIT without ORDER BY: keeps the first rows that arrive.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, TableSpec};

/// Emits the first rows of an append-only input, after the skipped ones; emitted rows are never retracted.
///
/// # Invariants
/// * The state is one number: how many rows have arrived, up to the last row of the limit.
#[derive(Debug)]
pub struct FirstRows {
    rows: SchemaRef,
    skip: i64,
    fetch: i64,
    layout: Arc<Layout>,
}

impl FirstRows {
    /// The first `fetch` rows of `rows` after the first `skip`.
    pub fn new(rows: SchemaRef, skip: i64, fetch: i64) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("came", DataType::Int64, false)]));
        let layout = Layout { schema, key: Vec::new(), time: None, mode: KeyMode::Multiset };
        Self { rows, skip, fetch, layout: Arc::new(layout) }
    }

    /// OFFSET and LIMIT.
    pub fn range(&self) -> (i64, i64) {
        (self.skip, self.fetch)
    }
}

#[async_trait]
impl Operator for FirstRows {
    fn name(&self) -> &'static str {
        "FirstRows"
    }

    fn describe(&self) -> String {
        match (self.skip, self.fetch) {
            (skip, i64::MAX) => format!("all but the first {skip} that come"),
            (0, fetch) => format!("the first {fetch} that come"),
            (skip, fetch) => format!("the first {fetch} that come after {skip}"),
        }
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows)
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("came", &self.layout).bounded("one number".to_string())]
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let last = self.skip.saturating_add(self.fetch);
        let known = ctx.keyed(0)?.get(&[])?;
        let counts = known.column(0).as_primitive::<Int64Type>();
        let before = counts.values().first().copied();
        let mut came = before.unwrap_or(0);
        let mut out = Vec::new();
        for batch in inputs.into_iter().flatten() {
            let rows = i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
            let end = last.saturating_sub(came).min(rows);
            let begin = self.skip.saturating_sub(came).clamp(0, end.max(0));
            if end > begin {
                out.push(batch.slice(usize::try_from(begin).unwrap_or(0), usize::try_from(end - begin).unwrap_or(0)));
            }
            came = came.saturating_add(rows).min(last);
        }
        if Some(came) != before && came > 0 {
            let (counts, weights): (Vec<i64>, Vec<i64>) = before.map(|n| (n, -1)).into_iter().chain(std::iter::once((came, 1))).unzip();
            let counts = RecordBatch::try_new(Arc::clone(&self.layout.schema), vec![Arc::new(Int64Array::from(counts))])?;
            let change = zset::with_weights(&counts, &zset::weighted(&self.layout.schema), Arc::new(Int64Array::from(weights)))?;
            ctx.emit_delta(0, KeyedDelta::new(vec![change], None))?;
        }
        Ok(out)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`FirstRows`].
#[derive(Debug, Serialize, Deserialize)]
pub struct FirstRowsParts {
    rows: PlanBytes,
    skip: i64,
    fetch: i64,
}

impl PortableOperator for FirstRows {
    const NAME: &'static str = "FirstRows";
    type Parts = FirstRowsParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<FirstRowsParts> {
        let (skip, fetch) = self.range();
        Ok(FirstRowsParts { rows: encoder.schema(&self.schema())?, skip, fetch })
    }

    fn decode(parts: FirstRowsParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(decoder.schema(&parts.rows)?, parts.skip, parts.fetch))
    }
}
