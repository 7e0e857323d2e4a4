//! The watermark as a column.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::common::Result;

use super::one_input::{OneInput, OneInputExec};

/// The latest watermark that is shown, 9999-12-31 23:59:59.999: at the end of all input W is beyond the range of TIMESTAMP.
const LATEST: i64 = 253_402_300_799_999;

/// Appends W to rows, see [`Watermark`].
pub type WatermarkExec = OneInputExec<Watermark>;

/// W at the epoch's *start*, as late filters use it: rows of the same epoch do not move it, so their order does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watermark {
    /// The node whose watermark it is.
    pub node: u32,
    /// The column's name.
    pub name: String,
    /// The time zone of the column.
    pub zone: Option<Arc<str>>,
    /// Milliseconds since 1970; `None` in a template and before time is known.
    pub watermark: Option<i64>,
}

impl Watermark {
    /// The column.
    pub fn field(&self) -> Field {
        Field::new(&self.name, DataType::Timestamp(TimeUnit::Millisecond, self.zone.clone()), true)
    }
}

impl WatermarkExec {
    /// The same at another watermark.
    #[must_use]
    pub fn with_watermark(&self, watermark: Option<i64>) -> Self {
        self.with(Watermark { watermark, ..self.operator().clone() })
    }
}

impl OneInput for Watermark {
    const NAME: &'static str = "WatermarkExec";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        let mut fields: Vec<_> = input.fields().iter().cloned().collect();
        fields.push(Arc::new(self.field()));
        Ok(Arc::new(Schema::new_with_metadata(fields, input.metadata().clone())))
    }

    fn describe(&self, _: &Schema) -> String {
        format!("node={}, at the epoch's start", self.node)
    }

    fn run(self, rows: SendableRecordBatchStream, schema: SchemaRef, _: &TaskContext) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let append = move |batch: RecordBatch| {
            let watermark = self.watermark.map(|w| w.min(LATEST));
            let column = TimestampMillisecondArray::from(vec![watermark; batch.num_rows()]).with_timezone_opt(self.zone.clone());
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(column) as ArrayRef);
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        };
        Ok(rows.map(move |batch| append(batch?)).boxed())
    }
}
