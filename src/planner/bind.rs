//! Binds a plan template to one epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;

use crate::common::Result;
use crate::common::clock::Millis;
use crate::connectors::Split;
use crate::operators::{ClockExec, EpochTime, LateFilterExec, SourceScanExec, StatefulExec, WatermarkExec};

/// The values of one epoch that a plan template is bound to.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    /// The epoch's splits by table.
    pub splits: BTreeMap<String, Vec<Split>>,
    /// The epoch's watermarks and clock, by stateful node.
    pub epoch_times: BTreeMap<u32, EpochTime>,
    /// The epoch's recorded clock, in milliseconds since 1970.
    pub clock: Millis,
}

impl Binding {
    /// Returns the plan of one stage for this epoch, to be executed once.
    ///
    /// # Errors
    /// When a node refuses its new children; that would be a bug.
    pub fn bind(&self, template: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let epoch_time = |node: u32| self.epoch_times.get(&node).copied().unwrap_or_default();
        let bound = Arc::clone(template).transform_up(|node| {
            let new: Arc<dyn ExecutionPlan> = if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
                Arc::new(scan.of_epoch(self.splits.get(scan.table()).cloned().unwrap_or_default()))
            } else if let Some(late) = node.downcast_ref::<LateFilterExec>() {
                Arc::new(late.with_watermark(epoch_time(late.operator().node).start))
            } else if let Some(stateful) = node.downcast_ref::<StatefulExec>() {
                Arc::new(stateful.at(epoch_time(stateful.node())))
            } else if let Some(watermark) = node.downcast_ref::<WatermarkExec>() {
                Arc::new(watermark.with_watermark(epoch_time(watermark.operator().node).start))
            } else if let Some(clock) = node.downcast_ref::<ClockExec>() {
                Arc::new(clock.at(self.clock))
            } else {
                return Ok(Transformed::no(node));
            };
            Ok(Transformed::yes(new))
        })?;
        // Resets the whole tree, not only what changed: no build side, repartition channel or metric of the previous run may leak into this
        // one.
        Ok(reset_plan_states(bound.data)?)
    }
}
