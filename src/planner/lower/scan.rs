//! Lowers scans of tables: append-only rows, changelogs, or upserts, which are normalized to changes.

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
use super::clock::entry_time;
use super::{Input, Lowered, Lowering};
use crate::planner::properties::{Domain, Role, StreamProperties, Time};

impl Lowering {
    pub(super) async fn scan(&mut self, plan: &LogicalPlan, scan: &TableScan) -> Result<Lowered> {
        // The rows of a table function such as GENERATE_SERIES are constants.
        let Some(table) = TableSource::from_scan(scan) else { return self.constants(plan).await };
        let mut properties = StreamProperties::default();
        properties.sources.insert(table.name().to_string());
        if table.keeps_late() {
            self.late_row_tables.insert(table.name().to_string());
        }
        match table.changes() {
            Changes::Append => {
                for (i, field) in plan.schema().fields().iter().enumerate() {
                    if table.event_time() == Some(field.name()) {
                        let sources = properties.sources.clone();
                        properties.times.insert(
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
                        properties.times.insert(i, entry_time(&properties));
                    }
                }
                Ok(Lowered { plan: plan.clone(), properties, nodes: Default::default() })
            }
            // Time does not close rows of a changelog: its time column is an ordinary column.
            Changes::All => {
                let read = read(scan, &table);
                if table.has_clock(&read) {
                    return Err(Error::sql(format!(
                        "table `{}` has a column of the clock, which its records cannot take back",
                        table.name()
                    ))
                    .hint("leave PROCTIME() out of the table, and select it in a query: there it is kept with the row"));
                }
                properties.updating = true;
                let schema = table.schema();
                let place = |name: &String| read.iter().position(|column| schema.field(*column).name() == name);
                properties.keys = table.keys().iter().filter_map(|key| key.iter().map(place).collect()).collect();
                let rows = Arc::new(schema.project(&read)?);
                let records = Lowered { plan: records(scan, &table, read)?, properties: properties.clone(), nodes: Default::default() };
                // With a TTL rows expire, so a row that is not in the state may still exist.
                if !needs_order(&table, &rows) || self.ttl.is_some() {
                    return Ok(records);
                }
                let input = vec![Input::Piece(Box::new(records))];
                self.operator(Arc::new(Reconcile::new(rows)), input, plan.schema(), None, properties).await
            }
            Changes::Upsert(key) => self.normalize(plan, scan, &table, &key, properties).await,
        }
    }

    /// Stores only the columns that the query reads, and the key.
    async fn normalize(
        &mut self,
        plan: &LogicalPlan,
        scan: &TableScan,
        table: &TableSource,
        key: &[String],
        properties: StreamProperties,
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
        let records = Lowered { plan: records(scan, table, columns)?, properties: StreamProperties::default(), nodes: Default::default() };
        let unique: BTreeSet<usize> = places.iter().copied().collect();
        let keys = if unique.iter().all(|place| *place < width) { vec![unique] } else { Vec::new() };
        let operator = Normalize::new(rows, Upserts { key: places, width, ttl: self.ttl })?;
        let properties = StreamProperties { updating: true, keys, ..properties };
        self.operator(Arc::new(operator), vec![Input::Piece(Box::new(records))], plan.schema(), None, properties).await
    }
}

/// Whether a delete may come before its insert, and rows can be compared.
fn needs_order(table: &TableSource, rows: &SchemaRef) -> bool {
    table.changes() == Changes::All && !table.in_order() && Reconcile::can(rows)
}

/// The table's columns that a scan reads.
fn read(scan: &TableScan, table: &TableSource) -> Vec<usize> {
    let all = table.schema().fields().len();
    scan.projection.clone().unwrap_or_else(|| (0..all).collect())
}

/// A scan of these columns of the records, with the weight.
fn records(scan: &TableScan, table: &TableSource, mut columns: Vec<usize>) -> Result<LogicalPlan> {
    let source = table.records();
    columns.push(source.schema().fields().len() - 1);
    let source = provider_as_source(Arc::new(source));
    Ok(LogicalPlan::TableScan(TableScanBuilder::new(scan.table_name.clone(), source).with_projection(Some(columns)).build()?))
}
