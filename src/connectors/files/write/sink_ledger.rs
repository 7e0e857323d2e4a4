//! The ledger of what a job has written into a folder: a small hidden object beside its files.

use std::collections::BTreeSet;

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::connectors::{Recorded, Writer};

use super::atomic_file::Output;
use crate::connectors::files::table::config::Config;

/// `<path>/_millstream/<job>.<sink>.json`.
///
/// ```text
///  open ─▶ {incarnation}    roll ─▶ {rolling: n} ─▶ files shown ─▶ {last: n}
/// ```
/// `rolling` is written before the first file of a roll becomes visible. After a crash in between, the same commits are rolled again, up to
/// exactly that one: so the same files are written, under the same names, and no row is visible twice.
///
/// On S3 every write is conditional on the one before, so that an older copy of the job is stopped before it makes anything visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    job_uuid: String,
    incarnation: u64,
    /// Everything up to this commit is in files.
    last: u64,
    /// The attempt that wrote that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<String>,
    /// The commit up to which files are being made visible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rolling: Option<u64>,
    /// Partitions with visible files but without a success file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    incomplete: BTreeSet<String>,
}

/// The ledger, as this writer has left it.
#[derive(Debug)]
pub struct Record {
    path: Path,
    content: Content,
    version: Option<UpdateVersion>,
}

/// A ledger that was claimed.
#[derive(Debug)]
pub struct Claimed {
    /// The ledger.
    pub record: Record,
    /// The recorded commit, if it is of this job UUID.
    pub last: Option<Recorded>,
    /// The previous job UUID, if the ledger belonged to another one.
    pub former: Option<String>,
}

impl Record {
    /// Claims the ledger from older copies.
    ///
    /// # Errors
    /// `Fenced` when a newer copy has it.
    pub async fn claim(config: &Config, writer: &Writer) -> Result<Claimed> {
        let name = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let base = config.location.base.as_ref();
        let path = format!("{base}/_millstream/{}.{}.json", name(&writer.job), name(&writer.sink));
        let path = Path::parse(path.trim_start_matches('/')).map_err(|e| Error::internal("a record without a path").with_source(e))?;
        let (job_uuid, incarnation) = (writer.job_uuid.clone(), writer.incarnation);
        let fresh = Content { job_uuid, incarnation, last: 0, attempt: None, rolling: None, incomplete: BTreeSet::new() };
        let away = |e| Error::unavailable(format!("{} cannot be read", config.location.show(&path))).with_source(e);
        let mut former = None;
        let (content, version, last) = match config.store.objects.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => (fresh, None, None),
            Err(e) => return Err(away(e)),
            Ok(found) => {
                let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                let bytes = found.bytes().await.map_err(away)?;
                let shown = config.location.show(&path);
                let before: Content = serde_json::from_slice(&bytes)
                    .map_err(|e| Error::state(format!("{shown} is no record of Millstream")).with_source(e))?;
                if before.job_uuid != writer.job_uuid {
                    former = Some(before.job_uuid);
                    (fresh, Some(version), None)
                } else if before.incarnation > writer.incarnation {
                    return Err(taken_over(&config.table));
                } else {
                    let last = Recorded { n: before.last, attempt: before.attempt.clone() };
                    (Content { incarnation: writer.incarnation, ..before }, Some(version), Some(last))
                }
            }
        };
        let mut record = Self { path, content, version };
        record.save(config).await?;
        Ok(Claimed { record, last, former })
    }

    /// The prefix of the names of its temporary files.
    pub fn temporary(&self) -> String {
        format!(".{}.", self.path.filename().unwrap_or_default())
    }

    /// The commit up to which files were being made visible when the previous writer ended.
    pub fn rolling(&self) -> Option<u64> {
        self.content.rolling
    }

    /// Records that files up to a commit are about to become visible.
    ///
    /// # Errors
    /// `Fenced` when a newer copy has taken over.
    pub async fn announce(&mut self, config: &Config, n: u64) -> Result<()> {
        if self.content.rolling == Some(n) {
            return Ok(());
        }
        self.content.rolling = Some(n);
        self.save(config).await
    }

    /// Records that they are visible, and which partitions are now incomplete.
    ///
    /// # Errors
    /// As [`Self::announce`].
    pub async fn done(&mut self, config: &Config, Recorded { n, attempt }: Recorded, incomplete: BTreeSet<String>) -> Result<()> {
        self.content = Content { last: n, attempt, rolling: None, incomplete, ..self.content.clone() };
        self.save(config).await
    }

    /// The commit up to which everything is in files.
    pub fn last(&self) -> Recorded {
        Recorded { n: self.content.last, attempt: self.content.attempt.clone() }
    }

    /// Partitions with visible files but without a success file.
    pub fn incomplete(&self) -> &BTreeSet<String> {
        &self.content.incomplete
    }

    async fn save(&mut self, config: &Config) -> Result<()> {
        let bytes = serde_json::to_vec(&self.content)?;
        let shown = config.location.show(&self.path);
        if config.store.local {
            // The lock of the checkpoint folder excludes other copies.
            let mut output = Output::create(&config.store, &self.path, &shown).await?;
            output.write(bytes).await?;
            return output.show().await;
        }
        let mode = self.version.clone().map_or(PutMode::Create, PutMode::Update);
        let options = PutOptions { mode, ..PutOptions::default() };
        match config.store.objects.put_opts(&self.path, PutPayload::from(bytes.clone()), options).await {
            Ok(put) => {
                self.version = Some(put.into());
                Ok(())
            }
            Err(e) => {
                // It may have been our own first attempt, whose answer was lost: only the bytes show that.
                let away = |e| Error::unavailable(format!("{shown} cannot be written")).with_source(e);
                let Ok(found) = config.store.objects.get(&self.path).await else { return Err(away(e)) };
                let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                let stands = found.bytes().await.map_err(away)?;
                if stands == bytes {
                    self.version = Some(version);
                    return Ok(());
                }
                match e {
                    object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. } => Err(taken_over(&config.table)),
                    e => Err(away(e)),
                }
            }
        }
    }
}

fn taken_over(table: &str) -> Error {
    Error::fenced(format!("table `{table}`: a newer copy of the job writes these files"))
}
