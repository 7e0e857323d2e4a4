//! Resolves types in CAST that sqlparser knows only by name, such as `TIMESTAMP_LTZ(3)`, or DataFusion does not know, by the dialect.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

use crate::sql::Dialect;

/// Resolves types by their names in a dialect.
#[derive(Debug)]
pub struct CastTypes(pub Dialect);

impl TypePlanner for CastTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DfResult<Option<FieldRef>> {
        match sql_type {
            // DataFusion's DECIMAL without a precision has 38 digits.
            SqlType::Decimal(ExactNumberInfo::None)
            | SqlType::Dec(_)
            | SqlType::Numeric(ExactNumberInfo::None)
            | SqlType::Custom(..)
            | SqlType::Time(Some(_), _)
            | SqlType::Timestamp(Some(10..), _) => {
                // NOT NULL inside the type promises what a value need not keep.
                Ok(Some(Arc::new(Field::new("", with_nulls(&self.0.data_type(&sql_type.to_string())?), true))))
            }
            _ => Ok(None),
        }
    }
}

/// The type with all its parts nullable.
fn with_nulls(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| Arc::new(Field::new(field.name(), with_nulls(field.data_type()), true));
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::List(element) => DataType::List(field(element)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) => {
                let pair = pair.iter().map(|part| Arc::new(field(part).as_ref().clone().with_nullable(part.name() != "key")));
                DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(DataType::Struct(pair.collect()))), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}
