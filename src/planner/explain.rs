//! The text of EXPLAIN and EXPLAIN ANALYZE.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::{ExecutionPlan, displayable};

use crate::common::units::human;
use crate::operators::epoch::heavy_keys::HeavyKeys;
use crate::operators::{ExchangeExec, SourceScanExec, StatefulExec};

use super::program::{Output, Program, Stage, StateNode};
use super::properties::{Domain, Shape};

/// A partition whose rows exceed this many halves of its share is reported as skewed: with two partitions, three quarters of all rows.
const SKEWED: u64 = 3;
/// The minimum number of rows for a report of skew.
const FEW: u64 = 10_000;

/// The measurements of a run of a program, node by node.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// The number of epochs.
    pub epochs: u64,
    /// The number of rows read.
    pub rows: u64,
    /// The total time, reading included.
    pub elapsed: Duration,
    /// By stage.
    pub stages: BTreeMap<u32, StageMeasured>,
    /// Rows that came too late, by stateful node.
    pub late: BTreeMap<u32, u64>,
    /// Rows and bytes after the newest epoch, by stateful node and table.
    pub state: BTreeMap<(u32, u32), (u64, u64)>,
}

/// The measurements of a stage.
#[derive(Debug, Clone, Default)]
pub struct StageMeasured {
    /// The time from start to end, summed over epochs.
    pub elapsed: Duration,
    /// The number of output rows.
    pub rows: u64,
    /// The same for each of its partitions.
    pub partitions: Vec<(Duration, u64)>,
    /// The input of each operator that reads its rows by key, by the number of the exchange.
    pub exchanged: BTreeMap<u32, Exchanged>,
}

/// Rows that were exchanged by key.
#[derive(Debug, Clone, Default)]
pub struct Exchanged {
    /// The number of rows sent to each partition.
    pub rows: Vec<u64>,
    /// The keys that many of them have.
    pub heavy: HeavyKeys,
}

impl Measured {
    /// The time and rows of each partition, summed over the stages; `None` if all stages run in one.
    pub fn partitions(&self) -> Option<String> {
        let several = || self.stages.values().map(|stage| &stage.partitions).filter(|partitions| partitions.len() > 1);
        let mut sums = vec![(Duration::ZERO, 0); several().map(Vec::len).max()?];
        for partitions in several() {
            sums.iter_mut().zip(partitions).for_each(|(sum, (elapsed, rows))| *sum = (sum.0 + *elapsed, sum.1 + rows));
        }
        Some(shown(&sums))
    }

    /// The inputs whose rows are skewed, each with its most frequent keys.
    pub fn skew(&self, program: &Program) -> Option<String> {
        let skewed: Vec<String> = program.stages.iter().filter_map(|stage| skew(stage, self)).collect();
        (!skewed.is_empty()).then(|| skewed.join("; "))
    }
}

impl fmt::Display for Measured {
    /// `1.2k rows in 3 epochs, 56.7 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epochs = if self.epochs == 1 { "1 epoch".to_string() } else { format!("{} epochs", human(self.epochs)) };
        write!(f, "{} rows in {epochs}, {}", human(self.rows), seconds(self.elapsed))
    }
}

/// Shows a program: its stages in the order they run, each with the properties of its rows and state, and its metrics.
///
/// ```text
/// stage 1: WindowAggregate, node 0
///     strategy     incremental
///     changelog    [I] append-only
///     unique keys  (window_start, window_end)
///     watermark    of s; bounds window_start, window_end
///     state        panes: bounded by the watermark (window end)
///     WindowAggregate: node=0, final on window_start, aggregates=[count(Int64(1))]
///       ExchangeExec: stage=0
/// ```
#[derive(Debug)]
pub struct Explained<'a> {
    /// The program.
    pub program: &'a Program,
    /// Its queries: their names and outputs.
    pub outputs: &'a [(String, &'a Output)],
    /// The measurements, if it was run.
    pub measured: Option<&'a Measured>,
}

/// Aligns the texts after the names.
fn line(f: &mut fmt::Formatter<'_>, name: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(f, "    {name:<12} {text}")
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Explained { program: self, outputs: &[], measured: None }.fmt(f)
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.program.stages.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            self.stage(f, stage)?;
        }
        Ok(())
    }
}

impl Explained<'_> {
    fn stage(&self, f: &mut fmt::Formatter<'_>, stage: &Stage) -> fmt::Result {
        let stateful = stage.plan.downcast_ref::<StatefulExec>();
        let outputs = self.outputs.iter().filter(|(_, o)| o.stage == stage.id).collect::<Vec<_>>();
        let (tables, stages) = leaves(&stage.plan);
        let title = match stateful {
            Some(exec) => format!("{}, node {}", exec.operator().name(), exec.node()),
            None if outputs.is_empty() && tables.is_empty() => {
                format!("over stage {}", stages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            None if outputs.is_empty() => format!("reads {}", tables.iter().cloned().collect::<Vec<_>>().join(", ")),
            None => outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
        };
        writeln!(f, "stage {}: {title}", stage.id)?;
        let node = stateful.and_then(|exec| Some((exec, self.program.nodes.get(&exec.node())?)));
        if let Some((exec, node)) = node {
            line(f, "strategy", exec.operator().strategy())?;
            shape(f, &node.shape)?;
            watermark(f, node)?;
        }
        for (_, output) in outputs {
            shape(f, &output.shape)?;
        }
        if let Some((exec, node)) = node {
            self.state(f, exec.node(), node)?;
        }
        if let Some(measured) = self.measured {
            let nothing = StageMeasured::default();
            let StageMeasured { elapsed, rows, partitions, .. } = measured.stages.get(&stage.id).unwrap_or(&nothing);
            let from = |id: &u32| measured.stages.get(id).map(|stage| stage.rows);
            let read = match stages.iter().filter_map(from).sum::<u64>() {
                _ if stages.is_empty() => String::new(),
                rows => format!("in {} rows, ", human(rows)),
            };
            line(f, "measured", format_args!("{read}out {} rows, {}", human(*rows), seconds(*elapsed)))?;
            if partitions.len() > 1 {
                line(f, "partitions", shown(partitions))?;
            }
            if let Some(skew) = skew(stage, measured) {
                line(f, "skew", skew)?;
            }
            let late = stateful.and_then(|exec| measured.late.get(&exec.node())).copied().unwrap_or_default();
            if late > 0 {
                line(f, "late", format_args!("{} rows", human(late)))?;
            }
        }
        for text in displayable(stage.plan.as_ref()).indent(false).to_string().lines() {
            writeln!(f, "    {text}")?;
        }
        Ok(())
    }

    fn state(&self, f: &mut fmt::Formatter<'_>, number: u32, node: &StateNode) -> fmt::Result {
        for (table, spec) in (0u32..).zip(&node.tables) {
            let bound = spec.bound.as_deref().map_or("UNBOUNDED".to_string(), |b| format!("bounded by {b}"));
            let size = self.measured.and_then(|m| m.state.get(&(number, table)));
            let size = size.map_or(String::new(), |(rows, bytes)| format!("; {} rows, {}", human(*rows), size_of(*bytes)));
            line(f, "state", format_args!("{}: {bound}{size}", spec.name))?;
        }
        Ok(())
    }
}

fn shape(f: &mut fmt::Formatter<'_>, shape: &Shape) -> fmt::Result {
    line(f, "changelog", if shape.updating { "[I,UB,UA,D] updating" } else { "[I] append-only" })?;
    if !shape.keys.is_empty() {
        let key = |key: &Vec<String>| if key.is_empty() { "(), one row at most".to_string() } else { format!("({})", key.join(", ")) };
        line(f, "unique keys", shape.keys.iter().map(key).collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn watermark(f: &mut fmt::Formatter<'_>, node: &StateNode) -> fmt::Result {
    let mut text = match node.domain {
        Domain::Processing | Domain::Clock => "the clock".to_string(),
        Domain::Event if node.sources.is_empty() => return Ok(()),
        Domain::Event => format!("of {}", node.sources.join(", ")),
    };
    if node.watermark_delay > 0 {
        text.push_str(&format!(", {} ms behind", node.watermark_delay));
    }
    if !node.shape.times.is_empty() {
        text.push_str(&format!("; bounds {}", node.shape.times.join(", ")));
    }
    line(f, "watermark", text)
}

/// Tables and stages that a stage reads.
fn leaves(plan: &std::sync::Arc<dyn ExecutionPlan>) -> (BTreeSet<String>, BTreeSet<u32>) {
    let (mut tables, mut stages) = (BTreeSet::new(), BTreeSet::new());
    // The closure never fails, so neither does the walk.
    let _ = plan.apply(|node| {
        if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
            tables.insert(scan.table().to_string());
        }
        if let Some(exchange) = node.downcast_ref::<ExchangeExec>() {
            stages.insert(exchange.exchange().stage);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    (tables, stages)
}

/// `1.2k rows in 3.4 ms, 1.1k rows in 3.3 ms`.
fn shown(partitions: &[(Duration, u64)]) -> String {
    let each = partitions.iter().map(|(elapsed, rows)| format!("{} rows in {}", human(*rows), seconds(*elapsed)));
    each.collect::<Vec<_>>().join(", ")
}

/// The report of keyed inputs where one partition gets far more rows than its share.
fn skew(stage: &Stage, measured: &Measured) -> Option<String> {
    let mut skewed = Vec::new();
    // The closure never fails, so neither does the walk.
    let _ = stage.plan.apply(|node| {
        if let Some(exec) = node.downcast_ref::<ExchangeExec>()
            && let Some(Exchanged { rows, heavy }) =
                measured.stages.get(&exec.exchange().stage).and_then(|from| from.exchanged.get(&exec.exchange().id))
        {
            let (all, most) = (rows.iter().sum::<u64>(), rows.iter().copied().max().unwrap_or(0));
            let partitions = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            if all >= FEW && most.saturating_mul(2 * partitions) > all.saturating_mul(SKEWED) {
                let key = exec.key();
                let heaviest = heavy.heaviest().map(|(value, rows)| format!(", about {} of them with ({value})", human(rows.min(most))));
                let (most, all, heaviest) = (human(most), human(all), heaviest.unwrap_or_default());
                skewed.push(format!("by [{key}] one of {partitions} partitions gets {most} of {all} rows{heaviest}"));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    (!skewed.is_empty()).then(|| skewed.join("; "))
}

/// `1.234 s`, `56.7 ms`.
fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.3} s"),
        s => format!("{:.1} ms", s * 1e3),
    }
}

/// `512 bytes`, `3.4 KB`.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn size_of(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        _ if bytes < 1 << 20 => format!("{:.1} KB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MB", bytes as f64 / (1024.0 * 1024.0)),
    }
}
