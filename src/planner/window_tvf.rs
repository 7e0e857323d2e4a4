//! Window table functions: `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECONDS))` and the relation it makes.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ScalarValue, TableReference};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, TableFactor};

use crate::common::{Error, Result};

use super::window_start;

/// The columns that every window function adds.
pub const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// Assigns every row to the tumbling window `[start, start + size)` that holds its time, and adds `window_start`,
/// `window_end` and `window_time` (= end − 1 ms) after the input's columns. Rows without a time are in no window.
///
/// It stays a node of its own until physical planning, so that the continuous planner knows what the columns mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowTvf {
    /// The relation whose rows get windows.
    pub input: LogicalPlan,
    /// The event-time column.
    pub time: Column,
    /// The window's length in milliseconds.
    pub size: i64,
    /// How far windows are moved from 1970-01-01 00:00 UTC, in milliseconds.
    pub offset: i64,
    schema: DFSchemaRef,
}

impl WindowTvf {
    /// Tumbling windows over `input`.
    ///
    /// # Errors
    /// When the time column is no timestamp or the size is not positive.
    pub fn tumble(input: LogicalPlan, time: Column, size: i64, offset: i64) -> Result<Self> {
        let data_type = input.schema().qualified_field_from_column(&time)?.1.data_type().clone();
        if !matches!(data_type, DataType::Timestamp(..)) {
            let shown = crate::sql::types::display(&data_type);
            return Err(
                Error::sql(format!("DESCRIPTOR({}) is {shown}", time.name)).hint("a window needs a TIMESTAMP or TIMESTAMP_LTZ column")
            );
        }
        if size <= 0 {
            return Err(Error::sql("the size of a window has to be positive"));
        }
        let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
            input.schema().iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        fields.extend(WINDOW_COLUMNS.map(|name| (None, Arc::new(Field::new(name, data_type.clone(), true)))));
        let schema = DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?;
        Ok(Self { input, time, size, offset, schema: Arc::new(schema) })
    }

    /// The start of a row's window, as an expression over the input; end and time follow from it.
    pub fn window_start(&self) -> Expr {
        window_start::call(Expr::Column(self.time.clone()), self.size, self.offset)
    }
}

impl PartialOrd for WindowTvf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.input, &self.time, self.size, self.offset).partial_cmp(&(&other.input, &other.time, other.size, other.offset))
    }
}

impl UserDefinedLogicalNodeCore for WindowTvf {
    fn name(&self) -> &'static str {
        "WindowTvf"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![Expr::Column(self.time.clone())]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        WINDOW_COLUMNS.iter().map(ToString::to_string).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowTvf: TUMBLE({}, size={} ms, offset={} ms)", self.time, self.size, self.offset)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let (Some(Expr::Column(time)), Some(input)) = (exprs.pop(), inputs.pop()) else {
            return Err(Error::internal("WindowTvf has one column and one input").into());
        };
        Ok(Self::tumble(input, time, self.size, self.offset)?)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let inputs = self.input.schema().fields().len();
        let mut needed: Vec<usize> = output_columns.iter().copied().filter(|i| *i < inputs).collect();
        needed.push(self.input.schema().maybe_index_of_column(&self.time)?);
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
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
        let function = name.to_string().to_uppercase();
        match function.as_str() {
            "TUMBLE" => {
                let node = tumble(args, context)?;
                let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            "HOP" | "CUMULATE" | "SESSION" => {
                Err(Error::sql(format!("window function {function} is not supported yet")).hint("use TUMBLE").into())
            }
            _ => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}

/// `TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])`, also with Flink's named arguments.
fn tumble(args: &[FunctionArg], context: &mut dyn RelationPlannerContext) -> Result<WindowTvf> {
    const NAMES: [&str; 4] = ["DATA", "TIMECOL", "SIZE", "OFFSET"];
    const USAGE: &str = "write TUMBLE(TABLE name, DESCRIPTOR(time_column), INTERVAL '3' SECOND [, offset])";
    let mut found: [Option<ast::Expr>; 4] = [const { None }; 4];
    for (i, arg) in args.iter().enumerate() {
        let (slot, value) = match arg {
            FunctionArg::Unnamed(value) => (i, value),
            FunctionArg::Named { name, arg, .. } => {
                let slot = NAMES.iter().position(|n| name.value.eq_ignore_ascii_case(n));
                (slot.ok_or_else(|| Error::sql(format!("TUMBLE has no argument `{}`", name.value)).hint(USAGE))?, arg)
            }
            FunctionArg::ExprNamed { name, arg, .. } => {
                let text = name.to_string();
                let slot = NAMES.iter().position(|n| text.trim_matches(['"', '`']).eq_ignore_ascii_case(n));
                (slot.ok_or_else(|| Error::sql(format!("TUMBLE has no argument `{text}`")).hint(USAGE))?, arg)
            }
        };
        let FunctionArgExpr::Expr(value) = value else { return Err(Error::sql("TUMBLE takes no `*`").hint(USAGE)) };
        *found.get_mut(slot).ok_or_else(|| Error::sql("TUMBLE takes at most four arguments").hint(USAGE))? = Some(value.clone());
    }
    let [Some(data), Some(time), Some(size), offset] = found else {
        return Err(Error::sql("TUMBLE needs a table, a time column and a size").hint(USAGE));
    };
    let ast::Expr::Subquery(subquery) = data else { return Err(Error::sql(format!("`{data}` is no table")).hint(USAGE)) };
    let input = context.plan(TableFactor::Derived { lateral: false, subquery, alias: None, sample: None })?;
    let time = descriptor(&time, &input).ok_or_else(|| Error::sql(format!("`{time}` names no column")).hint(USAGE))?;
    let size = interval(size, context)?;
    let offset = offset.map(|o| interval(o, context)).transpose()?.unwrap_or(0);
    WindowTvf::tumble(input, time, size, offset)
}

/// The column that `DESCRIPTOR(c)` names: exactly, or the only one that differs in case.
fn descriptor(expr: &ast::Expr, input: &LogicalPlan) -> Option<Column> {
    let ast::Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(name)))] = list.args.as_slice() else { return None };
    let columns = input.schema().columns();
    let exact = columns.iter().find(|c| c.name == name.value);
    let mut similar = columns.iter().filter(|c| c.name.eq_ignore_ascii_case(&name.value));
    exact.or_else(|| similar.next().filter(|_| similar.next().is_none())).cloned()
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
