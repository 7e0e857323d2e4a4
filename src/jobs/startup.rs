//! What is checked and asked before the first epoch: the query, the sinks, and where to begin.

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

/// How often a server that is away is asked again.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// All sinks by id. One that takes rows of several queries, or rows, rejected messages and late rows, is still one sink.
pub(super) fn sinks(spec: &JobSpec) -> Vec<(String, Arc<dyn Sink>)> {
    let inserts = spec.inserts.iter().map(|i| (i.id.clone(), Arc::clone(&i.sink)));
    let read = spec.sources.iter().filter_map(|s| s.dead_letter.as_ref());
    let written = spec.inserts.iter().filter_map(|i| i.dead_letter.as_deref());
    let dead = read.chain(written).map(|d| (d.id.clone(), Arc::clone(&d.sink)));
    let late = spec.late.iter().map(|l| (l.id.clone(), Arc::clone(&l.sink)));
    inserts.chain(dead).chain(late).collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Refuses a folder of another query.
///
/// # Errors
/// Says how to go on.
pub(super) fn check_identity(spec: &JobSpec, now: &str, then: &str) -> Result<()> {
    if now == then {
        return Ok(());
    }
    Err(Error::state(format!("job `{}` was started with another query, and its state does not fit this one", spec.name))
        .hint("run with --fresh to drop the state and begin anew, or with --name to run it as another job"))
}

/// Makes ready the sinks, whose news goes into `status`, and asks the sources where to begin, waiting while a server is away; `None` when
/// stopped meanwhile.
///
/// # Errors
/// What cannot be mended by waiting.
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
