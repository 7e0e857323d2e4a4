//! `millstream demo`: a generator job and the transactions job on an in-process topic log, with their windows as bars.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Overrides};
use crate::common::clock::SystemClock;
use crate::common::{Error, Projection, Result};
use crate::connectors::kafka::EmbeddedBroker;
use crate::connectors::{Connectors, Prefetch, RunContext, SourceReader, StartMode};
use crate::jobs::progress::show_time;
use crate::jobs::{self, JobSpec, Settings, Status};
use crate::operators::to_millis;
use crate::shell::{LogBuffer, Setup, interact};
use crate::sql::Variables;
use crate::sql::ast::{Parsed, Source, Statement};
use crate::sql::parse;
use crate::state::StateStore;
use crate::state::object::RemoteStore;
use crate::workspace::{Connection, Workspace};

use super::args::{Common, DemoArgs};
use super::setup;
use super::terminal::fit;

const GENERATOR: &str = include_str!("../../sql/transactions/generator/generate.sql");
const SCRIPTS: [(&str, &str); 3] = [
    ("1_source.sql", include_str!("../../sql/transactions/flink/1_source.sql")),
    ("2_sink.sql", include_str!("../../sql/transactions/flink/2_sink.sql")),
    ("3_insert.sql", include_str!("../../sql/transactions/flink/3_insert.sql")),
];
/// The generator begins half a minute in the past, catches up, and continues for ever at this pace.
const LIVE: [&str; 5] = [
    "transactions_generator.rows-per-second=5000",
    "transactions_generator.fields.happened.start=-30 s",
    "transactions_generator.number-of-rows=",
    "transactions_generator.fields.happened.step=",
    // The scripts have no watermark delay, so rows out of order would be late.
    "transactions_generator.fields.late_by.max=0",
];
/// The table whose rows are shown.
const SHOWN: &str = "transactions_paid_agg_table";
/// The generator's table, the table that it writes, and the table by which the shell reads what it wrote.
const SOURCE: &str = "transactions_generator";
const GENERATED: &str = "transactions_generated";
const ASKED: &str = "transactions_table";
/// Retention of the demo's topics: about this many bytes per partition, which is a few minutes of records.
const KEPT: usize = 64 << 20;
/// How many windows are on the screen.
const HEIGHT: usize = 14;

/// Runs until Ctrl-C, or for the given time; with `--shell` until the user leaves it.
pub(super) async fn demo(common: &Common, args: DemoArgs, notes: LogBuffer) -> Result<()> {
    let options: Vec<&str> = LIVE.into_iter().chain(common.options.iter().map(String::as_str)).collect();
    let overrides = Overrides::parse(&options)?;
    let workspace =
        Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::new(EmbeddedBroker::with(KEPT, Arc::new(SystemClock)))), overrides);
    if args.shell {
        return shell(common, workspace, notes).await;
    }
    let connection = workspace.into_connection();
    let generator = job(&connection, "generator", &[("generate.sql", GENERATOR)]).await?;
    let windows = job(&connection, "transactions-flink", &SCRIPTS).await?;
    connection.check_options_used()?;
    let stop = setup::stop_signal()?;
    if let Some(seconds) = args.seconds {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.cancel();
        });
    }
    eprintln!("5,000 transactions a second go to an in-process topic; sql/transactions/flink/*.sql sums them up.");
    for insert in generator.inserts.iter().chain(windows.inserts.iter()) {
        insert.sink.prepare().await?;
    }
    let shown = connection.source(SHOWN).await?;
    let mut enumerator = shown.stream()?.enumerator(RunContext::default())?;
    let ranges = enumerator.start(StartMode::Earliest).await?;
    let rows = enumerator.reader(ranges, Projection::all(&shown.source.schema()), Prefetch::default())?;
    let (a, b, c) = tokio::join!(jobs::run(&generator, &stop), jobs::run(&windows, &stop), show(rows, &windows, &stop));
    a.and(b)?;
    c?;
    eprintln!(
        "\nThe job is three files in sql/transactions/flink; point it at your Kafka with\n  millstream run sql/transactions/flink --option properties.bootstrap.servers=HOST:PORT"
    );
    Ok(())
}

/// Opens a shell with the demo's tables, with the generator as a background job.
async fn shell(common: &Common, workspace: Workspace, notes: LogBuffer) -> Result<()> {
    let connection = workspace.with_memory(&setup::memory(common))?.with_checkpoints(in_memory(), false).into_connection();
    declare(&connection, &SCRIPTS).await?;
    let begin = declare(&connection, &[("generate.sql", GENERATOR)]).await?;
    for table in [GENERATED, SHOWN] {
        // The topics exist for a client that connects at once.
        connection.sink(table)?.prepare().await?;
    }
    for table in [SOURCE, ASKED] {
        connection.source(table).await?;
    }
    connection.check_options_used()?;
    let banner = format!(
        "millstream {}, the demo: 5,000 payments a second go to a topic in this process. Its table is {ASKED}:\n\n\
         \x20 SELECT * FROM {ASKED} LIMIT 5;\n\
         \x20 SELECT window_end, COUNT(*) AS payments, SUM(total_paid) AS paid\n\
         \x20 FROM TABLE(TUMBLE(TABLE {ASKED}, DESCRIPTOR(event_timestamp), INTERVAL '3' SECONDS))\n\
         \x20 GROUP BY window_start, window_end EMIT CHANGES;\n\n{}",
        env!("CARGO_PKG_VERSION"),
        super::shell::KEYS
    );
    let history = super::shell::history();
    let variables = Variables::parse(&common.variables)?;
    let about = "the demo: nothing is kept, Kafka tables are topics in this process\n".to_string();
    let setup = Setup { connection, variables, format: None, history, init: None, about, begin, notes };
    interact(setup, &banner).await
}

async fn job(connection: &Connection, name: &str, files: &[(&str, &str)]) -> Result<JobSpec> {
    let inserts = declare(connection, files).await?;
    let settings = Settings { checkpoint_interval: Duration::from_millis(50), ..Settings::default() };
    connection.plan_job(name, &inserts, in_memory(), settings).await
}

/// Executes the declarations of scripts; returns their INSERTs.
async fn declare(connection: &Connection, files: &[(&str, &str)]) -> Result<Vec<Parsed>> {
    let mut inserts: Vec<Parsed> = Vec::new();
    for (file, text) in files {
        for parsed in parse(&Source::new(*file, *text))? {
            connection.declare(&parsed).await?;
            if matches!(parsed.statement, Statement::Insert(_)) {
                inserts.push(parsed);
            }
        }
    }
    Ok(inserts)
}

/// A checkpoint folder in memory.
fn in_memory() -> Arc<dyn StateStore> {
    let memory = Arc::new(object_store::memory::InMemory::new());
    Arc::new(RemoteStore::new(memory, object_store::path::Path::default(), "memory"))
}

/// One closed window.
struct Window {
    start: i64,
    paid: i64,
    count: i64,
    average: i64,
}

/// Draws windows as they come: in place on a terminal, else one line each.
async fn show(mut rows: Box<dyn SourceReader>, job: &JobSpec, stop: &CancellationToken) -> Result<()> {
    let terminal = std::io::stdout().is_terminal();
    let mut windows: VecDeque<Window> = VecDeque::new();
    let mut drawn = 0;
    while !stop.is_cancelled() {
        let fetched = rows.next(1000, Duration::from_millis(100)).await?;
        let mut new = Vec::new();
        for chunk in &fetched.chunks {
            new.extend(read(&chunk.batch)?);
        }
        // The topic has several partitions, so adjacent windows may come in any order.
        new.sort_by_key(|w| w.start);
        if !terminal {
            let most = new.iter().chain(&windows).map(|w| w.paid).max().unwrap_or(1);
            new.iter().for_each(|window| println!("{}", line(window, most)));
        }
        windows.extend(new);
        windows.make_contiguous().sort_by_key(|w| w.start);
        while windows.len() > HEIGHT {
            windows.pop_front();
        }
        if terminal {
            drawn = draw(&windows, &job.status.borrow().clone(), drawn)?;
        }
    }
    Ok(())
}

fn read(batch: &RecordBatch) -> Result<Vec<Window>> {
    let column = |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| Error::internal(format!("{SHOWN} has no column {name}")));
    let number = |name: &str| -> Result<ArrayRef> { Ok(cast(&column(name)?, &DataType::Int64)?) };
    let start = to_millis(&column("window_start")?)?;
    let (paid, count, average) = (number("total_paid")?, number("total_transactions")?, number("average_transaction_value")?);
    let value = |array: &ArrayRef, i: usize| array.as_primitive::<Int64Type>().value(i);
    Ok((0..start.len())
        .map(|i| Window { start: start.value(i), paid: value(&paid, i), count: value(&count, i), average: value(&average, i) })
        .collect())
}

fn line(window: &Window, most: i64) -> String {
    const WIDTH: i64 = 36;
    let bar = usize::try_from(window.paid * WIDTH / most.max(1)).unwrap_or(0);
    let time = show_time(window.start);
    let time = time.get(11..19).unwrap_or(&time);
    format!("{time}  {:<36}  {:>9} paid  {:>7} transactions  {:>4} average", "█".repeat(bar), window.paid, window.count, window.average)
}

/// Draws over the previous lines; returns how many lines there are now.
fn draw(windows: &VecDeque<Window>, status: &Status, before: usize) -> Result<usize> {
    let most = windows.iter().map(|w| w.paid).max().unwrap_or(1);
    let mut out = std::io::stdout().lock();
    if before > 0 {
        write!(out, "\x1b[{before}A")?;
    }
    writeln!(out, "\x1b[2K\x1b[1mwindow    total paid in 3 seconds\x1b[0m")?;
    for window in windows {
        writeln!(out, "\x1b[2K{}", fit(&line(window, most)))?;
    }
    writeln!(out, "\x1b[2K\x1b[2m{}\x1b[0m", fit(&format!("Ctrl-C ends · {status}")))?;
    out.flush()?;
    Ok(windows.len() + 2)
}
