//! Lowers volatile expressions (UUID(), RAND(), CURRENT_WATERMARK) over rows that change.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use crate::common::{Error, Result};

use super::recompute::Partitioning;
use super::watermark::{WatermarkColumns, declared_rowtime};
use super::{Lowered, Lowering, columns};

impl Lowering {
    /// They are evaluated when a row is inserted, and stored, so that a retraction has the same values. Returns the rows with these
    /// values appended, and the expressions over them.
    pub(super) async fn materialize_volatile(
        &mut self,
        original: &LogicalPlan,
        input: Lowered,
        mut exprs: Vec<Expr>,
    ) -> Result<(Lowered, Vec<Expr>)> {
        let row = columns(original.schema());
        let mut asked = Vec::new();
        for (i, expr) in exprs.iter_mut().enumerate().filter(|(_, e)| e.is_volatile()) {
            let (qualifier, name) = expr.qualified_name();
            let kept = format!("__once{i}");
            asked.push(expr.clone().unalias().alias(&kept));
            *expr = Expr::Column(Column::new_unqualified(kept)).alias_qualified(qualifier, name);
        }
        let node = self.next_node();
        let over = |plan: LogicalPlan| -> Result<_> {
            let time = |column| declared_rowtime(original, column);
            let WatermarkColumns { plan, exprs, times } = WatermarkColumns::new(plan, asked.clone(), original.schema(), node, &time)?;
            let all = row.iter().cloned().chain(exprs).collect();
            Ok((LogicalPlan::Projection(Projection::try_new(all, Arc::new(plan))?), times))
        };
        let (plan, times) = over(original.clone())?;
        let partitioning = Partitioning { inputs: vec![row.clone()], output: row.clone() };
        let rebuild = |_: &LogicalPlan, leaves: Vec<LogicalPlan>| {
            let leaf = leaves.into_iter().next().ok_or_else(|| Error::internal("a projection has one input"))?;
            Ok(over(leaf)?.0)
        };
        let originals = vec![Arc::clone(original.schema())];
        let kept = self.recompute_over(&plan, originals, vec![input], partitioning, Vec::new(), rebuild).await?;
        // The node's time is that of the watermark in its plan, so there may be only one.
        let mut times = times.into_iter().map(|(_, time)| time);
        if let Some(time) = times.next() {
            if times.any(|other| other.sources != time.sources) {
                return Err(Error::sql("rows that change are asked for the watermarks of several tables at once")
                    .hint("ask for each in a subquery of its own"));
            }
            if let Some(state) = self.program.nodes.get_mut(&node) {
                (state.sources, state.watermark_delay) = (time.sources.into_iter().collect(), time.watermark_delay);
            }
        }
        Ok((kept, exprs))
    }
}
