//! Every option of a table in MySQL or MariaDB.

use crate::common::OptionSpec;
use crate::connectors::lookup;
use crate::connectors::on_error::OnError;

/// The value of `connector`.
pub(super) const NAME: &str = "mysql";

/// Flink's name for it, with a `jdbc:` URL.
pub(super) const JDBC: &str = "jdbc";

const OWN: [OptionSpec; 13] = [
    OptionSpec::text("url", "the server and the database: mysql://host:3306/database, jdbc:mysql://..., or jdbc:mariadb://..."),
    OptionSpec::text("table-name", "the table in that database"),
    OptionSpec::text("username", "who logs in; default: the user that the URL names"),
    OptionSpec::text("password", "that user's password"),
    OptionSpec::text("scan.partition.column", "an integer column by whose ranges the table is read side by side; default: its PRIMARY KEY"),
    OptionSpec::text("scan.partition.num", "how many ranges; default: one per core, and one for a small table"),
    OptionSpec::text(
        "scan.partition.lower-bound",
        "where the first range ends at the latest; default: the least value. No row is left out",
    ),
    OptionSpec::text(
        "scan.partition.upper-bound",
        "where the last range begins at the earliest; default: the greatest value. No row is left out",
    ),
    OptionSpec::text("scan.fetch-size", "how many rows are decoded at a time; rows are streamed in any case; default: 8192"),
    OptionSpec::text("lookup.max-retries", "how often a lookup is tried again when the connection breaks; default: 3"),
    OptionSpec::text("sink.buffer-flush.max-rows", "the most rows in one INSERT or DELETE; default: 1000"),
    OptionSpec::text(
        "sink.max-retries",
        "how often a transaction is tried again at once after a deadlock or a lock that it waited for in vain; default: 3",
    ),
    OptionSpec::flag("create.if-missing", "true: a table that does not exist is created when a job that writes to it starts"),
];

/// Options of Flink's connector that are accepted and have no effect.
const ACCEPTED: [OptionSpec; 6] = [
    OptionSpec::text("driver", "accepted; no driver is loaded"),
    OptionSpec::text("compatible-mode", "accepted; has no meaning here"),
    OptionSpec::text("connection.max-retry-timeout", "accepted; a job waits for its server"),
    OptionSpec::flag("scan.auto-commit", "accepted; rows are streamed in any case"),
    OptionSpec::text("sink.buffer-flush.interval", "accepted; rows are written with each commit: `checkpoint.interval`"),
    OptionSpec::text("sink.parallelism", "accepted; one transaction writes a commit"),
];

/// All options, for errors, completion and documentation.
pub(super) fn all() -> Vec<OptionSpec> {
    OWN.into_iter().chain(lookup::KEYED_OPTIONS).chain(ACCEPTED).chain(OnError::options()).collect()
}
