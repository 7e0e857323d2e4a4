//! Runs jobs in this process, over topics in this process; tests write the input, and check the output and the status.
#![allow(dead_code, reason = "tests use parts of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream::catalog::{Catalog, Overrides};
use millstream::common::Error;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::connectors::kafka::broker::{Broker, OutRecord, Record};
use millstream::connectors::{Connector, Connectors};
use millstream::jobs::{self, Ending, JobSpec, Settings, Status};
use millstream::sql::ast::{Parsed, Source, Statement};
use millstream::sql::parse;
use millstream::state::StateStore;
use millstream::state::object::RemoteStore;
use millstream::workspace::{Connection, Workspace};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::epochs::{self, Watch};

/// Every topic is read from its beginning to its end at the start.
pub const BOUNDED: &[&str] = &["scan.startup.mode=earliest-offset", "scan.bounded.mode=latest-offset"];

/// Topics, and a checkpoint folder in memory.
pub struct Place {
    pub broker: Arc<EmbeddedBroker>,
    /// Additional connectors.
    pub more: Vec<Arc<dyn Connector>>,
    pub store: Arc<dyn StateStore>,
}

impl Place {
    pub fn new() -> Self {
        let memory = Arc::new(object_store::memory::InMemory::new());
        Self {
            broker: Arc::new(EmbeddedBroker::new()),
            more: Vec::new(),
            store: Arc::new(RemoteStore::new(memory, object_store::path::Path::default(), "memory")),
        }
    }

    /// Writes JSON records: partition and value.
    pub fn put(&self, topic: &str, partitions: usize, rows: impl IntoIterator<Item = (i32, String)>) {
        self.broker.create(topic, Some(partitions)).unwrap();
        let record =
            |(partition, value): (i32, String)| OutRecord { partition: Some(partition), value: Some(value.into()), ..OutRecord::default() };
        self.broker.append(topic, rows.into_iter().map(record).collect()).unwrap();
    }

    /// Returns the records of a topic, sorted.
    pub async fn read(&self, topic: &str) -> Vec<String> {
        let bounds = self.broker.bounds(topic).await.unwrap();
        let from: Vec<(i32, i64)> = bounds.iter().map(|b| (b.partition, b.earliest)).collect();
        let mut consumer = self.broker.consumer(topic, &from).unwrap();
        let mut rows = Vec::new();
        let mut each = |r: Record<'_>| rows.push(String::from_utf8(r.value.unwrap().to_vec()).unwrap());
        while consumer.poll(usize::MAX, Duration::ZERO, &mut each).unwrap() > 0 {}
        rows.sort();
        rows
    }

    /// Executes the declarations; returns the other statements.
    pub fn connection(&self, sql: &str, options: &[&str]) -> (Connection, Vec<Parsed>) {
        self.connection_in(sql, options, |connection| connection)
    }

    /// The same in a workspace that `made` adapts.
    pub fn connection_in(&self, sql: &str, options: &[&str], made: impl FnOnce(Workspace) -> Workspace) -> (Connection, Vec<Parsed>) {
        let options = Overrides::parse(options).unwrap();
        let connectors = Connectors::embedded(Arc::clone(&self.broker));
        let connectors = self.more.iter().fold(connectors, |all, connector| all.and(Arc::clone(connector)));
        let connection = made(Workspace::new(Catalog::in_memory(), connectors, options)).into_connection();
        let mut rest = Vec::new();
        for parsed in parse(&Source::new("test.sql", sql)).unwrap_or_else(|e| panic!("{e}")) {
            let ack = futures::executor::block_on(connection.declare(&parsed)).unwrap_or_else(|e| panic!("{e}"));
            if ack.is_none() || matches!(&parsed.statement, Statement::CreateView(view) if view.materialized) {
                rest.push(parsed);
            }
        }
        (connection, rest)
    }

    pub async fn plan(&self, sql: &str, options: &[&str], settings: Settings) -> Result<JobSpec, Error> {
        let (connection, inserts) = self.connection(sql, options);
        connection.plan_job("job", &inserts, Arc::clone(&self.store), settings).await
    }

    /// Runs a job until its bounded input is exhausted, with at most this many rows in an epoch.
    pub async fn run(&self, sql: &str, options: &[&str], epoch_rows: usize) -> Watched {
        self.run_with(sql, options, epoch_rows, Settings::default()).await
    }

    /// The same with job settings.
    pub async fn run_with(&self, sql: &str, options: &[&str], epoch_rows: usize, settings: Settings) -> Watched {
        let mut spec = self.plan(sql, options, settings).await.unwrap_or_else(|e| panic!("{e}"));
        let watched = Watched::new(epoch_rows, &spec);
        spec.settings.max_rows_per_epoch = epoch_rows;
        epochs::watched(&mut spec, &(Arc::new(watched.clone()) as _));
        epochs::travelling(&mut spec);
        let ended = tokio::time::timeout(Duration::from_secs(60), jobs::run(&spec, &CancellationToken::new())).await;
        assert!(matches!(ended, Ok(Ok(Ending::Finished(_)))), "{ended:?}");
        watched
    }
}

/// Watches a job epoch by epoch.
#[derive(Debug, Clone)]
pub struct Watched {
    epoch_rows: usize,
    status: watch::Receiver<Status>,
    seen: Arc<Mutex<Vec<Status>>>,
}

impl Watched {
    pub fn new(epoch_rows: usize, spec: &JobSpec) -> Self {
        Self { epoch_rows, status: spec.status.subscribe(), seen: Arc::default() }
    }

    /// The job's last status.
    pub fn last(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The maximum of a value in the job's status.
    pub fn most(&self, of: impl Fn(&Status) -> u64) -> u64 {
        self.seen.lock().unwrap().iter().map(of).max().unwrap_or(0)
    }
}

impl Watch for Watched {
    fn epoch_rows(&self) -> usize {
        self.seen.lock().unwrap().push(self.status.borrow().clone());
        self.epoch_rows
    }
}
