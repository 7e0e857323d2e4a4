//! Rewrites SESSION windows as plain window functions, for batch plans.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::expr_fn::lag;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, Operator, UserDefinedLogicalNodeCore, WindowFrame,
    WindowFunctionDefinition, binary_expr, cast, ident, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use crate::common::Result;
use crate::operators::windows::arithmetic::{WINDOW_COLUMNS, WindowKind, per_milli, window_type};

use super::window_tvf::WindowTvf;

/// Replaces each `WindowTvf` over sessions by window functions; other nodes stay.
///
/// ```text
///  WindowTvf                     Projection      the input's columns, first, last + gap, last + gap − 1 ms
///  SESSION(ts, gap)       ─▶     Window          first, last: MIN(ts), MAX(ts)          per partition and number
///  partition by k                Window          number: SUM(begins)                    per partition, by ts
///                                Projection      begins: 1 if ts is more than the gap after the previous ts, else 0
///                                Window          the previous ts: LAG(ts)               per partition, by ts
///                                Filter          ts IS NOT NULL
/// ```
/// Rows of equal time and partition come in any order, but only one of them begins a session, and the running sum, whose frame holds all
/// rows of the same time, gives them the same number.
///
/// All expressions have their final types, so the plan need not pass the analyzer again.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(super) fn expand_sessions(plan: LogicalPlan) -> Result<LogicalPlan> {
    let expanded = plan.transform_up_with_subqueries(|node| {
        if let LogicalPlan::Extension(extension) = &node
            && let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>()
            && let WindowKind::Session { gap } = window.kind
        {
            return Ok(Transformed::yes(expand(window, gap)?));
        }
        Ok(Transformed::no(node))
    })?;
    Ok(expanded.data)
}

const PREVIOUS: &str = "__session_previous";
const BEGINS: &str = "__session_begins";
const NUMBER: &str = "__session_number";
const FIRST: &str = "__session_first";
const LAST: &str = "__session_last";

fn expand(window: &WindowTvf, gap: i64) -> Result<LogicalPlan> {
    let schema = window.input.schema();
    let time = Expr::Column(window.time.clone());
    let data_type = window_type(schema.field(window.time_index()?).data_type())?;
    let per_milli = per_milli(&data_type);
    let gap = gap.saturating_mul(per_milli);
    let partition: Vec<Expr> = window.partition.iter().cloned().map(Expr::Column).collect();
    let by_time = || vec![time.clone().sort(true, false)];
    // The times as integers in the unit of the window columns.
    let number = cast(cast(time.clone(), data_type.clone()), DataType::Int64);
    let own: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let with = |expr: Expr| own.iter().cloned().chain([expr]);

    let previous = lag(number.clone(), Some(1), None).partition_by(partition.clone()).order_by(by_time()).build()?.alias(PREVIOUS);
    let distance = binary_expr(number.clone(), Operator::Minus, ident(PREVIOUS));
    // The same condition as in `Windows::parts_sessions`.
    let begins = ident(PREVIOUS).is_null().or(distance.gt(lit(gap)));
    let begins = when(begins, lit(1_i64)).otherwise(lit(0_i64))?.alias(BEGINS);
    // RANGE, not ROWS, which is the default of an expression.
    let with_peers = WindowFrame::new(Some(false));
    let numbered =
        over(sum_udaf(), ident(BEGINS)).partition_by(partition.clone()).order_by(by_time()).window_frame(with_peers).build()?.alias(NUMBER);
    let session: Vec<Expr> = partition.into_iter().chain([ident(NUMBER)]).collect();
    let first = over(min_udaf(), number.clone()).partition_by(session.clone()).build()?.alias(FIRST);
    let last = over(max_udaf(), number).partition_by(session).build()?.alias(LAST);

    let end = |less: i64| cast(binary_expr(ident(LAST), Operator::Plus, lit(gap - less)), data_type.clone());
    let columns = [cast(ident(FIRST), data_type.clone()), end(0), end(per_milli)];
    let mut output = Vec::new();
    let mut columns = columns.into_iter().zip(WINDOW_COLUMNS).map(|(expr, name)| expr.alias(name));
    for (i, _) in window.schema().fields().iter().enumerate() {
        match window.input_index(i) {
            Some(input) => output.push(own[input].clone()),
            None => output.extend(columns.next()),
        }
    }
    let plan = LogicalPlanBuilder::from(window.input.clone())
        .filter(time.clone().is_not_null())?
        .window([previous])?
        .project(with(begins))?
        .window([numbered])?
        .window([first, last])?
        .project(output)?
        .build()?;
    Ok(plan)
}

/// An aggregate as a window function.
fn over(function: Arc<AggregateUDF>, argument: Expr) -> Expr {
    Expr::from(WindowFunction::new(WindowFunctionDefinition::AggregateUDF(function), vec![argument]))
}

/// Expands sessions in every plan of a batch session.
#[derive(Debug)]
pub(super) struct ExpandSessions;

impl AnalyzerRule for ExpandSessions {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        Ok(expand_sessions(plan)?)
    }

    fn name(&self) -> &'static str {
        "expand_sessions"
    }
}
