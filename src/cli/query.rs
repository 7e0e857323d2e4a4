//! `millstream query SQL`: an answer over what the tables hold now.

use std::io::IsTerminal;

use crate::common::{Error, ErrorKind, Result};
use crate::jobs::Done;
use crate::planner::Mode;
use crate::sql::ast::{Emit, Source, Statement};
use crate::sql::parse;

use super::args::{Common, Format, QueryArgs};
use super::{output, setup};

/// Answers and ends.
pub(super) async fn query(common: &Common, args: QueryArgs) -> Result<()> {
    let declarations = setup::statements(&args.files)?;
    let asked = parse(&Source::new("<sql>", args.sql.as_str()))?;
    let workspace = setup::workspace(common)?;
    for parsed in &declarations {
        match (workspace.declare(parsed).await?, &parsed.statement) {
            (Done::Said(line), _) => line.into_iter().for_each(|line| eprintln!("{line}")),
            // Files of a job declare its tables too; its INSERTs are not meant here.
            (Done::No, Statement::Insert(_)) => {}
            (Done::No, _) => return Err(parsed.locate(Error::sql("only declarations and SET can stand in a file for -f of `query`"))),
        }
    }
    let format = args.format.unwrap_or(if std::io::stdout().is_terminal() { Format::Table } else { Format::Csv });
    let stop = setup::stop_signal()?;
    for (i, parsed) in asked.iter().enumerate() {
        if let Done::Said(line) = workspace.declare(parsed).await? {
            line.into_iter().for_each(|line| eprintln!("{line}"));
            continue;
        }
        let query = match &parsed.statement {
            Statement::Query(query) => query,
            Statement::Insert(insert) => {
                let rows = workspace.insert_now(insert).await.map_err(|e| parsed.locate(e))?;
                eprintln!("{}", if rows == 1 { "1 row".to_string() } else { format!("{rows} rows") });
                continue;
            }
            Statement::Copy(copy) => {
                setup::copy(&workspace, copy, parsed, &stop).await?;
                continue;
            }
            Statement::Explain(explain) => {
                print!("{}", workspace.explain(explain).await.map_err(|e| parsed.locate(e))?);
                continue;
            }
            _ => return Err(parsed.locate(Error::sql("`query` answers SELECT, WITH, VALUES and EXPLAIN"))),
        };
        if query.emit != Emit::Unsaid {
            let error = Error::sql("`query` answers over what is there now and ends; EMIT asks for a live answer");
            return Err(parsed.locate(error.hint("leave EMIT out, or write it as INSERT INTO ... SELECT for `run`")));
        }
        let session = workspace.session(Mode::Batch)?;
        let answer = async {
            let (schema, rows) = session.run(&query.query).await.map_err(|e| parsed.locate(e))?;
            // Planned, so every option that means something has been used: a mistyped one shows before the answer.
            if i + 1 == asked.len() {
                workspace.check_options_used()?;
            }
            output::print(schema, rows, format).await
        };
        tokio::select! {
            () = stop.cancelled() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
            printed = answer => printed?,
        }
    }
    workspace.check_options_used()
}
