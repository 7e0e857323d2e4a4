//! Checks `FOR SYSTEM_TIME AS OF` in a planned query and removes it: a join of a stream with tables that are not streams has this meaning
//! in any case (`lower/lookup.rs`).

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Join, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TableScan, Volatility,
};

use crate::common::{Error, Result};
use crate::sql::as_of::AS_OF;

use super::clock;
use super::columns::copied;
use super::provider::TableSource;

/// Registers the function that represents the clause until then.
///
/// # Errors
/// When DataFusion refuses it.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udf(ScalarUDF::new_from_impl(AsOf { signature: Signature::any(3, Volatility::Immutable) }).into())?;
    Ok(())
}

/// The same plan without `FOR SYSTEM_TIME AS OF`.
///
/// # Errors
/// When the time is not the clock, or the table is a stream; with the place in the query's text.
pub(super) fn as_of(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) => joined(join),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

fn joined(mut join: Join) -> DfResult<Transformed<LogicalPlan>> {
    let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
    let count = conditions.len();
    let mut left = Vec::with_capacity(count);
    for condition in conditions {
        match &condition {
            Expr::ScalarFunction(f) if f.name() == AS_OF => check(&join, &f.args).map_err(|e| placed(e, &f.args))?,
            _ => left.push(condition),
        }
    }
    let changed = left.len() < count;
    join.filter = conjunction(left);
    Ok(Transformed::new_transformed(LogicalPlan::Join(join), changed))
}

/// The time attribute that a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute {
    /// The clock at the time the row entered.
    Clock,
    /// The column that a table's watermark is declared for.
    EventTime(String),
}

fn check(join: &Join, args: &[Expr]) -> Result<()> {
    let time = args.first().ok_or_else(|| Error::internal("a version of a table at no time"))?;
    let attribute = match time {
        clock if clock::is_clock(clock) => Some(Attribute::Clock),
        Expr::Column(column) => join.left.schema().maybe_index_of_column(column).and_then(|i| attribute(&join.left, i)),
        _ => None,
    };
    let by_clock = "rows meet a table as it is when they come: FOR SYSTEM_TIME AS OF a column that is PROCTIME() in the stream's table";
    match attribute {
        Some(Attribute::Clock) => {}
        Some(Attribute::EventTime(_)) => {
            return Err(Error::sql(format!("`{time}` is event time, as of which no versions of tables are kept")).hint(by_clock));
        }
        None => return Err(Error::sql(format!("FOR SYSTEM_TIME AS OF `{time}`: it is no time attribute of the left side")).hint(by_clock)),
    }
    match stream_in(&join.right)? {
        None => Ok(()),
        Some(stream) => Err(Error::sql(format!("`{stream}` is a stream, and no table to look rows up in")).hint(
            "leave FOR SYSTEM_TIME AS OF out: rows of both sides are kept then, and the result changes with both; \
             looked up are files without `source.monitor-interval`",
        )),
    }
}

/// The time attribute that a column of a plan is, if it is one.
pub(super) fn attribute(plan: &LogicalPlan, index: usize) -> Option<Attribute> {
    match plan {
        LogicalPlan::Projection(p) => match p.expr.get(index)? {
            expr if clock::is_clock(expr) => Some(Attribute::Clock),
            expr => attribute(&p.input, copied(expr, p.input.schema())?),
        },
        LogicalPlan::TableScan(scan) => match scan.source.get_logical_plan() {
            Some(view) => attribute(&view, *scan.projection.as_ref().map_or(Some(&index), |p| p.get(index))?),
            None => {
                let (table, schema) = (TableSource::from_scan(scan)?, plan.schema());
                let name = schema.fields().get(index)?.name();
                let event_time = table.event_time() == Some(name);
                let event_time = event_time.then(|| Attribute::EventTime(table.name().to_string()));
                table.is_clock(name).then_some(Attribute::Clock).or(event_time)
            }
        },
        LogicalPlan::Join(join) => match index.checked_sub(join.left.schema().fields().len()) {
            None => attribute(&join.left, index),
            Some(index) => attribute(&join.right, index),
        },
        // These nodes append their own columns, so the index stays the same below.
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Union(_) => {
            let inputs = plan.inputs();
            let input = inputs.first().filter(|input| index < input.schema().fields().len())?;
            attribute(input, index)
        }
        _ => None,
    }
}

/// The first table of a plan that is a stream.
fn stream_in(plan: &LogicalPlan) -> Result<Option<String>> {
    let mut stream = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            stream = match scan.source.get_logical_plan() {
                Some(view) => stream_in(&view)?,
                None => (!is_static(scan)).then(|| scan.table_name.table().to_string()),
            };
        }
        Ok(if stream.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(stream)
}

fn is_static(scan: &TableScan) -> bool {
    TableSource::from_scan(scan).is_some_and(|table| table.as_static().is_some())
}

/// Adds the position of the table to an error; the call carries it as numbers.
fn placed(error: Error, args: &[Expr]) -> Error {
    let number = |arg: Option<&Expr>| match arg {
        Some(Expr::Literal(ScalarValue::Int64(Some(n)), _)) => usize::try_from(*n).ok(),
        _ => None,
    };
    match (number(args.get(1)), number(args.get(2))) {
        (Some(line), Some(column)) if line > 0 => error.with_line_column(line, column),
        _ => error,
    }
}

/// A placeholder function, never executed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AsOf {
    signature: Signature,
}

impl ScalarUDFImpl for AsOf {
    fn name(&self) -> &'static str {
        AS_OF
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Err(Error::sql("FOR SYSTEM_TIME AS OF stands where no join is").into())
    }
}
