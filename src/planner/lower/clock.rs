//! The clock: a column of rows that come once, kept with rows that change, and filters that rows enter and leave by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;

use crate::common::{Error, Result};
use crate::operators::proctime::temporal_filter::Halves;
use crate::operators::{Operator, ProctimeMaterialize, TemporalFilter, TickingClock, TickingFilter};

use super::super::clock::{Clock, Live, Passing, from_column, passing, with_clock};
use super::linear::with_weights;
use super::{Input, Lowered, Lowering};
use crate::planner::properties::{Domain, Role, StreamProperties, Time};

impl Lowering {
    pub(super) async fn clock(&mut self, clock: &Clock) -> Result<Lowered> {
        let input = self.lower(&clock.input).await?;
        if let Some(every) = clock.every {
            let operator = TickingClock::new(clock.input.schema().inner(), every);
            return self.by_clock(Arc::new(operator), with_weights(input)?, &Arc::new(with_clock(clock.input.schema())?)).await;
        }
        let place = clock.input.schema().fields().len();
        if input.traits.updating {
            let operator = ProctimeMaterialize::new(Arc::clone(clock.input.schema().inner()));
            let traits = StreamProperties { times: BTreeMap::new(), ..input.traits.clone() };
            let schema = Arc::new(with_clock(clock.input.schema())?);
            return self.operator(Arc::new(operator), vec![Input::Piece(Box::new(input))], &schema, None, traits).await;
        }
        let mut traits = input.traits;
        traits.times.insert(place, entered(&traits));
        Ok(Lowered { plan: clock.over(input.plan)?, traits, nodes: input.nodes })
    }

    pub(super) async fn live(&mut self, live: &Live) -> Result<Lowered> {
        let input = with_weights(self.lower(&live.input).await?)?;
        let rows = Arc::clone(live.input.schema().inner());
        let over = Arc::new(with_clock(live.input.schema())?);
        let physical = |conjuncts: Vec<Expr>| -> Result<_> {
            let predicate = conjunction(conjuncts).map(from_column).transpose()?;
            Ok(self.physical(predicate.as_slice(), &over)?.pop())
        };
        let operator: Arc<dyn Operator> = match passing(&live.predicate) {
            Passing::Span(enter, leave) => Arc::new(TemporalFilter::new(rows, Halves { enter: physical(enter)?, leave: physical(leave)? })),
            Passing::Ticking(period) => {
                let predicate = physical(vec![live.predicate.clone()])?;
                let predicate = predicate.ok_or_else(|| Error::internal("a filter without a predicate"))?;
                Arc::new(TickingFilter::new(&rows, predicate, period))
            }
        };
        self.by_clock(operator, input, live.input.schema()).await
    }

    /// An operator whose rows change with the clock alone.
    async fn by_clock(&mut self, operator: Arc<dyn Operator>, input: Lowered, schema: &DFSchemaRef) -> Result<Lowered> {
        let time = Time {
            role: Role::Row,
            domain: Domain::Clock,
            sources: Default::default(),
            watermark_delay: 0,
            guarded: true,
            windows: Default::default(),
        };
        let traits = StreamProperties { updating: true, times: BTreeMap::new(), ..input.traits.clone() };
        self.operator(operator, vec![Input::Piece(Box::new(input))], schema, Some(&time), traits).await
    }
}

/// The clock at which a row entered is a time that no row comes too late for.
pub(super) fn entered(traits: &StreamProperties) -> Time {
    Time {
        role: Role::Row,
        domain: Domain::Processing,
        sources: traits.sources.clone(),
        watermark_delay: 0,
        guarded: true,
        windows: Default::default(),
    }
}
