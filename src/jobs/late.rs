//! Rows that came too late, as rows of the table that takes them: in the same commit, so exactly once too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};

use crate::common::{Error, Result, suggest};
use crate::connectors::Sink;
use crate::operators::LateFilterExec;
use crate::operators::coerce::{Coerced, Coercion};
use crate::operators::context::LateRows;
use crate::planner::Program;
use crate::sql::types::display;

/// The option of a source table that names the table for its late rows.
pub const OPTION: &str = "late-rows.table";

/// Columns that a window adds to a row.
const WINDOW: [&str; 3] = ["window_start", "window_end", "window_time"];

/// From one late filter of a job to the table that takes what it drops.
///
/// A late row has the columns that the query reads of it, and those of its window. They are matched by name; what the query does
/// not read is NULL.
#[derive(Debug)]
pub struct LateRoute {
    /// The sink's id in the job.
    pub id: String,
    /// Where they go.
    pub sink: Arc<dyn Sink>,
    /// The tables that the filter's rows come from, and its columns: which filter it is.
    sources: Arc<[String]>,
    schema: SchemaRef,
    /// The columns that are taken, and how they become the table's.
    columns: Vec<usize>,
    coercion: Coercion,
}

impl LateRoute {
    /// Matches columns by name.
    ///
    /// # Errors
    /// When there is nothing to match, a type does not fit, or a column without a match may not be NULL.
    fn new(id: &str, sink: &Arc<dyn Sink>, sources: &Arc<[String]>, schema: &SchemaRef) -> Result<Self> {
        let target = sink.schema();
        let (mut columns, mut found) = (Vec::new(), Vec::new());
        for (i, field) in target.fields().iter().enumerate() {
            if let Ok(column) = schema.index_of(field.name()) {
                columns.push(column);
                found.push(i);
            }
        }
        if columns.is_empty() {
            let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(Error::sql(format!("table `{id}` has none of the columns of the late rows"))
                .hint(format!("the query reads {}; columns are matched by name", names.join(", "))));
        }
        let coercion = Coercion::new(id, &Arc::new(schema.project(&columns)?), Arc::new(target.project(&found)?), display)?;
        Ok(Self {
            id: id.to_string(),
            sink: Arc::clone(sink),
            sources: Arc::clone(sources),
            schema: Arc::clone(schema),
            columns,
            coercion: coercion.filling(target)?,
        })
    }

    /// What the table gets of these rows; `None` if they are another filter's.
    ///
    /// # Errors
    /// As [`Coercion::apply`].
    pub fn rows(&self, late: &LateRows) -> Result<Option<Coerced>> {
        if late.sources != self.sources || late.rows.schema_ref().fields() != self.schema.fields() {
            return Ok(None);
        }
        Ok(Some(self.coercion.apply(&late.rows.project(&self.columns)?)?))
    }
}

/// A source table that has a table for its late rows.
#[derive(Debug)]
pub struct Wanted {
    /// That table.
    pub target: String,
    /// The source's own columns, computed ones included.
    pub columns: Vec<String>,
}

/// The routes of a job, for source tables that want them. `sink` opens a table for writing.
///
/// # Errors
/// When a table cannot take the rows; with the name of the source table, whose option it is.
pub fn routes(
    program: &Program,
    wanted: &BTreeMap<String, Wanted>,
    sink: &dyn Fn(&str) -> Result<Arc<dyn Sink>>,
) -> Result<Vec<LateRoute>, (String, Error)> {
    let mut routes: Vec<LateRoute> = Vec::new();
    if wanted.is_empty() {
        return Ok(routes);
    }
    for (source, Wanted { target, columns }) in wanted {
        let wrong = |e: Error| (source.clone(), e);
        let sink = sink(target).map_err(wrong)?;
        let known: BTreeSet<&str> = columns.iter().map(String::as_str).chain(WINDOW).collect();
        if let Some(unknown) = sink.schema().fields().iter().find(|f| !known.contains(f.name().as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            let error = Error::sql(format!("table `{target}` has a column `{}`, which a late row of `{source}` has not", unknown.name()));
            return Err(wrong(error.hint(suggest::hint(unknown.name(), &known))));
        }
        let mut any = false;
        for (sources, schema) in filters(program).map_err(wrong)?.iter().filter(|(sources, _)| sources.contains(source)) {
            any = true;
            // Behind a UNION ALL nobody knows any more which table a row is from.
            if let Some(other) = sources.iter().find(|s| wanted.get(*s).is_some_and(|w| w.target != *target)) {
                return Err(wrong(
                    Error::sql(format!("late rows of `{source}` and `{other}` cannot be told apart: the query puts them together"))
                        .hint("name the same late-rows.table for both"),
                ));
            }
            if !routes.iter().any(|r| r.id == *target && r.sources == *sources && r.schema.fields() == schema.fields()) {
                routes.push(LateRoute::new(target, &sink, sources, schema).map_err(wrong)?);
            }
        }
        if !any {
            tracing::warn!("table `{source}`: `{OPTION}` has no effect, because nothing in this job drops its late rows");
        }
    }
    Ok(routes)
}

/// What is said of operators for which no lateness can be allowed: a line for each.
pub fn no_lateness(program: &Program) -> impl Iterator<Item = String> {
    let operators = program.punctual().into_iter().filter_map(|node| Some((node, program.operator(node)?.name())));
    operators.map(|(node, name)| {
        format!(
            "`table.exec.emit.allow-lateness` does not work for {name} (node {node}): what it has told is final, later rows are dropped"
        )
    })
}

/// Every late filter of a program: where its rows come from, and their columns.
fn filters(program: &Program) -> Result<Vec<(Arc<[String]>, SchemaRef)>> {
    let mut all = Vec::new();
    for stage in &program.stages {
        stage.plan.apply(|node| {
            if let Some(late) = node.downcast_ref::<LateFilterExec>() {
                all.push((late.operator().sources.clone().into(), node.schema()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(all)
}
