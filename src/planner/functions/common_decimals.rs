//! The common type of DECIMALs that together need more than 38 digits: as in Flink, digits before the point are kept, those after it cut.
//!
//! DataFusion keeps the digits after the point, and then fails at the first value that needs the others.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{InSubquery, ScalarFunction};
use datafusion::logical_expr::type_coercion::binary::type_union_coercion;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, cast};

use super::decimals::{decimal, wide};

/// Functions whose arguments share one type.
const ALIKE: [&str; 6] = ["coalesce", "ifnull", "nvl", "greatest", "least", "make_array"];

/// The digits before and after the point that hold all values of some types; `None` if one is not an exact number, or none a DECIMAL.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::planner) struct Digits {
    whole: i16,
    scale: i16,
}

impl Digits {
    /// The digits of expressions.
    pub(in crate::planner) fn common<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Option<Self> {
        let typed = exprs.into_iter().map(|expr| Some((decimal(expr, &expr.get_type(schema).ok()?), expr.get_type(schema).ok()?)));
        Self::merged(typed.collect::<Option<Vec<_>>>()?)
    }

    /// The digits of types.
    pub(in crate::planner) fn of_types<'t>(types: impl IntoIterator<Item = &'t DataType>) -> Option<Self> {
        let none = Expr::Literal(datafusion::scalar::ScalarValue::Null, None);
        Self::merged(types.into_iter().map(|data_type| (decimal(&none, data_type), data_type.clone())).collect())
    }

    fn merged(types: Vec<(Option<(u8, i8)>, DataType)>) -> Option<Self> {
        let mut digits = Self::default();
        let mut any = false;
        for (exact, data_type) in types {
            if data_type.is_null() {
                continue;
            }
            any |= matches!(data_type, DataType::Decimal128(..));
            let (precision, scale) = exact?;
            digits.whole = digits.whole.max(i16::from(precision) - i16::from(scale));
            digits.scale = digits.scale.max(i16::from(scale));
        }
        any.then_some(digits)
    }

    /// Flink's type for them, if there are more than 38.
    pub(in crate::planner) fn cut(self) -> Option<DataType> {
        let scale = self.scale.min(38 - self.whole.min(38));
        (self.whole + self.scale > 38).then(|| DataType::Decimal128(38, i8::try_from(scale).unwrap_or(0)))
    }

    /// A type that holds all of them, if there are more than 38.
    pub(in crate::planner) fn wider(self) -> Option<DataType> {
        let precision = u8::try_from(self.whole + self.scale).ok().filter(|precision| *precision > 38)?;
        Some(DataType::Decimal256(precision, i8::try_from(self.scale).ok()?))
    }
}

/// Flink's common type of some types in which DECIMALs together need more than 38 digits, also within rows, arrays
/// and maps; `None` if there are none.
pub(in crate::planner) fn cut(types: &[DataType]) -> Option<DataType> {
    let types: Vec<&DataType> = types.iter().filter(|data_type| !data_type.is_null()).collect();
    let first = *types.first()?;
    let fields: Vec<&[FieldRef]> = types.iter().map(|data_type| parts(data_type)).collect();
    if fields.iter().any(|fields| fields.is_empty() || fields.len() != parts(first).len()) {
        return Digits::of_types(types).and_then(Digits::cut);
    }
    let column = |i: usize| fields.iter().filter_map(|fields| fields.get(i)).map(|field| field.data_type().clone()).collect::<Vec<_>>();
    let columns: Vec<Vec<DataType>> = (0..parts(first).len()).map(column).collect();
    let cut: Vec<Option<DataType>> = columns.iter().map(|types| cut(types)).collect();
    if cut.iter().all(Option::is_none) {
        return None;
    }
    let field = |(i, (cut, types)): (usize, (Option<DataType>, Vec<DataType>))| {
        let nullable = fields.iter().filter_map(|fields| fields.get(i)).any(|field| field.is_nullable());
        let field = parts(first).get(i)?;
        let other = || types.into_iter().map(Some).reduce(|a, b| type_union_coercion(&a?, &b?)).flatten();
        Some(Arc::new(field.as_ref().clone().with_data_type(cut.or_else(other)?).with_nullable(nullable)))
    };
    let fields = cut.into_iter().zip(columns).enumerate().map(field).collect::<Option<Vec<FieldRef>>>()?;
    Some(match first {
        DataType::Struct(_) => DataType::Struct(fields.into()),
        DataType::Map(_, sorted) => DataType::Map(fields.into_iter().next()?, *sorted),
        _ => DataType::List(fields.into_iter().next()?),
    })
}

/// The same for expressions: a literal counts only the digits that it has.
pub(in crate::planner) fn common_type<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Option<DataType> {
    let exprs: Vec<&Expr> = exprs.into_iter().collect();
    let types = exprs.iter().map(|expr| expr.get_type(schema).ok()).collect::<Option<Vec<_>>>()?;
    match types.iter().any(|data_type| !parts(data_type).is_empty()) {
        true => cut(&types),
        false => Digits::common(exprs, schema).and_then(Digits::cut),
    }
}

/// The fields of a row, the element of an array, the entries of a map.
fn parts(data_type: &DataType) -> &[FieldRef] {
    match data_type {
        DataType::Struct(fields) => fields,
        DataType::List(field) | DataType::Map(field, _) => std::slice::from_ref(field),
        _ => &[],
    }
}

/// Casts the parts of an expression to one type, by Flink's rules.
///
/// # Errors
/// When DataFusion refuses to build it; that would be a bug.
pub(in crate::planner) fn common(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    Ok(match expr {
        Expr::Case(case) => of_case(case, schema)?,
        Expr::ScalarFunction(mut call) => {
            let name = call.func.name().to_ascii_lowercase();
            let digits = Digits::common(&call.args, schema);
            if ALIKE.contains(&name.as_str())
                && let Some(common) = common_type(&call.args, schema)
            {
                call.args = call.args.into_iter().map(|arg| cast(arg, common.clone())).collect();
                Transformed::yes(Expr::ScalarFunction(call))
            } else if let Some(common) = digits.and_then(Digits::wider).filter(|_| name == "nullif") {
                let own = call.args.first().map(|first| first.get_type(schema)).transpose()?.unwrap_or(DataType::Null);
                let args = call.args.into_iter().map(|arg| cast(arg, common.clone())).collect();
                Transformed::yes(cast(Expr::ScalarFunction(ScalarFunction { args, ..call }), own))
            } else {
                Transformed::no(Expr::ScalarFunction(call))
            }
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let types = [expr.get_type(schema)?, subquery.subquery.schema().field(0).data_type().clone()];
            let Some(common) = Digits::of_types(&types).and_then(Digits::wider) else {
                return Ok(Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })));
            };
            let plan = recast(subquery.subquery.as_ref().clone(), &[Some(common.clone())])?;
            let subquery = Subquery { subquery: plan.into(), ..subquery };
            Transformed::yes(Expr::InSubquery(InSubquery { expr: Box::new(cast(*expr, common)), subquery, negated }))
        }
        other => Transformed::no(other),
    })
}

fn of_case(case: Case, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let Case { mut expr, mut when_then_expr, mut else_expr } = case;
    let mut changed = false;
    // Comparisons that are written out are exact.
    if let Some(of) = &expr
        && Digits::common(when_then_expr.iter().map(|(when, _)| when.as_ref()).chain([of.as_ref()]), schema)
            .and_then(Digits::wider)
            .is_some()
    {
        for (when, _) in &mut when_then_expr {
            **when = wide(Expr::BinaryExpr(BinaryExpr { left: of.clone(), op: Operator::Eq, right: when.clone() }), schema)?.data;
        }
        (expr, changed) = (None, true);
    }
    let results = when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(else_expr.as_deref());
    if let Some(common) = common_type(results, schema) {
        for result in when_then_expr.iter_mut().map(|(_, then)| then).chain(&mut else_expr) {
            **result = cast(std::mem::take(result.as_mut()), common.clone());
        }
        changed = true;
    }
    let case = Expr::Case(Case { expr, when_then_expr, else_expr });
    Ok(if changed { Transformed::yes(case) } else { Transformed::no(case) })
}

/// Casts the columns of a plan to these types, where one is given.
///
/// # Errors
/// When DataFusion refuses to build it; that would be a bug.
pub(in crate::planner) fn recast(plan: LogicalPlan, types: &[Option<DataType>]) -> DfResult<LogicalPlan> {
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .enumerate()
        .map(|(i, (qualifier, field))| {
            let column = Expr::from((qualifier, field));
            match types.get(i).cloned().flatten().filter(|to| to != field.data_type()) {
                Some(to) => cast(column, to).alias_qualified(qualifier.cloned(), field.name()),
                None => column,
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
