//! Pushes projections of nested fields into the scan, so that it reads only the fields of ROWs that are used.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::common::projection::{ColumnPath, field_at};

/// A scan's columns, and the expressions above it.
#[derive(Debug)]
pub(super) struct Leaves {
    /// The paths of its columns in the source.
    pub columns: Vec<ColumnPath>,
    /// Its columns.
    pub schema: SchemaRef,
    /// The watermark over them.
    pub watermark: Option<Arc<dyn PhysicalExpr>>,
    /// The projection over them.
    pub projection: Vec<ProjectionExpr>,
}

/// The scan with the nested fields that the projection and the watermark use as columns; `None` if they use whole columns only.
///
/// ```text
///   ProjectionExec: get_field(bid@1, price), event_type@0          ProjectionExec: bid.price@1, event_type@0
///     SourceScanExec: [event_type, bid]                      ─▶      SourceScanExec: [event_type, bid.price]
/// ```
/// DataFusion's optimizer pushes every `get_field` down to the scan of its ROW.
///
/// # Errors
/// When the new nodes cannot be made: a bug.
pub(super) fn leaves(
    scanned: &[ColumnPath],
    schema: &SchemaRef,
    watermark: Option<&Arc<dyn PhysicalExpr>>,
    projection: &[ProjectionExpr],
) -> DfResult<Option<Leaves>> {
    let mut wanted: BTreeSet<Leaf> = BTreeSet::new();
    for expr in projection.iter().map(|p| &p.expr).chain(watermark) {
        expr.apply(|e| {
            let Some(leaf) = Leaf::from_expr(e, schema) else { return Ok(TreeNodeRecursion::Continue) };
            wanted.insert(leaf);
            Ok(TreeNodeRecursion::Jump)
        })?;
    }
    // A column that is used as a whole is not read field by field as well.
    let whole: BTreeSet<usize> = wanted.iter().filter(|leaf| leaf.inside.is_empty()).map(|leaf| leaf.column).collect();
    wanted.retain(|leaf| leaf.inside.is_empty() || !whole.contains(&leaf.column));
    if wanted.iter().all(|leaf| leaf.inside.is_empty()) {
        return Ok(None);
    }
    let leaves: Vec<Leaf> = wanted.into_iter().collect();
    let mut fields = Vec::with_capacity(leaves.len());
    let mut columns: Vec<ColumnPath> = Vec::with_capacity(leaves.len());
    for Leaf { column, inside } in &leaves {
        let path: ColumnPath = std::iter::once(schema.field(*column).name()).chain(inside).cloned().collect();
        fields.push(field_at(schema, &path)?);
        // The scan's column may be a field of a ROW already.
        columns.push(scanned.get(*column).into_iter().flatten().chain(inside).cloned().collect());
    }
    let rewrite = |expr: &Arc<dyn PhysicalExpr>| -> DfResult<Arc<dyn PhysicalExpr>> {
        let rewritten = Arc::clone(expr).transform_down(|e| {
            let place = Leaf::from_expr(&e, schema).and_then(|leaf| leaves.binary_search(&leaf).ok());
            let Some((place, field)) = place.and_then(|place| Some((place, fields.get(place)?))) else { return Ok(Transformed::no(e)) };
            Ok(Transformed::new(Arc::new(Column::new(field.name(), place)) as _, true, TreeNodeRecursion::Jump))
        })?;
        Ok(rewritten.data)
    };
    let watermark = watermark.map(rewrite).transpose()?;
    let exprs = projection.iter().map(|p| Ok(ProjectionExpr { expr: rewrite(&p.expr)?, alias: p.alias.clone() }));
    let projection = exprs.collect::<DfResult<Vec<_>>>()?;
    Ok(Some(Leaves { columns, schema: Arc::new(Schema::new(fields)), watermark, projection }))
}

/// A column, or a field inside it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leaf {
    column: usize,
    inside: Vec<String>,
}

impl Leaf {
    /// The column or field that an expression is, if it is only that.
    fn from_expr(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Self> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            return Some(Self { column: column.index(), inside: Vec::new() });
        }
        let call = expr.downcast_ref::<ScalarFunctionExpr>().filter(|call| call.fun().inner().is::<GetFieldFunc>())?;
        let (base, keys) = call.args().split_first()?;
        let mut leaf = Self::from_expr(base, schema)?;
        let mut data_type = base.data_type(schema).ok()?;
        for key in keys {
            let name = key.downcast_ref::<Literal>()?.value().try_as_str()??;
            let DataType::Struct(fields) = &data_type else { return None };
            let next = fields.find(name)?.1.data_type().clone();
            data_type = next;
            leaf.inside.push(name.to_string());
        }
        Some(leaf)
    }
}
