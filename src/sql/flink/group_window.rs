//! Rewrites Flink's group windows as window table functions, which the planner supports.
//!
//! ```text
//! SELECT k, TUMBLE_START(ts, INTERVAL '1' MINUTE), COUNT(*)      SELECT k, window_start, COUNT(*)
//! FROM t WHERE v > 0                                         ─▶  FROM TABLE(TUMBLE((SELECT * FROM t WHERE v > 0),
//! GROUP BY k, TUMBLE(ts, INTERVAL '1' MINUTE)                      DESCRIPTOR(ts), INTERVAL '1' MINUTE))
//!                                                                GROUP BY k, window_start, window_end
//! ```
//! - The WHERE moves inside: rows that it drops must not keep a session open. The sub-query has no alias, so columns keep the qualifiers
//!   that the rest of the query uses.
//! - A SESSION is formed per value of the other keys: they become the `PARTITION BY` of the table argument (see `dialect.rs`).
//! - Keys other than plain columns of the only relation get a generated name inside: `SELECT *, a.ts AS __window_ts FROM a, b`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr,
    TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};

use crate::common::{Error, Result};

use crate::sql::ast_builder;
use crate::sql::text::{Text, pos};

/// Rewrites every group window in a query, also in sub-queries, CTEs and branches of UNION.
pub(super) fn rewrite(query: &mut Query, text: &Text<'_>) -> Result<()> {
    match query.visit(&mut Rewrite { text }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tumble,
    Hop,
    Session,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Tumble, Self::Hop, Self::Session];

    fn name(self) -> &'static str {
        match self {
            Self::Tumble => "TUMBLE",
            Self::Hop => "HOP",
            Self::Session => "SESSION",
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::Tumble => "TUMBLE(time_column, INTERVAL '1' MINUTE)",
            Self::Hop => "HOP(time_column, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE): slide, then size",
            Self::Session => "SESSION(time_column, INTERVAL '10' SECOND)",
        }
    }

    /// The number of arguments.
    fn arity(self) -> usize {
        if self == Self::Hop { 3 } else { 2 }
    }
}

/// The window column that `TUMBLE_START` and similar functions return.
#[derive(Debug, Clone, Copy)]
enum Property {
    Start,
    End,
    Rowtime,
    Proctime,
}

/// A group window of GROUP BY.
struct Window {
    kind: Kind,
    time: Expr,
    /// TUMBLE: size; HOP: slide and size; SESSION: gap.
    lengths: Vec<Expr>,
}

impl Window {
    /// Whether an auxiliary function such as `TUMBLE_START(args)` refers to this window. Intervals are compared as written, as in Flink.
    fn matches(&self, kind: Kind, args: &[Expr]) -> bool {
        let Some((time, lengths)) = args.split_first() else { return false };
        kind == self.kind && same_column(time, &self.time) && lengths == self.lengths
    }
}

/// `ts` and `t.ts` are the same column.
fn same_column(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::CompoundIdentifier(path), Expr::Identifier(name)) | (Expr::Identifier(name), Expr::CompoundIdentifier(path)) => {
            path.last().is_some_and(|last| last.value == name.value)
        }
        _ => a == b,
    }
}

struct Rewrite<'a> {
    text: &'a Text<'a>,
}

impl VisitorMut for Rewrite<'_> {
    type Break = Box<Error>;

    /// Rewrites a query before its children, so that parts that move into a sub-query are visited there.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        broken(self.query(query))
    }

    /// A remaining `TUMBLE_START` or similar function has no window.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Some((kind, _, function)) = auxiliary(expr) else { return ControlFlow::Continue(()) };
        let message = format!("{} needs the same {} in GROUP BY", function.name.to_string().to_uppercase(), kind.name());
        let hint = format!("write GROUP BY {}, with the same arguments", kind.usage());
        ControlFlow::Break(Box::new(self.error(function, message).hint(hint)))
    }
}

fn broken(result: Result<()>) -> ControlFlow<Box<Error>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl Rewrite<'_> {
    fn error(&self, function: &Function, message: impl Into<String>) -> Error {
        let span = function.name.0.first().and_then(|part| part.as_ident()).map(|ident| ident.span);
        self.text.error(span.map(|span| pos(span.start)).unwrap_or_default(), message)
    }

    /// Rewrites the SELECTs of a query itself; nested queries are visited separately.
    fn query(&self, query: &mut Query) -> Result<()> {
        let mut bodies = vec![query.body.as_mut()];
        let mut window = None;
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => window = self.select(select)?,
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_mut(), right.as_mut()]),
                _ => {}
            }
        }
        // ORDER BY can use the window only if it belongs to a SELECT, not to a UNION.
        if let (SetExpr::Select(_), Some(window), Some(order)) = (query.body.as_ref(), window, &mut query.order_by)
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            keys.iter_mut().for_each(|key| _ = substitute(&mut key.expr, &window));
        }
        Ok(())
    }

    /// Returns the window that was in its GROUP BY.
    fn select(&self, select: &mut Select) -> Result<Option<Window>> {
        let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return Ok(None) };
        let Some(at) = keys.iter().position(|key| window_call(key).is_some()) else { return self.no_window_in(keys).map(|()| None) };
        let window = self.window(&keys[at])?;
        let mut others: Vec<Expr> = Vec::new();
        others.extend(keys.drain(at..).skip(1));
        others.splice(0..0, keys.drain(..));
        self.no_window_in(&others)?;

        let partition_by = if window.kind == Kind::Session { by_position(&others, &select.projection) } else { Vec::new() };
        let mut uses_rowtime = false;
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                uses_rowtime |= substitute(expr, &window);
            }
        }
        for expr in select.having.iter_mut().chain(&mut select.qualify) {
            uses_rowtime |= substitute(expr, &window);
        }
        let columns = ["window_start", "window_end", "window_time"].into_iter().take(if uses_rowtime { 3 } else { 2 });
        others.splice(at..at, columns.map(column));
        *keys = others;

        let input = Input::new(std::mem::take(&mut select.from), select.selection.take());
        select.from = vec![input.windowed(&window, partition_by)];
        Ok(Some(window))
    }

    /// Rejects a window inside another expression, and a second one.
    fn no_window_in(&self, keys: &[Expr]) -> Result<()> {
        let mut find = Find(None);
        for key in keys {
            _ = key.clone().visit(&mut find);
        }
        let Some((kind, function)) = find.0 else { return Ok(()) };
        let error = self.error(&function, format!("{} has to stand alone in GROUP BY, and only once", kind.name()));
        Err(error.hint(format!("write GROUP BY {}, other, keys", kind.usage())))
    }

    fn window(&self, key: &Expr) -> Result<Window> {
        let Some((kind, function)) = window_call(key) else { return Err(Error::internal("this key is no window")) };
        let usage = || format!("write {}", kind.usage());
        let args =
            arguments(function).ok_or_else(|| self.error(function, format!("{} takes no such arguments", kind.name())).hint(usage()))?;
        if args.len() != kind.arity() {
            let error = self.error(function, format!("{} in GROUP BY has {} arguments, not {}", kind.name(), kind.arity(), args.len()));
            return Err(error.hint(usage()));
        }
        let mut args = args.into_iter();
        let time = args.next().ok_or_else(|| Error::internal("a window without a time"))?;
        let is_column = matches!(&time, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. });
        if !is_column && name_of(&time).as_deref() != Some("PROCTIME") {
            return Err(self.error(function, format!("`{time}` is no time column")).hint(usage()));
        }
        Ok(Window { kind, time, lengths: args.collect() })
    }
}

/// Resolves keys by position: `GROUP BY 2` is the second column.
fn by_position(keys: &[Expr], projection: &[SelectItem]) -> Vec<Expr> {
    let resolved = keys.iter().map(|key| {
        let number: Option<usize> = match key {
            Expr::Value(value) => match &value.value {
                Value::Number(number, _) => number.parse().ok(),
                _ => None,
            },
            _ => None,
        };
        match number.and_then(|n| projection.get(n.checked_sub(1)?)) {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr.clone(),
            _ => key.clone(),
        }
    });
    resolved.collect()
}

/// The input of a window.
struct Input {
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
    /// Expressions with a generated name.
    named: Vec<SelectItem>,
}

impl Input {
    fn new(from: Vec<TableWithJoins>, selection: Option<Expr>) -> Self {
        Self { from, selection, named: Vec::new() }
    }

    /// The qualifier of the columns, if there is only one relation.
    fn qualifier(&self) -> Option<String> {
        let [TableWithJoins { relation, joins }] = self.from.as_slice() else { return None };
        if !joins.is_empty() {
            return None;
        }
        let alias = match relation {
            TableFactor::Table { alias: None, name, .. } => return name.0.last()?.as_ident().map(|i| i.value.clone()),
            TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } | TableFactor::TableFunction { alias, .. } => {
                alias.as_ref()
            }
            _ => return None,
        };
        Some(alias.map(|alias| alias.name.value.clone()).unwrap_or_default())
    }

    /// The expression as a column without a qualifier.
    fn column(&mut self, expr: Expr, called: &str) -> Ident {
        match (&expr, self.qualifier()) {
            (Expr::Identifier(name), Some(_)) => return name.clone(),
            (Expr::CompoundIdentifier(path), Some(qualifier)) => {
                if let [relation, name] = path.as_slice()
                    && relation.value == qualifier
                {
                    return name.clone();
                }
            }
            _ => {}
        }
        let alias = Ident::new(format!("__window_{called}"));
        self.named.push(SelectItem::ExprWithAlias { expr, alias: alias.clone() });
        alias
    }

    /// `TABLE(kind((SELECT * FROM ...), DESCRIPTOR(time), lengths))`.
    fn windowed(mut self, window: &Window, partition_by: Vec<Expr>) -> TableWithJoins {
        let time = self.column(window.time.clone(), "time");
        let keys = partition_by.into_iter().enumerate().map(|(i, key)| Expr::Identifier(self.column(key, &format!("key_{i}"))));
        let distribute_by = keys.collect();
        let mut select = ast_builder::select_all(self.from);
        select.projection.extend(self.named);
        select.selection = self.selection;
        select.distribute_by = distribute_by;
        let table = Expr::Subquery(Box::new(ast_builder::query(SetExpr::Select(Box::new(select)))));
        let descriptor = ast_builder::call("DESCRIPTOR", [Expr::Identifier(time)]);
        let args = [table, descriptor].into_iter().chain(window.lengths.iter().cloned());
        let relation = TableFactor::TableFunction { expr: ast_builder::call(window.kind.name(), args), alias: None };
        TableWithJoins { relation, joins: Vec::new() }
    }
}

fn column(name: &str) -> Expr {
    Expr::Identifier(Ident::new(name))
}

/// The name of a function that is called, in upper case.
fn name_of(expr: &Expr) -> Option<String> {
    let Expr::Function(function) = expr else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    Some(name.as_ident()?.value.to_ascii_uppercase())
}

/// A window function such as `TUMBLE(...)`.
fn window_call(expr: &Expr) -> Option<(Kind, &Function)> {
    let name = name_of(expr)?;
    let Expr::Function(function) = expr else { return None };
    Kind::ALL.into_iter().find(|kind| kind.name() == name).map(|kind| (kind, function))
}

/// An auxiliary function such as `TUMBLE_START(...)`.
fn auxiliary(expr: &Expr) -> Option<(Kind, Property, &Function)> {
    let name = name_of(expr)?;
    let Expr::Function(function) = expr else { return None };
    let (kind, property) = name.rsplit_once('_')?;
    let kind = Kind::ALL.into_iter().find(|k| k.name() == kind)?;
    let property = match property {
        "START" => Property::Start,
        "END" => Property::End,
        "ROWTIME" => Property::Rowtime,
        "PROCTIME" => Property::Proctime,
        _ => return None,
    };
    Some((kind, property, function))
}

/// Arguments without names.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    args.collect()
}

/// Replaces `TUMBLE_START` and similar functions by the window's columns. Returns whether its row time is among them.
fn substitute(expr: &mut Expr, window: &Window) -> bool {
    let mut visitor = Substitute { window, depth: 0, uses_rowtime: false };
    _ = expr.visit(&mut visitor);
    visitor.uses_rowtime
}

struct Substitute<'a> {
    window: &'a Window,
    /// The current depth of sub-queries; each has its own windows.
    depth: usize,
    uses_rowtime: bool,
}

impl VisitorMut for Substitute<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some((kind, property, function)) = auxiliary(expr).filter(|_| self.depth == 0) else { return ControlFlow::Continue(()) };
        if arguments(function).is_some_and(|args| self.window.matches(kind, &args)) {
            self.uses_rowtime |= matches!(property, Property::Rowtime);
            *expr = match property {
                Property::Start => column("window_start"),
                Property::End => column("window_end"),
                Property::Rowtime => column("window_time"),
                Property::Proctime => ast_builder::call("PROCTIME", []),
            };
        }
        ControlFlow::Continue(())
    }
}

/// Finds a window anywhere in an expression, but not in its sub-queries.
struct Find(Option<(Kind, Function)>);

impl VisitorMut for Find {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match window_call(expr) {
            Some((kind, function)) => {
                self.0 = Some((kind, function.clone()));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    }
}
