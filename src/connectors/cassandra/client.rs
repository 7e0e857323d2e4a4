//! Connections to one cluster, as one user.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::deserialize::row::ColumnIterator;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::PagingState;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::Consistency;
use scylla::statement::batch::Batch;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;
use tokio::sync::Mutex;

use crate::common::Result;

use super::config::Login;
use super::decode::{Decoder, Selection};
use super::failure::{Failure, Kind};

/// How long a node may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a node may take to answer; its own limits are below this.
const ANSWER: Duration = Duration::from_secs(20);

/// The number of prepared statements to keep.
const PREPARED: usize = 500;

/// The result of a statement, or the failure.
pub(super) type Outcome<T> = std::result::Result<T, Failure>;

/// An encoded value; `None` is NULL.
pub(super) type Cell = Option<Vec<u8>>;

/// The values of a statement, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Cells(pub(super) Vec<Cell>);

impl SerializeRow for Cells {
    fn serialize(&self, _: &RowSerializationContext<'_>, writer: &mut RowWriter) -> std::result::Result<(), SerializationError> {
        for cell in &self.0 {
            let writer = writer.make_cell_writer();
            match cell {
                None => _ = writer.set_null(),
                Some(bytes) => _ = writer.set_value(bytes).map_err(SerializationError::new)?,
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Opens connections when they are needed, and keeps them.
pub(super) struct Client {
    login: Login,
    session: Mutex<Option<Arc<Session>>>,
    prepared: Mutex<HashMap<String, PreparedStatement>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.login.nodes.join(", "))
    }
}

impl Client {
    pub(super) fn new(login: Login) -> Self {
        Self { login, session: Mutex::default(), prepared: Mutex::default() }
    }

    /// The connection in messages.
    pub(super) fn what(&self, label: &str) -> String {
        format!("{label}: Cassandra at {}", self.login.nodes.join(", "))
    }

    /// Returns the connections, which the first caller opens.
    pub(super) async fn session(&self) -> Outcome<Arc<Session>> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref() {
            return Ok(Arc::clone(session));
        }
        let opened = tokio::time::timeout(CONNECT * 2, self.open()).await;
        let opened = Arc::new(opened.map_err(|_| Failure::away("no answer"))??);
        *session = Some(Arc::clone(&opened));
        Ok(opened)
    }

    async fn open(&self) -> Outcome<Session> {
        let mut policy = DefaultPolicy::builder();
        if let Some(datacenter) = &self.login.datacenter {
            policy = policy.prefer_datacenter(datacenter.clone());
        }
        // Readers and writers decide themselves what to retry, and when.
        let profile = ExecutionProfile::builder()
            .request_timeout(Some(ANSWER))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .load_balancing_policy(policy.build())
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&self.login.nodes)
            .connection_timeout(CONNECT)
            .fetch_full_schema_metadata(false)
            .default_execution_profile_handle(profile.into_handle());
        if let Some(username) = &self.login.username {
            builder = builder.user(username, self.login.password.clone().unwrap_or_default());
        }
        if let Some(tls) = &self.login.tls {
            let context = tls.context().map_err(|e| Failure::new(Kind::Wrong, e.message()))?;
            builder = builder.tls_context(Some(context));
        }
        let session = builder.build().await?;
        if let Some(wanted) = &self.login.datacenter {
            let state = session.get_cluster_state();
            let mut known: Vec<&str> = state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
            known.sort_unstable();
            known.dedup();
            if !known.contains(&wanted.as_str()) {
                let message = format!("there is no data center `{wanted}` (`local-datacenter`), but {}", known.join(", "));
                return Err(Failure::new(Kind::Wrong, message));
            }
        }
        Ok(session)
    }

    /// Prepares a statement on the nodes.
    pub(super) async fn prepare(&self, cql: &str, consistency: Consistency) -> Outcome<PreparedStatement> {
        let known = self.prepared.lock().await.get(cql).cloned();
        if let Some(mut known) = known {
            known.set_consistency(consistency);
            return Ok(known);
        }
        let mut statement = Statement::new(cql);
        statement.set_consistency(consistency);
        statement.set_is_idempotent(true);
        let prepared = self.session().await?.prepare(statement).await.map_err(|e| Failure::from(&e))?;
        let mut all = self.prepared.lock().await;
        if all.len() >= PREPARED {
            all.clear();
        }
        all.insert(cql.to_string(), prepared.clone());
        Ok(prepared)
    }

    /// Drops prepared statements: a table was altered.
    pub(super) async fn forget(&self) {
        self.prepared.lock().await.clear();
    }

    /// Runs a statement once; returns its first page of rows, if it has any.
    pub(super) async fn run(&self, statement: &PreparedStatement, cells: &Cells) -> Outcome<Option<QueryRowsResult>> {
        let (found, _) = self.session().await?.execute_single_page(statement, cells, PagingState::start()).await?;
        Ok(found.into_rows_result().ok())
    }

    /// Writes rows of a batch.
    pub(super) async fn write(&self, batch: &Batch, cells: &[Cells]) -> Outcome<()> {
        self.session().await?.batch(batch, cells).await?;
        Ok(())
    }

    /// Alters the schema, and waits until all nodes agree.
    pub(super) async fn alter(&self, cql: &str) -> Outcome<()> {
        let session = self.session().await?;
        session.query_unpaged(cql, &[]).await?;
        // If nodes still disagree, the next statement fails and says so.
        let _ = session.await_schema_agreement().await;
        Ok(())
    }

    /// Runs a prepared statement, and returns all rows as batches.
    pub(super) async fn decoded(
        &self,
        statement: &PreparedStatement,
        cells: &Cells,
        selection: &Selection,
    ) -> Outcome<Result<Vec<RecordBatch>>> {
        let session = self.session().await?;
        let (mut state, mut batches) = (PagingState::start(), Vec::new());
        loop {
            let (found, next) = session.execute_single_page(statement, cells, state).await?;
            let batch = found
                .into_rows_result()
                .map_err(|_| Failure::away("the server's answer cannot be read"))
                .map(|page| decode(&page, selection))?;
            match batch {
                Ok(batch) if batch.num_rows() > 0 => batches.push(batch),
                Ok(_) => {}
                Err(error) => return Ok(Err(error)),
            }
            match next.into_paging_control_flow() {
                std::ops::ControlFlow::Break(()) => return Ok(Ok(batches)),
                std::ops::ControlFlow::Continue(next) => state = next,
            }
        }
    }
}

/// Decodes a page of rows as a batch.
///
/// # Errors
/// For a value that does not fit the column's declared type.
pub(super) fn decode(page: &QueryRowsResult, selection: &Selection) -> Result<RecordBatch> {
    let mut decoder = Decoder::new(selection, page.rows_num())?;
    let unreadable = || crate::common::Error::unavailable("the server's answer cannot be read");
    for row in page.rows::<ColumnIterator>().map_err(|_| unreadable())? {
        for (i, column) in row.map_err(|_| unreadable())?.enumerate() {
            let column = column.map_err(|_| unreadable())?;
            decoder.push(i, column.slice.as_ref().map(|slice| slice.as_slice()))?;
        }
        decoder.end_row();
    }
    decoder.finish()
}
