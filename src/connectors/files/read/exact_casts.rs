//! Keeps lossy casts in comparisons when a file is opened.
//!
//! DataFusion simplifies a filter once more when it knows the file's columns: `CAST(d AS DECIMAL(10, 1)) = 1.3` becomes `d = 1.30`, and row
//! groups with 1.25 are pruned. The planner keeps its own from doing so (`planner/rewrites/lossy_casts.rs`); here lossy casts, and those
//! from a file's type to the declared one, become expressions that DataFusion does not know.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, TryCastExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use crate::common::casts::keeps;

use super::floor_times;

/// Rewrites expressions over a table to expressions over one of its files, as [`floor_times::Adapters`] does, with lossy casts as
/// [`KeptCast`].
#[derive(Debug)]
pub struct ExactCastAdapters;

impl PhysicalExprAdapterFactory for ExactCastAdapters {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> DfResult<Arc<dyn PhysicalExprAdapter>> {
        let inner = floor_times::Adapters.create(table, Arc::clone(&file))?;
        Ok(Arc::new(Adapter { inner, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let keep = |expr: Arc<dyn PhysicalExpr>| {
            let of = match (expr.downcast_ref::<CastExpr>(), expr.downcast_ref::<TryCastExpr>()) {
                (Some(cast), _) => cast.expr(),
                (_, Some(cast)) => cast.expr(),
                _ => return Ok(Transformed::no(expr)),
            };
            if keeps(&of.data_type(&self.file)?, &expr.data_type(&self.file)?) {
                return Ok(Transformed::no(expr));
            }
            Ok(Transformed::yes(Arc::new(KeptCast { cast: expr }) as Arc<dyn PhysicalExpr>))
        };
        Ok(self.inner.rewrite(expr)?.transform_up(keep)?.data)
    }
}

/// A cast that DataFusion does not recognise as one.
#[derive(Debug, Clone)]
struct KeptCast {
    cast: Arc<dyn PhysicalExpr>,
}

impl PartialEq for KeptCast {
    fn eq(&self, other: &Self) -> bool {
        *self.cast == *other.cast
    }
}

impl Eq for KeptCast {}

impl Hash for KeptCast {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cast.hash(state);
    }
}

impl fmt::Display for KeptCast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cast.fmt(f)
    }
}

impl PhysicalExpr for KeptCast {
    fn data_type(&self, schema: &Schema) -> DfResult<DataType> {
        self.cast.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> DfResult<bool> {
        self.cast.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        self.cast.evaluate(batch)
    }

    fn return_field(&self, schema: &Schema) -> DfResult<FieldRef> {
        self.cast.return_field(schema)
    }

    // The child is the operand, so that it can be rewritten, and not the cast, which DataFusion would recognise.
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.cast.children()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> DfResult<Arc<dyn PhysicalExpr>> {
        if children.len() != 1 {
            return internal_err!("a cast is of one value");
        }
        Ok(Arc::new(Self { cast: Arc::clone(&self.cast).with_new_children(children)? }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cast.fmt_sql(f)
    }
}
