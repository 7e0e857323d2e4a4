//! The time that a partition represents, and whether the watermark has passed it.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::common::java_parse::Style;
use crate::common::java_time::Pattern;
use crate::common::{Error, Result, units};
use crate::connectors::TableSpec;

/// `sink.partition-commit.trigger` = `partition-time`, as in Flink:
///
/// ```text
///   dt=2024-05-01/hour=07   '$dt $hour:00:00'   2024-05-01 07:00:00   + delay 1 h   08:00:00
///   values                  timestamp-pattern   timestamp-formatter                 complete when the watermark has passed it
/// ```
#[derive(Debug, Clone)]
pub struct PartitionTime {
    keys: Vec<String>,
    /// The text with `$key` for values; without it the first key's value.
    pattern: Option<String>,
    /// How the text is parsed; without it as a date, or a date and a time.
    formatter: Option<(String, std::sync::Arc<Pattern>)>,
    delay: Duration,
    zone: Tz,
}

impl PartitionTime {
    /// Reads a table's options; `None` if partitions do not wait for the watermark.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn read(table: &TableSpec) -> Result<Option<Self>> {
        let wrong = |key: &str, hint: &str| Error::option(key, "cannot be used so").in_table(&table.name).hint(hint);
        let trigger = "sink.partition-commit.trigger";
        let key = "sink.partition-commit.delay";
        let delay = table.option(key).map(units::duration).transpose();
        let delay = delay.map_err(|e| e.in_table_option(&table.name, key))?.unwrap_or_default();
        if !table.option(trigger).is_some_and(|t| t.eq_ignore_ascii_case("partition-time")) {
            if !delay.is_zero() {
                return Err(wrong(key, "partitions are waited for only with 'sink.partition-commit.trigger' = 'partition-time'"));
            }
            return Ok(None);
        }
        if table.partitioned_by.is_empty() {
            return Err(wrong(trigger, "'partition-time' is the time of a partition: add PARTITIONED BY"));
        }
        let key = "sink.partition-commit.watermark-time-zone";
        let zone = match table.option(key) {
            None => Tz::UTC,
            Some(name) => name.parse().map_err(|_| wrong(key, "give the name of a zone, such as Europe/Berlin"))?,
        };
        let key = "partition.time-extractor.timestamp-formatter";
        let formatter = table.option(key).map(|text| Ok::<_, Error>((text.to_string(), std::sync::Arc::new(Pattern::parse(text)?))));
        Ok(Some(Self {
            keys: table.partitioned_by.clone(),
            pattern: table.option("partition.time-extractor.timestamp-pattern").map(str::to_string),
            formatter: formatter.transpose().map_err(|e| e.in_table_option(&table.name, key))?,
            delay: Duration::from_std(delay).map_err(|_| wrong("sink.partition-commit.delay", "it is too long"))?,
            zone,
        }))
    }

    /// Returns the time, in milliseconds since 1970, that the watermark must pass; `value` returns the values of the partition.
    ///
    /// # Errors
    /// When the values are not a time.
    pub fn complete_after<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Result<i64> {
        let value = |key: &String| value(key).unwrap_or_default();
        let text = match &self.pattern {
            None => self.keys.first().map(value).unwrap_or_default().to_string(),
            Some(pattern) => self.keys.iter().fold(pattern.clone(), |text, key| text.replace(&format!("${key}"), value(key))),
        };
        let time = match &self.formatter {
            Some((_, pattern)) => pattern.read(&text, Style::Formatter),
            None => plain(&text),
        };
        let as_what = self.formatter.as_ref().map_or("yyyy-MM-dd HH:mm:ss", |(text, _)| text);
        let time = time.and_then(|time| self.instant(time)).ok_or_else(|| {
            Error::data(format!("'{text}' is no time of the form {as_what}"))
                .hint("`partition.time-extractor.timestamp-pattern` says how the partition's values make one")
        })?;
        Ok(time.timestamp_millis().saturating_add(self.delay.num_milliseconds()))
    }

    /// A time that clocks skipped becomes the one to which they were advanced, as in Java.
    fn instant(&self, time: NaiveDateTime) -> Option<DateTime<Tz>> {
        match self.zone.from_local_datetime(&time) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time),
            LocalResult::None => self.zone.from_local_datetime(&(time + Duration::hours(1))).earliest(),
        }
    }
}

fn plain(text: &str) -> Option<NaiveDateTime> {
    let date = |_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(NaiveTime::MIN));
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").or_else(date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Options;

    fn read(keys: &[&str], options: &[(&str, &str)]) -> Result<Option<PartitionTime>> {
        let mut all = Options::default();
        options.iter().for_each(|(key, value)| all.set(key, value));
        PartitionTime::read(&TableSpec {
            name: "t".into(),
            connector: "filesystem".into(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            partitioned_by: keys.iter().map(ToString::to_string).collect(),
            options: all,
        })
    }

    #[test]
    fn times_of_partitions() {
        let trigger = ("sink.partition-commit.trigger", "partition-time");
        let pattern = |text| ("partition.time-extractor.timestamp-pattern", text);
        let formatter = |text| ("partition.time-extractor.timestamp-formatter", text);
        let delay = ("sink.partition-commit.delay", "1 h");
        let zone = |text| ("sink.partition-commit.watermark-time-zone", text);
        for (values, options, expected) in [
            (&[("dt", "2024-05-01")][..], &[][..], Some("2024-05-01T00:00:00")),
            (&[("dt", "2024-5-1 7:08:09")], &[], Some("2024-05-01T07:08:09")),
            (&[("dt", "2024-05-01")], &[delay], Some("2024-05-01T01:00:00")),
            (&[("dt", "2024-05-01"), ("hour", "07")], &[pattern("$dt $hour:00:00"), delay], Some("2024-05-01T08:00:00")),
            (&[("y", "2024"), ("m", "05"), ("d", "01")], &[pattern("$y$m$d"), formatter("yyyyMMdd")], Some("2024-05-01T00:00:00")),
            (&[("dt", "2024-05-01")], &[zone("Asia/Tokyo")], Some("2024-04-30T15:00:00")),
            // That hour does not exist there.
            (&[("dt", "2024-03-31 02:30:00")], &[zone("Europe/Berlin")], Some("2024-03-31T01:30:00")),
            (&[("dt", "x")], &[], None),
            (&[("dt", "2024-05-01")], &[formatter("yyyyMMdd")], None),
        ] {
            let keys: Vec<&str> = values.iter().map(|(key, _)| *key).collect();
            let all: Vec<_> = options.iter().copied().chain([trigger]).collect();
            let time = read(&keys, &all).unwrap().unwrap();
            let value = |key: &str| values.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
            let expected = expected.map(|t| t.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_millis());
            assert_eq!(time.complete_after(value).ok(), expected, "{values:?} {options:?}");
        }
        assert!(read(&[], &[]).unwrap().is_none());
        for (keys, options) in [
            (&[][..], &[trigger][..]),
            (&["dt"], &[delay]),
            (&["dt"], &[trigger, zone("Mars")]),
            (&["dt"], &[trigger, ("sink.partition-commit.delay", "x")]),
        ] {
            assert!(read(keys, options).is_err(), "{options:?}");
        }
    }
}
