//! Java's patterns for dates and times: `yyyy-MM-dd'T'HH:mm:ss.SSS`, as `DateTimeFormatter` and `SimpleDateFormat` read them.
//!
//! A pattern is compiled to a list of items, once. Names of months and days are English, weeks are those of the US (they begin on Sunday,
//! the first one contains January 1st), as in a Java machine with the locale `en_US`. The zone is UTC.

use std::fmt::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::common::{Error, Result};

pub(crate) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub(crate) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A compiled pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern(pub(crate) Vec<Item>);

/// An item of a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Literal text.
    Literal(String),
    /// A letter of the pattern, repeated.
    Field(Field, usize),
    /// `[...]`: may be missing when a text is parsed.
    Optional(Vec<Item>),
}

/// The field that a letter denotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Era,
    Year,
    WeekYear,
    Quarter,
    Month,
    Week,
    WeekOfMonth,
    Day,
    DayOfYear,
    DayOfWeek,
    /// `e` and `c`: a number from Sunday = 1.
    LocalDayOfWeek,
    AmPm,
    Hour,
    /// `k`: 1 to 24.
    ClockHour,
    /// `h`: 1 to 12.
    Hour12,
    /// `K`: 0 to 11.
    HourOfHalf,
    Minute,
    Second,
    Fraction,
    MilliOfDay,
    Nano,
    ZoneName,
    /// `Z`.
    Offset,
    /// `X`: Z for UTC.
    IsoOffset,
    /// `x`: +00 for UTC.
    NumericOffset,
}

impl Field {
    /// Returns the field of a letter and how often the letter may be repeated.
    fn from_letter(letter: char) -> Option<(Self, usize)> {
        Some(match letter {
            'G' => (Self::Era, 5),
            'y' | 'u' => (Self::Year, 9),
            'Y' => (Self::WeekYear, 9),
            'Q' | 'q' => (Self::Quarter, 4),
            'M' | 'L' => (Self::Month, 4),
            'w' => (Self::Week, 2),
            'W' => (Self::WeekOfMonth, 1),
            'd' => (Self::Day, 2),
            'D' => (Self::DayOfYear, 3),
            'E' => (Self::DayOfWeek, 4),
            'e' | 'c' => (Self::LocalDayOfWeek, 4),
            'a' => (Self::AmPm, 1),
            'H' => (Self::Hour, 2),
            'k' => (Self::ClockHour, 2),
            'h' => (Self::Hour12, 2),
            'K' => (Self::HourOfHalf, 2),
            'm' => (Self::Minute, 2),
            's' => (Self::Second, 2),
            'S' => (Self::Fraction, 9),
            'A' => (Self::MilliOfDay, 9),
            'n' => (Self::Nano, 9),
            'z' | 'V' => (Self::ZoneName, 4),
            'Z' => (Self::Offset, 5),
            'X' => (Self::IsoOffset, 5),
            'x' => (Self::NumericOffset, 5),
            _ => return None,
        })
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// For unknown letters, and quotes and brackets without an end.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut chars = text.chars().peekable();
        // One list for every open bracket.
        let mut open: Vec<Vec<Item>> = vec![Vec::new()];
        let wrong = |why: String| {
            let hint = "letters are Java's: yyyy-MM-dd HH:mm:ss.SSS; put text in single quotes: yyyy-MM-dd'T'HH:mm";
            Error::sql(format!("`{text}` is no pattern of a time: {why}")).hint(hint)
        };
        while let Some(c) = chars.next() {
            let item = match c {
                '\'' => Item::Literal(quoted(&mut chars).ok_or_else(|| wrong("a quote is not closed".into()))?),
                '[' => {
                    open.push(Vec::new());
                    continue;
                }
                ']' if open.len() > 1 => Item::Optional(open.pop().unwrap_or_default()),
                ']' => return Err(wrong("`]` closes nothing".into())),
                c if c.is_ascii_alphabetic() => {
                    let count = 1 + std::iter::from_fn(|| chars.next_if_eq(&c)).count();
                    let (field, most) = Field::from_letter(c).ok_or_else(|| wrong(format!("`{c}` stands for nothing")))?;
                    if count > most {
                        return Err(wrong(format!("`{c}` may stand {most} times, not {count}")));
                    }
                    Item::Field(field, count)
                }
                c => Item::Literal(c.to_string()),
            };
            if let Some(list) = open.last_mut() {
                list.push(item);
            }
        }
        match open.pop() {
            Some(items) if open.is_empty() => Ok(Self(items)),
            _ => Err(wrong("`[` is not closed".into())),
        }
    }

    /// Formats a time.
    pub(crate) fn format(&self, time: NaiveDateTime) -> String {
        let mut out = String::new();
        format(&self.0, time, &mut out);
        out
    }
}

/// Reads up to the closing quote; two quotes are one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut literal = String::new();
    if chars.next_if_eq(&'\'').is_some() {
        return Some("'".into());
    }
    loop {
        match chars.next()? {
            '\'' if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
            '\'' => return Some(literal),
            c => literal.push(c),
        }
    }
}

fn format(items: &[Item], time: NaiveDateTime, out: &mut String) {
    for item in items {
        match item {
            Item::Literal(text) => out.push_str(text),
            Item::Optional(items) => format(items, time, out),
            Item::Field(field, count) => format_field(*field, *count, time, out),
        }
    }
}

fn format_field(field: Field, count: usize, time: NaiveDateTime, out: &mut String) {
    let sunday_based = time.weekday().num_days_from_sunday();
    let number: i64 = match field {
        Field::Era => return out.push_str(if time.year() > 0 { "AD" } else { "BC" }),
        Field::Year if count == 2 => i64::from(time.year().rem_euclid(100)),
        Field::Year => i64::from(time.year()),
        Field::WeekYear if count == 2 => i64::from(week(time.date()).0.rem_euclid(100)),
        Field::WeekYear => i64::from(week(time.date()).0),
        Field::Quarter if count > 2 => {
            let quarter = time.month0() / 3 + 1;
            let suffix = ["st", "nd", "rd", "th"][(quarter - 1) as usize % 4];
            let shown = if count == 3 { format!("Q{quarter}") } else { format!("{quarter}{suffix} quarter") };
            return out.push_str(&shown);
        }
        Field::Quarter => i64::from(time.month0() / 3 + 1),
        Field::Month if count > 2 => return out.push_str(name(&MONTHS, time.month0(), count == 3)),
        Field::Month => i64::from(time.month()),
        Field::Week => i64::from(week(time.date()).1),
        Field::WeekOfMonth => {
            let first = time.date().with_day(1).unwrap_or(time.date());
            i64::from((time.day() + first.weekday().num_days_from_sunday() - 1) / 7 + 1)
        }
        Field::Day => i64::from(time.day()),
        Field::DayOfYear => i64::from(time.ordinal()),
        Field::DayOfWeek => return out.push_str(name(&DAYS, sunday_based, count < 4)),
        Field::LocalDayOfWeek if count > 2 => return out.push_str(name(&DAYS, sunday_based, count == 3)),
        Field::LocalDayOfWeek => i64::from(sunday_based + 1),
        Field::AmPm => return out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
        Field::Hour => i64::from(time.hour()),
        Field::ClockHour => i64::from((time.hour() + 23) % 24 + 1),
        Field::Hour12 => i64::from((time.hour() + 11) % 12 + 1),
        Field::HourOfHalf => i64::from(time.hour() % 12),
        Field::Minute => i64::from(time.minute()),
        Field::Second => i64::from(time.second()),
        Field::Fraction => {
            let digits = format!("{:09}", time.nanosecond() % 1_000_000_000);
            return out.push_str(&digits[..count.min(9)]);
        }
        Field::MilliOfDay => i64::from(time.num_seconds_from_midnight()) * 1000 + i64::from(time.nanosecond() / 1_000_000),
        Field::Nano => i64::from(time.nanosecond() % 1_000_000_000),
        Field::ZoneName => return out.push_str("UTC"),
        Field::Offset => return out.push_str(["+0000", "GMT", "Z"][count.saturating_sub(3)]),
        Field::IsoOffset => return out.push('Z'),
        Field::NumericOffset => return out.push_str(["+00", "+0000", "+00:00", "+0000", "+00:00"][count - 1]),
    };
    // Writing to a text cannot fail.
    _ = write!(out, "{number:0count$}");
}

fn name(names: &[&'static str], index: u32, short: bool) -> &'static str {
    let name = names.get(index as usize).copied().unwrap_or_default();
    if short { &name[..3] } else { name }
}

/// Returns year and week of a date, where week 1 contains January 1st and weeks begin on Sunday.
fn week(date: NaiveDate) -> (i32, u32) {
    let first_of = |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, |d| d.weekday().num_days_from_sunday());
    let days = if date.leap_year() { 366 } else { 365 };
    // The last days of December are in week 1 of the next year if that week has begun.
    if date.ordinal() + first_of(date.year() + 1) > days {
        return (date.year() + 1, 1);
    }
    (date.year(), (date.ordinal0() + first_of(date.year())) / 7 + 1)
}
