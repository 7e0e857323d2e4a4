//! Shows a live query: as a table that changes in place, or as lines.

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::catalog::settings::ResultMode;
use crate::common::units::{counted, human};
use crate::common::{Error, Result, clock};
use crate::jobs::{self, Status};
use crate::workspace::{Connection, Limit, LiveQuery, LiveResult};

use super::changes::{LiveLines, lines};
use super::frame::{Frame, Key};
use super::log_buffer::LogBuffer;
use super::render::{self, Cells, colours_wanted};
use super::screen::{Screen, size};

/// How often the table is drawn, at most.
const EVERY: Duration = Duration::from_millis(100);
/// Notices take this many lines below the table, at most.
const NOTICE: usize = 3;

/// Shows an answer until it ends, or the person ends it.
pub(super) async fn show(
    connection: &Connection,
    live: LiveQuery,
    screen: &mut Screen,
    interrupt: &mut Signal,
    notes: &LogBuffer,
) -> Result<()> {
    let mode = connection.job_settings()?.result_mode.unwrap_or(ResultMode::Table);
    let LiveQuery { job, schema, updating, key, order, limit, rows } = live;
    // Before the job runs: an order that cannot be kept must not leave it behind.
    let changes_in_place = screen.is_live() && mode == ResultMode::Table;
    let content = changes_in_place.then(|| LiveResult::new(&schema, updating, key.clone(), &order)).transpose()?;
    let (stop, status) = (CancellationToken::new(), job.status.subscribe());
    let stopped = stop.clone();
    let running = tokio::spawn(async move { jobs::run(&job, &stopped).await });
    let shown = if let Some(content) = content {
        notes.at_once(false);
        let shown = in_place(content, rows, status, screen, limit, notes).await;
        notes.at_once(true);
        shown
    } else {
        let told = if updating || mode != ResultMode::Table { LiveLines::Changes { key } } else { LiveLines::Rows };
        tokio::select! {
            printed = screen.flow(lines(&schema, told, rows, limit)) => printed,
            () = print_notices(status) => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    };
    stop.cancel();
    let ended = running.await.map_err(|e| Error::internal("the query was cut off").with_source(e))?;
    shown.and(ended.map(drop))
}

/// Prints each notice once, on stderr, while the job runs.
async fn print_notices(mut status: watch::Receiver<Status>) {
    let mut told = None;
    while status.changed().await.is_ok() {
        let word = status.borrow_and_update().message().map(str::to_string);
        if let Some(word) = word.as_ref().filter(|_| word != told) {
            eprintln!("{word}");
        }
        told = word;
    }
    std::future::pending().await
}

/// A table that changes in place, with lines below that tell how the query goes.
async fn in_place(
    mut content: LiveResult,
    mut rows: mpsc::Receiver<RecordBatch>,
    mut status: watch::Receiver<Status>,
    screen: &Screen,
    mut limit: Limit,
    notes: &LogBuffer,
) -> Result<()> {
    let mut frame = Frame::open()?;
    let mut now = status.borrow_and_update().clone();
    let mut picture = Picture::new(&mut content)?;
    let (mut next, mut paused, mut pressed, mut stale, mut over) = (clock::timer(), false, false, true, false);
    while !over {
        tokio::select! {
            key = frame.key() => match key {
                Key::Quit => over = true,
                Key::Pause => (paused, pressed) = (!paused, true),
                Key::Resize => pressed = true,
            },
            batch = rows.recv() => match batch {
                Some(batch) => {
                    let (batch, last) = limit.cut(batch);
                    content.add(&batch)?;
                    (stale, over) = (true, last);
                }
                None => over = true,
            },
            // When it never changes again, the rows have ended, too.
            Ok(()) = status.changed() => {
                now = status.borrow_and_update().clone();
                stale = true;
            }
            () = tokio::time::sleep_until(next), if pressed || stale && !paused => {
                if !paused {
                    picture = Picture::new(&mut content)?;
                }
                frame.draw(&picture.drawn(screen, &below(&now, paused, notes.newest())))?;
                (stale, pressed, next) = (false, false, clock::timer() + EVERY);
            }
        }
    }
    frame.draw(&Picture::new(&mut content)?.drawn(screen, &[]))?;
    drop(frame);
    // If there are no rows, print the whole reason: the status line may have cut it.
    if let Some(word) = now.message().filter(|_| content.count() == 0) {
        eprintln!("{word}");
    }
    Ok(())
}

/// What is shown of the rows.
struct Picture {
    count: u64,
    cells: Cells,
    sorted: bool,
}

impl Picture {
    /// As many rows as fit the terminal.
    fn new(content: &mut LiveResult) -> Result<Self> {
        let (count, rows) = (content.count(), content.shown(size().1)?);
        let mut cells = Cells::new(rows.schema_ref());
        cells.add(&rows)?;
        Ok(Self { count, cells, sorted: content.is_sorted() })
    }

    /// The rows with their count, and some lines below.
    fn drawn(&self, screen: &Screen, below: &[String]) -> String {
        let (look, lines) = (screen.look(), size().1);
        // Lines around the rows, the count, and one for the cursor.
        let room = lines.saturating_sub(6 + below.len()).max(1);
        let part = |rows: usize| {
            let all = self.cells.rows.len();
            let from = if self.sorted { 0 } else { all.saturating_sub(rows) };
            let rows = self.cells.rows.iter().skip(from).take(rows).cloned().collect();
            Cells { rows, ..self.cells.clone() }
        };
        let mut cells = part(room);
        let mut drawn = render::draw(&cells, screen.format(), &look);
        if drawn.text.lines().count() > room + 4 {
            cells = part(((room + 4) / (cells.names.len() + 1)).max(1)); // one below the other
            drawn = render::draw(&cells, screen.format(), &look);
        }
        let mut count = format!("{} row{}", human(self.count), if self.count == 1 { "" } else { "s" });
        let hidden = self.count.saturating_sub(cells.rows.len() as u64);
        if hidden > 0 {
            count.push_str(&format!(", {} of them not shown", human(hidden)));
        }
        count.push_str(&drawn.left_out);
        let below: String = below.iter().map(|line| format!("{line}\n")).collect();
        format!("{}{count}\n{below}", drawn.text)
    }
}

/// How the query goes, what keys do, and what people should know.
fn below(status: &Status, paused: bool, note: Option<String>) -> Vec<String> {
    let columns = size().0 - 1;
    let notice = status.message().map(str::to_string).or(note).unwrap_or_default().replace('\n', "; ");
    let painted = |line: String, colour: &str| if colours_wanted() { format!("{colour}{line}\x1b[0m") } else { line };
    // What keys do is to be seen in a narrow terminal, too.
    let keys = if paused { "  PAUSED  [space] go on  [q] quit" } else { "  [space] pause  [q] quit" };
    let told = format!("{}{keys}", render::cut(&summary(status), columns.saturating_sub(keys.len())));
    let told = painted(render::cut(&told, columns), "\x1b[2m");
    let notices = render::wrapped(&notice, columns, NOTICE).into_iter().map(|line| painted(line, "\x1b[33m"));
    std::iter::once(told).chain(notices).collect()
}

fn summary(status: &Status) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown with three digits")]
    let speed = human(status.rows_per_second as u64);
    let mut line = format!("{speed} rows/s  lag {}", status.lag.map_or("?".to_string(), human));
    if let Some(watermark) = status.watermark {
        line.push_str(&format!("  watermark {}  late {}", short_time(watermark), human(status.late)));
    }
    if status.bad > 0 {
        line.push_str(&format!("  {}", counted(status.bad, "bad record")));
    }
    line
}

/// Milliseconds since 1970 in whole seconds, without the date if it is today: the line has to fit 80 columns.
fn short_time(millis: i64) -> String {
    let Some(time) = chrono::DateTime::from_timestamp_millis(millis) else { return "end".to_string() };
    let today = time.date_naive() == clock::utc().date_naive();
    time.format(if today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}
