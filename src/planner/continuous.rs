//! Plans continuous queries: from SQL trees to one program for a job.

use std::collections::BTreeSet;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::common::Result;
use crate::connectors::Changes;
use crate::sql::ast::Query;

use super::clock::place;
use super::lower::Lowering;
use super::lower::content::tables;
use super::program::{Output, Program};
use super::provider::TableSource;
use super::rewrites::subqueries::joined;
use super::session::Session;
use super::streaming_settings::StreamingSettings;

/// Plans the queries of one job in turn; subplans that several of them share are computed once.
pub struct ContinuousPlanner<'s> {
    session: &'s Session,
    lowering: Lowering,
}

impl<'s> ContinuousPlanner<'s> {
    /// A planner for one job.
    pub fn new(session: &'s Session, settings: StreamingSettings) -> Self {
        Self { session, lowering: Lowering::new(session.state(), settings) }
    }

    /// Numbers the rows of these tables, whose late rows are kept: several filters may drop the same row, which is then counted once.
    #[must_use]
    pub fn numbering(mut self, tables: BTreeSet<String>) -> Self {
        self.lowering.late_row_tables = tables;
        self
    }

    /// Plans a query.
    ///
    /// # Errors
    /// When the query does not plan or cannot run continuously yet; the error has the reason.
    pub async fn add(&mut self, query: &Query) -> Result<Output> {
        let logical = self.session.logical(query).await?;
        let identity = identity(&logical)?;
        let optimized = self.session.state().optimize(&logical)?;
        joined(&optimized)?;
        let optimized = place(optimized)?;
        let (stage, schema, lowered) = self.lowering.query(&optimized, query.emit, tables(&logical)?).await?;
        let schema = if lowered.properties.updating { crate::operators::changes::zset::unweighted(&schema) } else { schema };
        Ok(Output {
            stage,
            shape: lowered.properties.shape(|c| schema.field(c).name().clone()),
            schema,
            updating: lowered.properties.updating,
            keys: lowered.properties.keys,
            order: order(&logical),
            sources: lowered.properties.sources,
            nodes: lowered.nodes,
            identity,
        })
    }

    /// Plans a query whose result is kept; returns the node that keeps it, all stateful nodes, and the query in a canonical form.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn keep(&mut self, query: &Query) -> Result<(u32, BTreeSet<u32>, String)> {
        let logical = self.session.logical(query).await?;
        let identity = identity(&logical)?;
        let optimized = self.session.state().optimize(&logical)?;
        joined(&optimized)?;
        let optimized = place(optimized)?;
        let (node, nodes) = self.lowering.keep(&optimized, query.emit, tables(&logical)?).await?;
        Ok((node, nodes, identity))
    }

    /// The program of all queries that were added.
    pub fn finish(self) -> Program {
        self.lowering.program
    }
}

/// The order that ORDER BY at the top of a query asks for, up to the first expression that is not a column of the result.
fn order(plan: &LogicalPlan) -> Vec<(usize, SortOptions)> {
    let (sort, answer) = match plan {
        LogicalPlan::Limit(limit) => return order(&limit.input),
        LogicalPlan::Sort(sort) => (sort, None),
        // It may order by an expression that is not in the result.
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Sort(sort) => (sort, Some(&projection.expr)),
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let place = |expr: &Expr| {
        let Expr::Column(column) = expr else { return None };
        match answer {
            Some(answer) => answer.iter().position(|shown| shown.clone().unalias() == *expr),
            None => sort.input.schema().maybe_index_of_column(column),
        }
    };
    let option = |by: &SortExpr| SortOptions { descending: !by.asc, nulls_first: by.nulls_first };
    sort.expr.iter().map_while(|by| Some((place(&by.expr)?, option(by)))).collect()
}

/// The identity of a job's query: the plan as written, with the declarations that change its result.
fn identity(plan: &LogicalPlan) -> Result<String> {
    let mut text = plan.display_indent_schema().to_string();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Values(values) = node {
            // The text of a plan shows only the first few values.
            values.values.iter().flatten().for_each(|value| text.push_str(&format!("\nvalue {value}")));
        }
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = TableSource::from_scan(scan)
        {
            if table.changes() == Changes::All && !table.in_order() {
                text.push_str(&format!("\nchanges of {} in any order", table.name()));
            }
            let Some(time) = table.event_time() else { return Ok(TreeNodeRecursion::Continue) };
            text.push_str(&format!("\nwatermark {} {time} {}", table.name(), table.watermark_text().unwrap_or_default()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(text)
}
