//! Late rows: counts them, and routes them to the late-rows table, in the same commit, hence exactly once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};

use crate::common::{Error, Result, suggest};
use crate::connectors::Sink;
use crate::operators::changes::coerce::{Coerced, Coercion};
use crate::operators::epoch::context::LateRows;
use crate::operators::windows::arithmetic::WINDOW_COLUMNS;
use crate::operators::windows::late_filter::LateFilter;
use crate::operators::{LateFilterExec, to_millis};
use crate::planner::Program;
use crate::sql::Dialect;

/// The option of a source table that names the table for its late rows.
pub const OPTION: &str = "late-rows.table";

/// Routes the late rows of all filters with one reason to the late-rows table.
///
/// A late row has the columns that the query reads, and those of its window. They are matched by name; columns that no query reads are
/// NULL. A row that several filters drop for the same reason is one row, with the columns of all of them.
#[derive(Debug)]
pub struct LateRoute {
    /// The sink's id in the job.
    pub id: String,
    /// The sink of the late-rows table.
    pub sink: Arc<dyn Sink>,
    reason: String,
    filters: Vec<LateColumns>,
    /// The table's columns that a filter reports.
    columns: SchemaRef,
    coercion: Coercion,
}

/// The columns that one filter reports of a late row.
#[derive(Debug)]
struct LateColumns {
    filter: u32,
    /// The index of each column of the route, if the filter reports it.
    columns: Vec<Option<usize>>,
    /// The columns of the row's number and its window's end.
    row: Option<usize>,
    end: Option<usize>,
}

impl LateRoute {
    /// Matches columns by name.
    ///
    /// # Errors
    /// When there is nothing to match, a type does not fit, or a column without a match may not be NULL.
    fn new(id: &str, sink: &Arc<dyn Sink>, reason: &str, filters: &[&(LateFilter, SchemaRef)]) -> Result<Self> {
        let target = sink.schema();
        let (mut fields, mut found): (Vec<Field>, Vec<usize>) = (Vec::new(), Vec::new());
        for (i, field) in target.fields().iter().enumerate() {
            let reported = filters.iter().find_map(|f| Some(f.1.field(column_index(&f.0, field.name())?)));
            if let Some(reported) = reported {
                fields.push(Field::new(field.name(), reported.data_type().clone(), true));
                found.push(i);
            }
        }
        if fields.is_empty() {
            let names: BTreeSet<&str> = filters.iter().flat_map(|(f, _)| f.reported.iter().map(|(name, _)| name.as_str())).collect();
            let names: Vec<&str> = names.into_iter().collect();
            return Err(Error::sql(format!("table `{id}` has none of the columns of the late rows"))
                .hint(format!("the query reads {}; columns are matched by name", names.join(", "))));
        }
        let columns: SchemaRef = Arc::new(Schema::new(fields));
        let reported = |f: &&(LateFilter, SchemaRef)| LateColumns {
            filter: f.0.filter,
            columns: columns.fields().iter().map(|field| column_index(&f.0, field.name())).collect(),
            row: f.0.row,
            end: column_index(&f.0, WINDOW_COLUMNS[1]),
        };
        let coercion = Coercion::new(id, &columns, Arc::new(target.project(&found)?), Dialect::default())?;
        Ok(Self {
            id: id.to_string(),
            sink: Arc::clone(sink),
            reason: reason.to_string(),
            filters: filters.iter().map(reported).collect(),
            coercion: coercion.filling(target)?,
            columns,
        })
    }

    /// The rows of an epoch for the table, and the number of late rows; `None` if there are none.
    ///
    /// # Errors
    /// As [`Coercion::apply`].
    pub fn rows(&self, late: &[LateRows]) -> Result<Option<(u64, Coerced)>> {
        let batches = batches(self.filters.iter(), late);
        if batches.is_empty() {
            return Ok(None);
        }
        let rows = self.merged(&batches)?;
        Ok(Some((rows.num_rows() as u64, self.coercion.apply(&rows)?)))
    }

    /// Each row once, with the columns of all batches.
    fn merged(&self, batches: &[(&LateColumns, &RecordBatch)]) -> Result<RecordBatch> {
        let places = row_positions(batches)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.fields().len());
        for (i, field) in self.columns.fields().iter().enumerate() {
            // Columns that no query reads are NULL: they are taken from this array, which follows those of the batches.
            let nothing = new_null_array(field.data_type(), 1);
            let reported = |batch: usize| batches.get(batch).and_then(|(reported, rows)| Some(rows.column((*reported.columns.get(i)?)?)));
            let arrays: Vec<&dyn Array> =
                (0..batches.len()).map(|b| reported(b).unwrap_or(&nothing).as_ref()).chain([nothing.as_ref()]).collect();
            let place =
                |found: &Vec<(usize, usize)>| found.iter().copied().find(|(b, _)| reported(*b).is_some()).unwrap_or((batches.len(), 0));
            let places: Vec<(usize, usize)> = places.iter().map(place).collect();
            columns.push(interleave(&arrays, &places)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.columns), columns)?)
    }

    /// Whether it takes the rows of this filter.
    fn takes(&self, filter: u32) -> bool {
        self.filters.iter().any(|reported| reported.filter == filter)
    }
}

/// The rows that filters have dropped.
fn batches<'a>(filters: impl Iterator<Item = &'a LateColumns>, late: &'a [LateRows]) -> Vec<(&'a LateColumns, &'a RecordBatch)> {
    let of = |reported: &'a LateColumns| {
        late.iter().filter(|l| l.filter == reported.filter && l.rows.num_rows() > 0).map(move |l| (reported, &l.rows))
    };
    filters.flat_map(of).collect()
}

/// Each row once: its positions in the batches, found by its number and its window.
fn row_positions(batches: &[(&LateColumns, &RecordBatch)]) -> Result<Vec<Vec<(usize, usize)>>> {
    // A filter may drop a row several times, if an operator below has repeated it.
    let mut known: HashMap<(i64, Option<i64>, u32), usize> = HashMap::new();
    let mut seen: HashMap<(u32, i64, Option<i64>), u32> = HashMap::new();
    let mut places: Vec<Vec<(usize, usize)>> = Vec::new();
    for (batch, (reported, rows)) in batches.iter().enumerate() {
        let numbers = reported.row.and_then(|column| rows.column(column).as_primitive_opt::<Int64Type>());
        let numbers = numbers.ok_or_else(|| Error::internal("late rows without a number"))?;
        let ends: Option<Int64Array> = reported.end.map(|column| to_millis(rows.column(column))).transpose()?;
        for row in 0..rows.num_rows() {
            let end = ends.as_ref().filter(|ends| ends.is_valid(row)).map(|ends| ends.value(row));
            let number = numbers.value(row);
            let nth = seen.entry((reported.filter, number, end)).or_default();
            let place = *known.entry((number, end, *nth)).or_insert(places.len());
            *nth += 1;
            match places.get_mut(place) {
                Some(found) => found.push((batch, row)),
                None => places.push(vec![(batch, row)]),
            }
        }
    }
    Ok(places)
}

/// The index of a column that a filter reports.
fn column_index(filter: &LateFilter, name: &str) -> Option<usize> {
    filter.reported.iter().find(|(reported, _)| reported == name).map(|(_, column)| *column)
}

/// Tables whose late rows are dropped by several filters above different conditions: each such row is counted once only by its number.
///
/// # Errors
/// When a plan cannot be walked; that would be a bug.
pub fn counted_by_number(program: &Program) -> Result<BTreeSet<String>> {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut apart = BTreeSet::new();
    for (filter, _) in filters(program)?.into_iter().filter(|(filter, _)| filter.row.is_none()) {
        if *known.entry(filter.reason).or_insert_with(|| filter.passed.clone()) != filter.passed {
            apart.extend(filter.sources);
        }
    }
    Ok(apart)
}

/// Counts late rows once per table and reason. Rows with a route are counted by the route. Other rows are counted by number; without
/// numbers, all filters of a reason drop the same rows.
#[derive(Debug, Default)]
pub struct LateCount {
    /// The filters of each reason.
    reasons: Vec<Vec<LateColumns>>,
}

impl LateCount {
    /// A counter for the filters of a program.
    ///
    /// # Errors
    /// When a plan cannot be walked; that would be a bug.
    pub fn new(program: &Program) -> Result<Self> {
        let mut reasons: BTreeMap<String, Vec<LateColumns>> = BTreeMap::new();
        for (filter, _) in filters(program)? {
            let (end, row) = (column_index(&filter, WINDOW_COLUMNS[1]), filter.row);
            reasons.entry(filter.reason).or_default().push(LateColumns { filter: filter.filter, columns: Vec::new(), row, end });
        }
        Ok(Self { reasons: reasons.into_values().collect() })
    }

    /// Whether counting needs the late rows themselves.
    pub fn by_number(&self) -> bool {
        self.reasons.iter().any(|filters| filters.len() > 1 && filters.iter().all(|reported| reported.row.is_some()))
    }

    /// Counts the late rows of an epoch that no route takes: by the counts of filters, or by the rows themselves.
    ///
    /// # Errors
    /// When rows have no numbers; that would be a bug.
    pub fn unrouted(&self, dropped: &BTreeMap<u32, u64>, late: &[LateRows], routes: &[LateRoute]) -> Result<u64> {
        let mut count = 0;
        for filters in &self.reasons {
            let filters: Vec<&LateColumns> =
                filters.iter().filter(|reported| !routes.iter().any(|route| route.takes(reported.filter))).collect();
            let dropped = filters.iter().filter_map(|reported| dropped.get(&reported.filter)).filter(|rows| **rows > 0);
            let most = dropped.clone().max().copied().unwrap_or(0);
            count += if dropped.count() > 1 && filters.iter().all(|reported| reported.row.is_some()) {
                row_positions(&batches(filters.into_iter(), late))?.len() as u64
            } else {
                most
            };
        }
        Ok(count)
    }
}

/// The late-rows table of a source table.
#[derive(Debug)]
pub struct LateTarget {
    /// Its name.
    pub target: String,
    /// The source's own columns, computed ones included.
    pub columns: Vec<String>,
}

/// The routes of a job, for source tables with a late-rows table. `sink` opens a table for writing.
///
/// # Errors
/// When a table cannot take the rows; the error names the source table, whose option it is.
pub fn routes(
    program: &Program,
    wanted: &BTreeMap<String, LateTarget>,
    sink: &dyn Fn(&str) -> Result<Arc<dyn Sink>>,
) -> Result<Vec<LateRoute>, (String, Error)> {
    let mut routes: Vec<LateRoute> = Vec::new();
    if wanted.is_empty() {
        return Ok(routes);
    }
    for (source, LateTarget { target, columns }) in wanted {
        let wrong = |e: Error| (source.clone(), e);
        let sink = sink(target).map_err(wrong)?;
        let known: BTreeSet<&str> = columns.iter().map(String::as_str).chain(WINDOW_COLUMNS).collect();
        if let Some(unknown) = sink.schema().fields().iter().find(|f| !known.contains(f.name().as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            let error = Error::sql(format!("table `{target}` has a column `{}`, which a late row of `{source}` has not", unknown.name()));
            return Err(wrong(error.hint(suggest::hint(unknown.name(), &known))));
        }
        let all = filters(program).map_err(wrong)?;
        let own: Vec<&(LateFilter, SchemaRef)> = all.iter().filter(|(filter, _)| filter.sources.contains(source)).collect();
        if own.is_empty() {
            tracing::warn!("table `{source}`: `{OPTION}` has no effect, because nothing in this job drops its late rows");
        }
        // The rows of a join come from both tables.
        if let Some(other) = own.iter().flat_map(|(f, _)| &f.sources).find(|s| wanted.get(*s).is_some_and(|w| w.target != *target)) {
            return Err(wrong(
                Error::sql(format!("late rows of `{source}` and `{other}` cannot be told apart: the query puts them together"))
                    .hint("name the same late-rows.table for both"),
            ));
        }
        let reasons: BTreeSet<&str> = own.iter().map(|(filter, _)| filter.reason.as_str()).collect();
        for reason in reasons {
            if routes.iter().any(|r| r.id == *target && r.reason == reason) {
                continue;
            }
            let filters: Vec<&(LateFilter, SchemaRef)> = own.iter().copied().filter(|(filter, _)| filter.reason == reason).collect();
            routes.push(LateRoute::new(target, &sink, reason, &filters).map_err(wrong)?);
        }
    }
    Ok(routes)
}

/// The warnings for operators that do not support allowed lateness, one line each.
pub fn no_lateness(program: &Program) -> impl Iterator<Item = String> {
    let operators = program.final_only_nodes().into_iter().filter_map(|node| Some((node, program.operator(node)?.name())));
    operators.map(|(node, name)| {
        format!(
            "`table.exec.emit.allow-lateness` does not work for {name} (node {node}): what it has reported is final, later rows are dropped"
        )
    })
}

/// Every late filter of a program, and the columns of its rows.
fn filters(program: &Program) -> Result<Vec<(LateFilter, SchemaRef)>> {
    let mut all = Vec::new();
    for stage in &program.stages {
        stage.plan.apply(|node| {
            if let Some(late) = node.downcast_ref::<LateFilterExec>() {
                all.push((late.operator().clone(), node.schema()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(all)
}
