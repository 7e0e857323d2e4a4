//! Keeps filters by the clock from being pushed below grouping nodes.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::super::limits::bounded;
use super::has_clock;

/// DataFusion's filter push-down, which keeps filters by the clock above GROUP BY and OVER.
///
/// Below a join such a filter keeps state small. Below `GROUP BY window_start, window_end` it would turn rows that are emitted once, when a
/// window is complete, into groups that change all the time.
#[derive(Debug, Default)]
pub struct KeepClockFilters(PushDownFilter);

impl OptimizerRule for KeepClockFilters {
    fn name(&self) -> &'static str {
        "push_down_filter"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        bounded(&plan)?;
        let (conjuncts, input) = chain(&plan);
        if !matches!(input, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) || !conjuncts.iter().any(|e| has_clock(e)) {
            return self.0.rewrite(plan, config);
        }
        let (stay, go): (Vec<Expr>, Vec<Expr>) = conjuncts.into_iter().cloned().partition(has_clock);
        let below = match conjunction(go) {
            None => return Ok(Transformed::no(plan)),
            Some(go) => self.0.rewrite(filter(go, input.clone())?, config)?,
        };
        let stay = conjunction(stay);
        below.map_data(|below| stay.map_or(Ok(below.clone()), |stay| filter(stay, below)))
    }
}

fn filter(predicate: Expr, input: LogicalPlan) -> DfResult<LogicalPlan> {
    Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?))
}

/// The conjuncts of a chain of filters, and the plan below it.
fn chain(plan: &LogicalPlan) -> (Vec<&Expr>, &LogicalPlan) {
    match plan {
        LogicalPlan::Filter(f) => {
            let (mut below, input) = chain(&f.input);
            below.extend(split_conjunction(&f.predicate));
            (below, input)
        }
        other => (Vec::new(), other),
    }
}
