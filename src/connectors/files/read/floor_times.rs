//! Casts the columns of a file to the declared types; times that lose precision are rounded down, also before 1970.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_expr_adapter::{DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory};

use crate::common::calendar;
use crate::common::floor::{cuts, floored, per_second};

use super::nested_names;

/// Casts a value. A lossy cast hides the file's statistics.
pub(super) fn cast(value: Arc<dyn PhysicalExpr>, from: &DataType, to: &DataType) -> Arc<dyn PhysicalExpr> {
    let needed = from != to && (has_wide_times(from) || nested_names::called(from, to) != *from);
    let value = if needed { Arc::new(Downwards { value, to: to.clone() }) } else { value };
    Arc::new(CastExpr::new(value, to.clone(), None))
}

/// Whether a type contains a time of 64 bits, also within rows, arrays and maps: such times reach far beyond the calendar.
fn has_wide_times(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(..) | DataType::Date64 => true,
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) | DataType::Map(field, _) => {
            has_wide_times(field.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_wide_times(field.data_type())),
        _ => false,
    }
}

/// Whether a cast between these types is one to days of 32 bits, which cannot hold times far away.
fn to_days(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(..), DataType::Date32) | (DataType::Date64, _) => true,
        (DataType::List(from), DataType::List(to)) | (DataType::Map(from, _), DataType::Map(to, _)) => {
            to_days(from.data_type(), to.data_type())
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.iter().any(|from| to.iter().any(|to| to.name() == from.name() && to_days(from.data_type(), to.data_type())))
        }
        _ => false,
    }
}

/// Whether a cast between these types is one to a finer unit, which cannot hold times far away.
fn widens(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => per_second(*from) < per_second(*to),
        (DataType::List(from), DataType::List(to)) | (DataType::Map(from, _), DataType::Map(to, _)) => {
            widens(from.data_type(), to.data_type())
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.iter().any(|from| to.iter().any(|to| to.name() == from.name() && widens(from.data_type(), to.data_type())))
        }
        _ => false,
    }
}

/// Adapts columns of Parquet files to the declared types, with such casts.
#[derive(Debug)]
pub(super) struct Adapters;

impl PhysicalExprAdapterFactory for Adapters {
    fn create(&self, declared: SchemaRef, file: SchemaRef) -> DfResult<Arc<dyn PhysicalExprAdapter>> {
        let of = DefaultPhysicalExprAdapterFactory.create(declared, Arc::clone(&file))?;
        Ok(Arc::new(Adapter { of, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    of: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let cut = self.of.rewrite(expr)?.transform_up(|expr| {
            let Some(cast) = expr.downcast_ref::<CastExpr>() else { return Ok(Transformed::no(expr)) };
            let (from, to) = (cast.expr().data_type(&self.file)?, expr.data_type(&self.file)?);
            if !(cuts(&from, &to) || to_days(&from, &to) || widens(&from, &to)) || cast.expr().is::<Downwards>() {
                return Ok(Transformed::no(expr));
            }
            let value: Arc<dyn PhysicalExpr> = Arc::new(Downwards { value: Arc::clone(cast.expr()), to });
            Ok(Transformed::yes(expr.with_new_children(vec![value])?))
        })?;
        Ok(cut.data)
    }
}

/// The value in its own type, clamped to the range of another type, with nested fields named as in that type.
#[derive(Debug, Eq)]
struct Downwards {
    value: Arc<dyn PhysicalExpr>,
    to: DataType,
}

impl PartialEq for Downwards {
    fn eq(&self, other: &Self) -> bool {
        self.value.eq(&other.value) && self.to == other.to
    }
}

impl Hash for Downwards {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
        self.to.hash(state);
    }
}

impl fmt::Display for Downwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "floor({})", self.value)
    }
}

impl PhysicalExpr for Downwards {
    fn data_type(&self, schema: &Schema) -> DfResult<DataType> {
        Ok(nested_names::called(&self.value.data_type(schema)?, &self.to))
    }

    fn nullable(&self, schema: &Schema) -> DfResult<bool> {
        self.value.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let value = self.value.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(floored(&calendar::clamped(&nested_names::relabeled(value, &self.to)), &self.to)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.value]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        match children.as_slice() {
            [value] => Ok(Arc::new(Self { value: Arc::clone(value), to: self.to.clone() })),
            _ => internal_err!("one value is cut"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "floor(")?;
        self.value.fmt_sql(f)?;
        write!(f, ")")
    }
}
