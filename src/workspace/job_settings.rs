//! A job's name and settings, from what a script and its flags say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::JobSettings;
use crate::common::names;
use crate::jobs::spec::Settings;

/// A job's name: what was said, else parent and folder of several files, or the stem of one.
pub fn job_name(said: Option<&str>, files: &[PathBuf]) -> String {
    if let Some(name) = said {
        return name.to_string();
    }
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let absolute = files.first().and_then(|f| std::path::absolute(f).ok());
    let name = match (files, absolute) {
        ([file], _) if file.is_file() => text(file.file_stem()),
        (_, Some(first)) => {
            let folder = if first.is_dir() { Some(first.as_path()) } else { first.parent() };
            let name = folder.and_then(|f| text(f.file_name()));
            let parent = folder.and_then(Path::parent).and_then(|p| text(p.file_name()));
            name.map(|n| parent.map_or(n.clone(), |p| format!("{p}-{n}")))
        }
        _ => None,
    };
    names::job_from(&name.unwrap_or_default())
}

/// Settings of a job from what SET and `--option` say.
pub fn settings(job: &JobSettings, checkpoints_are_remote: bool) -> Settings {
    let default = Settings::default();
    let interval = if checkpoints_are_remote { Duration::from_secs(1) } else { default.checkpoint_interval };
    Settings {
        checkpoint_interval: job.checkpoint_interval.unwrap_or(interval),
        trigger_interval: job.trigger_interval.unwrap_or(default.trigger_interval),
        max_rows_per_epoch: job.max_rows_per_epoch.unwrap_or(default.max_rows_per_epoch).max(1),
        max_pending_commits: job.max_pending_commits.map_or(default.max_pending_commits, |n| n.max(1) as u64),
        ..default
    }
}
