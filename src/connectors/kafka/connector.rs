//! `'connector' = 'kafka'` and `'connector' = 'upsert-kafka'`: one connector, whose records are rows or the newest row of a key.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::{Error, OptionSpec, Result};
use crate::connectors::{Connector, Sink, Source, TableSpec};

use super::broker::Broker;
use super::options::{APPEND, UPSERT};
use super::{EmbeddedBroker, KafkaSink, KafkaSource, KafkaTable, metadata, options, peek};

/// Creates a client for bootstrap servers and the `properties.*` of a table (without the prefix).
pub type BrokerFactory = Arc<dyn Fn(&str, &[(String, String)]) -> Result<Arc<dyn Broker>> + Send + Sync>;

/// Bootstrap servers and properties, in order.
type Cluster = (String, Vec<(String, String)>);

/// Kafka tables. Tables of one cluster with the same properties share one client.
pub struct KafkaConnector {
    brokers: Arc<Brokers>,
    name: &'static str,
}

enum Brokers {
    Embedded(Arc<EmbeddedBroker>),
    Real { make: BrokerFactory, made: Mutex<HashMap<Cluster, Arc<dyn Broker>>> },
}

impl fmt::Debug for KafkaConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(*self.brokers, Brokers::Embedded(_)) { "KafkaConnector(embedded)" } else { "KafkaConnector" })
    }
}

impl KafkaConnector {
    /// A connector to real clusters.
    pub fn new(make: BrokerFactory) -> Self {
        Self { brokers: Arc::new(Brokers::Real { make, made: Mutex::default() }), name: APPEND }
    }

    /// A connector to the in-process topic log, whatever bootstrap servers a table names.
    pub fn embedded(broker: Arc<EmbeddedBroker>) -> Self {
        Self { brokers: Arc::new(Brokers::Embedded(broker)), name: APPEND }
    }

    /// Returns the `upsert-kafka` connector, with the same clusters and clients.
    #[must_use]
    pub fn upsert(&self) -> Self {
        Self { brokers: Arc::clone(&self.brokers), name: UPSERT }
    }

    /// Returns the client of a table.
    ///
    /// # Errors
    /// When no broker is named, or a property is invalid.
    pub fn broker(&self, table: &KafkaTable) -> Result<Arc<dyn Broker>> {
        let (make, made) = match &*self.brokers {
            Brokers::Embedded(broker) => return Ok(Arc::clone(broker) as Arc<dyn Broker>),
            Brokers::Real { make, made } => (make, made),
        };
        bootstrap(table)?;
        let mut properties = table.properties.clone();
        properties.sort();
        let cluster = (table.bootstrap.clone(), properties);
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broker) = made.get(&cluster) {
            return Ok(Arc::clone(broker));
        }
        let broker = make(&cluster.0, &cluster.1).map_err(|e| e.context(table.label()))?;
        made.insert(cluster, Arc::clone(&broker));
        Ok(broker)
    }

    fn read(&self, table: &Arc<TableSpec>) -> Result<Arc<KafkaTable>> {
        crate::connectors::options::check(table, &options::of_table(table))?;
        let read = KafkaTable::read(Arc::clone(table))?;
        if matches!(*self.brokers, Brokers::Real { .. }) {
            bootstrap(&read)?;
        }
        Ok(Arc::new(read))
    }
}

fn bootstrap(table: &KafkaTable) -> Result<()> {
    if table.bootstrap.trim().is_empty() {
        return Err(Error::option("properties.bootstrap.servers", "is missing")
            .in_table(&table.spec.name)
            .hint("add 'properties.bootstrap.servers' = 'host:9092', or run with --embedded to do without Kafka"));
    }
    Ok(())
}

#[async_trait]
impl Connector for KafkaConnector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self) -> Vec<OptionSpec> {
        options::all(self.name == UPSERT)
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        metadata::all()
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        self.read(&Arc::new(table.clone())).map(drop)
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        let table = self.read(&table)?;
        let broker = self.broker(&table)?;
        Ok(Arc::new(KafkaSource::new(table, broker)))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        let table = self.read(&table)?;
        let broker = self.broker(&table)?;
        Ok(Arc::new(KafkaSink::new(table, broker)?))
    }

    async fn peek(&self, table: Arc<TableSpec>, rows: usize) -> Result<Option<RecordBatch>> {
        let table = self.read(&table)?;
        peek::newest(&table, self.broker(&table)?, rows).await.map(Some)
    }
}
