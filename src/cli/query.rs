//! `millstream query SQL`: answers a query over what the tables hold now.

use std::io::IsTerminal;

use crate::common::units::counted;
use crate::common::{Error, ErrorKind, Result};
use crate::planner::Mode;
use crate::shell::progress;
use crate::shell::render::Format;
use crate::sql::ast::{Emit, Insert, Parsed, Query, Statement};
use crate::workspace::{Ack, Connection, Outcome};

use super::args::{Common, QueryArgs};
use super::setup;

/// Prints the answer and ends.
pub(super) async fn query(common: &Common, args: QueryArgs) -> Result<()> {
    let declarations = setup::statements(common, &args.answer.files)?;
    let asked = setup::typed(common, &declarations, &args.sql)?;
    let connection = setup::connection(common)?;
    for parsed in &declarations {
        prepare(&connection, parsed).await?;
    }
    let format = Format::asked(args.answer.format);
    let stop = setup::stop_signal()?;
    for (i, parsed) in asked.iter().enumerate() {
        for outcome in connection.execute(parsed).await? {
            match outcome {
                Outcome::Ack(line) => line.into_iter().for_each(|line| eprintln!("{line}")),
                Outcome::Rows(schema, rows) => setup::print(schema, rows, Some(format)).await?,
                Outcome::Stop(_) => return Err(parsed.locate(setup::no_job_to_stop())),
                Outcome::AnalyzeJob(_) => return Err(parsed.locate(setup::no_job_to_ask())),
                Outcome::Text(text) => print!("{text}"),
                Outcome::Forget(keeper) => eprintln!("{}", connection.forget_view(&keeper).await.map_err(|e| parsed.locate(e))?),
                Outcome::Copy(copy) => setup::copy(&connection, &copy, parsed, &stop).await?,
                Outcome::InsertNow(insert) => write(&connection, parsed, &insert).await?,
                // Bounded: an INSERT reads up to now.
                Outcome::Job(part) => {
                    if let Statement::Insert(insert) = &part.statement {
                        write(&connection, &part, insert).await?;
                    }
                }
                Outcome::Query(query) => {
                    let last = i + 1 == asked.len();
                    tokio::select! {
                        () = stop.cancelled() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                        printed = answer(&connection, parsed, &query, format, last) => printed?,
                    }
                }
            }
        }
    }
    connection.check_options_used()
}

/// Executes a statement of a file for `-f`.
pub(super) async fn prepare(connection: &Connection, parsed: &Parsed) -> Result<()> {
    // Files of a job declare its tables, too; its INSERTs are skipped here.
    for parsed in connection.unfold(parsed).await? {
        match (connection.declare(&parsed).await?, &parsed.statement) {
            (Some(Ack(line)), _) => line.into_iter().for_each(|line| eprintln!("{line}")),
            (None, Statement::Insert(_) | Statement::Show(_) | Statement::Describe(_)) => {}
            (None, _) => return Err(parsed.locate(Error::sql("only declarations and SET can stand in a file for -f of `query`"))),
        }
    }
    Ok(())
}

async fn write(connection: &Connection, parsed: &Parsed, insert: &Insert) -> Result<()> {
    let rows = progress::insert(connection, insert).await.map_err(|e| parsed.locate(e))?;
    eprintln!("{}", counted(rows, "row"));
    Ok(())
}

async fn answer(connection: &Connection, parsed: &Parsed, query: &Query, format: Format, last: bool) -> Result<()> {
    if query.emit != Emit::Default {
        let error = Error::sql("`query` answers over what is there now and ends; EMIT asks for a live answer");
        return Err(parsed.locate(error.hint("leave EMIT out, or write it as INSERT INTO ... SELECT for `run`")));
    }
    let session = connection.session(Mode::Batch)?;
    let (schema, rows) = session.run(query).await.map_err(|e| parsed.locate(e))?;
    // The query is planned, so every valid option has been used: a mistyped one is reported before the answer.
    if last {
        connection.check_options_used()?;
    }
    let line = progress::Line::watch(&session);
    let _gone = progress::Guard(line.clone());
    // Rows that do not go to the terminal do not collide with the status line there; a table is printed once it is complete.
    let whole = format.is_whole() || !std::io::stdout().is_terminal();
    setup::print_stream(schema, line.before(rows, whole), format).await
}
