//! A live query: a job whose rows go to a client, and which leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use tokio::sync::mpsc;

use crate::common::{Error, Result};
use crate::connectors::{CommitInfo, Recorded, Sink, SinkMode, SinkWriter, Writer};
use crate::operators::changes::coerce::Coercion;
use crate::planner::{ContinuousPlanner, Mode};
use crate::sql::ast;
use crate::state::object::RemoteStore;

use super::connection::Connection;
use super::job_settings::settings;
use super::limit::{Limit, without_limit};
use crate::jobs::late;
use crate::jobs::spec::{Insert, JobSpec};

/// The name that messages give the job of a live query.
const NAME: &str = "query";
/// How many commits may wait for the one who looks; then the job waits, too.
const WAITING: usize = 4;

/// A live query, planned but not started: [`crate::jobs::run`] runs `job` until its token is cancelled.
#[derive(Debug)]
pub struct LiveQuery {
    /// The job. Its checkpoints are in memory.
    pub job: JobSpec,
    /// The columns of the answer.
    pub schema: SchemaRef,
    /// Rows of the answer may go again: batches then carry [`crate::common::WEIGHT`] as one more column.
    pub updating: bool,
    /// The columns by which one row takes the place of another, if any are known.
    pub key: Option<Vec<usize>>,
    /// The order in which the rows are to be shown: columns of the answer.
    pub order: Vec<(usize, SortOptions)>,
    /// After how many rows it ends.
    pub limit: Limit,
    /// What each commit brings; ends with the job.
    pub rows: mpsc::Receiver<RecordBatch>,
}

impl Connection {
    /// Plans a live query. Where its LIMIT stands behind EMIT, or its rows never change, that is a count, and no operator.
    ///
    /// # Errors
    /// What does not plan.
    pub async fn live(&self, query: &ast::Query) -> Result<LiveQuery> {
        if let Some((endless, limit)) = without_limit(query) {
            let live = self.plan_live(&endless).await?;
            if query.ends || !live.updating {
                return Ok(LiveQuery { limit: Limit::rows(limit), ..live });
            }
        }
        self.plan_live(query).await
    }

    async fn plan_live(&self, query: &ast::Query) -> Result<LiveQuery> {
        let session = self.session(Mode::Streaming)?;
        let streaming = self.streaming()?;
        let plan = async |numbered| {
            let mut planner = ContinuousPlanner::new(&session, streaming).numbering(numbered);
            let output = planner.add(query).await?;
            Ok::<_, Error>((output, planner.finish()))
        };
        let (mut output, mut program) = plan(BTreeSet::new()).await?;
        let apart = late::counted_by_number(&program)?;
        if !apart.is_empty() {
            (output, program) = plan(apart).await?;
        }
        let (updating, schema, order) = (output.updating, Arc::clone(&output.schema), output.order.clone());
        let key = output.keys.iter().min_by_key(|key| key.len()).map(|key| key.iter().copied().collect());
        let (sender, rows) = mpsc::channel(WAITING);
        let sink = Arc::new(Looker { schema: Arc::clone(&schema), sender });
        let coercion = Coercion::new(NAME, &output.schema, Arc::clone(&schema), query.dialect)?;
        let insert = Insert { id: NAME.to_string(), table: NAME.to_string(), sink, output, coercion, dead_letter: None };
        let sources = self.job_sources(&program, None).await?;
        let store = Arc::new(RemoteStore::new(Arc::new(InMemory::new()), Path::default(), "memory"));
        let mut settings = settings(&self.job_settings()?, false);
        self.share_memory(&mut settings);
        let job = JobSpec::new(NAME, program, vec![insert], sources, session, store, settings);
        Ok(LiveQuery { job, schema, updating, key, order, limit: Limit::none(), rows })
    }
}

/// Hands rows to the client.
#[derive(Debug)]
struct Looker {
    schema: SchemaRef,
    sender: mpsc::Sender<RecordBatch>,
}

#[async_trait]
impl Sink for Looker {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn mode(&self) -> SinkMode {
        SinkMode::Changelog
    }

    async fn prepare(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn open(&self, _: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        Ok((Box::new(Hand(self.sender.clone())), None))
    }
}

struct Hand(mpsc::Sender<RecordBatch>);

#[async_trait]
impl SinkWriter for Hand {
    async fn write(&mut self, _commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        for batch in rows {
            // Fails if the screen is closed: the job is about to be stopped.
            let _ = self.0.send(batch.clone()).await;
        }
        Ok(())
    }

    async fn commit(&mut self, _commit: &CommitInfo) -> Result<()> {
        Ok(())
    }
}
