//! Arithmetic of DECIMALs whose exact result may have more than 38 digits: types and values as in Flink, NULL on overflow.
//!
//! DataFusion cuts only the precision of such a type, so that `DECIMAL(38, 18) * DECIMAL(38, 18)` leaves two digits before the point, and
//! its kernels fail as soon as an intermediate value overflows. They are used where nothing can overflow.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::utils::take_function_args;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast, lit, not,
};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::BinaryOperator;

use crate::common::digits::fits;
use crate::common::{Error, Result};

/// The operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Op {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    /// A sum divided by a count, with four additional digits.
    Average,
}

const ALL: [Op; 6] = [Op::Plus, Op::Minus, Op::Times, Op::Divide, Op::Modulo, Op::Average];

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    ALL.map(|op| Arc::new(function(op))).into()
}

fn function(op: Op) -> ScalarUDF {
    ScalarUDF::new_from_impl(Wide { op, signature: Signature::any(2, Volatility::Immutable) })
}

/// The average of `count` DECIMALs with this sum.
pub fn average(sum: Expr, count: Expr) -> Expr {
    function(Op::Average).call(vec![sum, cast(count, DataType::Decimal128(19, 0))])
}

/// Replaces an expression by our function if DataFusion's arithmetic might overflow, and widens comparisons.
///
/// # Errors
/// When DataFusion refuses to build it; that would be a bug.
pub fn wide(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let expr = match expr {
        Expr::Between(Between { expr, negated, low, high }) if is_wide_pair(&expr, &low, schema) || is_wide_pair(&expr, &high, schema) => {
            let within = expr.as_ref().clone().gt_eq(*low).and(expr.lt_eq(*high));
            let within = within.transform_up(|part| wide(part, schema))?.data;
            return Ok(Transformed::yes(if negated { not(within) } else { within }));
        }
        Expr::InList(InList { expr, list, negated }) if list.iter().any(|item| is_wide_pair(&expr, item, schema)) => {
            let equal = list.into_iter().map(|item| expr.as_ref().clone().eq(item)).reduce(Expr::or).unwrap_or_else(|| lit(false));
            let equal = equal.transform_up(|part| wide(part, schema))?.data;
            return Ok(Transformed::yes(if negated { not(equal) } else { equal }));
        }
        other => other,
    };
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &expr else { return Ok(Transformed::no(expr)) };
    let Some((a, b)) = pair(left, right, schema) else { return Ok(Transformed::no(expr)) };
    if compares(*op) && room(a, b) > 38 {
        let common = DataType::Decimal256(room(a, b), a.1.max(b.1));
        let [left, right] = [left, right].map(|arg| Box::new(cast(arg.as_ref().clone(), common.clone())));
        return Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op: *op, right })));
    }
    let op = match op {
        Operator::Plus => Op::Plus,
        Operator::Minus => Op::Minus,
        Operator::Multiply => Op::Times,
        Operator::Divide => Op::Divide,
        Operator::Modulo => Op::Modulo,
        _ => return Ok(Transformed::no(expr)),
    };
    if !op.is_wide(a, b) {
        return Ok(Transformed::no(expr));
    }
    let args = [(left, a), (right, b)].map(|(arg, (precision, scale))| cast(arg.as_ref().clone(), DataType::Decimal128(precision, scale)));
    Ok(Transformed::yes(function(op).call(args.into())))
}

/// The types of two exact numbers, one of which is a DECIMAL.
fn pair(left: &Expr, right: &Expr, schema: &DFSchema) -> Option<((u8, i8), (u8, i8))> {
    let (a, b) = (left.get_type(schema).ok()?, right.get_type(schema).ok()?);
    let one = matches!(a, DataType::Decimal128(..)) || matches!(b, DataType::Decimal128(..));
    one.then(|| decimal(left, &a).zip(decimal(right, &b)))?
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// The number of digits of a type that holds the values of both.
fn room((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> u8 {
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    u8::try_from(whole(p1, s1).max(whole(p2, s2)) + i16::from(s1.max(s2))).unwrap_or(u8::MAX)
}

fn is_wide_pair(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    pair(left, right, schema).is_some_and(|(a, b)| room(a, b) > 38)
}

/// Plans expressions that DataFusion has no type for: `DECIMAL(38, 0) / DECIMAL(38, 38)`.
#[derive(Debug)]
pub struct DecimalPlanner;

impl ExprPlanner for DecimalPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let RawBinaryExpr { left, right, .. } = &expr;
        let built = Expr::BinaryExpr(BinaryExpr { left: Box::new(left.clone()), op, right: Box::new(right.clone()) });
        if pair(left, right, schema).is_none() || built.get_type(schema).is_ok() {
            return Ok(PlannerResult::Original(expr));
        }
        let wide = wide(built, schema)?;
        Ok(if wide.transformed { PlannerResult::Planned(wide.data) } else { PlannerResult::Original(expr) })
    }
}

/// The precision and the scale of a value as a DECIMAL, if it is exact. A literal has the digits that it is written with.
pub(super) fn decimal(expr: &Expr, data_type: &DataType) -> Option<(u8, i8)> {
    let digits = |n: i64| u8::try_from(n.unsigned_abs().checked_ilog10().unwrap_or(0) + 1).unwrap_or(19);
    if let (Expr::Literal(value, _), true) = (expr, data_type.is_integer())
        && let Ok(ScalarValue::Int64(Some(value))) = value.cast_to(&DataType::Int64)
    {
        return Some((digits(value), 0));
    }
    Some(match data_type {
        DataType::Decimal128(precision, scale) if *scale >= 0 => (*precision, *scale),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        _ => return None,
    })
}

impl Op {
    /// Whether an intermediate value may have more than 38 digits.
    fn is_wide(self, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> bool {
        let (p1, s1, p2, s2) = (i16::from(p1), i16::from(s1), i16::from(p2), i16::from(s2));
        let common = (p1 - s1).max(p2 - s2) + s1.max(s2);
        match self {
            Self::Plus | Self::Minus => common + 1 > 38,
            Self::Times => p1 + p2 + 1 > 38,
            // DataFusion's quotient has four digits more than the dividend.
            Self::Divide | Self::Average => p1 + s2 + 4 > 38 || p2 > 38,
            Self::Modulo => common > 38,
        }
    }

    /// The precision and the scale of the result.
    fn result(self, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> (u8, i8) {
        let (p1, s1, p2, s2) = (i16::from(p1), i16::from(s1), i16::from(p2), i16::from(s2));
        let (precision, scale) = match self {
            Self::Plus | Self::Minus => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
            Self::Times => (p1 + p2 + 1, s1 + s2),
            Self::Divide => {
                let scale = (s1 + p2 + 1).max(6);
                (p1 - s1 + s2 + scale, scale)
            }
            Self::Modulo => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
            Self::Average => (38, (s1 + 4).min(38)),
        };
        // As in Flink: digits before the point are cut first, six after it are kept.
        let scale = if precision > 38 { (38 - (precision - scale)).max(scale.min(6)) } else { scale };
        (u8::try_from(precision.clamp(1, 38)).unwrap_or(38), i8::try_from(scale).unwrap_or(38))
    }

    /// The result in its scale; `None` on overflow.
    fn apply(self, (a, s1): (i128, i8), (b, s2): (i128, i8), scale: i8) -> Option<i128> {
        let (a, b) = (i256::from_i128(a), i256::from_i128(b));
        let common = s1.max(s2);
        let raised = |n: i256, from: i8| n.checked_mul(power(i16::from(common) - i16::from(from))?);
        let exact = match self {
            Self::Plus => rescaled(raised(a, s1)?.checked_add(raised(b, s2)?)?, i16::from(common), scale),
            Self::Minus => rescaled(raised(a, s1)?.checked_sub(raised(b, s2)?)?, i16::from(common), scale),
            Self::Times => rescaled(a.checked_mul(b)?, i16::from(s1) + i16::from(s2), scale),
            Self::Modulo => rescaled(raised(a, s1)?.checked_rem(raised(b, s2)?)?, i16::from(common), scale),
            Self::Divide | Self::Average => quotient(a, b, i16::from(scale) - i16::from(s1) + i16::from(s2)),
        };
        exact?.to_i128()
    }
}

fn power(n: i16) -> Option<i256> {
    i256::from_i128(10).checked_pow(u32::try_from(n).ok()?)
}

/// `n / by`, rounded half up.
fn halves_up(n: i256, by: i256) -> Option<i256> {
    let (quotient, rest) = (n.checked_div(by)?, n.checked_rem(by)?);
    let rest = rest.checked_abs()?;
    let by_size = by.checked_abs()?;
    if rest < by_size.checked_sub(rest)? {
        return Some(quotient);
    }
    let away = if n.is_negative() == by.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    quotient.checked_add(away)
}

fn rescaled(n: i256, from: i16, to: i8) -> Option<i256> {
    let by = from - i16::from(to);
    if by <= 0 { n.checked_mul(power(-by)?) } else { halves_up(n, power(by)?) }
}

/// `a / b`, with this many digits more than the operands.
fn quotient(a: i256, b: i256, digits: i16) -> Option<i256> {
    if digits < 0 {
        return halves_up(a, b.checked_mul(power(-digits)?)?);
    }
    if let Some(a) = power(digits).and_then(|unit| a.checked_mul(unit)) {
        return halves_up(a, b);
    }
    // Digit by digit.
    let ten = i256::from_i128(10);
    let (mut whole, mut rest) = (a.checked_div(b)?, a.checked_rem(b)?);
    for _ in 0..digits {
        let next = rest.checked_mul(ten)?;
        whole = whole.checked_mul(ten)?.checked_add(next.checked_div(b)?)?;
        rest = next.checked_rem(b)?;
    }
    whole.checked_add(halves_up(rest, b)?)
}

/// The function of one operation.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Wide {
    op: Op,
    signature: Signature,
}

fn scales(types: &[DataType]) -> Result<[(u8, i8); 2]> {
    match types {
        [DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)] => Ok([(*p1, *s1), (*p2, *s2)]),
        other => Err(Error::internal(format!("arithmetic of decimals with {other:?}"))),
    }
}

impl ScalarUDFImpl for Wide {
    fn name(&self) -> &str {
        match self.op {
            Op::Plus => "__decimal_plus",
            Op::Minus => "__decimal_minus",
            Op::Times => "__decimal_times",
            Op::Divide => "__decimal_divide",
            Op::Modulo => "__decimal_modulo",
            Op::Average => "__decimal_average",
        }
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        let sign = match self.op {
            Op::Plus => "+",
            Op::Minus => "-",
            Op::Times => "*",
            Op::Divide | Op::Average => "/",
            Op::Modulo => "%",
        };
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(names.join(&format!(" {sign} ")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        let [a, b] = scales(types)?;
        let (precision, scale) = self.op.result(a, b);
        Ok(DataType::Decimal128(precision, scale))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let literal = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if literal { 1 } else { args.number_rows };
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let [(p1, s1), (p2, s2)] = scales(&types)?;
        let (precision, scale) = self.op.result((p1, s1), (p2, s2));
        let [a, b] = take_function_args(self.name(), args.args)?;
        let (a, b) = (a.to_array(rows)?, b.to_array(rows)?);
        let (a, b) = (a.as_primitive::<Decimal128Type>(), b.as_primitive::<Decimal128Type>());
        let divides = matches!(self.op, Op::Divide | Op::Modulo | Op::Average);
        if divides && (0..rows).any(|row| a.is_valid(row) && b.is_valid(row) && b.value(row) == 0) {
            return Err(ArrowError::DivideByZero.into());
        }
        let answers = a.iter().zip(b).map(|(a, b)| self.op.apply((a?, s1), (b?, s2), scale).filter(|n| fits(*n, precision)));
        let answers: ArrayRef = Arc::new(answers.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?);
        if literal { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?)) } else { Ok(ColumnarValue::Array(answers)) }
    }
}
