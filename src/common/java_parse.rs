//! Parses times with Java's patterns.
//!
//! Adjacent fields (`yyyyMMddHHmmss`) have fixed widths; where something else follows, one letter takes all digits. A day beyond the end of
//! its month becomes its last day, as with Java's *smart* resolver.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};

use super::java_time::{DAYS, Field, Item, MONTHS, Pattern};

/// The fields parsed from a text.
#[derive(Debug, Default, Clone)]
struct ParsedFields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    /// 0 to 11, from `h` or `K`.
    half: Option<i64>,
    pm: Option<bool>,
    minute: i64,
    second: i64,
    nano: i64,
    /// Seconds east of UTC.
    offset: i64,
}

/// How strictly a text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As `DateTimeFormatter`: the whole text, exact widths; a zone is parsed but not applied.
    Formatter,
    /// As `SimpleDateFormat`: any number of digits, more text may follow, a zone is applied.
    Simple,
}

impl Pattern {
    /// Parses a time; missing fields are those of 1970-01-01 00:00.
    pub(crate) fn read(&self, text: &str, style: Style) -> Option<NaiveDateTime> {
        let mut reader = Reader { rest: text, found: ParsedFields::default(), style };
        reader.items(&self.0)?;
        if style == Style::Formatter && !reader.rest.is_empty() {
            return None;
        }
        let offset = if style == Style::Simple { reader.found.offset } else { 0 };
        reader.found.time()?.checked_sub_signed(Duration::seconds(offset))
    }
}

impl ParsedFields {
    fn time(&self) -> Option<NaiveDateTime> {
        let year = i32::try_from(self.year.unwrap_or(1970)).ok()?;
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() && self.day.is_none() => NaiveDate::from_yo_opt(year, u32::try_from(day).ok()?)?,
            _ => day_of_month(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let hour = match (self.hour, self.half, self.pm) {
            (Some(hour), ..) => hour,
            (None, Some(half), Some(pm)) => half + if pm { 12 } else { 0 },
            _ => 0,
        };
        let of = |value: i64| u32::try_from(value).ok();
        Some(date.and_time(NaiveTime::from_hms_nano_opt(of(hour)?, of(self.minute)?, of(self.second)?, of(self.nano)?)?))
    }
}

/// Returns a date; the 30th of February is the last day of February.
pub(crate) fn day_of_month(year: i32, month: i64, day: i64) -> Option<NaiveDate> {
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok().filter(|day| (1..=31).contains(day))?);
    (28..=day).rev().chain([day]).find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
}

struct Reader<'t> {
    rest: &'t str,
    found: ParsedFields,
    style: Style,
}

impl Reader<'_> {
    fn items(&mut self, items: &[Item]) -> Option<()> {
        for (i, item) in items.iter().enumerate() {
            match item {
                Item::Literal(text) => self.rest = self.rest.strip_prefix(text.as_str())?,
                Item::Optional(inner) => {
                    let before = (self.rest, self.found.clone());
                    if self.items(inner).is_none() {
                        (self.rest, self.found) = before;
                    }
                }
                Item::Field(field, count) => self.field(*field, *count, &items[i + 1..])?,
            }
        }
        Some(())
    }

    fn field(&mut self, field: Field, count: usize, after: &[Item]) -> Option<()> {
        match field {
            Field::Month if count > 2 => self.found.month = Some(self.name(&MONTHS, count == 3)? + 1),
            Field::DayOfWeek => drop(self.name(&DAYS, count < 4)?),
            Field::LocalDayOfWeek if count > 2 => drop(self.name(&DAYS, count == 3)?),
            Field::AmPm => self.found.pm = Some(self.name(&["AM", "PM"], false)? == 1),
            Field::Era => drop(self.name(&["AD"], false)?),
            Field::ZoneName => drop(self.name(&["UTC", "GMT", "Z"], false)?),
            Field::Offset | Field::IsoOffset | Field::NumericOffset => self.found.offset = self.offset()?,
            _ => self.number(field, count, after)?,
        }
        Some(())
    }

    fn number(&mut self, field: Field, count: usize, after: &[Item]) -> Option<()> {
        let run = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let reserved = widths(after);
        // A fixed width, or all digits except those of the fields right after.
        let free = count == 1 || (field == Field::Year && count != 2) || (self.style == Style::Simple && reserved == 0);
        let take = if free && field != Field::Fraction { run.checked_sub(reserved)?.min(18) } else { count };
        let least = if self.style == Style::Simple { 1 } else { count };
        if take < least || take > run || (field == Field::Year && count == 4 && take > 4 && self.style == Style::Formatter) {
            return None;
        }
        let (digits, rest) = self.rest.split_at(take);
        let value: i64 = digits.parse().ok()?;
        self.rest = rest;
        let within = |range: std::ops::RangeInclusive<i64>| Some(value).filter(|v| range.contains(v));
        let found = &mut self.found;
        match field {
            Field::Year if count == 2 => found.year = Some(2000 + value % 100),
            Field::Year => found.year = Some(value),
            Field::Month => found.month = Some(within(1..=12)?),
            Field::Day => found.day = Some(within(1..=31)?),
            Field::DayOfYear => found.day_of_year = Some(within(1..=366)?),
            Field::Hour => found.hour = Some(within(0..=23)?),
            Field::ClockHour => found.hour = Some(within(1..=24)? % 24),
            Field::Hour12 => found.half = Some(within(1..=12)? % 12),
            Field::HourOfHalf => found.half = Some(within(0..=11)?),
            Field::Minute => found.minute = within(0..=59)?,
            Field::Second => found.second = within(0..=59)?,
            Field::Nano => found.nano = within(0..=999_999_999)?,
            Field::Fraction => found.nano = value * 10_i64.pow(9_u32.checked_sub(u32::try_from(take).ok()?)?),
            Field::MilliOfDay => {
                let value = within(0..=86_399_999)?;
                found.hour = Some(value / 3_600_000);
                found.minute = value / 60_000 % 60;
                found.second = value / 1000 % 60;
                found.nano = value % 1000 * 1_000_000;
            }
            // Weeks and quarters are not needed for a date.
            _ => {}
        }
        Some(())
    }

    /// Parses one of these names, and returns its index.
    fn name(&mut self, names: &[&str], short: bool) -> Option<i64> {
        let simple = self.style == Style::Simple;
        let (index, rest) = names.iter().enumerate().find_map(|(i, name)| {
            let forms = [*name, name.get(..3).filter(|_| short || simple).unwrap_or(name)];
            let forms = if short && !simple { &forms[1..] } else { &forms[..] };
            forms.iter().find_map(|form| {
                let head = self.rest.get(..form.len())?;
                (head == *form || (simple && head.eq_ignore_ascii_case(form))).then(|| (i, &self.rest[form.len()..]))
            })
        })?;
        self.rest = rest;
        i64::try_from(index).ok()
    }

    /// Parses `Z`, `+01`, `+0100` or `+01:00`, in seconds.
    fn offset(&mut self) -> Option<i64> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(0);
        }
        let rest = self.rest.strip_prefix("GMT").unwrap_or(self.rest);
        let sign = match rest.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours: i64 = rest.get(1..3)?.parse().ok()?;
        let rest = rest.get(3..)?;
        let minutes = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = match minutes.get(..2).and_then(|m| m.parse::<i64>().ok()) {
            Some(value) => (value, &minutes[2..]),
            None => (0, rest),
        };
        self.rest = rest;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Returns how many digits belong to the fields that follow directly.
fn widths(after: &[Item]) -> usize {
    let fixed = after.iter().map_while(|item| match item {
        Item::Field(Field::Month, count) if *count > 2 => None,
        Item::Field(
            Field::Year
            | Field::Month
            | Field::Day
            | Field::DayOfYear
            | Field::Hour
            | Field::ClockHour
            | Field::Hour12
            | Field::HourOfHalf
            | Field::Minute
            | Field::Second
            | Field::Fraction,
            count,
        ) => Some(*count),
        _ => None,
    });
    fixed.sum()
}
