//! Every option of a table in Cassandra.

use crate::common::OptionSpec;
use crate::connectors::lookup;
use crate::connectors::on_error::OnError;

/// The value of `connector`.
pub(super) const NAME: &str = "cassandra";

/// The values of `consistency`.
pub(super) const CONSISTENCIES: [&str; 9] = ["ANY", "ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE"];

const OWN: [OptionSpec; 19] = [
    OptionSpec::text("contact-points", "nodes to begin with, `host:port, ...`; default port: 9042"),
    OptionSpec::text("keyspace", "the keyspace of the table"),
    OptionSpec::text("table", "the table in that keyspace"),
    OptionSpec::text("username", "who logs in"),
    OptionSpec::text("password", "that user's password"),
    OptionSpec::text("local-datacenter", "the data center whose nodes are asked; default: nodes of all of them"),
    OptionSpec::one_of("consistency", &CONSISTENCIES, "of reads and writes; default: LOCAL_QUORUM"),
    OptionSpec::flag("ssl", "true: connections with TLS; default: false"),
    OptionSpec::text(
        "ssl.ca",
        "file (PEM) of the certificate authorities that nodes' certificates are checked with; default: the system's",
    ),
    OptionSpec::text("ssl.cert", "file (PEM) of the client's own certificate, with `ssl.key`; default: none"),
    OptionSpec::text("ssl.key", "file (PEM) of the key of `ssl.cert`"),
    OptionSpec::flag("ssl.verify-hostname", "false: a certificate need not name the node's address; default: true"),
    OptionSpec::text("scan.partition.num", "how many ranges of tokens are read side by side; default: one per core"),
    OptionSpec::text("scan.fetch-size", "rows per page of an answer; default: 5000"),
    OptionSpec::text("lookup.max-retries", "how often a lookup is tried again when no node answers; default: 3"),
    OptionSpec::text("sink.ttl", "how long rows live after they were written, '7 d'; default: until they are deleted"),
    OptionSpec::text("sink.buffer-flush.max-rows", "the most rows of one partition that are written in one batch; default: 100"),
    OptionSpec::text("sink.max-retries", "how often a write is tried again at once when nodes are busy or away; default: 3"),
    OptionSpec::text("sink.parallelism", "how many writes wait for their answers at a time; default: 64"),
];

const CREATE: [OptionSpec; 2] = [
    OptionSpec::flag("create.if-missing", "true: a table that does not exist is created when a job that writes to it starts"),
    OptionSpec::text(
        "create.clustering-order",
        "the order in a partition of a table that is created: 'at DESC, id ASC'; default: ascending",
    ),
];

/// All options, for errors, completion and documentation.
pub(super) fn all() -> Vec<OptionSpec> {
    OWN.into_iter().chain(CREATE).chain(lookup::KEYED_OPTIONS).chain(OnError::options()).collect()
}
