//! Resolves names in queries to canonical ones, and expands hints and functions.
//!
//! | in the query | becomes |
//! |---|---|
//! | `FROM Orders` | `` FROM `orders` AS `Orders` ``, if that is how it was declared |
//! | `FROM shop.orders`, with USE or from a view of that database also `FROM orders` | `` FROM `shop.orders` AS orders `` |
//! | `FROM default_database.orders`, with USE of another database | `` FROM `default_database.orders` AS orders `` |
//! | `shop.orders.id`, `shop.orders.*` | `orders.id`, `orders.*` |
//! | `FROM t /*+ OPTIONS('k' = 'v') */` | `` FROM `t /*+ OPTIONS('k' = 'v') */` AS t ``: a table of its own, see [`Hinted`] |
//! | `FROM o JOIN t FOR SYSTEM_TIME AS OF o.pt ON o.a = t.a` | `FROM o JOIN t ON (o.a = t.a) AND __system_time_as_of(o.pt, ...)`, see [`as_of`] |
//! | `f(a + 1)`, with `CREATE FUNCTION f(x INT) RETURNS INT AS x * 2` | `CAST(CAST(a + 1 AS INT) * 2 AS INT)` |
//!
//! An undeclared name is kept: it may be a window function, a file, or an error, which the planner distinguishes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, VisitMut, VisitorMut, visit_expressions,
};
use sqlparser::tokenizer::Location;

use crate::common::{Error, Result, secret};
use crate::sql::ast::{Options, SqlType};
use crate::sql::{Dialect, as_of, hints, name};

use super::entry::{Entry, FunctionEntry, Space};
use super::layers::Catalog;
use super::names;
use super::references::{ReferencedNames, written};

/// The maximum size of the expanded functions of a query, in nodes of expressions.
const MOST_PARTS: usize = 100_000;

/// A table with the options of a hint, as one query uses it.
#[derive(Debug, Clone)]
pub struct Hinted {
    /// The name under which the query finds it.
    pub name: String,
    /// The canonical name of the table.
    pub table: String,
    /// The options of the hint.
    pub options: Options,
}

/// Resolves the names of one query, as seen from a database.
#[derive(Debug)]
pub struct Resolver<'c> {
    catalog: &'c Catalog,
    database: String,
    dialect: Dialect,
    /// The functions being expanded: a catalog that was edited by hand may have a cycle.
    within: Vec<String>,
    /// Names of common table expressions, per enclosing query.
    ctes: Vec<BTreeSet<String>>,
    /// `db.table` in FROM, in lower case.
    qualified: BTreeSet<(String, String)>,
    hinted: Vec<Hinted>,
    /// The number of expression nodes to which calls were expanded.
    written_out: Rc<Cell<usize>>,
}

impl<'c> Resolver<'c> {
    /// Creates a resolver for the names in an object of this database, written in this dialect.
    pub fn new(catalog: &'c Catalog, database: &str, dialect: Dialect) -> Self {
        let (within, ctes, hinted) = (Vec::new(), Vec::new(), Vec::new());
        let written_out = Rc::default();
        Self { written_out, catalog, database: database.to_string(), dialect, within, ctes, qualified: BTreeSet::new(), hinted }
    }

    /// Resolves a query, or an expression. Returns the tables with hints.
    ///
    /// # Errors
    /// With line and column ([`Error::line_column`]).
    pub fn resolve(mut self, tree: &mut (impl VisitMut + sqlparser::ast::Visit)) -> Result<Vec<Hinted>> {
        as_of::fold(tree)?;
        let lower = |(database, name): (Option<String>, String)| Some((database?.to_lowercase(), name.to_lowercase()));
        self.qualified = ReferencedNames::new(tree).relations.iter().filter_map(|name| lower(name::split(name))).collect();
        match tree.visit(&mut self) {
            ControlFlow::Continue(()) => Ok(self.hinted),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    fn table(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name: object, alias, args: None, .. } = factor else { return Ok(()) };
        let span = place(object);
        let at = |error: Error| located(error, span);
        let options = hints::of_name(object).map_err(at)?;
        let Some(said) = written(object).map_err(at)? else { return Ok(()) };
        if self.ctes.iter().any(|names| names.contains(&said)) {
            return match options.is_empty() {
                true => Ok(()),
                false => Err(at(Error::sql(format!("`{said}` is a name of WITH, which has no options")))),
            };
        }
        let (within, last) = name::split(&said);
        let Some(entry) = self.catalog.find_from(&self.database, Space::Relations, &said).map_err(at)? else {
            if within.is_none() && options.is_empty() {
                return Ok(());
            }
            return Err(at(self.catalog.unknown("table or view", &said)));
        };
        let name = if options.is_empty() { self.catalog.written(entry.name()) } else { self.hint(&entry, options).map_err(at)? };
        if name == said && within.is_none() && *object == ObjectName::from(vec![Ident::new(&name)]) {
            return Ok(());
        }
        if name != last && alias.is_none() {
            *alias = Some(TableAlias { explicit: true, name: Ident::with_quote('`', last), columns: Vec::new(), at: None });
        }
        *object = ObjectName::from(vec![Ident::with_quote('`', name)]);
        Ok(())
    }

    /// Adds a table with the options of a hint.
    fn hint(&mut self, entry: &Entry, options: Options) -> Result<String> {
        let Entry::Table(table) = entry else {
            return Err(Error::sql(format!("`{}` is a {}, which has no options", entry.name(), entry.what())));
        };
        let table = table.definition.name.clone();
        let shown: Vec<String> = options.iter().map(|(k, v)| format!("'{k}' = '{}'", secret::shown_value(k, v))).collect();
        let name = format!("{table} /*+ OPTIONS({}) */", shown.join(", "));
        self.hinted.push(Hinted { name: name.clone(), table, options });
        Ok(name)
    }

    /// Expands a call of a declared function; `None` for any other call.
    fn call(&mut self, call: &Function) -> Result<Option<Expr>> {
        let Ok(Some(said)) = written(&call.name) else { return Ok(None) };
        let Ok(Some(Entry::Function(function))) = self.catalog.find_from(&self.database, Space::Functions, &said) else { return Ok(None) };
        let name = &function.definition.name;
        if self.within.contains(name) {
            return Err(Error::sql(format!("function `{name}` calls itself")).hint("CREATE OR REPLACE FUNCTION without the call"));
        }
        let declared = function.definition.dialect;
        if declared != self.dialect {
            let error = Error::sql(format!(
                "function `{name}` is declared in the dialect {declared}: what it stands for means nothing in {}",
                self.dialect
            ));
            return Err(error.hint(format!("call it in a view that is declared in the dialect {declared}")));
        }
        let args = arguments(&function, call)?;
        let mut body = function.definition.body.as_ref().clone();
        let mut within = self.within.clone();
        within.push(name.clone());
        let written_out = Rc::clone(&self.written_out);
        let inner = Resolver { within, written_out, ..Resolver::new(self.catalog, &names::database(name), self.dialect) };
        self.hinted.extend(inner.resolve(&mut body).map_err(|e| e.without_location().context(format!("function `{name}`")))?);
        let mut parameters = Parameters { function: &function, args };
        let _ = VisitMut::visit(&mut body, &mut parameters);
        self.written_out.set(self.written_out.get() + parts(&body));
        if self.written_out.get() > MOST_PARTS {
            let error = Error::sql(format!("the functions of this query stand for more than {MOST_PARTS} parts of expressions"));
            return Err(error.hint("a function that uses a parameter twice doubles what it is called with: compute that in a subquery"));
        }
        let body = match &function.definition.returns {
            Some(returns) => cast(body, returns),
            None => Expr::Nested(Box::new(body)),
        };
        Ok(Some(body))
    }

    /// Returns `shop.orders.id` without the database, if `shop.orders` is in FROM.
    fn shorten(&self, path: &mut Vec<Ident>) {
        if let [first, second, _, ..] = path.as_slice()
            && self.qualified.contains(&(first.value.to_lowercase(), second.value.to_lowercase()))
        {
            path.remove(0);
        }
    }
}

impl VisitorMut for Resolver<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.clone());
        self.ctes.push(names.map(|n| name::join(None, &n)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Self::Break> {
        self.ctes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        for item in &mut select.projection {
            match item {
                // The column keeps the name of the call.
                SelectItem::UnnamedExpr(expr) => {
                    if let Expr::Function(call) = expr
                        && let Ok(Some(said)) = written(&call.name)
                        && let Ok(Some(_)) = self.catalog.find_from(&self.database, Space::Functions, &said)
                    {
                        let alias = Ident::with_quote('`', expr.to_string());
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(of), _) => {
                    if let [first, second] = of.0.as_slice()
                        && let (Some(first), Some(second)) = (first.as_ident(), second.as_ident())
                        && self.qualified.contains(&(first.value.to_lowercase(), second.value.to_lowercase()))
                    {
                        *of = ObjectName::from(vec![second.clone()]);
                    }
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        broken(self.table(factor))
    }

    /// Runs after the arguments, which are resolved in the scope of the call.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::CompoundIdentifier(path) => self.shorten(path),
            Expr::Function(call) => {
                let at = place(&call.name);
                match self.call(call) {
                    Ok(Some(body)) => *expr = body,
                    Ok(None) => {}
                    Err(error) => return broken(Err(located(error, at))),
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns the number of nodes of an expression.
fn parts(expr: &Expr) -> usize {
    let mut parts = 0;
    let _: ControlFlow<()> = visit_expressions(expr, |_| {
        parts += 1;
        ControlFlow::Continue(())
    });
    parts
}

fn broken(result: Result<()>) -> ControlFlow<Box<Error>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

/// Returns the location of a name.
fn place(name: &ObjectName) -> Option<Location> {
    name.0.first().and_then(|part| part.as_ident()).map(|ident| ident.span.start)
}

fn located(error: Error, at: Option<Location>) -> Error {
    match at.map(|at| (usize::try_from(at.line), usize::try_from(at.column))) {
        Some((Ok(line), Ok(column))) if line > 0 => error.with_line_column(line, column),
        _ => error,
    }
}

/// Returns the arguments of a call, each cast to its parameter's type.
fn arguments(function: &FunctionEntry, call: &Function) -> Result<Vec<Expr>> {
    let (name, parameters) = (&function.definition.name, &function.definition.parameters);
    let usage = || {
        let parameters: Vec<String> = parameters.iter().map(|p| format!("{} {}", p.name, p.sql_type.text)).collect();
        format!("it is declared as {name}({})", parameters.join(", "))
    };
    if call.filter.is_some() || call.over.is_some() || !call.within_group.is_empty() {
        let error = Error::sql(format!("function `{name}` stands for an expression: OVER and FILTER have no place behind it"));
        return Err(error.hint("write them inside of the function, behind the aggregate"));
    }
    let args: &[FunctionArg] = match &call.args {
        FunctionArguments::None => &[],
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => &list.args,
        _ => return Err(Error::sql(format!("function `{name}` takes plain arguments")).hint(usage())),
    };
    if args.len() != parameters.len() {
        return Err(Error::sql(format!("function `{name}` takes {} arguments, not {}", parameters.len(), args.len())).hint(usage()));
    }
    let plain = |(arg, parameter): (&FunctionArg, &crate::sql::ast::Parameter)| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(cast(expr.clone(), &parameter.sql_type)),
        other => Err(Error::sql(format!("function `{name}`: `{other}` is no plain argument")).hint(usage())),
    };
    args.iter().zip(parameters).map(plain).collect()
}

fn cast(expr: Expr, sql_type: &SqlType) -> Expr {
    let data_type = DataType::Custom(ObjectName::from(vec![Ident::new(&sql_type.text)]), Vec::new());
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(Expr::Nested(Box::new(expr))), data_type, array: false, format: None }
}

/// Replaces parameters by arguments.
struct Parameters<'f> {
    function: &'f FunctionEntry,
    args: Vec<Expr>,
}

impl VisitorMut for Parameters<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Identifier(name) = expr else { return ControlFlow::Continue(()) };
        let parameters = &self.function.definition.parameters;
        let exact = parameters.iter().position(|p| p.name == name.value);
        let found = exact.or_else(|| parameters.iter().position(|p| p.name.eq_ignore_ascii_case(&name.value)));
        if let Some(arg) = found.and_then(|i| self.args.get(i)) {
            *expr = arg.clone();
        }
        ControlFlow::Continue(())
    }
}
