//! The line that says how far a long batch query has read.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::common::Result;
use crate::operators::ReadProgress;
use crate::planner::{Mode, Session};
use crate::sql::ast::{Copy, Insert};
use crate::workspace::Connection;

/// A query that is done before has no line.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);

/// Shows on stderr, if that is a terminal, how many rows are read, of how many and how long the rest may take if that is known, and is
/// gone when the answer begins.
///
/// The bar is drawn and cleared under one lock, so nothing is drawn into the answer.
#[derive(Debug, Clone, Default)]
pub struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bar: Option<ProgressBar>,
    over: bool,
}

impl Line {
    /// Begins to watch what a session runs.
    pub fn watch(session: &Session) -> Self {
        let line = Self::default();
        if !std::io::stderr().is_terminal() {
            return line;
        }
        let (watching, progress) = (line.clone(), session.progress());
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            while watching.draw(&progress.newest()) {
                tokio::time::sleep(EVERY).await;
            }
        });
        line
    }

    /// Draws once; false when that is over.
    fn draw(&self, progress: &ReadProgress) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.over {
            return false;
        }
        let bar = state.bar.get_or_insert_with(|| {
            // Lines are filled up with blanks. The cursor stands before the end of the line, so that the `^C` of a terminal does not
            // begin another one, which would be cleared in place of this.
            let (template, bar) = match progress.planned() {
                Some(planned) => ("{msg} {wide_bar} {percent:>3} %, {eta} left   \x1b[3D", ProgressBar::new(planned)),
                None => ("{wide_msg}   \x1b[3D", ProgressBar::no_length()),
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_style(style).with_elapsed(PATIENCE)
        });
        let time = if progress.planned().is_some() { String::new() } else { format!(", {} s", bar.elapsed().as_secs()) };
        bar.set_message(format!("{} rows read{time}", HumanCount(progress.rows())));
        bar.set_position(progress.planned().map_or(0, |planned| progress.passed().min(planned)));
        true
    }

    /// Takes the line away for good.
    pub fn clear(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The same rows, with the line gone before the first of them comes; `whole`: before the stream ends, for a client
    /// who prints nothing until then.
    pub fn before(self, rows: SendableRecordBatchStream, whole: bool) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let end = self.clone();
        let rows = rows.inspect(move |batch| {
            if !whole || batch.is_err() {
                self.clear();
            }
        });
        let rows = rows.chain(futures::stream::poll_fn(move |_| {
            end.clear();
            std::task::Poll::Ready(None)
        }));
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }
}

/// A query that is interrupted or fails leaves no line behind. The task that draws holds one, too; it does not count.
pub struct Guard(pub Line);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Carries out an INSERT that ends, with the line. Returns how many rows were written.
///
/// # Errors
/// As [`Workspace::insert_now`].
pub async fn insert(connection: &Connection, insert: &Insert) -> Result<u64> {
    let session = connection.session(Mode::Batch)?;
    let _gone = Guard(Line::watch(&session));
    connection.insert_in(&session, insert).await
}

/// Carries out a COPY, with the line. Returns how many rows were written.
///
/// # Errors
/// As [`Workspace::copy`].
pub async fn copy(connection: &Connection, copy: &Copy) -> Result<u64> {
    let session = connection.session(Mode::Batch)?;
    let _gone = Guard(Line::watch(&session));
    connection.copy_in(&session, copy).await
}
