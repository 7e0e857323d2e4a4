//! EXPLAIN, with ANALYZE and VERBOSE.

use std::sync::Arc;

use crate::common::{Error, Result};
use crate::planner::{ContinuousPlanner, Explained, Measured, Mode, Program, Session};
use crate::sql::ast::{self, Emit, Statement};

use super::analyze;
use super::connection::Connection;
use super::job_settings::settings;

impl Connection {
    /// How statements would run: the stages of an INSERT or a live query, the plan of a query that ends. With ANALYZE they run, to
    /// the end of what is there now, and nothing is written.
    ///
    /// # Errors
    /// What does not plan, and with ANALYZE what does not run.
    pub async fn explain(&self, explain: &ast::Explain) -> Result<String> {
        let session = self.session(Mode::Streaming)?;
        let mut planner = ContinuousPlanner::new(&session, self.streaming()?);
        let (mut shown, mut outputs) = (Vec::new(), Vec::new());
        for statement in &explain.statements {
            if explain.verbose
                && let Some((query, mode)) = self.explained_query(statement)?
            {
                shown.push(self.session(mode)?.explain_rules(query).await?);
            }
            match statement {
                Statement::Insert(insert) if !insert.values && !self.reads_batch()? => {
                    let planned = self.plan_insert(&mut planner, insert.table.clone(), insert).await?;
                    outputs.push((format!("INSERT INTO {}", insert.table), planned.output));
                }
                Statement::Query(query) if query.emit != Emit::Default => {
                    outputs.push(("SELECT".to_string(), planner.add(query).await?));
                }
                Statement::Query(query) | Statement::Insert(ast::Insert { query, .. }) => {
                    shown.push(self.session(Mode::Batch)?.explain(query, explain.analyze).await?);
                }
                _ => return Err(Error::sql("EXPLAIN shows the plan of an INSERT or a SELECT")),
            }
        }
        let program = Arc::new(planner.finish());
        if !program.stages.is_empty() {
            let outputs: Vec<_> = outputs.iter().map(|(name, output)| (name.clone(), output)).collect();
            let measured = if explain.analyze { Some(self.analyze(session, &program).await?) } else { None };
            let cost = measured.as_ref().map_or_else(String::new, |measured| format!("read {measured}; nothing was written\n\n"));
            let plan = Explained { program: &program, outputs: &outputs, measured: measured.as_ref() };
            let text = format!("{cost}{plan}");
            // Behind what led to it, before what is said of other statements.
            if explain.verbose { shown.push(text) } else { shown.insert(0, text) }
        }
        Ok(shown.join("\n"))
    }

    /// The query of a statement, and how it would run.
    fn explained_query<'a>(&self, statement: &'a Statement) -> Result<Option<(&'a ast::Query, Mode)>> {
        Ok(match statement {
            Statement::Insert(insert) if !insert.values && !self.reads_batch()? => Some((&insert.query, Mode::Streaming)),
            Statement::Query(query) if query.emit != Emit::Default => Some((query, Mode::Streaming)),
            Statement::Query(query) | Statement::Insert(ast::Insert { query, .. }) => Some((query, Mode::Batch)),
            _ => None,
        })
    }

    async fn analyze(&self, session: Session, program: &Arc<Program>) -> Result<Measured> {
        let sources = self.job_sources(program, None).await?;
        let mut settings = settings(&self.job_settings()?, false);
        self.share_memory(&mut settings);
        analyze::analyze(session, Arc::clone(program), &sources, &settings).await
    }
}
