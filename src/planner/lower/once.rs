//! Values that cannot be had twice (UUID(), RAND()), over rows that change.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use crate::common::Result;

use super::recompute::Partitioning;
use super::{Lowered, Lowering, columns};

impl Lowering {
    /// They are evaluated when a row comes and kept, so that a retraction takes back what was inserted. Returns the rows with these
    /// values behind their columns, and the expressions over them.
    pub(super) async fn once(&mut self, original: &LogicalPlan, input: Lowered, mut exprs: Vec<Expr>) -> Result<(Lowered, Vec<Expr>)> {
        let row = columns(original.schema());
        let mut all = row.clone();
        for (i, expr) in exprs.iter_mut().enumerate().filter(|(_, e)| e.is_volatile()) {
            let (qualifier, name) = expr.qualified_name();
            let kept = format!("__once{i}");
            all.push(expr.clone().unalias().alias(&kept));
            *expr = Expr::Column(Column::new_unqualified(kept)).alias_qualified(qualifier, name);
        }
        let plan = LogicalPlan::Projection(Projection::try_new(all, Arc::new(original.clone()))?);
        let partitioning = Partitioning { inputs: vec![row.clone()], output: row };
        Ok((self.recompute(&plan, vec![input], partitioning, Vec::new()).await?, exprs))
    }
}
