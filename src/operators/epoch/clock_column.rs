//! The epoch's clock as a column.

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
use crate::common::clock::Millis;
use crate::sql::types::utc;

use super::one_input::{OneInput, OneInputExec};

/// The column that holds the clock.
pub const CLOCK: &str = "__clock";

/// Appends the epoch's clock to append-only rows: their insertion time.
pub type ClockExec = OneInputExec<Clock>;

/// The operator of a [`ClockExec`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Clock {
    /// In milliseconds since 1970; 0 in a template, where `bind` sets the clock of an epoch.
    pub clock: Millis,
}

/// The column.
pub fn clock_field() -> Field {
    Field::new(CLOCK, DataType::Timestamp(TimeUnit::Millisecond, utc()), false)
}

/// The column as an array of these values.
pub(in crate::operators) fn clock_array(clocks: Vec<Millis>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(clocks).with_timezone_opt(utc()))
}

/// A schema with the clock appended to its columns.
pub fn clocked(schema: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(clock_field()));
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

impl ClockExec {
    /// The same at another clock.
    #[must_use]
    pub fn at(&self, clock: Millis) -> Self {
        self.with(Clock { clock })
    }
}

impl OneInput for Clock {
    const NAME: &'static str = "ClockExec";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        Ok(clocked(input))
    }

    fn describe(&self, _: &Schema) -> String {
        String::new()
    }

    fn run(self, rows: SendableRecordBatchStream, schema: SchemaRef, _: &TaskContext) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let append = move |batch: RecordBatch| {
            let mut columns = batch.columns().to_vec();
            columns.push(clock_array(vec![self.clock; batch.num_rows()]));
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        };
        Ok(rows.map(move |batch| append(batch?)).boxed())
    }
}
