//! `JOIN t FOR SYSTEM_TIME AS OF o.proc_time AS t ON ...`: the join of a row with a table as of the row's arrival.
//!
//! DataFusion's planner ignores the version of a table. So it becomes a part of the join's condition, a call of [`AS_OF`], which the
//! planner removes once it knows the time and the table.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Select, TableFactor, TableVersion, TableWithJoins, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Location;

use crate::common::{Error, Result};

use super::ast_builder;

/// The call in a join's condition that represents the version of the table on its right. Its arguments are the time, and the line and
/// column at which the table is named.
pub const AS_OF: &str = "__system_time_as_of";

const USAGE: &str = "write FROM stream AS s [LEFT] JOIN t FOR SYSTEM_TIME AS OF s.proc_time AS t ON s.key = t.key";

/// Moves the versions of tables into the conditions of their joins.
///
/// # Errors
/// When a version is used outside a join, with line and column ([`Error::line_column`]).
pub fn fold(query: &mut impl VisitMut) -> Result<()> {
    match query.visit(&mut Fold) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Fold;

impl VisitorMut for Fold {
    type Break = Box<Error>;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        each(&mut select.from)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } => each(std::slice::from_mut(table_with_joins)),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn each(from: &mut [TableWithJoins]) -> ControlFlow<Box<Error>> {
    for relation in from {
        if let Err(error) = joins(relation) {
            return ControlFlow::Break(Box::new(error));
        }
    }
    ControlFlow::Continue(())
}

fn joins(from: &mut TableWithJoins) -> Result<()> {
    if let Some((_, at)) = version(&mut from.relation)? {
        let error = Error::sql("FOR SYSTEM_TIME AS OF stands at no join: earlier versions of tables are not kept").hint(USAGE);
        return Err(located(error, at));
    }
    for join in &mut from.joins {
        let Some((time, at)) = version(&mut join.relation)? else { continue };
        let condition = match &mut join.join_operator {
            JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) => on,
            _ => {
                let error = Error::sql("FOR SYSTEM_TIME AS OF wants JOIN or LEFT JOIN with ON").hint(USAGE);
                return Err(located(error, at));
            }
        };
        let as_of = ast_builder::call(AS_OF, [time, ast_builder::number(at.line), ast_builder::number(at.column)]);
        let on = std::mem::replace(condition, Expr::Value(sqlparser::ast::Value::Null.into()));
        *condition = Expr::BinaryOp { left: Box::new(Expr::Nested(Box::new(on))), op: BinaryOperator::And, right: Box::new(as_of) };
    }
    Ok(())
}

/// Removes the version of a table; returns it with the table's position.
fn version(factor: &mut TableFactor) -> Result<Option<(Expr, Location)>> {
    let TableFactor::Table { name, version, .. } = factor else { return Ok(None) };
    let at = name.0.first().and_then(|part| part.as_ident()).map_or_else(|| Location::new(0, 0), |ident| ident.span.start);
    match version.take() {
        None => Ok(None),
        Some(TableVersion::ForSystemTimeAsOf(time)) => Ok(Some((time, at))),
        Some(other) => Err(located(Error::sql(format!("`{other}` is not supported")).hint(USAGE), at)),
    }
}

fn located(error: Error, at: Location) -> Error {
    match (usize::try_from(at.line), usize::try_from(at.column)) {
        (Ok(line), Ok(column)) if line > 0 => error.with_line_column(line, column),
        _ => error,
    }
}
