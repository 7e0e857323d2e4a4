//! Final aggregation per window, as a logical node: which aggregates can be closed by the watermark.

use std::fmt;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::common::{Error, Result};
use crate::operators::windows::WINDOW_COLUMNS;

use super::provider::TableSource;
use super::window_tvf::WindowTvf;

/// An aggregate whose groups are windows: each comes out once, when time has passed its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub(super) struct WindowClose {
    /// The aggregate as DataFusion plans it; the physical node is built from its partial half.
    pub(super) aggregate: LogicalPlan,
    /// The operator's number in the job.
    pub(super) node: u32,
    /// Which group expression is the window's end.
    pub(super) end: usize,
    /// Tables below.
    pub(super) sources: Vec<String>,
}

impl WindowClose {
    /// The strategy of an aggregate, if one of its groups is a window's end over event time.
    pub(super) fn of(aggregate: &Aggregate, node: u32) -> Result<Self> {
        let mut end = None;
        for (i, expr) in aggregate.group_expr.iter().enumerate() {
            if let Expr::Column(column) = expr
                && let Some((window, WINDOW_END)) = trace(&aggregate.input, column)?
            {
                check_event_time(&window)?;
                end = Some(i);
            }
        }
        let Some(end) = end else {
            return Err(Error::sql("GROUP BY without a window cannot run continuously yet")
                .hint("group by window_start, window_end of TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECOND))"));
        };
        let mut sources = Vec::new();
        aggregate.input.apply(|n| {
            if let LogicalPlan::TableScan(scan) = n {
                sources.push(scan.table_name.table().to_string());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Self { aggregate: LogicalPlan::Aggregate(aggregate.clone()), node, end, sources })
    }
}

const WINDOW_END: usize = 1;

/// Follows a column down to the window function that made it: the window, and which of its columns.
fn trace(plan: &LogicalPlan, column: &Column) -> Result<Option<(WindowTvf, usize)>> {
    match plan {
        LogicalPlan::Extension(extension) => {
            let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>() else { return Ok(None) };
            let which = WINDOW_COLUMNS.iter().position(|name| *name == column.name);
            Ok(which.map(|i| (window.clone(), i)))
        }
        _ => match descend(plan, column)? {
            Some((input, column)) => trace(input, &column),
            None => Ok(None),
        },
    }
}

/// The input, and the column in it, that a column of this node is a plain copy of.
fn descend<'a>(plan: &'a LogicalPlan, column: &Column) -> Result<Option<(&'a LogicalPlan, Column)>> {
    let index = plan.schema().maybe_index_of_column(column);
    Ok(match (plan, index) {
        (LogicalPlan::Projection(p), Some(i)) => match p.expr[i].clone().unalias() {
            Expr::Column(inner) => Some((p.input.as_ref(), inner)),
            _ => None,
        },
        (LogicalPlan::Filter(f), Some(_)) => Some((f.input.as_ref(), column.clone())),
        (LogicalPlan::SubqueryAlias(s), Some(i)) => Some((s.input.as_ref(), Column::from(s.input.schema().qualified_field(i)))),
        (LogicalPlan::Extension(e), Some(i)) => {
            let window = e.node.as_any().downcast_ref::<WindowTvf>();
            window.filter(|w| w.input_index(i).is_some()).map(|w| (&w.input, column.clone()))
        }
        _ => None,
    })
}

/// A window closes by the watermark, so its time column must be one that a watermark is declared for.
fn check_event_time(window: &WindowTvf) -> Result<()> {
    let Some(column) = not_event_time(&window.input, window.time.clone())? else { return Ok(()) };
    Err(Error::sql(format!("window over `{}`: it is not an event-time column", window.time.name)).hint(format!(
        "declare `WATERMARK FOR {0} AS {0} - INTERVAL '1' SECOND` on its table, and pass the column on unchanged",
        column.name
    )))
}

/// Follows a column down to its tables, through every input of a UNION; the first that is not their event time.
fn not_event_time(plan: &LogicalPlan, column: Column) -> Result<Option<Column>> {
    if let Some((input, inner)) = descend(plan, &column)? {
        return not_event_time(input, inner);
    }
    match plan {
        LogicalPlan::TableScan(scan) if TableSource::of(scan).is_some_and(|t| t.event_time() == Some(column.name.as_str())) => Ok(None),
        LogicalPlan::Union(union) => {
            let Some(index) = plan.schema().maybe_index_of_column(&column) else { return Ok(Some(column)) };
            for input in &union.inputs {
                let same = Column::from(input.schema().qualified_field(index));
                if let Some(column) = not_event_time(input, same)? {
                    return Ok(Some(column));
                }
            }
            Ok(None)
        }
        _ => Ok(Some(column)),
    }
}

impl UserDefinedLogicalNodeCore for WindowClose {
    fn name(&self) -> &'static str {
        "WindowClose"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.aggregate]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.aggregate.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowClose: node={}", self.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let aggregate = inputs.pop().ok_or_else(|| Error::internal("WindowClose has one input"))?;
        Ok(Self { aggregate, ..self.clone() })
    }
}
