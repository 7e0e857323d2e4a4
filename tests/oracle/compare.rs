//! Compares two answers as multisets of rows; floats with a tolerance.

use std::collections::{BTreeMap, BTreeSet};

use super::harness::Answer;

/// Returns the rows that only one of the answers has; empty if they are equal.
pub fn difference(got: &Answer, expected: &Answer) -> String {
    let mut lines = String::new();
    let topics: BTreeSet<&String> = got.keys().chain(expected.keys()).collect();
    for topic in topics {
        if got.contains_key(topic) != expected.contains_key(topic) {
            lines += &format!("{topic}: {} altogether\n", if got.contains_key(topic) { "too much:" } else { "missing: " });
        }
        let mut rows: BTreeMap<&str, i64> = BTreeMap::new();
        got.get(topic).into_iter().flatten().for_each(|row| *rows.entry(row).or_default() += 1);
        expected.get(topic).into_iter().flatten().for_each(|row| *rows.entry(row).or_default() -= 1);
        let repeat = |count: i64| 0..usize::try_from(count).unwrap_or(0);
        let more: Vec<&str> = rows.iter().flat_map(|(row, n)| repeat(*n).map(|_| *row)).collect();
        let mut less: Vec<&str> = rows.iter().flat_map(|(row, n)| repeat(-*n).map(|_| *row)).collect();
        for row in more {
            match less.iter().position(|other| near(row, other)) {
                Some(i) => drop(less.swap_remove(i)),
                None => lines += &format!("{topic}: too much: {row}\n"),
            }
        }
        less.sort_unstable();
        lines.extend(less.into_iter().map(|row| format!("{topic}: missing:  {row}\n")));
    }
    lines
}

/// Whether rows differ only in the last digits of floats. The deviation of equal numbers is the root of a rounding error, so the tolerance
/// near zero is wide.
fn near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(" | ").collect(), b.split(" | ").collect());
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            let float = |text: &str| text.contains('e').then(|| text.parse::<f64>().ok()).flatten();
            a == b || float(a).zip(float(b)).is_some_and(|(a, b)| (a - b).abs() <= 1e-6 + 1e-9 * a.abs().max(b.abs()))
        })
}

#[test]
fn floats_may_differ_in_their_last_digits() {
    let answer = |rows: &[&str]| Answer::from([("out".to_string(), rows.iter().map(|r| (*r).to_string()).collect())]);
    let a = answer(&["a | 1.000000001e0", "a | -0.000000000e0", "b | 2"]);
    assert_eq!(difference(&a, &answer(&["a | 0.000000000e0", "a | 1.000000000e0", "b | 2"])), "");
    assert_eq!(
        difference(&a, &answer(&["a | 1.000000000e0", "a | 1.000000000e0", "b | 2"])),
        "out: too much: a | -0.000000000e0\nout: missing:  a | 1.000000000e0\n"
    );
}
