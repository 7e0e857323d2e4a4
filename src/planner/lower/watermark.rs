//! Lowers CURRENT_WATERMARK to a column below the projection or the filter that uses it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, Join, LogicalPlan, lit};

use crate::common::{Error, Result};
use crate::operators::epoch::watermark_column::Watermark;

use super::super::as_of::{Attribute, attribute};
use super::super::current_watermark::{WatermarkColumn, asks, call, misplaced, node_asks};
use super::super::program::StateNode;
use super::{Domain, Lowered, Lowering, title};
use crate::planner::properties::{Role, Shape, StreamProperties, Time};

/// Expressions over a plan with their watermarks as appended columns.
pub(super) struct WatermarkColumns {
    pub plan: LogicalPlan,
    /// With their original names.
    pub exprs: Vec<Expr>,
    /// The times of the watermarks, by node.
    pub times: Vec<(u32, Time)>,
}

impl WatermarkColumns {
    /// Moves `exprs` over columns of `schema` to `plan`, which begins with these columns. Nodes are numbered from `first`;
    /// `time` returns the time attribute of a column.
    pub fn new(
        mut plan: LogicalPlan,
        exprs: Vec<Expr>,
        schema: &DFSchema,
        first: u32,
        time: &dyn Fn(usize) -> Option<Time>,
    ) -> Result<Self> {
        let mut known: Vec<(Expr, Watermark)> = Vec::new();
        let mut times = Vec::new();
        let mut column = |arg: &Expr| -> Result<Expr> {
            if let Some((_, watermark)) = known.iter().find(|(k, _)| k == arg) {
                return Ok(Expr::Column(Column::new_unqualified(&watermark.name)));
            }
            let index = arg.try_as_col().and_then(|c| schema.maybe_index_of_column(c));
            let time = index.and_then(time).filter(|t| t.domain == Domain::Event).ok_or_else(|| no_attribute(arg))?;
            let node = first + u32::try_from(known.len()).unwrap_or(u32::MAX);
            let zone = match arg.get_type(schema)? {
                DataType::Timestamp(_, zone) => zone,
                _ => None,
            };
            let watermark = Watermark { node, name: format!("__watermark{node}"), zone, watermark: None };
            times.push((node, time));
            known.push((arg.clone(), watermark.clone()));
            Ok(Expr::Column(Column::new_unqualified(watermark.name)))
        };
        let mut placed = |expr: Expr| -> DfResult<Expr> {
            let (qualifier, name) = expr.qualified_name();
            let replaced = expr.transform_up(|e| match call(&e) {
                Some(arg) => Ok(Transformed::yes(column(arg)?)),
                None => Ok(Transformed::no(e)),
            })?;
            let same = replaced.data.qualified_name() == (qualifier.clone(), name.clone());
            Ok(if same { replaced.data } else { replaced.data.alias_qualified(qualifier, name) })
        };
        let exprs = exprs.into_iter().map(&mut placed).collect::<DfResult<_>>()?;
        for (_, watermark) in known {
            plan = WatermarkColumn::plan(plan, watermark)?;
        }
        Ok(Self { plan, exprs, times })
    }
}

impl Lowering {
    /// The same expressions over an append-only fragment that their watermarks are appended to.
    pub(super) fn with_watermark_columns(&mut self, schema: &DFSchema, input: Lowered, exprs: Vec<Expr>) -> Result<(Lowered, Vec<Expr>)> {
        let Lowered { plan, properties, nodes } = input;
        let marked = WatermarkColumns::new(plan, exprs, schema, self.next_node(), &|column| rowtime(&properties, column))?;
        for (node, time) in marked.times {
            let sources = time.sources.into_iter().collect();
            let state = StateNode {
                sources,
                watermark_delay: time.watermark_delay,
                domain: time.domain,
                tables: Vec::new(),
                shape: Shape::default(),
            };
            self.program.nodes.insert(node, state);
        }
        Ok((Lowered { plan: marked.plan, properties, nodes }, marked.exprs))
    }

    /// An equivalent plan for a node that cannot evaluate a watermark itself; `None` if it has none.
    pub(super) fn place_watermarks(&self, plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => return Ok(None),
            other if !node_asks(other)? => return Ok(None),
            _ => {}
        }
        // The condition of an inner join can be a filter above it.
        let LogicalPlan::Join(join @ Join { join_type: JoinType::Inner, .. }) = plan else { return Err(misplaced(&title(plan))) };
        let mut join = join.clone();
        let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
        let (above, within): (Vec<Expr>, Vec<Expr>) = conditions.into_iter().partition(asks);
        join.filter = conjunction(within);
        if node_asks(&LogicalPlan::Join(join.clone()))? {
            return Err(misplaced(&title(plan)));
        }
        let above = conjunction(above).unwrap_or_else(|| lit(true));
        Ok(Some(LogicalPlan::Filter(Filter::try_new(above, Arc::new(LogicalPlan::Join(join)))?)))
    }
}

/// Whether one of the linear nodes at the top of a plan uses a watermark.
pub(super) fn asks_above(plan: &LogicalPlan) -> Result<bool> {
    match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            let below = plan.inputs().first().map_or(Ok(false), |input| asks_above(input))?;
            Ok(below || node_asks(plan)?)
        }
        _ => Ok(false),
    }
}

/// The event time of a column of append-only rows.
fn rowtime(properties: &StreamProperties, column: usize) -> Option<Time> {
    properties.times.get(&column).filter(|t| matches!(t.role, Role::Row | Role::Last)).cloned()
}

/// The same for a changelog, which time does not close: the column that its table declares.
pub(super) fn declared_rowtime(plan: &LogicalPlan, column: usize) -> Option<Time> {
    match attribute(plan, column)? {
        Attribute::EventTime(table) => Some(Time {
            role: Role::Row,
            domain: Domain::Event,
            sources: [table].into(),
            watermark_delay: 0,
            guarded: true,
            windows: Default::default(),
        }),
        Attribute::Clock => None,
    }
}

fn no_attribute(arg: &Expr) -> Error {
    Error::sql(format!("CURRENT_WATERMARK(`{arg}`): it is no time attribute"))
        .hint("it takes the column of a table's WATERMARK FOR, passed on unchanged, or the window_time of its windows")
}
