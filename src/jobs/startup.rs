//! Startup before the first epoch: checks the query, prepares sinks, and finds the start positions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::common::{Error, ErrorKind, Result};
use crate::connectors::Sink;

use super::inputs::{Ends, Enumerators, Starts, ends_now, starts};
use super::progress::Status;
use super::recovery::Recovered;
use super::spec::JobSpec;

/// The interval at which an unavailable server is asked again.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// All sinks by id. A sink for rows of several queries, rejected messages or late rows is listed once.
pub(super) fn sinks(spec: &JobSpec) -> Vec<(String, Arc<dyn Sink>)> {
    let inserts = spec.inserts.iter().map(|i| (i.id.clone(), Arc::clone(&i.sink)));
    let read = spec.sources.iter().filter_map(|s| s.dead_letter.as_ref());
    let written = spec.inserts.iter().filter_map(|i| i.dead_letter.as_deref());
    let dead = read.chain(written).map(|d| (d.id.clone(), Arc::clone(&d.sink)));
    let late = spec.late.iter().map(|l| (l.id.clone(), Arc::clone(&l.sink)));
    inserts.chain(dead).chain(late).collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Rejects a folder of another query, with a hint.
///
/// # Errors
/// When the query has changed; the hint says how to continue.
pub(super) fn check_identity(spec: &JobSpec, now: &str, then: &str) -> Result<()> {
    if now == then {
        return Ok(());
    }
    Err(Error::state(format!("job `{}` was started with another query, and its state does not fit this one", spec.name))
        .hint("run with --fresh to drop the state and begin anew, or with --name to run it as another job"))
}

/// Prepares the sinks, whose notices go to `status`, and asks the sources for start positions, waiting while a server is unavailable;
/// `None` when stopped meanwhile.
///
/// # Errors
/// Permanent errors.
pub(super) async fn wait_for_starts(
    spec: &JobSpec,
    enumerators: &mut Enumerators,
    recovered: &Recovered,
    status: &mut Status,
    stop: &CancellationToken,
) -> Result<Option<(Starts, Option<Ends>)>> {
    loop {
        let found = async {
            // Sinks first: one INSERT may read the topic that another one of this job writes.
            let mut made = Vec::new();
            for (_, sink) in sinks(spec) {
                made.extend(sink.prepare().await?);
            }
            if !made.is_empty() {
                status.notice = Some(made.join("\n"));
                spec.status.send_replace(status.clone());
            }
            let starts = starts(&spec.sources, enumerators, &recovered.stored, &recovered.source_state, spec.settings.from).await?;
            let until = if spec.settings.until_now { Some(ends_now(&spec.sources, enumerators).await?) } else { None };
            Ok::<_, Error>((starts, until))
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            found = found => match found {
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    spec.status.send_replace(Status { waits: Some(format!("waiting: {e}")), ..status.clone() });
                }
                other => return other.map(Some),
            },
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}
