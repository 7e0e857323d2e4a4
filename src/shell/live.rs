//! An answer that goes on: a table that changes in place, or lines as they come.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use sqlparser::ast::{Expr, LimitClause, Value};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::settings::ResultMode;
use crate::common::units::human;
use crate::common::{Error, Result};
use crate::connectors::print::kinds;
use crate::jobs::progress::show_time;
use crate::jobs::{self, Live, Status, Workspace};
use crate::sql::ast::Query;

use super::content::Content;
use super::frame::{Frame, Key};
use super::render::{self, Format, Lines};
use super::screen::{Screen, size};

/// How often the table is drawn, at most.
const EVERY: Duration = Duration::from_millis(100);

/// Shows an answer until it ends, or the person ends it.
pub(super) async fn show(workspace: &Workspace, query: &Query, screen: &mut Screen, interrupt: &mut Signal) -> Result<()> {
    let (live, limit) = plan(workspace, query).await?;
    let mode = workspace.job_settings()?.result_mode.unwrap_or(ResultMode::Table);
    let (stop, status) = (CancellationToken::new(), live.job.status.subscribe());
    let Live { job, schema, updating, key, rows } = live;
    let stopped = stop.clone();
    let running = tokio::spawn(async move { jobs::run(&job, &stopped).await });
    let shown = if screen.is_live() && mode == ResultMode::Table {
        let content = Content::new(&schema, updating, key);
        in_place(content, rows, status, screen, limit).await
    } else {
        let key = (updating || mode != ResultMode::Table).then_some(key);
        tokio::select! {
            printed = screen.flow(lines(&schema, key, rows, limit)) => printed,
            _ = interrupt.recv() => Ok(()),
        }
    };
    stop.cancel();
    let ended = running.await.map_err(|e| Error::internal("the query was cut off").because(e))?;
    shown.and(ended.map(drop))
}

/// The query, and after how many rows it ends: LIMIT of rows that never change is a count, and no operator.
async fn plan(workspace: &Workspace, query: &Query) -> Result<(Live, Option<u64>)> {
    if let Some((endless, limit)) = without_limit(query) {
        let live = workspace.live(&endless).await?;
        if !live.updating {
            return Ok((live, Some(limit)));
        }
    }
    Ok((workspace.live(query).await?, None))
}

fn without_limit(query: &Query) -> Option<(Query, u64)> {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(value)), offset: None, .. }) = &query.query.limit_clause else {
        return None;
    };
    let Value::Number(number, _) = &value.value else { return None };
    let limit = number.to_string().parse().ok()?;
    if query.query.order_by.is_some() {
        return None;
    }
    let mut endless = query.clone();
    endless.query.limit_clause = None;
    Some((endless, limit))
}

/// The part of a batch that is still wanted, and whether it is the last one.
fn limited(batch: RecordBatch, limit: &mut Option<u64>) -> (RecordBatch, bool) {
    let Some(left) = limit else { return (batch, false) };
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(batch.num_rows());
    *left -= taken as u64;
    (batch.slice(0, taken), *left == 0)
}

/// A table that changes in place, with a line below that tells how the query goes.
async fn in_place(
    mut content: Content,
    mut rows: mpsc::Receiver<RecordBatch>,
    mut status: watch::Receiver<Status>,
    screen: &Screen,
    mut limit: Option<u64>,
) -> Result<()> {
    let mut frame = Frame::open()?;
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut paused, mut pressed, mut stale, mut over) = (false, false, true, false);
    while !over {
        tokio::select! {
            key = frame.key() => match key {
                Key::Quit => over = true,
                Key::Pause => (paused, pressed) = (!paused, true),
                Key::Resize => pressed = true,
            },
            batch = rows.recv() => match batch {
                Some(batch) => {
                    let (batch, last) = limited(batch, &mut limit);
                    content.add(&batch)?;
                    (stale, over) = (true, last);
                }
                None => over = true,
            },
            _ = clock.tick(), if pressed || !paused && (stale || status.has_changed().unwrap_or(false)) => {
                let now = status.borrow_and_update().clone();
                frame.draw(&drawn(&mut content, screen, Some(&told(&now, paused))))?;
                (stale, pressed) = (false, false);
            }
        }
    }
    frame.draw(&drawn(&mut content, screen, None))
}

/// As many of the last rows as fit the terminal, and a line below.
fn drawn(content: &mut Content, screen: &Screen, below: Option<&str>) -> String {
    let (look, (columns, lines)) = (screen.look(), size());
    let count = content.count();
    let cells = content.last(lines.saturating_sub(7).max(1));
    let above = count.saturating_sub(cells.rows.len() as u64);
    let drawn = match screen.format() {
        Format::Vertical => render::vertical(&content.last(lines.saturating_sub(4) / (cells.names.len() + 1)), &look.null, look.width),
        Format::Box => render::table(&cells, Lines::Box, &look.null, look.width).text,
        _ => render::table(&cells, Lines::Ascii, &look.null, look.width).text,
    };
    let rows = format!("{} row{}", human(count), if count == 1 { "" } else { "s" });
    let rows = if above > 0 { format!("{rows}, {} of them not shown", human(above)) } else { rows };
    let below = below.map_or_else(String::new, |below| format!("{}\n", render::cut(below, columns - 1)));
    format!("{drawn}{rows}\n{below}")
}

/// How the query goes, and what keys do.
fn told(status: &Status, paused: bool) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown with three digits")]
    let speed = human(status.rows_per_second as u64);
    let mut line = format!("{speed} rows/s  lag {}", status.lag.map_or("?".to_string(), human));
    if let Some(watermark) = status.watermark {
        line.push_str(&format!("  watermark {}", show_time(watermark)));
    }
    if status.late > 0 {
        line.push_str(&format!("  late {}", human(status.late)));
    }
    if let Some(notice) = &status.notice {
        line.push_str(&format!("  {}", notice.replace('\n', " ")));
    }
    line.push_str(if paused { "  PAUSED  [space] go on  [q] quit" } else { "  [space] pause  [q] quit" });
    line
}

/// Rows as they come, each a line; of a changelog (`key` is given: the one that is known, if any) each with what became of it, in a first column.
fn lines(
    schema: &SchemaRef,
    key: Option<Option<Vec<usize>>>,
    rows: mpsc::Receiver<RecordBatch>,
    limit: Option<u64>,
) -> SendableRecordBatchStream {
    let width = schema.fields().len();
    let shown = match &key {
        None => Arc::clone(schema),
        Some(_) => {
            let op = Arc::new(Field::new("op", DataType::Utf8, false));
            Arc::new(Schema::new([op].into_iter().chain(schema.fields().iter().cloned()).collect::<Vec<_>>()))
        }
    };
    let with_ops = (key, Arc::clone(&shown));
    let lines = futures::stream::unfold((rows, limit, false), |(mut rows, mut limit, over)| async move {
        let batch = if over { None } else { rows.recv().await };
        let (batch, last) = limited(batch?, &mut limit);
        Some((batch, (rows, limit, last)))
    });
    let lines = lines.map(move |batch| match &with_ops {
        (None, _) => Ok(batch),
        (Some(key), schema) => Ok(ops(schema, width, key.as_deref(), &batch)?),
    });
    Box::pin(RecordBatchStreamAdapter::new(shown, lines))
}

/// A changelog's rows with their kinds in a first column.
fn ops(schema: &SchemaRef, width: usize, key: Option<&[usize]>, batch: &RecordBatch) -> Result<RecordBatch> {
    let (ops, picks): (Vec<&str>, Vec<u32>) = kinds::of(batch, width, key).into_iter().map(|(op, row)| (op, row as u32)).unzip();
    let rows = take_record_batch(batch, &UInt32Array::from(picks))?;
    let columns = [Arc::new(StringArray::from(ops)) as ArrayRef].into_iter().chain(rows.columns().iter().take(width).cloned()).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
