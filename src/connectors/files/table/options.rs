//! Every option of a table on files.

use crate::common::{OptionSpec, s3};
use crate::connectors::lookup;
use crate::connectors::on_error::OnError;
use crate::formats;

/// The value of `connector`.
pub const NAME: &str = "filesystem";

/// Formats, as `format` names them.
pub const FORMATS: [&str; 7] = ["parquet", "csv", "tsv", "json", "ndjson", "avro", "arrow"];

/// Compressions, as `compression` names them.
pub const COMPRESSIONS: [&str; 7] = ["auto", "none", "uncompressed", "gzip", "zstd", "bzip2", "xz"];

/// All options, for errors, completion and documentation.
pub fn all() -> Vec<OptionSpec> {
    let own = [
        OptionSpec::text(
            "source.monitor-interval",
            "a continuous job looks for new files this often; without it, it reads those that are there and ends",
        ),
        OptionSpec::text(
            "source.path.regex-pattern",
            "only files whose whole path in its store matches: /folder/part-[0-9]+\\.csv (without the bucket)",
        ),
        OptionSpec::text("sink.rolling-policy.file-size", "a file that is as large is shown, and another one begun; default: 128MB"),
        OptionSpec::text("sink.rolling-policy.rollover-interval", "the longest that rows wait to be shown; default: 30 min"),
        OptionSpec::text("sink.rolling-policy.inactivity-interval", "rows are shown when none came for so long; default: 30 min"),
        OptionSpec::text("sink.rolling-policy.check-interval", "accepted; intervals are kept to the millisecond"),
        OptionSpec::one_of(
            "sink.partition-commit.trigger",
            &["process-time", "partition-time"],
            "when a partition gets its success file: as soon as its files are shown (the default), or when event time has passed it",
        ),
        OptionSpec::text("sink.partition-commit.delay", "how far event time has to be behind the partition's time; default: 0 s"),
        OptionSpec::text("sink.partition-commit.watermark-time-zone", "the zone of partitions' times; default: UTC"),
        OptionSpec::one_of("partition.time-extractor.kind", &["default"], "how a partition's time is found: from its values"),
        OptionSpec::text(
            "partition.time-extractor.timestamp-pattern",
            "'$year-$month-$day $hour:00:00'; default: the first column's value",
        ),
        OptionSpec::text("partition.time-extractor.timestamp-formatter", "Java's pattern; default: yyyy-MM-dd [HH:mm:ss]"),
        OptionSpec::one_of("sink.partition-commit.policy.kind", &["success-file"], "what tells that a partition's files are there"),
        OptionSpec::text("sink.partition-commit.success-file.name", "default: _SUCCESS"),
        OptionSpec::text(
            "scan.watermark.idle-timeout",
            "how long no new file may come before event time is not held back; default: 5 s, 0: for ever",
        ),
        OptionSpec::text(
            "scan.watermark.max-ahead",
            "how far ahead of the wall clock an event time may move the watermark (default: as far as rows say)",
        ),
        OptionSpec::text(
            "scan.watermark.alignment.max-drift",
            "how far this table may be ahead of the job's others in event time; default: 1 min",
        ),
        OptionSpec::text("late-rows.table", "the table that rows go to which come too late"),
        OptionSpec::text("sink.shuffle-by-partition.enable", "accepted; has no meaning here"),
        OptionSpec::text("source.report-statistics", "accepted; has no meaning here"),
        OptionSpec::text("sink.parallelism", "accepted; has no meaning here"),
        OptionSpec::text("path", "a file, a folder with all that is below it, or a pattern with * ? [abc] **; local, file:// or s3://"),
        OptionSpec::one_of("format", &FORMATS, "default: by the extension in `path`"),
        OptionSpec::one_of("compression", &COMPRESSIONS, "of csv and json; default: auto, by each file's extension"),
        OptionSpec::text("partition.default-name", "the name of the partition without a value; default: __DEFAULT_PARTITION__"),
        OptionSpec::one_of("csv.header", &["auto", "true", "false"], "whether the first line names columns; default: auto"),
        OptionSpec::flag("csv.ignore-first-line", "leave the first line out, whatever it says; default: false"),
        OptionSpec::text("csv.max-line-size", "the longest row; what is longer ends the query or job; default: 256MB"),
        OptionSpec::flag("csv.allow-line-breaks", "quoted values may go over lines; false reads one large file in parallel; default: true"),
    ];
    let text = ["csv", "json"].into_iter().flat_map(|format| formats::options_of(format).unwrap_or_default());
    own.into_iter().chain(OnError::options()).chain(text).chain(lookup::OPTIONS).chain(s3::OPTIONS).collect()
}
