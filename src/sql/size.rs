//! The size of a query once it is expanded: `*` over `*` doubles its columns, a WITH name that is read twice its tables, and a planner
//! would make all of them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, Visit, Visitor, visit_expressions};

use crate::common::{Error, Result};

/// The maximum number of columns of a query or a table: DataFusion compares them in pairs.
pub const MOST_COLUMNS: u64 = 5_000;
/// The maximum number of operators of a plan, and of SELECTs of a query.
pub const MOST_OPERATORS: u64 = 10_000;
/// The maximum number of SELECTs of one UNION, whose tree is as deep.
const MOST_UNITED: u64 = 1_500;

/// The maximum number of aggregate calls in a SELECT: DataFusion compares each with all others.
const MOST_AGGREGATES: usize = 1_000;

/// The error for a query that expands to too large a size.
pub fn too_large() -> Error {
    Error::sql("the query is too large: with its views, names of WITH and expressions written out it has too many parts to be planned")
        .hint("write a result that is used again and again to a table of its own, and read that")
}

/// Rejects a query that reads too many tables, or with too many columns or aggregates in one SELECT; `known` returns the number of columns
/// of a table, `aggregate` whether a function is an aggregate.
///
/// # Errors
/// With the number that is too large.
pub fn check(query: &Query, known: &dyn Fn(&str) -> usize, aggregate: &dyn Fn(&str) -> bool) -> Result<()> {
    let mut calls = Calls { aggregate, most: 0 };
    let _ = query.visit(&mut calls);
    if calls.most > MOST_AGGREGATES {
        let error = Error::sql(format!("a SELECT has {} aggregates; no more than {MOST_AGGREGATES} are possible", calls.most));
        return Err(error.hint("compute them in several queries, or GROUP BY what tells them apart"));
    }
    let mut reads = Reads { open: vec![0], ..Reads::default() };
    let _ = query.visit(&mut reads);
    if reads.open.first().is_some_and(|all| *all > MOST_OPERATORS) {
        return Err(too_large());
    }
    check_columns(query, known)
}

/// Finds the maximum number of aggregate calls in one SELECT.
struct Calls<'a> {
    aggregate: &'a dyn Fn(&str) -> bool,
    most: usize,
}

impl Visitor for Calls<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
        let mut count = 0;
        let _ = visit_expressions(&select.projection, |expr| {
            if let Expr::Function(call) = expr
                && call.over.is_none()
                && call.name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| (self.aggregate)(&name.value))
            {
                count += 1;
            }
            ControlFlow::<()>::Continue(())
        });
        self.most = self.most.max(count);
        ControlFlow::Continue(())
    }
}

/// Counts the tables and queries that are read, with WITH names expanded.
#[derive(Default)]
struct Reads {
    named: HashMap<String, u64>,
    /// The queries of WITH names.
    defined: HashMap<*const Query, String>,
    /// The sums of the enclosing queries, from the outermost on.
    open: Vec<u64>,
}

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.defined.insert(std::ptr::from_ref(&*cte.query), cte.alias.name.value.clone());
        }
        self.open.push(1);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let size = self.open.pop().unwrap_or_default();
        match self.defined.remove(&std::ptr::from_ref(query)) {
            Some(name) => drop(self.named.insert(name, size)),
            None => self.add(size),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = factor {
            let name = name.0.last().and_then(|part| part.as_ident());
            self.add(name.and_then(|name| self.named.get(&name.value)).copied().unwrap_or(1));
        }
        ControlFlow::Continue(())
    }
}

impl Reads {
    fn add(&mut self, size: u64) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(size);
        }
    }
}

fn check_columns(query: &Query, known: &dyn Fn(&str) -> usize) -> Result<()> {
    let mut widths = Widths { known, named: Vec::new(), most: 0, united: 0 };
    widths.query(query);
    if widths.united > MOST_UNITED {
        let error = Error::sql(format!("{} SELECTs stand in one UNION; no more than {MOST_UNITED} are possible", widths.united));
        return Err(error.hint("rows that are written out stand in VALUES; many inputs are one table"));
    }
    match widths.most {
        ..=MOST_COLUMNS => Ok(()),
        most => {
            let count = if most == u64::MAX { String::new() } else { format!("{most} ") };
            Err(Error::sql(format!("a SELECT has {count}columns; no more than {MOST_COLUMNS} are possible"))
                .hint("name those that are needed; many values of one kind are an ARRAY or a MAP"))
        }
    }
}

struct Widths<'k> {
    known: &'k dyn Fn(&str) -> usize,
    /// The sizes of WITH names, innermost last.
    named: Vec<(String, u64)>,
    most: u64,
    /// The longest chain of set operations.
    united: u64,
}

impl Widths<'_> {
    fn query(&mut self, query: &Query) -> u64 {
        let outer = self.named.len();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let width = self.query(&cte.query);
            self.named.push((cte.alias.name.value.clone(), width));
        }
        let width = self.body(&query.body);
        self.named.truncate(outer);
        self.most = self.most.max(width);
        width
    }

    fn body(&mut self, body: &SetExpr) -> u64 {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            // A long UNION is a deep tree on the left.
            SetExpr::SetOperation { right, .. } => {
                let (mut width, mut left, mut united) = (self.body(right), body, 1);
                while let SetExpr::SetOperation { left: next, right, .. } = left {
                    width = width.max(self.body(right));
                    left = next;
                    united += 1;
                }
                self.united = self.united.max(united);
                width.max(self.body(left))
            }
            SetExpr::Values(values) => values.rows.first().map_or(0, |row| row.len() as u64),
            _ => 0,
        }
    }

    fn select(&mut self, select: &Select) -> u64 {
        let all = select.from.iter().fold(0_u64, |all, from| all.saturating_add(self.joined(from)));
        let width = |item: &SelectItem| match item {
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => all,
            _ => 1,
        };
        let width = select.projection.iter().fold(0_u64, |sum, item| sum.saturating_add(width(item)));
        self.most = self.most.max(width);
        width
    }

    fn joined(&mut self, from: &TableWithJoins) -> u64 {
        let first = self.factor(&from.relation);
        from.joins.iter().fold(first, |all, join| all.saturating_add(self.factor(&join.relation)))
    }

    fn factor(&mut self, factor: &TableFactor) -> u64 {
        match factor {
            TableFactor::Table { name, .. } => {
                let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.as_str()).unwrap_or_default();
                let named = self.named.iter().rev().find(|(named, _)| named.eq_ignore_ascii_case(last));
                named.map_or_else(|| (self.known)(last) as u64, |(_, width)| *width)
            }
            TableFactor::Derived { subquery, .. } => self.query(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => self.joined(table_with_joins),
            _ => 0,
        }
    }
}
