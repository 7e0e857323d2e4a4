//! Writes the rows of a continuous job to files, each row once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;

use crate::common::blocking::blocking;
use crate::common::{Error, Result, clock};
use crate::connectors::rejects::{RejectedRow, Rejects, row_text};
use crate::connectors::{CommitInfo, Recorded, SinkWriter, Writer};

use super::atomic_file::{Output, local};
use super::bulk_writer::{begin, by_partition, path};
use super::encode::{Encoder, Refused};
use super::rolling::{Held, Rolling, Success};
use super::sink_ledger::{Claimed, Record};
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::listing::partitions;

/// Collects the rows of several commits in one file per partition.
///
/// ```text
///   commit 5  commit 6  commit 7 │ commit 8 ...
///   ─────────────────────────────┘
///   dt=2024-05-01/part-<job>-<sink>-5.parquet       hidden until it rolls; then all partitions are shown together,
///   dt=2024-05-02/part-<job>-<sink>-5.parquet       and the commits 5 to 7 are settled
/// ```
/// # Invariants
/// * A file's rows are those of whole commits, and its name holds the first of them. Commits that are not durable are written again after a
///   restart, and roll at the same commit ([`Record`]), so that a visible file is replaced by an identical one.
/// * Nothing becomes visible before the ledger records up to which commit.
pub struct FilesWriter {
    config: Arc<Config>,
    rolling: Rolling,
    header: bool,
    content: SchemaRef,
    record: Record,
    /// The beginning of the names of files.
    stem: String,
    held: Option<Held>,
    /// The attempt that wrote the newest commit.
    attempt: Option<String>,
    /// The watermark.
    watermark: i64,
    open: BTreeMap<String, (Encoder, Output)>,
    rejects: Rejects,
}

impl FilesWriter {
    /// Takes over from older copies; also returns the newest commit that is in files, if that is known. `rejected` counts rows that cannot
    /// be written.
    ///
    /// # Errors
    /// When the folder cannot be used, or a newer copy has taken over.
    pub async fn open(
        config: Arc<Config>,
        rolling: Rolling,
        header: bool,
        writer: &Writer,
        rejected: Arc<AtomicU64>,
    ) -> Result<(Self, Option<Recorded>)> {
        let Claimed { record, last, former } = Record::claim(&config, writer).await?;
        let stem = stem(writer, &writer.job_uuid);
        if config.store.local {
            // Temporary files that killed processes have left.
            let lives = former.map(|life| self::stem(writer, &life)).into_iter().chain([stem.clone()]);
            let starts: Vec<String> = lives.map(|stem| format!(".{stem}-")).chain([record.temporary()]).collect();
            let base = local(&config.location.base);
            blocking(move || {
                remove_temporary(&base, &starts);
                Ok(())
            })
            .await?;
        }
        let content = Arc::new(Schema::new(config.content.clone()));
        let place = format!("table `{}`: a row cannot be written", config.table);
        let rejects = Rejects::new(place, config.on_error, rejected);
        let open = BTreeMap::new();
        Ok((Self { rejects, config, rolling, header, content, record, stem, held: None, attempt: None, watermark: i64::MIN, open }, last))
    }

    async fn file(&mut self, partition: &str, first: u64) -> Result<&mut (Encoder, Output)> {
        if !self.open.contains_key(partition) {
            let path = path(&self.config, partition, &format!("{}-{first}.{}", self.stem, self.config.format.extension()))?;
            let begun = begin(&self.config, &path, self.header, &self.content).await?;
            if let Err(e) = self.complete_after(partition) {
                tracing::warn!("table `{}`: partition {partition} never gets its success file: {e}", self.config.table);
            }
            self.open.insert(partition.to_string(), begun);
        }
        self.open.get_mut(partition).ok_or_else(|| Error::internal("a file that was just opened is gone"))
    }

    /// Makes everything visible up to the newest commit with rows, and announces the partitions that are complete.
    async fn roll(&mut self) -> Result<()> {
        let mut shown = self.record.incomplete().clone();
        let last = match self.held {
            Some(held) => {
                shown.extend(self.show(held.last).await?);
                Recorded { n: held.last, attempt: self.attempt.clone() }
            }
            None if shown.iter().any(|p| self.has_passed(p)) => self.record.last(),
            None => return Ok(()),
        };
        let (complete, incomplete) = match &self.rolling.success {
            None => (BTreeSet::new(), BTreeSet::new()),
            Some(Success { time: None, .. }) => (shown, BTreeSet::new()),
            Some(Success { time: Some(_), .. }) => shown.into_iter().partition(|p| self.has_passed(p)),
        };
        for partition in &complete {
            self.succeed(partition).await?;
        }
        let waits = |partition: &String| self.complete_after(partition).is_ok();
        self.record.done(&self.config, last, incomplete.into_iter().filter(waits).collect()).await?;
        self.held = None;
        Ok(())
    }

    /// Makes the files of all partitions visible, which hold the rows up to a commit. Returns the partitions.
    async fn show(&mut self, last: u64) -> Result<Vec<String>> {
        let mut whole = Vec::with_capacity(self.open.len());
        for (partition, (encoder, mut output)) in std::mem::take(&mut self.open) {
            output.write(encoder.finish()?).await?;
            whole.push((partition, output));
        }
        self.record.announce(&self.config, last).await?;
        let mut partitions = Vec::with_capacity(whole.len());
        for (partition, output) in whole {
            output.show().await?;
            partitions.push(partition);
        }
        Ok(partitions)
    }

    /// Writes the success file of a partition.
    async fn succeed(&mut self, partition: &str) -> Result<()> {
        let Some(Success { name, .. }) = &self.rolling.success else { return Ok(()) };
        let path = path(&self.config, partition, name)?;
        let owner = format!("{}-", self.stem);
        Output::create_for(&owner, &self.config.store, &path, &self.config.location.show(&path)).await?.show().await
    }

    /// The watermark from which on a partition is complete; the minimum if completion does not depend on it.
    fn complete_after(&self, partition: &str) -> Result<i64> {
        let Some(Success { time: Some(time), .. }) = &self.rolling.success else { return Ok(i64::MIN) };
        let values = partitions(partition);
        time.complete_after(|key| values.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()))
    }

    /// Whether the watermark has passed a partition that waits for it.
    fn has_passed(&self, partition: &str) -> bool {
        let waited_for = self.rolling.success.as_ref().is_some_and(|s| s.time.is_some());
        waited_for && self.complete_after(partition).is_ok_and(|after| self.watermark > after)
    }

    /// Treats a row that cannot be written as a bad record.
    fn reject(&mut self, rows: &RecordBatch, Refused { row, error }: Refused) -> Result<()> {
        self.rejects.reject(RejectedRow { value: Some(row_text(rows, row)), error: error.message().to_string(), ..RejectedRow::default() })
    }

    /// Whether a complete partition has files that are not visible yet, or was not announced.
    fn has_news(&self) -> bool {
        self.open.keys().chain(self.record.incomplete()).any(|p| self.has_passed(p))
    }
}

/// Returns the beginning of the names of a sink's files, which no other job, and no other life of this one, uses.
fn stem(writer: &Writer, life: &str) -> String {
    let plain = |text: &str| -> String { text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect() };
    let life: String = life.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    format!("part-{}-{}-{life}", plain(&writer.job), plain(&writer.sink))
}

/// Removes temporary files whose names begin with one of `starts`, in a folder and below it. Files that cannot be removed stay: they are
/// hidden and harmless.
fn remove_temporary(folder: &std::path::Path, starts: &[String]) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_temporary(&entry.path(), starts);
        } else if starts.iter().any(|start| name.starts_with(start)) && name.ends_with(".tmp") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[async_trait]
impl SinkWriter for FilesWriter {
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        let (n, now) = (commit.n, clock::instant());
        self.attempt = Some(commit.attempt.clone()).filter(|attempt| !attempt.is_empty());
        self.watermark = commit.watermark.unwrap_or(self.watermark);
        let held = self.held.get_or_insert(Held { first: n, last: n, since: now, touched: now });
        (held.last, held.touched) = (n, now);
        let first = held.first;
        for batch in rows {
            let (parts, refused) = by_partition(&self.config, &self.content, batch)?;
            for one in refused {
                self.reject(batch, one)?;
            }
            for part in parts {
                let (encoder, output) = self.file(&part.partition, first).await?;
                let refused = encoder.write(&part.rows)?;
                output.write(encoder.take()).await?;
                for Refused { row, error } in refused {
                    self.reject(batch, Refused { row: part.row(row), error })?;
                }
            }
        }
        Ok(())
    }

    async fn commit(&mut self, commit: &CommitInfo) -> Result<()> {
        let Some(held) = self.held else { return Ok(()) };
        let full = match self.record.rolling() {
            // Roll exactly what was being rolled when the process ended, and no more.
            Some(until) => commit.n >= until,
            None => self.has_news() || self.rolling.is_full(&held, self.open.values().map(|(encoder, _)| encoder.len()).max().unwrap_or(0)),
        };
        if full { self.roll().await } else { Ok(()) }
    }

    fn rejected(&mut self) -> Vec<RejectedRow> {
        self.rejects.take()
    }

    fn advance_watermark(&mut self, time: i64) {
        self.watermark = time;
    }

    fn durable_up_to(&self, n: u64) -> u64 {
        match self.held {
            Some(held) => held.first.saturating_sub(1),
            // It is not durable before the partition is announced, too.
            None => n.saturating_sub(u64::from(self.has_news())),
        }
    }

    fn next_flush_at(&self) -> Option<Instant> {
        match self.held {
            _ if self.record.rolling().is_some() => None,
            _ if self.has_news() => Some(clock::instant()),
            held => held.map(|held| self.rolling.due(&held)),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        // Until the commits of an interrupted roll have been written again, there is nothing complete to make visible.
        if self.record.rolling().is_some() { Ok(()) } else { self.roll().await }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::DataType;

    use super::*;
    use crate::common::ErrorKind;
    use crate::common::s3::Buckets;
    use crate::connectors::{TableColumn, TableSpec};
    use crate::sql::ast::Options;

    fn table(folder: &std::path::Path, more: &[(&str, &str)]) -> TableSpec {
        let mut options = Options::default();
        options.set("path", &folder.to_string_lossy());
        options.set("format", "csv");
        more.iter().for_each(|(key, value)| options.set(key, value));
        let column =
            |name: &str, data_type| TableColumn { name: name.into(), data_type, nullable: true, metadata: None, is_virtual: false };
        TableSpec {
            name: "t".into(),
            connector: "filesystem".into(),
            columns: vec![column("k", DataType::Int64), column("p", DataType::Utf8)],
            primary_key: Vec::new(),
            partitioned_by: vec!["p".into()],
            options,
        }
    }

    async fn open(spec: &TableSpec, life: &str, incarnation: u64) -> Result<(FilesWriter, Option<Recorded>)> {
        let writer = Writer { job: "j".into(), job_uuid: life.into(), folder: "f".into(), incarnation, sink: "t".into() };
        FilesWriter::open(Arc::new(Config::read(spec, &Buckets::default())?), Rolling::read(spec)?, false, &writer, Arc::default()).await
    }

    /// The rows of commit n: one in each of two partitions.
    fn rows(n: u64) -> Vec<RecordBatch> {
        let k: ArrayRef = Arc::new(Int64Array::from(vec![n as i64, n as i64]));
        let p: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        vec![RecordBatch::try_from_iter([("k", k), ("p", p)]).unwrap()]
    }

    fn shown(folder: &std::path::Path) -> Vec<String> {
        let mut all = Vec::new();
        for p in ["p=a", "p=b"] {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(p)).into_iter().flatten().map(|e| e.unwrap().path()).collect();
            files.retain(|f| !f.file_name().unwrap().to_string_lossy().starts_with('.'));
            files.sort();
            all.extend(files.iter().map(|f| format!("{p} {}", std::fs::read_to_string(f).unwrap().trim().replace('\n', " "))));
        }
        all
    }

    #[tokio::test]
    async fn a_roll_that_was_cut_off_is_the_same_when_it_is_done_again() {
        let dir = tempfile::tempdir().unwrap();
        let spec = table(dir.path(), &[]);
        let open = |incarnation| open(&spec, "u", incarnation);
        let (mut first, last) = open(1).await.unwrap();
        assert_eq!(last, None);
        for n in 1..=2 {
            first.write(&CommitInfo::new(n, ""), &rows(n)).await.unwrap();
            first.commit(&CommitInfo::new(n, "")).await.unwrap();
        }
        assert_eq!((first.durable_up_to(2), shown(dir.path())), (0, Vec::new()));
        // As in roll(), up to the first of two files.
        first.record.announce(&Config::read(&spec, &Buckets::default()).unwrap(), 2).await.unwrap();
        let (_, (encoder, mut output)) = first.open.pop_first().unwrap();
        output.write(encoder.finish().unwrap()).await.unwrap();
        output.show().await.unwrap();
        // A kill leaves the temporary file.
        std::fs::write(dir.path().join(format!("p=b/.{}-1.csv.x.tmp", first.stem)), "").unwrap();
        drop(first);
        assert_eq!(shown(dir.path()), ["p=a 1 2"]);

        let (mut second, last) = open(2).await.unwrap();
        assert_eq!(last.map(|r| r.n), Some(0));
        for n in 1..=3 {
            second.write(&CommitInfo::new(n, ""), &rows(n)).await.unwrap();
            second.commit(&CommitInfo::new(n, "")).await.unwrap();
        }
        assert_eq!((second.durable_up_to(3), shown(dir.path())), (2, vec!["p=a 1 2".to_string(), "p=b 1 2".to_string()]));
        second.flush().await.unwrap();
        assert_eq!((second.durable_up_to(3), shown(dir.path())), (3, ["p=a 1 2", "p=a 3", "p=b 1 2", "p=b 3"].map(String::from).to_vec()));
        assert_eq!(std::fs::read_dir(dir.path().join("p=b")).unwrap().count(), 2);

        assert_eq!(open(1).await.err().map(|e| e.kind()), Some(ErrorKind::Fenced));
        assert_eq!(open(3).await.unwrap().1.map(|r| r.n), Some(3));
    }

    #[tokio::test]
    async fn a_row_that_has_no_form_in_files_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let rows = || {
            let k: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
            let p: ArrayRef = Arc::new(StringArray::from(vec!["a".to_string(), "x".repeat(300), "b".to_string()]));
            let text: ArrayRef = Arc::new(StringArray::from(vec!["whole", "whole", "two\nlines"]));
            vec![RecordBatch::try_from_iter([("k", k), ("p", p), ("text", text)]).unwrap()]
        };
        let spec = |on_error| {
            let mut spec = table(dir.path(), &[("csv.disable-quote-character", "true"), ("on-error", on_error)]);
            let text = TableColumn { name: "text".into(), ..spec.columns[1].clone() };
            spec.columns.push(text);
            spec
        };
        let (mut writer, _) = open(&spec("skip"), "u", 1).await.unwrap();
        writer.write(&CommitInfo::new(1, ""), &rows()).await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(shown(dir.path()), ["p=a 1,whole", "p=b "]);
        let (mut writer, _) = open(&spec("fail"), "u", 2).await.unwrap();
        let error = writer.write(&CommitInfo::new(2, ""), &rows()).await.unwrap_err().to_string();
        assert!(error.contains("table `t`") && error.contains("`p`"), "{error}");
    }

    #[tokio::test]
    async fn what_killed_processes_have_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let spec = table(dir.path(), &[]);
        drop(open(&spec, "life1", 1).await.unwrap());
        let own = ["_millstream/.j.t.json.x.tmp", "p=a/.part-j-t-life1-1.csv.x.tmp", "p=a/.part-j-t-life2-1.csv.x.tmp"];
        let others = ["_millstream/.j2.t.json.x.tmp", "_millstream/.j.t2.json.x.tmp", "p=a/.part-j-t2-life1-1.csv.x.tmp", "p=a/.mine.tmp"];
        std::fs::create_dir(dir.path().join("p=a")).unwrap();
        own.iter().chain(&others).for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
        open(&spec, "life2", 2).await.unwrap();
        let there = |names: &[&str]| names.iter().filter(|name| dir.path().join(name).exists()).count();
        assert_eq!((there(&own), there(&others)), (0, others.len()));
    }

    #[tokio::test]
    async fn a_partition_is_complete_when_the_watermark_has_passed_it() {
        let dir = tempfile::tempdir().unwrap();
        let spec = table(
            dir.path(),
            &[
                ("sink.partition-commit.trigger", "partition-time"),
                ("sink.partition-commit.policy.kind", "success-file"),
                ("sink.partition-commit.delay", "1 d"),
            ],
        );
        let rows = |days: &[&str]| {
            let k: ArrayRef = Arc::new(Int64Array::from(vec![1; days.len()]));
            let p: ArrayRef = Arc::new(StringArray::from(days.to_vec()));
            vec![RecordBatch::try_from_iter([("k", k), ("p", p)]).unwrap()]
        };
        let (day1, day2) = (dir.path().join("p=2024-05-01"), dir.path().join("p=2024-05-02"));
        let complete = || (day1.join("_SUCCESS").exists(), day2.join("_SUCCESS").exists());
        let files = || {
            [&day1, &day2].map(|day| {
                std::fs::read_dir(day)
                    .unwrap()
                    .filter(|f| !f.as_ref().unwrap().file_name().to_string_lossy().starts_with(['.', '_']))
                    .count()
            })
        };
        let at = |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_millis();

        let (mut first, _) = open(&spec, "u", 1).await.unwrap();
        first.advance_watermark(at("2024-05-02T00:00:00"));
        first.write(&CommitInfo::new(1, ""), &rows(&["2024-05-01", "2024-05-02", "none"])).await.unwrap();
        first.commit(&CommitInfo::new(1, "")).await.unwrap();
        assert_eq!((files(), complete(), first.durable_up_to(1)), ([0, 0], (false, false), 0));
        // Exactly at the end the partition is not complete yet.
        assert!(first.next_flush_at() > Some(Instant::now()));
        first.advance_watermark(at("2024-05-02T00:00:00.001"));
        assert!(first.next_flush_at() <= Some(Instant::now()));
        first.flush().await.unwrap();
        assert_eq!((files(), complete(), first.durable_up_to(1)), ([1, 1], (true, false), 1));
        assert_eq!(first.next_flush_at(), None);
        drop(first);

        // The other one is recorded; the first is not announced again until it gets more rows.
        std::fs::remove_file(day1.join("_SUCCESS")).unwrap();
        let (mut second, last) = open(&spec, "u", 2).await.unwrap();
        second.advance_watermark(at("2024-05-02T12:00:00"));
        assert_eq!((last.map(|r| r.n), second.next_flush_at(), second.durable_up_to(1)), (Some(1), None, 1));
        second.advance_watermark(i64::MAX);
        // A commit without rows is durable once the partition is announced.
        assert_eq!(second.durable_up_to(2), 1);
        second.flush().await.unwrap();
        assert_eq!((complete(), second.durable_up_to(2)), ((false, true), 2));
        second.write(&CommitInfo::new(3, ""), &rows(&["2024-05-01"])).await.unwrap();
        second.commit(&CommitInfo::new(3, "")).await.unwrap();
        assert_eq!((files(), complete(), second.durable_up_to(3)), ([2, 1], (true, true), 3));
        assert_eq!(second.next_flush_at(), None);
    }
}
