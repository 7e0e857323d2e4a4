//! The registry of all connectors, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::s3::Buckets;
use crate::common::{Error, OptionSpec, Result, Subject, suggest};
use crate::sql::ast::Options;

use super::Connector;
use super::blackhole::BlackholeConnector;
use super::cassandra::CassandraConnector;
use super::datagen::DatagenConnector;
use super::files::FilesConnector;
use super::kafka::{EmbeddedBroker, KafkaConnector, RdKafkaBroker};
use super::mysql::MySqlConnector;
use super::print::PrintConnector;

/// The systems that tables can be declared on.
#[derive(Debug, Clone)]
pub struct Connectors(BTreeMap<&'static str, Arc<dyn Connector>>);

impl Connectors {
    /// All connectors, with Kafka tables on real clusters.
    pub fn real() -> Self {
        Self::with(KafkaConnector::new(Arc::new(|bootstrap, properties| Ok(Arc::new(RdKafkaBroker::new(bootstrap, properties)?)))))
    }

    /// All connectors, with Kafka tables on an in-process topic log.
    pub fn embedded(log: Arc<EmbeddedBroker>) -> Self {
        Self::with(KafkaConnector::embedded(log))
    }

    fn with(kafka: KafkaConnector) -> Self {
        let mysql = MySqlConnector::default();
        let all: [Arc<dyn Connector>; 9] = [
            Arc::new(kafka.upsert()),
            Arc::new(kafka),
            Arc::new(FilesConnector::default()),
            Arc::new(mysql.jdbc()),
            Arc::new(mysql),
            Arc::new(CassandraConnector::default()),
            Arc::new(DatagenConnector),
            Arc::new(PrintConnector),
            Arc::new(BlackholeConnector),
        ];
        Self(all.into_iter().map(|c| (c.name(), c)).collect())
    }

    /// The same connectors, with file tables in these buckets.
    #[must_use]
    pub fn with_buckets(self, buckets: Arc<Buckets>) -> Self {
        self.and(Arc::new(FilesConnector::new(buckets)))
    }

    /// Adds a connector, which replaces another one of the same name.
    #[must_use]
    pub fn and(mut self, connector: Arc<dyn Connector>) -> Self {
        self.0.insert(connector.name(), connector);
        self
    }

    /// Returns a connector by the value of the option `connector`.
    ///
    /// # Errors
    /// When no connector has that name; the error lists all names.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Connector>> {
        let names: Vec<&str> = self.0.keys().copied().collect();
        let unknown = || Error::sql(format!("unknown `connector` '{name}'")).about(Subject::Option("connector".into()));
        self.0.get(name).cloned().ok_or_else(|| unknown().hint(suggest::hint(name, &names)))
    }

    /// The names of all connectors with their options.
    pub fn options(&self) -> BTreeMap<String, Vec<OptionSpec>> {
        self.0.iter().map(|(name, connector)| (name.to_string(), connector.options())).collect()
    }

    /// Returns the options of an undeclared table whose name is its location.
    pub fn table_of(&self, name: &str) -> Option<Options> {
        self.0.values().find_map(|c| c.table_of(name))
    }

    /// Returns the options of the table that `COPY ... TO` writes.
    ///
    /// # Errors
    /// For an unknown word.
    pub fn copy_options(&self, path: &str, words: &[(String, String)]) -> Result<Options> {
        let found = self.0.values().find_map(|c| c.copy_options(path, words));
        found.unwrap_or_else(|| Err(Error::internal("no connector has files to copy to")))
    }

    /// Whether any connector knows an option.
    pub fn knows(&self, key: &str) -> bool {
        self.0.values().any(|c| c.options().iter().any(|spec| spec.matches(key)))
    }

    /// The keys of all options of all connectors.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.0.values().flat_map(|c| c.options()).map(|spec| spec.key.into_owned()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}
