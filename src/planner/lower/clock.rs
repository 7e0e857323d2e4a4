//! Lowers uses of the clock: a column of append-only rows, a stored column of changing rows, and temporal filters.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;

use crate::common::{Error, Result};
use crate::operators::proctime::temporal_filter::Halves;
use crate::operators::{Operator, ProctimeMaterialize, TemporalFilter, TickingClock, TickingFilter};

use super::super::clock::{Clock, Passing, TemporalFilterNode, from_column, passing, with_clock};
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
        if input.properties.updating {
            let operator = ProctimeMaterialize::new(Arc::clone(clock.input.schema().inner()));
            let properties = StreamProperties { times: BTreeMap::new(), ..input.properties.clone() };
            let schema = Arc::new(with_clock(clock.input.schema())?);
            return self.operator(Arc::new(operator), vec![Input::Piece(Box::new(input))], &schema, None, properties).await;
        }
        let mut properties = input.properties;
        properties.times.insert(place, entry_time(&properties));
        Ok(Lowered { plan: clock.over(input.plan)?, properties, nodes: input.nodes })
    }

    pub(super) async fn temporal_filter(&mut self, live: &TemporalFilterNode) -> Result<Lowered> {
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

    /// An operator whose output changes with the clock, without input.
    async fn by_clock(&mut self, operator: Arc<dyn Operator>, input: Lowered, schema: &DFSchemaRef) -> Result<Lowered> {
        let time = Time {
            role: Role::Row,
            domain: Domain::Clock,
            sources: Default::default(),
            watermark_delay: 0,
            guarded: true,
            windows: Default::default(),
        };
        let properties = StreamProperties { updating: true, times: BTreeMap::new(), ..input.properties.clone() };
        self.operator(operator, vec![Input::Piece(Box::new(input))], schema, Some(&time), properties).await
    }
}

/// The insertion time of a row: a time attribute for which no row is late.
pub(super) fn entry_time(properties: &StreamProperties) -> Time {
    Time {
        role: Role::Row,
        domain: Domain::Processing,
        sources: properties.sources.clone(),
        watermark_delay: 0,
        guarded: true,
        windows: Default::default(),
    }
}
