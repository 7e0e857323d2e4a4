//! DataFusion's physical filter push-down, restricted to plans where it is correct.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::error::Result as DfResult;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

/// Applies a rule only to those parts of a plan in which no node has two columns of the same name.
///
/// DataFusion 55 looks up the column of a filter in a node below by its name alone (`FilterRemapper`). Above a join of `a.d` with `b.d` a
/// filter on one becomes a filter on the other, and rows are lost. The logical rules, which know tables, have pushed filters down before;
/// this rule only hands them to the source.
#[derive(Debug)]
struct NamedApart(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

/// DataFusion's physical rules; filter push-down is restricted by [`NamedApart`].
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let careful = |rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>| -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
        if rule.name().starts_with("FilterPushdown") { Arc::new(NamedApart(rule)) } else { rule }
    };
    PhysicalOptimizer::new().rules.into_iter().map(careful).collect()
}

impl PhysicalOptimizerRule for NamedApart {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        if named_apart(&plan) {
            return self.0.optimize(plan, config);
        }
        let children = plan.children().into_iter().map(|child| self.optimize(Arc::clone(child), config)).collect::<DfResult<_>>()?;
        replace_children_if_necessary(plan, children)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether no node of a plan has two columns of the same name.
fn named_apart(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = plan.schema();
    let mut names = HashSet::with_capacity(schema.fields().len());
    schema.fields().iter().all(|field| names.insert(field.name().as_str())) && plan.children().into_iter().all(named_apart)
}
