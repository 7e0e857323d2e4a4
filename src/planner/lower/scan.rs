//! Tables: rows as they come, changes as they are told, or newest rows per key, of which changes are made first.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, TableScan, TableScanBuilder};

use crate::common::{Error, Result};
use crate::connectors::Changes;
use crate::operators::changes::normalize::Upserts;
use crate::operators::{Normalize, Reconcile};

use super::super::provider::TableSource;
use super::clock::entered;
use super::{Input, Lowered, Lowering};
use crate::planner::properties::{Domain, Role, StreamProperties, Time};

impl Lowering {
    pub(super) async fn scan(&mut self, plan: &LogicalPlan, scan: &TableScan) -> Result<Lowered> {
        // What a function gives, such as GENERATE_SERIES, is there before any row comes.
        let Some(table) = TableSource::of(scan) else { return self.constants(plan).await };
        let mut traits = StreamProperties::default();
        traits.sources.insert(table.name().to_string());
        if table.keeps_late() {
            self.late_kept.insert(table.name().to_string());
        }
        match table.changes() {
            Changes::Append => {
                for (i, field) in plan.schema().fields().iter().enumerate() {
                    if table.event_time() == Some(field.name()) {
                        let sources = traits.sources.clone();
                        traits.times.insert(
                            i,
                            Time {
                                role: Role::Row,
                                domain: Domain::Event,
                                sources,
                                watermark_delay: 0,
                                guarded: false,
                                windows: BTreeSet::new(),
                            },
                        );
                    } else if table.is_clock(field.name()) {
                        traits.times.insert(i, entered(&traits));
                    }
                }
                Ok(Lowered { plan: plan.clone(), traits, nodes: Default::default() })
            }
            // Rows that can go again are not closed by time: their time column is a column like others.
            Changes::All => {
                let read = read(scan, &table);
                if table.has_clock(&read) {
                    return Err(Error::sql(format!(
                        "table `{}` has a column of the clock, which its records cannot take back",
                        table.name()
                    ))
                    .hint("leave PROCTIME() out of the table, and select it in a query: there it is kept with the row"));
                }
                traits.updating = true;
                let schema = table.schema();
                let place = |name: &String| read.iter().position(|column| schema.field(*column).name() == name);
                traits.keys = table.keys().iter().filter_map(|key| key.iter().map(place).collect()).collect();
                let rows = Arc::new(schema.project(&read)?);
                let records = Lowered { plan: records(scan, &table, read)?, traits: traits.clone(), nodes: Default::default() };
                // With a TTL rows are forgotten, and what is not known to be there may well be there.
                if !needs_order(&table, &rows) || self.ttl.is_some() {
                    return Ok(records);
                }
                let input = vec![Input::Piece(Box::new(records))];
                self.operator(Arc::new(Reconcile::new(rows)), input, plan.schema(), None, traits).await
            }
            Changes::Upsert(key) => self.normalize(plan, scan, &table, &key, traits).await,
        }
    }

    /// Only what the query reads is kept, and the key.
    async fn normalize(
        &mut self,
        plan: &LogicalPlan,
        scan: &TableScan,
        table: &TableSource,
        key: &[String],
        traits: StreamProperties,
    ) -> Result<Lowered> {
        let schema = table.schema();
        let mut columns = read(scan, table);
        let width = columns.len();
        let mut places = Vec::with_capacity(key.len());
        for name in key {
            let column = schema.index_of(name)?;
            let place = columns.iter().position(|c| *c == column).unwrap_or(columns.len());
            if place == columns.len() {
                columns.push(column);
            }
            places.push(place);
        }
        let rows = Arc::new(schema.project(&columns)?);
        let records = Lowered { plan: records(scan, table, columns)?, traits: StreamProperties::default(), nodes: Default::default() };
        let unique: BTreeSet<usize> = places.iter().copied().collect();
        let keys = if unique.iter().all(|place| *place < width) { vec![unique] } else { Vec::new() };
        let operator = Normalize::new(rows, Upserts { key: places, width, ttl: self.ttl })?;
        let traits = StreamProperties { updating: true, keys, ..traits };
        self.operator(Arc::new(operator), vec![Input::Piece(Box::new(records))], plan.schema(), None, traits).await
    }
}

/// Whether records may take a row away before it has come, and rows can be told from one another.
fn needs_order(table: &TableSource, rows: &SchemaRef) -> bool {
    table.changes() == Changes::All && !table.in_order() && Reconcile::can(rows)
}

/// The table's columns that a scan reads.
fn read(scan: &TableScan, table: &TableSource) -> Vec<usize> {
    let all = table.schema().fields().len();
    scan.projection.clone().unwrap_or_else(|| (0..all).collect())
}

/// A scan of these columns as its records tell them, with the weight.
fn records(scan: &TableScan, table: &TableSource, mut columns: Vec<usize>) -> Result<LogicalPlan> {
    let source = table.records();
    columns.push(source.schema().fields().len() - 1);
    let source = provider_as_source(Arc::new(source));
    Ok(LogicalPlan::TableScan(TableScanBuilder::new(scan.table_name.clone(), source).with_projection(Some(columns)).build()?))
}
