//! DECIMALs that need more than 38 digits: replaces arithmetic by our functions, and common types by Flink's.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, Union, Values, cast};

use crate::common::Result;

use super::integer_avg::retyped;
use crate::planner::functions::common_decimals::{Digits, common, common_type, cut, recast};
use crate::planner::functions::decimals::wide;

/// Rewrites the parts of a plan where DataFusion's arithmetic or common types might overflow.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn wide_decimals(plan: LogicalPlan) -> Result<LogicalPlan> {
    // The nodes above a rewritten one get other types.
    let mut changed = false;
    let plan = plan.transform_up_with_subqueries(|node| {
        let node = if changed { retyped(node)? } else { node };
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let exact = |expr| common(expr, &schema)?.transform_data(|expr| wide(expr, &schema));
            Ok(expr.transform_up(exact)?.update_data(|expr| name.restore(expr)))
        })?;
        let node = node.transform_data(together)?;
        changed |= node.transformed;
        if node.transformed { node.map_data(retyped) } else { Ok(node) }
    })?;
    Ok(plan.data)
}

/// Nodes that merge several columns into one, or compare columns of two inputs.
fn together(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Values(values) => rows(values),
        LogicalPlan::Union(union) => {
            let columns = union.schema.fields().len();
            let of = |i: usize| union.inputs.iter().map(move |input| input.schema().field(i).data_type().clone()).collect::<Vec<_>>();
            let types: Vec<_> = (0..columns).map(|i| cut(&of(i))).collect();
            if types.iter().all(Option::is_none) {
                return Ok(Transformed::no(LogicalPlan::Union(union)));
            }
            let inputs = union.inputs.into_iter().map(|input| recast(Arc::unwrap_or_clone(input), &types).map(Arc::new));
            Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs.collect::<DfResult<_>>()?)?)))
        }
        LogicalPlan::Join(mut join) => {
            let (left, right) = (Arc::clone(join.left.schema()), Arc::clone(join.right.schema()));
            let mut changed = false;
            for (a, b) in &mut join.on {
                let Some(wider) = Digits::of_types(&[a.get_type(&left)?, b.get_type(&right)?]).and_then(Digits::wider) else { continue };
                [&mut *a, b].into_iter().for_each(|key| *key = cast(std::mem::take(key), wider.clone()));
                changed = true;
            }
            Ok(if changed { Transformed::yes(LogicalPlan::Join(join)) } else { Transformed::no(LogicalPlan::Join(join)) })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// VALUES, whose columns DataFusion has already cast to its own types.
fn rows(mut values: Values) -> DfResult<Transformed<LogicalPlan>> {
    let none = DFSchema::empty();
    let mut types: Vec<Option<DataType>> = Vec::new();
    for (i, field) in values.schema.fields().iter().enumerate() {
        let cells = values.values.iter().filter_map(|row| row.get(i)).map(|cell| uncast(cell, field.data_type()));
        let cells: Vec<&Expr> = cells.collect();
        let alike = cells.iter().map(|cell| cell.get_type(&none)).collect::<DfResult<Vec<_>>>()?.windows(2).all(|pair| pair[0] == pair[1]);
        types.push(if alike { None } else { common_type(cells, &none) }.filter(|to| to != field.data_type()));
    }
    if types.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Values(values)));
    }
    for row in &mut values.values {
        for ((cell, to), field) in row.iter_mut().zip(&types).zip(values.schema.fields()) {
            if let Some(to) = to {
                *cell = cast(uncast(cell, field.data_type()).clone(), to.clone());
            }
        }
    }
    let fields = values.schema.iter().zip(types).map(|((qualifier, field), to)| {
        let field = match to {
            Some(to) => Arc::new(field.as_ref().clone().with_data_type(to)),
            None => Arc::clone(field),
        };
        (qualifier.cloned(), field)
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), values.schema.metadata().clone())?;
    Ok(Transformed::yes(LogicalPlan::Values(Values { schema: Arc::new(schema), values: values.values })))
}

/// A cell without the cast to its column's type that DataFusion has added, as far as it can be told from a written one.
fn uncast<'e>(cell: &'e Expr, column: &DataType) -> &'e Expr {
    match cell {
        Expr::Cast(Cast { expr, field }) if field.data_type() == column => match expr.get_type(&DFSchema::empty()) {
            Ok(DataType::Decimal128(..)) => expr,
            Ok(integer) if integer.is_integer() => expr,
            Ok(nested) if nested.is_nested() => expr,
            _ => cell,
        },
        _ => cell,
    }
}
