//! Functions over positions in text. Positions count characters from 1; in `SUBSTRING` a negative one counts from the end.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::scalar::{Param, Row, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Int, Text};
    [
        Scalar::rows("substr", &[&[Text, Int], &[Text, Int, Int]], |row| {
            let length = if row.len() > 2 { row.int(2)? } else { i64::MAX };
            substring(row.text(0)?, row.int(1)?, length).map(str::to_string)
        })
        .alias("substring"),
        Scalar::rows("left", &[&[Text, Int]], |row| substring(row.text(0)?, 1, row.int(1)?.max(0)).map(str::to_string)),
        Scalar::rows("right", &[&[Text, Int]], |row| {
            let (text, length) = (row.text(0)?, row.int(1)?.max(0));
            let skip = text.chars().count().saturating_sub(usize::try_from(length).ok()?);
            Some(text[offset(text, skip)..].to_string())
        }),
        Scalar::rows("overlay", &[&[Text, Text, Int], &[Text, Text, Int, Int]], overlay),
        Scalar::rows("locate", &[&[Text, Text], &[Text, Text, Int]], |row| {
            locate(row.text(0)?, row.text(1)?, if row.len() > 2 { row.int(2)? } else { 1 })
        }),
        Scalar::rows("position", &[&[Text, Text]], |row| locate(row.text(0)?, row.text(1)?, 1)),
        Scalar::rows("instr", &[&[Text, Text], &[Text, Text, Int], &[Text, Text, Int, Int]], instr),
        Scalar::rows("split_index", &[&[Text, Text, Int], &[Text, Int, Int]], split_index),
        Scalar::rows("elt", &[&[Int, Text]], |row| {
            let index = usize::try_from(row.int(0)?).ok().filter(|index| *index > 0)?;
            row.text(index).map(str::to_string)
        })
        .rest(Text),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// The byte offset of the nth character, from 0.
fn offset(text: &str, n: usize) -> usize {
    if text.is_ascii() { n.min(text.len()) } else { text.char_indices().nth(n).map_or(text.len(), |(at, _)| at) }
}

/// At most `length` characters from a position on.
fn substring(text: &str, place: i64, length: i64) -> Option<&str> {
    let length = usize::try_from(length).ok()?;
    let skip = match usize::try_from(place) {
        Ok(place) => place.saturating_sub(1),
        Err(_) => match text.chars().count().checked_sub(usize::try_from(place.unsigned_abs()).ok()?) {
            Some(skip) => skip,
            None => return Some(""),
        },
    };
    let rest = &text[offset(text, skip)..];
    Some(&rest[..offset(rest, length)])
}

/// `OVERLAY(text PLACING new FROM place [FOR length])`; a position outside the text changes nothing.
fn overlay(row: &Row<'_>) -> Option<String> {
    let (text, new, place) = (row.text(0)?, row.text(1)?, row.int(2)?);
    let count = text.chars().count();
    let length = if row.len() > 3 { row.int(3)? } else { i64::try_from(new.chars().count()).ok()? };
    let Some(start) = usize::try_from(place).ok().filter(|place| (1..=count).contains(place)).map(|place| place - 1) else {
        return Some(text.to_string());
    };
    // As in Flink, the rest of the text is dropped if the length is not positive.
    let end = usize::try_from(length).ok().filter(|length| *length > 0).map_or(count, |length| start.saturating_add(length));
    Some(format!("{}{new}{}", &text[..offset(text, start)], &text[offset(text, end)..]))
}

/// The position of `part` in `text` at or after `from`, in characters from 1; 0 if not found.
fn locate(part: &str, text: &str, from: i64) -> Option<i32> {
    let Ok(from) = usize::try_from(from - 1) else { return Some(0) };
    if from > text.chars().count() {
        return Some(0);
    }
    let start = offset(text, from);
    let place = text[start..].find(part).map_or(0, |i| from + text[start..start + i].chars().count() + 1);
    i32::try_from(place).ok()
}

/// `INSTR(text, part [, from [, nth]])`: a negative `from` counts from the end and searches backwards.
fn instr(row: &Row<'_>) -> Option<i32> {
    let (text, part) = (row.text(0)?, row.text(1)?);
    let from = if row.len() > 2 { row.int(2)? } else { 1 };
    let nth = if row.len() > 3 { row.int(3)? } else { 1 };
    let Some(nth) = usize::try_from(nth - 1).ok().filter(|_| from != 0) else { return Some(0) };
    let count = text.chars().count();
    let last = usize::try_from(from.unsigned_abs()).ok()?;
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]).enumerate().filter(|(_, at)| text[*at..].starts_with(part));
    let found = if from > 0 {
        starts.filter(|(n, _)| *n + 1 >= last).nth(nth)
    } else {
        let all: Vec<(usize, usize)> = starts.by_ref().filter(|(n, _)| *n + last <= count).collect();
        all.len().checked_sub(nth + 1).and_then(|n| all.get(n).copied())
    };
    i32::try_from(found.map_or(0, |(n, _)| n + 1)).ok()
}

/// `SPLIT_INDEX(text, separator, index)`: the index counts from 0; a separator may be given as its character code.
fn split_index(row: &Row<'_>) -> Option<String> {
    let text = row.text(0).filter(|text| !text.is_empty())?;
    let index = usize::try_from(row.int(2)?).ok()?;
    let code = row.int(1).map(|code| u8::try_from(code).ok().filter(|code| *code > 0));
    let found = match code {
        Some(code) => text.split(char::from(code?)).nth(index),
        None => match row.text(1)? {
            "" => text.split_whitespace().nth(index),
            separator => text.split(separator).nth(index),
        },
    };
    found.map(str::to_string)
}
