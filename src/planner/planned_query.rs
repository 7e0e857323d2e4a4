//! Plans a query with DataFusion and repairs the case of its column names.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use sqlparser::ast;

use crate::common::Result;

use super::case_insensitive::CaseInsensitiveResolver;
use super::provider::Tables;

/// Plans a query as written, and again while there are names to repair.
///
/// # Errors
/// When a name does not resolve or an expression does not type-check.
pub(super) async fn planned(state: &SessionState, tables: &dyn Tables, query: ast::Query) -> Result<LogicalPlan> {
    let columns_of = |name: &str| tables.columns(name);
    let mut tries = CaseInsensitiveResolver::new(query, &columns_of);
    loop {
        let statement = Statement::Statement(Box::new(ast::Statement::Query(Box::new(tries.next()))));
        if let ControlFlow::Break(planned) = tries.tried(state.statement_to_plan(statement).await) {
            return planned;
        }
    }
}
