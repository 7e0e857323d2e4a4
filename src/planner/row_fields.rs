//! Resolves fields of rows by name: `r.f`, `a[1].f`. An exact match, else the only one that differs in case, as for column names.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::error::Result as DfResult;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit};

use crate::common::{Error, Result, suggest};

/// Resolves fields in place of DataFusion's planners.
#[derive(Debug)]
pub(super) struct RowFieldPlanner;

impl ExprPlanner for RowFieldPlanner {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested: &[String],
    ) -> DfResult<PlannerResult<Vec<Expr>>> {
        let mut expr = Expr::Column(Column::from((qualifier, field)));
        let mut data_type = field.data_type().clone();
        for name in nested {
            let DataType::Struct(fields) = &data_type else { return Ok(PlannerResult::Original(Vec::new())) };
            let field = named(fields, name)?;
            expr = taken(expr, field.name());
            data_type = field.data_type().clone();
        }
        Ok(PlannerResult::Planned(expr))
    }

    fn plan_field_access(&self, access: RawFieldAccessExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name: ScalarValue::Utf8(Some(name)) } = &access.field_access else {
            return Ok(PlannerResult::Original(access));
        };
        let DataType::Struct(fields) = access.expr.get_type(schema)? else { return Ok(PlannerResult::Original(access)) };
        let name = named(&fields, name)?.name().clone();
        Ok(PlannerResult::Planned(taken(access.expr, &name)))
    }
}

fn taken(row: Expr, field: &str) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(get_field(), vec![row, lit(field)]))
}

/// The field that a name refers to.
fn named<'f>(fields: &'f Fields, name: &str) -> Result<&'f Field> {
    if let Some((_, field)) = fields.find(name) {
        return Ok(field);
    }
    let alike: Vec<&Field> = fields.iter().filter(|field| field.name().to_lowercase() == name.to_lowercase()).map(AsRef::as_ref).collect();
    match alike.as_slice() {
        [only] => Ok(*only),
        [] => {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            Err(Error::sql(format!("the ROW has no field `{name}`")).hint(suggest::hint(name, &names)))
        }
        several => {
            let shown: Vec<String> = several.iter().map(|field| format!("`{}`", field.name())).collect();
            let error = Error::sql(format!("field `{name}` of the ROW can mean {}", shown.join(" or ")));
            Err(error.hint("write it in the case in which it was declared"))
        }
    }
}
