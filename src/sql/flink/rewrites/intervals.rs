//! Intervals of several units: `INTERVAL '1 02:03:04.5' DAY TO SECOND` becomes `INTERVAL '1 DAYS 2 HOURS 3 MINUTES 4.5 SECONDS'`.

use sqlparser::ast::{DateTimeField, Expr, Interval, Value};

use crate::common::{Error, Result};

use crate::sql::text::{Text, pos};

/// Units from largest to smallest, and the separator after each in the text.
const UNITS: [(&str, char); 4] = [("DAY", ' '), ("HOUR", ':'), ("MINUTE", ':'), ("SECOND", ':')];

/// Rewrites an interval that spans several units.
pub(super) fn rewrite(interval: &mut Interval, place: &Text<'_>) -> Result<()> {
    let (Some(first), Some(last)) = (&interval.leading_field, &interval.last_field) else { return Ok(()) };
    let Expr::Value(value) = interval.value.as_ref() else { return Ok(()) };
    let Some(text) = value.value.clone().into_string() else { return Ok(()) };
    let Some(parts) = parts(&text, first, last) else {
        let hint = "write INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '2:30' HOUR TO MINUTE or INTERVAL '1-6' YEAR TO MONTH";
        let error = Error::sql(format!("`{text}` is no interval of {first} TO {last}")).hint(hint);
        return Err(place.place(pos(value.span.start), error));
    };
    *interval.value = Expr::Value(Value::SingleQuotedString(parts).into());
    (interval.leading_field, interval.last_field, interval.leading_precision) = (None, None, None);
    interval.fractional_seconds_precision = None;
    Ok(())
}

fn parts(text: &str, first: &DateTimeField, last: &DateTimeField) -> Option<String> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |rest| ("-", rest));
    let number = |part: &str, fraction: bool| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, rest) = part.split_once('.').map_or((part, None), |(whole, rest)| (whole, Some(rest)));
        (digits(whole) && rest.is_none_or(|rest| fraction && digits(rest))).then(|| part.to_string())
    };
    let (first, last) = (first.to_string(), last.to_string());
    if (first.as_str(), last.as_str()) == ("YEAR", "MONTH") {
        let (years, months) = text.split_once('-')?;
        return Some(format!("{sign}{} YEARS {sign}{} MONTHS", number(years, false)?, number(months, false)?));
    }
    let at = |unit: &str| UNITS.iter().position(|(name, _)| *name == unit);
    let units = UNITS.get(at(&first)?..=at(&last)?)?;
    let (mut out, mut rest) = (Vec::new(), text);
    for (n, (unit, separator)) in units.iter().enumerate() {
        let (part, after) = if n + 1 < units.len() { rest.split_once(*separator)? } else { (rest, "") };
        out.push(format!("{sign}{} {unit}S", number(part, *unit == "SECOND")?));
        rest = after.trim_start();
    }
    Some(out.join(" "))
}
