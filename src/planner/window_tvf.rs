//! The logical node of a window table function.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::common::{Error, Result, WEIGHT};
use crate::operators::windows::arithmetic::{WINDOW_COLUMNS, WindowKind, Windows, window_fields, window_type};

/// Repeats every row for each window that holds its time, and appends `window_start`, `window_end` and `window_time` (= end − 1 ms) to the
/// input's columns; the weight of changes stays last. Rows without a time are in no window.
///
/// It stays a separate node until physical planning, so that the continuous planner knows what the columns mean. Sessions
/// Sessions never get that far: [`super::session_windows`] replaces them by plain window functions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowTvf {
    /// The relation whose rows get windows.
    pub input: LogicalPlan,
    /// The time column, as the input names it: the event time under this name or another.
    pub time: Column,
    /// The kind of windows.
    pub kind: WindowKind,
    /// The offset of the windows from 1970-01-01 00:00 UTC, in milliseconds.
    pub offset: i64,
    /// Sessions are found within equal values of these columns; empty for other kinds, and for sessions over all rows together.
    pub partition: Vec<Column>,
    schema: DFSchemaRef,
}

impl WindowTvf {
    /// Windows over `input`.
    ///
    /// # Errors
    /// When the time column is not a timestamp, a length is invalid, or the input already has window columns.
    pub fn new(input: LogicalPlan, time: Column, windows: Windows, partition: Vec<Column>) -> Result<Self> {
        let data_type = input.schema().qualified_field_from_column(&time)?.1.data_type().clone();
        if !matches!(data_type, DataType::Timestamp(..)) {
            let shown = crate::sql::types::display(&data_type);
            return Err(
                Error::sql(format!("DESCRIPTOR({}) is {shown}", time.name)).hint("a window needs a TIMESTAMP or TIMESTAMP_LTZ column")
            );
        }
        if let Some(name) = WINDOW_COLUMNS.iter().find(|name| input.schema().fields().iter().any(|f| f.name() == *name)) {
            return Err(Error::sql(format!("a window function adds `{name}`, but its table has a column of this name"))
                .hint(format!("rename it in a sub-query: SELECT {name} AS inner_{name}, ...")));
        }
        check(windows)?;
        let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
            input.schema().iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let weight = fields.split_off(before_weight(&input));
        fields.extend(window_fields(&window_type(&data_type)?).map(|field| (None, Arc::new(field))));
        fields.extend(weight);
        let schema = DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?;
        Ok(Self { input, time, kind: windows.kind, offset: windows.offset, partition, schema: Arc::new(schema) })
    }

    /// The windows as arithmetic.
    pub fn windows(&self) -> Windows {
        Windows { kind: self.kind, offset: self.offset }
    }

    /// The length of a pane in milliseconds, see [`Windows::pane`]; `None` for sessions.
    pub fn panes(&self) -> Option<i64> {
        self.windows().pane()
    }

    /// The index of the time column in the input.
    ///
    /// # Errors
    /// When the input no longer has the column; that would be a bug.
    pub fn time_index(&self) -> Result<usize> {
        self.input.schema().maybe_index_of_column(&self.time).ok_or_else(|| Error::internal("a window has lost its time column"))
    }

    /// The input column of an output column; `None` for the window columns.
    pub fn input_index(&self, output: usize) -> Option<usize> {
        let plain = before_weight(&self.input);
        if output < plain { Some(output) } else { output.checked_sub(WINDOW_COLUMNS.len()).filter(|i| *i >= plain) }
    }
}

/// The number of columns before the weight, or of all if there is no weight.
fn before_weight(input: &LogicalPlan) -> usize {
    let fields = input.schema().fields();
    if fields.last().is_some_and(|f| f.name() == WEIGHT) { fields.len() - 1 } else { fields.len() }
}

/// Checks Flink's rules for the lengths. Unlike Flink's aggregates over HOP, it does not require SIZE to be a multiple of SLIDE.
fn check(windows: Windows) -> Result<()> {
    // They have to fit in nanoseconds as well.
    const LONGEST: i64 = i64::MAX / 1_000_000;
    let lengths: &[(&str, i64)] = match &windows.kind {
        WindowKind::Tumble { size } => &[("SIZE", *size)],
        WindowKind::Hop { slide, size } => &[("SLIDE", *slide), ("SIZE", *size)],
        WindowKind::Cumulate { step, size } => &[("STEP", *step), ("SIZE", *size)],
        WindowKind::Session { gap } => &[("GAP", *gap)],
    };
    for (name, length) in lengths {
        if *length <= 0 {
            return Err(Error::sql(format!("the {name} of a window has to be positive")));
        }
        if *length > LONGEST {
            return Err(Error::sql(format!("the {name} of a window is longer than 292 years")));
        }
    }
    match windows.kind {
        WindowKind::Cumulate { step, size } if size % step != 0 => {
            Err(Error::sql(format!("CUMULATE needs a SIZE that is a whole multiple of STEP, but {size} ms is no multiple of {step} ms"))
                .hint("STEP comes first: CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY)"))
        }
        WindowKind::Tumble { size } if windows.offset.checked_abs().is_none_or(|offset| offset >= size) => {
            Err(Error::sql(format!("an OFFSET of {} ms moves windows of {size} ms by a whole window or more", windows.offset))
                .hint("the offset has to be less than SIZE"))
        }
        _ if windows.offset.checked_abs().is_none_or(|offset| offset > LONGEST) => {
            Err(Error::sql("the OFFSET of a window is longer than 292 years"))
        }
        _ => Ok(()),
    }
}

impl PartialOrd for WindowTvf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let key = |w: &Self| (w.time.clone(), w.windows(), w.partition.clone());
        match self.input.partial_cmp(&other.input) {
            Some(Ordering::Equal) => key(self).partial_cmp(&key(other)),
            decided => decided,
        }
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
        [&self.time].into_iter().chain(&self.partition).cloned().map(Expr::Column).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let mut prevent: HashSet<String> = WINDOW_COLUMNS.iter().map(ToString::to_string).collect();
        if matches!(self.kind, WindowKind::Session { .. }) {
            // Removing rows changes sessions, unless all rows of a partition are removed.
            let others = self.input.schema().columns().into_iter().filter(|c| !self.partition.contains(c));
            prevent.extend(others.map(|c| c.name));
        }
        prevent
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowTvf: time={}, {}", self.time, self.windows())?;
        if !self.partition.is_empty() {
            let columns: Vec<String> = self.partition.iter().map(ToString::to_string).collect();
            write!(f, ", partition by {}", columns.join(", "))?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let column = |expr| match expr {
            Expr::Column(column) => Ok(column),
            other => Err(Error::internal(format!("WindowTvf over `{other}`, which is no column"))),
        };
        let mut columns = exprs.into_iter().map(column).collect::<Result<Vec<_>>>()?.into_iter();
        let (Some(time), Some(input)) = (columns.next(), inputs.pop()) else {
            return Err(Error::internal("WindowTvf has a time and one input").into());
        };
        Ok(Self::new(input, time, self.windows(), columns.collect())?)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let mut needed: Vec<usize> = output_columns.iter().filter_map(|i| self.input_index(*i)).collect();
        for column in [&self.time].into_iter().chain(&self.partition) {
            needed.push(schema.maybe_index_of_column(column)?);
        }
        // Every query needs the weight, which says whether a row is added or retracted.
        needed.extend(before_weight(&self.input)..schema.fields().len());
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
