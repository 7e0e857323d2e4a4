//! FROM: its joins with USING, and the columns that it exposes.

use std::ops::ControlFlow;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SetExpr, TableFactor, TableWithJoins,
    Value, Visit, Visitor,
};

use crate::common::{Error, Result, suggest};
use crate::sql::ast_builder;

use super::names::{JoinKeys, Shown};
use super::{Around, Rewriter};

/// Whether a query contains USING or NATURAL.
pub(super) fn written(query: &Query) -> bool {
    query.visit(&mut Written).is_break()
}

struct Written;

impl Visitor for Written {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.from.iter().any(uses) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whether a table in FROM is joined with USING or NATURAL, its subqueries not counted.
pub(super) fn uses(tables: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| matches!(factor, TableFactor::NestedJoin { table_with_joins, .. } if uses(table_with_joins));
    let keys = |join: &Join| matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural));
    nested(&tables.relation) || tables.joins.iter().any(|join| keys(join) || nested(&join.relation))
}

/// Which rows and columns a join keeps.
#[derive(Clone, Copy, PartialEq)]
enum KeptSide {
    /// For an inner or left join: the key of the left side is never padded.
    Left,
    Right,
    Both,
    /// Columns of one side alone.
    OnlyLeft,
    OnlyRight,
}

fn kept(operator: &JoinOperator) -> KeptSide {
    match operator {
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => KeptSide::Right,
        JoinOperator::FullOuter(_) => KeptSide::Both,
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) => KeptSide::OnlyLeft,
        JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => KeptSide::OnlyRight,
        _ => KeptSide::Left,
    }
}

fn constraint(operator: &JoinOperator) -> Option<JoinConstraint> {
    constraint_mut(&mut operator.clone()).cloned()
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(of)
        | JoinOperator::Inner(of)
        | JoinOperator::Left(of)
        | JoinOperator::LeftOuter(of)
        | JoinOperator::Right(of)
        | JoinOperator::RightOuter(of)
        | JoinOperator::FullOuter(of)
        | JoinOperator::Semi(of)
        | JoinOperator::LeftSemi(of)
        | JoinOperator::RightSemi(of)
        | JoinOperator::Anti(of)
        | JoinOperator::LeftAnti(of)
        | JoinOperator::RightAnti(of) => Some(of),
        _ => None,
    }
}

fn lateral(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { lateral, .. } | TableFactor::Function { lateral, .. } => *lateral,
        TableFactor::UNNEST { .. } => true,
        _ => false,
    }
}

impl Rewriter<'_> {
    /// Rewrites the joins of one table in FROM, and its subqueries; returns its columns if they are needed and the table plans.
    pub(super) fn tables<'f>(
        &'f self,
        tables: &'f mut TableWithJoins,
        asked: bool,
        around: &'f Around,
    ) -> BoxFuture<'f, Result<Option<Vec<Shown>>>> {
        async move {
            let joins = std::mem::take(&mut tables.joins);
            let mut shown = self.factor(&mut tables.relation, asked, around, &JoinKeys::default()).await?;
            if asked && shown.is_none() {
                shown = self.columns(vec![tables.clone()], around).await;
            }
            for mut join in joins {
                let names = shown.as_deref().map(JoinKeys::new).unwrap_or_default();
                let mut right = self.factor(&mut join.relation, asked, around, &names).await?;
                if let (None, Some(left)) = (&right, &shown) {
                    right = self.beside(tables, left.len(), &join.relation, around).await;
                }
                shown = match shown.zip(right) {
                    Some((left, right)) => Some(on(&mut join, left, right)?),
                    None => None,
                };
                if let Some(JoinConstraint::On(condition)) = constraint_mut(&mut join.join_operator) {
                    let names = shown.as_deref().map(JoinKeys::new).unwrap_or_default();
                    self.within(condition, around, &names).await?;
                }
                tables.joins.push(join);
            }
            Ok(shown)
        }
        .boxed()
    }

    /// Rewrites inside a relation of FROM; returns its columns if it consists of joins with USING.
    async fn factor(&self, factor: &mut TableFactor, asked: bool, around: &Around, beside: &JoinKeys) -> Result<Option<Vec<Shown>>> {
        if let TableFactor::NestedJoin { table_with_joins, alias } = factor
            && alias.is_some()
            && uses(table_with_joins)
        {
            // As one table it exposes each key once.
            let select = ast_builder::select_all(vec![table_with_joins.as_ref().clone()]);
            let subquery = Box::new(ast_builder::query(SetExpr::Select(Box::new(select))));
            *factor = TableFactor::Derived { lateral: false, subquery, alias: alias.take(), sample: None };
        }
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let asked = asked && uses(table_with_joins);
                return self.tables(table_with_joins, asked, around).await;
            }
            TableFactor::NestedJoin { table_with_joins, .. } => drop(self.tables(table_with_joins, false, around).await?),
            TableFactor::Derived { lateral, subquery, .. } => {
                let none = JoinKeys::default();
                self.query(subquery, around, if *lateral { beside } else { &none }).await?;
            }
            other => self.within(other, around, beside).await?,
        }
        Ok(None)
    }

    /// The columns of a relation that is joined with tables of this many columns.
    async fn beside(&self, tables: &TableWithJoins, left: usize, relation: &TableFactor, around: &Around) -> Option<Vec<Shown>> {
        if !lateral(relation) {
            return self.columns(vec![TableWithJoins { relation: relation.clone(), joins: Vec::new() }], around).await;
        }
        let mut both = tables.clone();
        let before = self.columns(vec![tables.clone()], around).await?.len().max(left);
        let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        both.joins.push(Join { relation: relation.clone(), global: false, join_operator });
        Some(self.columns(vec![both], around).await?.split_off(before))
    }
}

/// Gives a join its ON, and returns the columns that it exposes.
fn on(join: &mut Join, left: Vec<Shown>, right: Vec<Shown>) -> Result<Vec<Shown>> {
    let kept = kept(&join.join_operator);
    let keys = match constraint(&join.join_operator) {
        Some(JoinConstraint::Using(names)) => names.iter().map(|name| pair(name, &left, &right)).collect::<Result<Vec<_>>>()?,
        Some(JoinConstraint::Natural) => left.iter().filter_map(|l| common(l, &left, &right).transpose()).collect::<Result<_>>()?,
        _ => Vec::new(),
    };
    if matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural)) {
        let equal =
            |(l, r): &(Shown, Shown)| Expr::BinaryOp { left: Box::new(l.expr()), op: BinaryOperator::Eq, right: Box::new(r.expr()) };
        let both = |l, r| Expr::BinaryOp { left: Box::new(l), op: BinaryOperator::And, right: Box::new(r) };
        let condition = keys.iter().map(equal).reduce(both).unwrap_or_else(|| Expr::Value(Value::Boolean(true).into()));
        if keys.is_empty() && inner(&join.join_operator) {
            join.join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        } else if let Some(constraint) = constraint_mut(&mut join.join_operator) {
            *constraint = JoinConstraint::On(condition);
        }
    }
    let (lefts, rights): (Vec<String>, Vec<String>) = keys.iter().map(|(l, r)| (l.name.clone(), r.name.clone())).unzip();
    let merged = keys.into_iter().map(|(l, r)| Shown {
        of: match kept {
            KeptSide::Left | KeptSide::OnlyLeft => l.of,
            KeptSide::Right | KeptSide::OnlyRight => r.of,
            KeptSide::Both => l.of.into_iter().chain(r.of).collect(),
        },
        key: true,
        name: l.name,
    });
    let left = left.into_iter().filter(|column| kept != KeptSide::OnlyRight && !lefts.contains(&column.name));
    let right = right.into_iter().filter(|column| kept != KeptSide::OnlyLeft && !rights.contains(&column.name));
    Ok(merged.chain(left).chain(right).collect())
}

fn inner(operator: &JoinOperator) -> bool {
    matches!(operator, JoinOperator::Join(_) | JoinOperator::Inner(_))
}

/// The columns of both sides that USING names.
fn pair(name: &ObjectName, left: &[Shown], right: &[Shown]) -> Result<(Shown, Shown)> {
    let Some(name) = name.0.last().and_then(|part| part.as_ident()) else {
        return Err(Error::sql(format!("`{name}` in USING is no name of a column")));
    };
    Ok((column(name, left, "left")?, column(name, right, "right")?))
}

fn column(name: &Ident, side: &[Shown], which: &str) -> Result<Shown> {
    let exact: Vec<&Shown> = side.iter().filter(|column| column.name == name.value).collect();
    let found = match exact.is_empty() {
        true => side.iter().filter(|column| column.name.to_lowercase() == name.value.to_lowercase()).collect(),
        false => exact,
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let names: Vec<&str> = side.iter().map(|column| column.name.as_str()).collect();
            let error = Error::sql(format!("USING ({0}): there is no column `{0}` on the {which} side of the join", name.value));
            Err(located(error.hint(suggest::hint(&name.value, &names)), name))
        }
        several => {
            let named: Vec<String> = several.iter().map(|column| format!("`{}`", column.expr().to_string().replace('`', ""))).collect();
            let error = Error::sql(format!("USING ({}): on the {which} side of the join it can mean {}", name.value, named.join(" or ")));
            Err(located(error.hint("write ON with the names of the tables"), name))
        }
    }
}

/// A column of the left side and the one of the same name on the right, for NATURAL.
fn common(of: &Shown, left: &[Shown], right: &[Shown]) -> Result<Option<(Shown, Shown)>> {
    if !right.iter().any(|column| column.name == of.name) {
        return Ok(None);
    }
    let name = Ident::new(&of.name);
    Ok(Some((column(&name, left, "left")?, column(&name, right, "right")?)))
}

fn located(error: Error, name: &Ident) -> Error {
    match (usize::try_from(name.span.start.line), usize::try_from(name.span.start.column)) {
        (Ok(line), Ok(column)) if line > 0 => error.with_line_column(line, column),
        _ => error,
    }
}
