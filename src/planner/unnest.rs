//! `FROM t CROSS JOIN UNNEST(t.items) AS i (name, price)`: the elements of an array joined to the row that holds it, as in Flink.
//!
//! DataFusion plans this as a join with a correlated subquery, which it cannot run. Here UNNEST of a column becomes a separate node while
//! FROM is planned, and the join with it an Unnest over the row:
//!
//! ```text
//!   Join                                Projection: t.*, i.name, i.price
//!     t                           ─▶      Unnest: __unnest
//!     SubqueryAlias: i                      Projection: t.*, t.items AS __unnest
//!       Beside: outer_ref(t.items)            t
//! ```
//! Each field of the elements of an array of ROWs is a column; a MAP yields its key and value. WITH ORDINALITY adds their number from 1 on:
//! an array of the numbers up to its length is unnested beside it. LEFT JOIN ... ON TRUE keeps a row whose array is NULL or empty, with
//! NULLs.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinType, ScalarValue, UnnestOptions};
use datafusion::error::Result as DfResult;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::expr_fn::{gen_series, map_entries};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, UserDefinedLogicalNodeCore, cast, lit, when,
};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableAlias, TableFactor};

use crate::common::{Error, Result};

use super::functions::{cardinality, element};

/// The column that holds the array, and after Unnest its elements.
const UNNEST: &str = "__unnest";
/// The column that holds their numbers.
const NUMBER: &str = "__ordinality";

/// The elements of an array of the row on the left of the join. The node is replaced before the plan is optimized.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Beside {
    /// A list, over columns of the row outside.
    array: Expr,
    /// Whether the elements are followed by their numbers.
    numbered: bool,
    schema: DFSchemaRef,
}

/// Plans UNNEST of columns in FROM.
#[derive(Debug)]
pub(super) struct UnnestPlanner;

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> DfResult<RelationPlanning> {
        let Some((array, numbered, alias)) = array_of(&relation) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let (array, alias) = (array.clone(), alias.cloned());
        let array = context.sql_expr_to_logical_expr(array, &DFSchema::empty())?;
        let plan = match (array.contains_outer(), numbered) {
            (true, _) => LogicalPlan::Extension(Extension { node: Arc::new(Beside::new(array, numbered)?) }),
            (false, true) => Beside::new(array, numbered)?.alone()?,
            // DataFusion plans UNNEST without columns itself.
            (false, false) => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// The one argument of UNNEST, with or without LATERAL before it, whether WITH ORDINALITY follows it, and its alias.
fn array_of(relation: &TableFactor) -> Option<(&ast::Expr, bool, Option<&TableAlias>)> {
    match relation {
        TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_offset_alias: None, with_ordinality } => {
            let [array] = array_exprs.as_slice() else { return None };
            Some((array, *with_ordinality, alias.as_ref()))
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } if name.to_string().eq_ignore_ascii_case("UNNEST") => {
            match args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))] => Some((array, *with_ordinality, alias.as_ref())),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Beside {
    fn new(array: Expr, numbered: bool) -> Result<Self> {
        let data_type = array.get_type(&DFSchema::empty())?;
        let (array, element) = match (element(&data_type), &data_type) {
            (Some(element), _) => (array, element),
            (_, DataType::Map(entries, _)) => (map_entries(array), entries),
            (None, other) => {
                let shown = crate::sql::types::display(other);
                return Err(Error::sql(format!("UNNEST takes an ARRAY or a MAP, not {shown}")));
            }
        };
        let mut fields: Vec<FieldRef> = match columns(element) {
            Some(fields) => fields.iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))).collect(),
            None => vec![Arc::new(Field::new("f0", element.data_type().clone(), true))],
        };
        if numbered {
            fields.push(Arc::new(Field::new("ORDINALITY", DataType::Int32, true)));
        }
        let schema = DFSchema::from_unqualified_fields(Fields::from(fields), Default::default())?;
        Ok(Self { array, numbered, schema: Arc::new(schema) })
    }

    /// The elements beside each row of a plan that has the columns of the array; and this node's columns over both. `outer` keeps rows
    /// without elements.
    fn unnested(&self, row: LogicalPlan, outer: bool) -> DfResult<(LogicalPlan, Vec<Expr>)> {
        let array = outside(self.array.clone())?;
        let last = cast(cardinality().call(vec![array.clone()]), DataType::Int64);
        let numbers = gen_series(lit(1i64), last, lit(1i64)).alias(NUMBER);
        let array = if outer { never_empty(array, row.schema())? } else { array };
        let lists = [array.alias(UNNEST)].into_iter().chain(self.numbered.then_some(numbers));
        let columns = row.schema().columns().into_iter().map(Expr::Column).chain(lists);
        let taken_apart = [UNNEST].into_iter().chain(self.numbered.then_some(NUMBER));
        let plan = LogicalPlanBuilder::from(row)
            .project(columns)?
            .unnest_columns_with_options(
                taken_apart.map(Column::new_unqualified).collect(),
                UnnestOptions::new().with_preserve_nulls(false),
            )?
            .build()?;
        let element = Expr::Column(Column::new_unqualified(UNNEST));
        let mut parts = match element.get_type(plan.schema())? {
            DataType::Struct(fields) => fields.iter().map(|f| get_field(element.clone(), f.name().as_str())).collect(),
            _ => vec![element],
        };
        if self.numbered {
            parts.push(cast(Expr::Column(Column::new_unqualified(NUMBER)), DataType::Int32));
        }
        Ok((plan, parts))
    }

    /// The plan of the elements of an array without a row beside it.
    fn alone(&self) -> DfResult<LogicalPlan> {
        let (plan, parts) = self.unnested(LogicalPlanBuilder::empty(true).build()?, false)?;
        let named = parts.into_iter().zip(self.schema.fields()).map(|(part, field)| part.alias(field.name()));
        LogicalPlanBuilder::from(plan).project(named)?.build()
    }
}

fn columns(element: &FieldRef) -> Option<&Fields> {
    match element.data_type() {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    }
}

/// Replaces joins with this node by Unnest.
///
/// # Errors
/// When a join with it is not supported, or the node stands elsewhere.
pub(super) fn beside(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) => joined(join),
        other => Ok(Transformed::no(other)),
    })?;
    plan.data.apply_with_subqueries(|node| match node {
        LogicalPlan::Extension(e) if e.node.as_any().is::<Beside>() => {
            let error = Error::sql("UNNEST of a column stands in FROM, joined with the table of the column");
            Err(error.hint("write FROM t CROSS JOIN UNNEST(t.items) AS i (item)").into())
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(plan.data)
}

fn joined(join: Join) -> DfResult<Transformed<LogicalPlan>> {
    let Some(node) = inside(&join.right) else { return Ok(Transformed::no(LogicalPlan::Join(join))) };
    let always = |e: &Expr| matches!(e, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let filter = join.filter.filter(|e| !always(e));
    let outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if filter.is_none() && join.on.is_empty() => true,
        _ => return Err(Error::sql("UNNEST stands behind CROSS JOIN, a comma, INNER JOIN, or LEFT JOIN ... ON TRUE").into()),
    };
    let row: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let (plan, parts) = node.unnested(Arc::unwrap_or_clone(join.left), outer)?;
    let parts = seen(&join.right, &parts)?;
    let named = join.right.schema().columns().into_iter().zip(parts);
    let named = named.map(|(column, part)| part.alias_qualified(column.relation, column.name));
    let mut plan = LogicalPlan::Projection(Projection::try_new(row.into_iter().chain(named).collect(), Arc::new(plan))?);
    let conditions = join.on.into_iter().map(|(l, r)| l.eq(r)).chain(filter);
    if let Some(condition) = conditions.reduce(Expr::and) {
        plan = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?);
    }
    Ok(Transformed::yes(plan))
}

/// The node on the right side of a join, if nothing but renames and projections is above it.
fn inside(plan: &LogicalPlan) -> Option<&Beside> {
    match plan {
        LogicalPlan::Extension(e) => e.node.as_any().downcast_ref(),
        LogicalPlan::Subquery(s) => inside(&s.subquery),
        LogicalPlan::SubqueryAlias(a) => inside(&a.input),
        LogicalPlan::Projection(p) => inside(&p.input),
        _ => None,
    }
}

/// The columns of such a right side in terms of the elements' columns.
fn seen(plan: &LogicalPlan, parts: &[Expr]) -> DfResult<Vec<Expr>> {
    match plan {
        LogicalPlan::Subquery(s) => seen(&s.subquery, parts),
        LogicalPlan::SubqueryAlias(a) => seen(&a.input, parts),
        LogicalPlan::Projection(p) => {
            let below = seen(&p.input, parts)?;
            let replace = |e: Expr| match &e {
                Expr::Column(c) => Ok(Transformed::yes(below[p.input.schema().index_of_column(c)?].clone())),
                _ => Ok(Transformed::no(e)),
            };
            p.expr.iter().map(|e| Ok(e.clone().transform_up(replace)?.data.unalias_nested().data)).collect()
        }
        _ => Ok(parts.to_vec()),
    }
}

/// Turns outer references into columns of the input.
fn outside(expr: Expr) -> DfResult<Expr> {
    let replaced = expr.transform_up(|e| match e {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

/// An array that holds one NULL if it is empty or NULL, so that its row stays.
fn never_empty(array: Expr, schema: &DFSchema) -> DfResult<Expr> {
    let data_type = array.get_type(schema)?;
    let Some(element) = element(&data_type) else { return Ok(array) };
    let null = ScalarValue::new_list_nullable(&[ScalarValue::try_new_null(element.data_type())?], element.data_type());
    when(cardinality().call(vec![array.clone()]).gt(lit(0i32)), array).otherwise(lit(ScalarValue::List(null)))
}

impl PartialOrd for Beside {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.array.partial_cmp(&other.array)
    }
}

impl UserDefinedLogicalNodeCore for Beside {
    fn name(&self) -> &'static str {
        "Beside"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.array.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Beside: {}", self.array)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, _: Vec<LogicalPlan>) -> DfResult<Self> {
        let array = exprs.pop().unwrap_or_else(|| self.array.clone());
        Ok(Self { array, ..self.clone() })
    }
}
