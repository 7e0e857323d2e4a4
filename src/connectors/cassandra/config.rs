//! The options of a table in Cassandra, parsed.

use std::sync::Arc;
use std::time::Duration;

use scylla::statement::Consistency;

use crate::common::{Error, Result, suggest, units};
use crate::connectors::on_error::OnError;
use crate::connectors::options::{parse, positive};
use crate::connectors::{TableSpec, lookup};

use super::identifiers::quoted;
use super::tls::TlsOptions;
use super::types;

/// The port that Cassandra listens on by default.
const PORT: u16 = 9042;

/// The longest TTL that Cassandra allows: 20 years.
const LONGEST_TTL: Duration = Duration::from_secs(20 * 365 * 86_400);

/// A declared table.
#[derive(Debug)]
pub(super) struct CassandraTable {
    pub(super) spec: Arc<TableSpec>,
    pub(super) login: Login,
    pub(super) keyspace: String,
    /// Its name in the keyspace.
    pub(super) name: String,
    pub(super) consistency: Consistency,
    pub(super) ranges: Option<usize>,
    pub(super) page_rows: i32,
    pub(super) lookup_retries: u32,
    /// The TTL in seconds.
    pub(super) ttl: Option<i32>,
    pub(super) batch_rows: usize,
    pub(super) sink_retries: u32,
    pub(super) in_flight: usize,
    pub(super) create: bool,
    pub(super) clustering_order: Vec<Order>,
    pub(super) on_error: OnError,
}

/// The nodes of a cluster, and the user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Login {
    /// `host:port`.
    pub(super) nodes: Vec<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) datacenter: Option<String>,
    pub(super) tls: Option<TlsOptions>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.nodes.join(", "))
    }
}

/// One column of a clustering order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: String,
    pub(super) descending: bool,
}

impl CassandraTable {
    /// Parses the options of a table, asking no server.
    ///
    /// # Errors
    /// Names the invalid option, or the column that Cassandra has no type for.
    pub(super) fn read(spec: Arc<TableSpec>) -> Result<Self> {
        let table = spec.name.clone();
        let needed = |key: &str, hint: &str| {
            let value = spec.option(key).map(str::trim).filter(|value| !value.is_empty());
            value.ok_or_else(|| Error::option(key, "is missing").in_table(&table).hint(hint))
        };
        let nodes = nodes(needed("contact-points", "add 'contact-points' = 'host:9042'")?).map_err(|e| e.in_table(&table))?;
        let name = needed("table", "add 'table' = 'name', the table in `keyspace`")?;
        let (keyspace, name) = match (spec.option("keyspace"), name.split_once('.')) {
            (None, Some((keyspace, name))) => (keyspace.to_string(), name.to_string()),
            _ => (needed("keyspace", "add 'keyspace' = 'name'")?.to_string(), name.to_string()),
        };
        let tls = TlsOptions::read(&spec).map_err(|e| e.in_table(&table))?;
        for column in &spec.columns {
            if let Some(metadata) = &column.metadata {
                return Err(
                    Error::sql(format!("column `{}`: there is no metadata `{metadata}` in Cassandra", column.name)).in_table(&table)
                );
            }
            types::declarable(&column.data_type).map_err(|e| e.context(format!("column `{}`", column.name)).in_table(&table))?;
        }
        let key = &spec.primary_key;
        if !key.is_empty() && !key.starts_with(&spec.partitioned_by) {
            return Err(Error::sql("PARTITIONED BY names the partition key, with which the PRIMARY KEY begins")
                .in_table(&table)
                .hint(format!("write PARTITIONED BY ({})", key.first().map_or("", String::as_str))));
        }
        let retries = |key: &str| Ok::<u32, Error>(parse(&spec, key, "a whole number")?.unwrap_or(3));
        let page_rows = positive::<usize>(&spec, "scan.fetch-size")?.map_or(5000, |rows| i32::try_from(rows).unwrap_or(i32::MAX));
        lookup::cache_of(&spec)?;
        Ok(Self {
            login: Login {
                nodes,
                username: spec.option("username").map(ToString::to_string),
                password: spec.option("password").map(ToString::to_string),
                datacenter: spec.option("local-datacenter").map(ToString::to_string),
                tls,
            },
            keyspace,
            name,
            consistency: consistency(spec.option("consistency").unwrap_or("LOCAL_QUORUM")),
            ranges: positive(&spec, "scan.partition.num")?,
            page_rows,
            lookup_retries: retries("lookup.max-retries")?,
            ttl: ttl(&spec)?,
            batch_rows: positive(&spec, "sink.buffer-flush.max-rows")?.unwrap_or(100).min(usize::from(u16::MAX)),
            sink_retries: retries("sink.max-retries")?,
            in_flight: positive(&spec, "sink.parallelism")?.unwrap_or(64),
            create: spec.option("create.if-missing").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            clustering_order: clustering_order(&spec)?,
            on_error: OnError::read(&spec).map_err(|e| e.in_table(&table))?,
            spec,
        })
    }

    /// The table in messages.
    pub(super) fn label(&self) -> String {
        format!("table `{}`", self.spec.name)
    }

    /// The addresses of its nodes.
    pub(super) fn address(&self) -> String {
        self.login.nodes.join(", ")
    }

    /// The name of the table in the commits of jobs.
    pub(super) fn identity(&self) -> String {
        format!("table {}", self.quoted())
    }

    /// The table in a statement.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.keyspace), quoted(&self.name))
    }

    /// Returns the partition key and the clustering columns, as far as they are declared: in CQL the first column of the key is the
    /// partition key by default.
    pub(super) fn declared_key(&self) -> (&[String], &[String]) {
        let key = &self.spec.primary_key;
        key.split_at(self.spec.partitioned_by.len().max(1).min(key.len()))
    }
}

fn nodes(text: &str) -> Result<Vec<String>> {
    let node = |node: &str| {
        let wrong = || {
            Error::option("contact-points", format!("cannot be '{node}'")).hint("write 'host:9042', or several of them with commas between")
        };
        let has_port = node.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let (host, port) = match node.rsplit_once(':').filter(|_| has_port) {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (node, PORT),
        };
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(wrong());
        }
        Ok(if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(node).collect()
}

fn consistency(text: &str) -> Consistency {
    match text.to_ascii_uppercase().as_str() {
        "ANY" => Consistency::Any,
        "ONE" => Consistency::One,
        "TWO" => Consistency::Two,
        "THREE" => Consistency::Three,
        "QUORUM" => Consistency::Quorum,
        "ALL" => Consistency::All,
        "EACH_QUORUM" => Consistency::EachQuorum,
        "LOCAL_ONE" => Consistency::LocalOne,
        _ => Consistency::LocalQuorum,
    }
}

fn ttl(spec: &TableSpec) -> Result<Option<i32>> {
    let Some(text) = spec.option("sink.ttl") else { return Ok(None) };
    let ttl = units::duration(text).map_err(|e| e.in_table_option(&spec.name, "sink.ttl"))?;
    if ttl < Duration::from_secs(1) || ttl > LONGEST_TTL {
        return Err(Error::option("sink.ttl", format!("cannot be '{text}'")).in_table(&spec.name).hint("give 1 s to 7300 d"));
    }
    Ok(i32::try_from(ttl.as_secs()).ok())
}

fn clustering_order(spec: &TableSpec) -> Result<Vec<Order>> {
    const KEY: &str = "create.clustering-order";
    let Some(text) = spec.option(KEY) else { return Ok(Vec::new()) };
    let clustering = spec.primary_key.get(spec.partitioned_by.len().max(1)..).unwrap_or_default();
    let part = |(i, part): (usize, &str)| {
        let mut words = part.split_whitespace();
        let (column, order) = (words.next().unwrap_or_default(), words.next().unwrap_or("ASC"));
        let descending = order.eq_ignore_ascii_case("DESC");
        let known = descending || order.eq_ignore_ascii_case("ASC");
        if !known || words.next().is_some() || clustering.get(i).is_none_or(|name| name != column) {
            let names: Vec<&str> = clustering.iter().map(String::as_str).collect();
            let hint = if clustering.is_empty() {
                "the PRIMARY KEY has no columns behind the partition key".to_string()
            } else if known && !names.contains(&column) {
                suggest::hint(column, &names)
            } else {
                format!("write '{} DESC', in the order of the PRIMARY KEY", names.join(" DESC, "))
            };
            return Err(Error::option(KEY, format!("cannot be '{text}'")).in_table(&spec.name).hint(hint));
        }
        Ok(Order { column: column.to_string(), descending })
    };
    text.split(',').enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_and_without_ports() {
        assert_eq!(nodes("a, b:1,[::1]:2 ,::1").unwrap(), ["a:9042", "b:1", "[::1]:2", "[::1]:9042"]);
        for wrong in ["a:x", "cassandra://a", "me@a", ":1"] {
            assert!(nodes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_in_statements() {
        for (name, expected) in [("a_1", "a_1"), ("Name", "\"Name\""), ("1a", "\"1a\""), ("order", "\"order\""), ("x\"y", "\"x\"\"y\"")] {
            assert_eq!(quoted(name), expected);
        }
    }
}
