//! `PRINTF(format, value, ...)`: Java's formats, for numbers, text and booleans.
//!
//! A format is `%[n$][flags][width][.precision]conversion`, with the conversions `d x X o f e E c b s S % n`. An invalid format or value
//! gives NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::logical_expr::ScalarUDF;

use crate::common::Result;

use super::rows::returns;
use super::scalar::{Call, Param, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![Scalar::new("printf", &[&[Param::Text]], returns::<String>, printf).rest(Param::Any).udf()]
}

/// A value to be formatted.
enum Given {
    Null,
    Whole(i64),
    Number(f64),
    Truth(bool),
    Text(String),
}

fn printf(call: &Call) -> Result<ArrayRef> {
    let format = call.text(0)?;
    let values = (1..call.args.len()).map(|n| prepared(&call.array(n)?)).collect::<Result<Vec<ArrayRef>>>()?;
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        let given: Vec<Given> = values.iter().map(|values| given(values, row)).collect();
        out.append_option(format.get(row).and_then(|format| formatted(format, &given)));
    }
    Ok(Arc::new(out.finish()))
}

/// Casts values to one of the types that [`given`] reads.
fn prepared(values: &ArrayRef) -> Result<ArrayRef> {
    Ok(match values.data_type() {
        DataType::Boolean => Arc::clone(values),
        whole if whole.is_integer() => cast(values, &DataType::Int64)?,
        number if number.is_numeric() => cast(values, &DataType::Float64)?,
        _ => cast(values, &DataType::Utf8)?,
    })
}

fn given(values: &ArrayRef, row: usize) -> Given {
    match values.data_type() {
        _ if values.is_null(row) => Given::Null,
        DataType::Boolean => Given::Truth(values.as_boolean().value(row)),
        DataType::Int64 => Given::Whole(values.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Given::Number(values.as_primitive::<Float64Type>().value(row)),
        _ => values.as_string_opt::<i32>().map_or(Given::Null, |texts| Given::Text(texts.value(row).to_string())),
    }
}

/// The part between `%` and the conversion.
#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    blank: bool,
    zeros: bool,
    groups: bool,
    parentheses: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

fn formatted(format: &str, given: &[Given]) -> Option<String> {
    let (mut out, mut rest, mut next) = (String::new(), format, 0);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (mut spec, mut text, mut place) = (Spec::default(), after, None);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(behind) = text.get(digits..).and_then(|behind| behind.strip_prefix('$')) {
            (place, text) = (Some(text.get(..digits)?.parse::<usize>().ok()?.checked_sub(1)?), behind);
        }
        while let Some(flag) = text.chars().next().filter(|c| "-+ 0,(#".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ' ' => spec.blank = true,
                '0' => spec.zeros = true,
                ',' => spec.groups = true,
                '(' => spec.parentheses = true,
                _ => spec.alternate = true,
            }
            text = text.get(1..)?;
        }
        let number = |text: &mut &str| -> Option<usize> {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let (number, behind) = text.split_at(digits);
            *text = behind;
            // Limited, so that a typo does not exhaust the memory.
            number.parse().ok().filter(|n| *n <= 10_000)
        };
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            spec.width = number(&mut text)?;
        }
        if let Some(behind) = text.strip_prefix('.') {
            text = behind;
            spec.precision = Some(number(&mut text)?);
        }
        let conversion = text.chars().next()?;
        rest = text.get(conversion.len_utf8()..)?;
        match conversion {
            '%' => spec.put("%", false, &mut out),
            'n' => out.push('\n'),
            _ => {
                // Arguments with an explicit index do not count.
                next += usize::from(place.is_none());
                let place = place.unwrap_or_else(|| next - 1);
                spec.show(conversion, given.get(place)?, &mut out)?;
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

impl Spec {
    fn show(&self, conversion: char, given: &Given, out: &mut String) -> Option<()> {
        let cut = |text: &str| self.precision.map_or_else(|| text.to_string(), |most| text.chars().take(most).collect());
        let text = match (conversion.to_ascii_lowercase(), given) {
            ('b', Given::Null) => cut("false"),
            ('b', Given::Truth(value)) => cut(&value.to_string()),
            ('b', _) => cut("true"),
            (_, Given::Null) => cut("null"),
            ('s', Given::Whole(value)) => cut(&value.to_string()),
            ('s', Given::Number(value)) => cut(&format!("{value:?}")),
            ('s', Given::Truth(value)) => cut(&value.to_string()),
            ('s', Given::Text(value)) => cut(value),
            ('c', Given::Text(value)) if value.chars().count() == 1 => value.clone(),
            ('c', Given::Whole(value)) => char::from_u32(u32::try_from(*value).ok()?)?.to_string(),
            ('d', Given::Whole(value)) => return self.number(*value < 0, &value.unsigned_abs().to_string(), out),
            ('x', Given::Whole(value)) => format!("{}{value:x}", if self.alternate { "0x" } else { "" }),
            ('o', Given::Whole(value)) => format!("{}{value:o}", if self.alternate { "0" } else { "" }),
            ('f' | 'e', Given::Number(value)) if !value.is_finite() => format!("{value:?}"),
            ('f', Given::Number(value)) => {
                let digits = format!("{:.*}", self.precision.unwrap_or(6), value.abs());
                return self.number(value.is_sign_negative(), &digits, out);
            }
            ('e', Given::Number(value)) => {
                let text = format!("{:.*e}", self.precision.unwrap_or(6), value.abs());
                let (digits, exponent) = text.split_once('e')?;
                let exponent: i32 = exponent.parse().ok()?;
                let digits = format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
                let digits = if conversion == 'E' { digits.to_uppercase() } else { digits };
                return self.number(value.is_sign_negative(), &digits, out);
            }
            _ => return None,
        };
        let text = if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text };
        self.put(&text, matches!(conversion, 'x' | 'X' | 'o') && self.zeros, out);
        Some(())
    }

    /// A number from its digits.
    fn number(&self, negative: bool, digits: &str, out: &mut String) -> Option<()> {
        let (whole, fraction) = digits.split_at(digits.find(['.', 'e', 'E']).unwrap_or(digits.len()));
        let mut shown = String::new();
        for (n, digit) in whole.chars().enumerate() {
            if self.groups && n > 0 && (whole.len() - n) % 3 == 0 {
                shown.push(',');
            }
            shown.push(digit);
        }
        shown.push_str(fraction);
        let (open, close) = match negative {
            true if self.parentheses => ("(", ")"),
            true => ("-", ""),
            false if self.plus => ("+", ""),
            false if self.blank => (" ", ""),
            false => ("", ""),
        };
        let missing = self.width.saturating_sub(open.len() + shown.len() + close.len());
        let zeros = if self.zeros && !self.left { "0".repeat(missing) } else { String::new() };
        self.put(&format!("{open}{zeros}{shown}{close}"), false, out);
        Some(())
    }

    /// Pads a text to its width.
    fn put(&self, text: &str, zeros: bool, out: &mut String) {
        let missing = self.width.saturating_sub(text.chars().count());
        let fill = if zeros { "0" } else { " " }.repeat(missing);
        let (before, after) = if self.left { ("", fill.as_str()) } else { (fill.as_str(), "") };
        out.extend([before, text, after]);
    }
}
