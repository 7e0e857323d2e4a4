//! What a job runs: stages in order, and the stateful nodes among them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;

use crate::operators::epoch::stateful::{PartitionKey, TableSpec};
use crate::operators::{LateFilterExec, Operator, StatefulExec};

use crate::state::KeyGroups;

use super::properties::{Domain, Shape};

/// All queries of a job, planned once: stages to run in order, the same for every epoch.
///
/// ```text
///   stage 0:  scan ▸ filter ▸ windows ▸ late filter ▸ partial aggregate     reads sources; leaves rows under its number
///   stage 1:  stage 0 ▸ WindowAggregate (stateful)                          runs once, however many stages read it
///   stage 2:  stage 1 ▸ projection                                          the output of a query
/// ```
/// # Invariants
/// * A stage reads only sources, or only earlier stages: so the epoch's watermark is known before the first stateful node.
/// * Leaves hold no splits and nodes no moment: [`super::Binding`] puts in an epoch's, and resets whatever a node may have
///   kept from the run before.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Stages in the order they run.
    pub stages: Vec<Stage>,
    /// Stateful nodes by number, and nodes without state that ask for their watermark alone.
    pub nodes: BTreeMap<u32, StateNode>,
    /// Tables that are read.
    pub sources: BTreeSet<String>,
    /// How many key groups its keyed state has.
    pub key_groups: u16,
    /// In how many partitions its stages run, and how many threads read one source.
    pub parallelism: usize,
}

/// A piece of a plan that runs as a whole.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where its rows are left for later stages.
    pub id: u32,
    /// The plan, unbound.
    pub plan: Arc<dyn ExecutionPlan>,
    /// Whether it reads sources; else it reads earlier stages.
    pub reads_sources: bool,
    /// How its rows are handed to operators that run in partitions by key.
    pub hash_exchanges: Vec<HashExchange>,
}

/// Rows of a stage by their key, for an operator that runs in several partitions.
#[derive(Debug, Clone)]
pub struct HashExchange {
    /// The number under which they are left.
    pub id: u32,
    /// Over the stage's columns.
    pub key: PartitionKey,
    /// Over how many partitions.
    pub partitions: usize,
}

impl Stage {
    /// How many partitions it runs in.
    pub fn partitions(&self) -> usize {
        self.plan.properties().partitioning.partition_count()
    }
}

/// A node that keeps state.
#[derive(Debug, Clone)]
pub struct StateNode {
    /// Tables whose watermarks move it; its own is the least of theirs, less `hold`. None: it has no event time.
    pub sources: Vec<String>,
    /// How many milliseconds behind them it stands.
    pub watermark_delay: i64,
    /// Which clock moves it.
    pub domain: Domain,
    /// Its state tables.
    pub tables: Vec<TableSpec>,
    /// The rows that come out.
    pub shape: Shape,
}

/// One query of a program.
#[derive(Debug, Clone)]
pub struct Output {
    /// The stage that leaves its rows.
    pub stage: u32,
    /// Its columns, without weight.
    pub schema: SchemaRef,
    /// Whether its rows are changes, with a weight behind the columns.
    pub updating: bool,
    /// Sets of columns that no two rows share, by index.
    pub keys: Vec<BTreeSet<usize>>,
    /// The order that the query asks for: columns of the answer, the first one first. Rows do not come in it; who shows them sorts them.
    pub order: Vec<(usize, SortOptions)>,
    /// The text for EXPLAIN.
    pub shape: Shape,
    /// Tables below.
    pub sources: BTreeSet<String>,
    /// Stateful nodes below.
    pub nodes: BTreeSet<u32>,
    /// The query in a canonical form, before optimisation and without connection options.
    pub identity: String,
}

impl Program {
    /// The key groups of each partition of a stateful node.
    pub fn groups(&self, node: u32) -> Vec<KeyGroups> {
        let exec = self.stages.iter().filter_map(|s| s.plan.downcast_ref::<StatefulExec>()).find(|exec| exec.node() == node);
        exec.map_or_else(Vec::new, |exec| exec.groups().to_vec())
    }

    /// A stateful node's operator.
    pub fn operator(&self, node: u32) -> Option<&Arc<dyn Operator>> {
        let exec = self.stages.iter().filter_map(|s| s.plan.downcast_ref::<StatefulExec>()).find(|exec| exec.node() == node)?;
        Some(exec.operator())
    }

    /// Stateful nodes that drop late rows and never change what they have said, so that no lateness can be allowed.
    pub fn final_only_nodes(&self) -> Vec<u32> {
        let mut nodes = BTreeSet::new();
        for stage in &self.stages {
            // The closure never fails, so neither does the walk.
            let _ = stage.plan.apply(|plan| {
                nodes.extend(plan.downcast_ref::<LateFilterExec>().map(|late| late.operator().node));
                Ok(TreeNodeRecursion::Continue)
            });
        }
        nodes.into_iter().filter(|node| self.nodes.get(node).is_some_and(|n| !n.shape.updating)).collect()
    }

    /// State tables that nothing keeps small.
    pub fn unbounded(&self) -> impl Iterator<Item = (u32, &'static str)> {
        self.nodes.iter().flat_map(|(node, s)| s.tables.iter().filter(|t| t.bound.is_none()).map(|t| (*node, t.name)))
    }
}
