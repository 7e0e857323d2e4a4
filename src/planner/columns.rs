//! Helpers for columns of plans: which column an expression copies, and schemas with additional columns.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::Expr;

/// The index of a column that an expression is a plain copy of.
pub(super) fn copied(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Alias(alias) => copied(&alias.expr, schema),
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    }
}

/// A schema with additional, unqualified columns at its end.
///
/// # Errors
/// When it already has a column of such a name.
pub(super) fn with_columns(schema: &DFSchema, more: impl IntoIterator<Item = FieldRef>) -> DfResult<DFSchema> {
    let own = schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
    let fields = own.chain(more.into_iter().map(|field| (None, field))).collect();
    DFSchema::new_with_metadata(fields, schema.metadata().clone())
}
