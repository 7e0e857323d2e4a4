//! Types in CAST that sqlparser knows only by name, such as `TIMESTAMP_LTZ(3)`: they are those of CREATE TABLE.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::DataType as SqlType;

use crate::sql::types;

/// Finds types by their names.
#[derive(Debug)]
pub struct CastTypes;

impl TypePlanner for CastTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DfResult<Option<FieldRef>> {
        match sql_type {
            SqlType::Custom(..) => Ok(Some(Arc::new(Field::new("", types::parse(&sql_type.to_string())?, true)))),
            _ => Ok(None),
        }
    }
}
