//! CREATE and DROP of materialized views whose jobs run.

use std::io::Write;

use crate::common::{Error, ErrorKind, Result};
use crate::sql::ast::{Parsed, Statement};
use crate::workspace::Keeper;

use super::session::{Session, ViewChange};

impl Session {
    /// What has to be known, asked and stopped before a statement about a materialized view is carried out.
    pub(super) async fn before_view(&mut self, parsed: &Parsed) -> Result<ViewChange> {
        let Some(keeper) = self.connection.keeper(parsed).await? else { return Ok(ViewChange::Other) };
        match &parsed.statement {
            Statement::CreateView(_) if self.connection.declares_again(parsed)? => {
                Ok(if keeper.runs { ViewChange::Kept(keeper) } else { ViewChange::Other })
            }
            Statement::CreateView(view) => {
                // One without OR REPLACE is refused by itself.
                if view.or_replace {
                    self.connection.refuse_read(&keeper.view).await?;
                    self.refuse_elsewhere(&keeper)?;
                }
                Ok(ViewChange::Replaced(keeper))
            }
            Statement::Drop(drop) => {
                self.connection.refuse_drop(drop)?;
                self.connection.refuse_read(&keeper.view).await?;
                self.refuse_elsewhere(&keeper)?;
                if self.interactive {
                    print!("drop materialized view {} with its content and job {}? [y/N] ", keeper.view, keeper.job);
                    std::io::stdout().flush()?;
                    let mut answer = String::new();
                    std::io::stdin().read_line(&mut answer)?;
                    if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
                        return Err(Error::new(ErrorKind::Interrupted, "nothing was dropped"));
                    }
                }
                if self.jobs.runs(&keeper.job) {
                    let stopped = self.jobs.stop(&self.connection, &keeper.job).await?;
                    self.screen.say(&stopped);
                }
                Ok(ViewChange::Other)
            }
            _ => Ok(ViewChange::Other),
        }
    }

    /// Refuses to touch a job that another process runs.
    fn refuse_elsewhere(&self, keeper: &Keeper) -> Result<()> {
        if !keeper.runs || self.jobs.runs(&keeper.job) {
            return Ok(());
        }
        Err(Error::sql(format!("materialized view `{}` is kept by job `{}`, which another process runs", keeper.view, keeper.job))
            .hint("stop that job first"))
    }
}
