//! A query as DataFusion plans it, with the names of its columns mended.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use sqlparser::ast;

use crate::common::Result;

use super::case_insensitive::CaseInsensitiveResolver;
use super::provider::Tables;

/// Plans a query as it stands, again and again while there are names to mend.
///
/// # Errors
/// What does not resolve or type.
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
