//! Window table functions in FROM: `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECONDS))`.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, SetExpr, TableFactor};

use crate::common::{Error, Result, suggest};
use crate::operators::windows::arithmetic::{WindowKind, Windows};

use super::window_tvf::WindowTvf;

/// A window function as Flink writes it.
#[derive(Debug)]
struct Form {
    name: &'static str,
    /// The arguments in order; DATA and TIMECOL come first, and only OFFSET can be left out.
    arguments: &'static [&'static str],
    usage: &'static str,
}

const FORMS: [Form; 4] = [
    Form {
        name: "TUMBLE",
        arguments: &["DATA", "TIMECOL", "SIZE", "OFFSET"],
        usage: "write TUMBLE(TABLE name, DESCRIPTOR(time_column), INTERVAL '3' SECOND [, offset])",
    },
    Form {
        name: "HOP",
        arguments: &["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"],
        usage: "write HOP(TABLE name, DESCRIPTOR(time_column), slide, size [, offset]), as in INTERVAL '5' MINUTE, INTERVAL '1' HOUR",
    },
    Form {
        name: "CUMULATE",
        arguments: &["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"],
        usage: "write CUMULATE(TABLE name, DESCRIPTOR(time_column), step, size [, offset]), as in INTERVAL '1' HOUR, INTERVAL '1' DAY",
    },
    Form {
        name: "SESSION",
        arguments: &["DATA", "TIMECOL", "GAP"],
        usage: "write SESSION(TABLE name [PARTITION BY (columns)], DESCRIPTOR(time_column), INTERVAL '30' MINUTE)",
    },
];

/// Whether a name in FROM is that of a window function.
pub(super) fn is_window_function(name: &str) -> bool {
    FORMS.iter().any(|form| name.eq_ignore_ascii_case(form.name))
}

/// Plans window functions in FROM.
#[derive(Debug)]
pub struct WindowTvfPlanner;

impl RelationPlanner for WindowTvfPlanner {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> DfResult<RelationPlanning> {
        let (name, args, alias) = match &relation {
            TableFactor::TableFunction { expr: ast::Expr::Function(f), alias } => match &f.args {
                FunctionArguments::List(list) => (&f.name, list.args.as_slice(), alias),
                _ => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            TableFactor::Table { name, args: Some(args), alias, .. } => (name, args.args.as_slice(), alias),
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let name = name.to_string();
        let Some(form) = FORMS.iter().find(|form| name.eq_ignore_ascii_case(form.name)) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let node = form.plan(args, context)?;
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}

impl Form {
    fn error(&self, message: String) -> Error {
        Error::sql(message).hint(self.usage)
    }

    fn plan(&self, args: &[FunctionArg], context: &mut dyn RelationPlannerContext) -> Result<WindowTvf> {
        let mut args = self.arguments_of(args)?;
        let (data, time) = (args.take("DATA")?, args.take("TIMECOL")?);
        let ast::Expr::Subquery(mut query) = data else {
            return Err(self.error(format!("`{data}` is no table")));
        };
        let partition = partition_by(&mut query);
        let input = context.plan(TableFactor::Derived { lateral: false, subquery: query, alias: None, sample: None })?;
        let time = self.descriptor(&time, &input)?;
        let mut length = |name| interval(args.take(name)?, context);
        let kind = match self.name {
            "HOP" => WindowKind::Hop { slide: length("SLIDE")?, size: length("SIZE")? },
            "CUMULATE" => WindowKind::Cumulate { step: length("STEP")?, size: length("SIZE")? },
            "SESSION" => WindowKind::Session { gap: length("GAP")? },
            _ => WindowKind::Tumble { size: length("SIZE")? },
        };
        let offset = if args.has("OFFSET") { interval(args.take("OFFSET")?, context)? } else { 0 };
        if !partition.is_empty() && self.name != "SESSION" {
            return Err(Error::sql(format!("{} takes each row by itself: PARTITION BY would change nothing", self.name))
                .hint("leave PARTITION BY out; GROUP BY comes behind the window function"));
        }
        let partition = partition.iter().map(|expr| self.partition_column(expr, &input)).collect::<Result<_>>()?;
        WindowTvf::new(input, time, Windows { kind, offset }, partition)
    }

    /// Assigns arguments to their names.
    fn arguments_of(&self, args: &[FunctionArg]) -> Result<Arguments<'_>> {
        let mut found: Vec<Option<ast::Expr>> = vec![None; self.arguments.len()];
        for (i, arg) in args.iter().enumerate() {
            let (slot, value) = match arg {
                FunctionArg::Unnamed(value) => (i, value),
                FunctionArg::Named { name, arg, .. } => (self.slot(&name.value)?, arg),
                FunctionArg::ExprNamed { name, arg, .. } => (self.slot(name.to_string().trim_matches(['"', '`']))?, arg),
            };
            let FunctionArgExpr::Expr(value) = value else { return Err(self.error(format!("{} takes no `*`", self.name))) };
            let place = found.get_mut(slot).ok_or_else(|| {
                self.error(format!("{} takes at most {} arguments: {}", self.name, self.arguments.len(), self.arguments.join(", ")))
            })?;
            if place.replace(value.clone()).is_some() {
                return Err(self.error(format!("{} has the argument {} twice", self.name, self.arguments[slot])));
            }
        }
        Ok(Arguments { form: self, found })
    }

    fn slot(&self, name: &str) -> Result<usize> {
        self.arguments
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::sql(format!("{} has no argument `{name}`", self.name)).hint(suggest::hint(name, self.arguments)))
    }

    /// The column that `DESCRIPTOR(c)` names.
    fn descriptor(&self, expr: &ast::Expr, input: &LogicalPlan) -> Result<Column> {
        let name = match expr {
            ast::Expr::Function(f) if f.name.to_string().eq_ignore_ascii_case("DESCRIPTOR") => match &f.args {
                FunctionArguments::List(list) => match list.args.as_slice() {
                    [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(name)))] => Some(name),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        let name = name.ok_or_else(|| self.error(format!("`{expr}` is no DESCRIPTOR of one column")))?;
        column(&name.value, input, || format!("`{expr}`"))
    }

    fn partition_column(&self, expr: &ast::Expr, input: &LogicalPlan) -> Result<Column> {
        let name = match expr {
            ast::Expr::Identifier(name) => Some(name),
            ast::Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        let name = name.ok_or_else(|| self.error(format!("PARTITION BY `{expr}`: only columns can stand there")))?;
        column(&name.value, input, || format!("PARTITION BY `{expr}`"))
    }
}

/// Arguments of a call, by name.
struct Arguments<'a> {
    form: &'a Form,
    found: Vec<Option<ast::Expr>>,
}

impl Arguments<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.form.arguments.iter().position(|known| *known == name)
    }

    fn has(&self, name: &str) -> bool {
        self.place(name).is_some_and(|i| self.found[i].is_some())
    }

    fn take(&mut self, name: &str) -> Result<ast::Expr> {
        let found = self.place(name).and_then(|i| self.found[i].take());
        found.ok_or_else(|| self.form.error(format!("{} lacks its argument {name}", self.form.name)))
    }
}

/// Removes and returns the columns of `TABLE t PARTITION BY ...` from the sub-query.
fn partition_by(query: &mut ast::Query) -> Vec<ast::Expr> {
    match query.body.as_mut() {
        SetExpr::Select(select) => std::mem::take(&mut select.distribute_by),
        _ => Vec::new(),
    }
}

/// A column by name: exactly, or the only one that differs in case.
fn column(name: &str, input: &LogicalPlan, what: impl Fn() -> String) -> Result<Column> {
    let columns = input.schema().columns();
    let exact = columns.iter().find(|c| c.name == name);
    let mut similar = columns.iter().filter(|c| c.name.eq_ignore_ascii_case(name));
    let found = exact.or_else(|| similar.next().filter(|_| similar.next().is_none())).cloned();
    found.ok_or_else(|| {
        let known: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        Error::sql(format!("{} names no column of the table", what())).hint(suggest::hint(name, &known))
    })
}

/// An interval literal in milliseconds.
fn interval(expr: ast::Expr, context: &mut dyn RelationPlannerContext) -> Result<i64> {
    let shown = expr.to_string();
    let wrong = || Error::sql(format!("`{shown}` is not a fixed length of time")).hint("write INTERVAL '3' SECOND, MINUTE, HOUR or DAY");
    let value = match context.sql_to_expr(expr, &DFSchema::empty())? {
        Expr::Literal(value, _) => value,
        _ => return Err(wrong()),
    };
    let day = 86_400_000;
    match value {
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.months == 0 && i.nanoseconds % 1_000_000 == 0 => {
            Ok(i64::from(i.days) * day + i.nanoseconds / 1_000_000)
        }
        ScalarValue::IntervalDayTime(Some(i)) => Ok(i64::from(i.days) * day + i64::from(i.milliseconds)),
        _ => Err(wrong()),
    }
}
