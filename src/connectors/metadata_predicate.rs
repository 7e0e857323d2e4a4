//! Predicates on metadata columns, by which a source leaves out positions that it need not read.

use std::collections::BTreeMap;

/// A set of integers: closed intervals, in order, that neither touch nor overlap.
///
/// Comparisons with literals reduce to such a set, and so do their AND and OR:
///
/// ```text
///   x >= 10                     [10 ........................ ∞]
///   x >= 10 AND x <> 15         [10 .. 14]   [16 ........... ∞]
///   x IN (3, 4, 12)         [3 .. 4]  [12]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// All numbers from `first` to `last`; none if `last` is smaller.
    pub fn between(first: i64, last: i64) -> Self {
        Self(if first <= last { vec![(first, last)] } else { Vec::new() })
    }

    /// Every number.
    pub fn all() -> Self {
        Self::between(i64::MIN, i64::MAX)
    }

    /// The numbers that are in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let met = |a: &(i64, i64), b: &(i64, i64)| Some((a.0.max(b.0), a.1.min(b.1))).filter(|(first, last)| first <= last);
        // In order, because both are.
        Self(self.0.iter().flat_map(|a| other.0.iter().filter_map(move |b| met(a, b))).collect())
    }

    /// The numbers that are in at least one of the sets.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut parts: Vec<(i64, i64)> = self.0.iter().chain(&other.0).copied().collect();
        parts.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(parts.len());
        for part in parts {
            match joined.last_mut() {
                Some(last) if part.0 <= last.1.saturating_add(1) => last.1 = last.1.max(part.1),
                _ => joined.push(part),
            }
        }
        Self(joined)
    }

    /// Whether the set contains a number.
    pub fn contains(&self, number: i64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// First and last number of each interval, in order.
    pub fn parts(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// The smallest and the largest number; `None` if the set is empty.
    pub fn hull(&self) -> Option<(i64, i64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }
}

/// The values that metadata columns have in the rows that a query wants, by the connector's keys of the columns.
///
/// Integers are compared as they are, times as milliseconds since 1970. The predicate is a promise about the rows that are wanted, and
/// filters stay in the plan: a source may use as much of it as it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataPredicate(BTreeMap<String, Intervals>);

impl MetadataPredicate {
    /// A predicate that one metadata column is in a set.
    pub fn new(key: &str, values: Intervals) -> Self {
        Self(BTreeMap::from([(key.to_string(), values)]))
    }

    /// Whether the predicate restricts no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of one metadata column.
    pub fn get(&self, key: &str) -> Option<&Intervals> {
        self.0.get(key)
    }

    /// Both predicates hold.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (key, values) in other.0 {
            let both = self.0.get(&key).map_or_else(|| values.clone(), |mine| mine.and(&values));
            self.0.insert(key, both);
        }
        self
    }

    /// At least one predicate holds: it restricts only the columns that both restrict.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self(self.0.into_iter().filter_map(|(key, values)| Some((values.or(other.0.get(&key)?), key))).map(|(v, k)| (k, v)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_sets() {
        let three = Intervals::between(3, 4).or(&Intervals::between(12, 12));
        assert_eq!(three.parts(), [(3, 4), (12, 12)]);
        assert_eq!(three.or(&Intervals::between(5, 11)).parts(), [(3, 12)]);
        assert_eq!(three.or(&Intervals::between(i64::MAX, i64::MAX)).hull(), Some((3, i64::MAX)));
        assert_eq!(three.and(&Intervals::between(4, 20)).parts(), [(4, 4), (12, 12)]);
        assert_eq!(three.and(&Intervals::between(5, 11)).hull(), None);
        assert_eq!(three.and(&Intervals::all()), three);
        assert!(three.contains(12) && !three.contains(5));
        assert_eq!(Intervals::between(5, 4).parts(), []);
    }

    #[test]
    fn or_forgets_what_only_one_side_says() {
        let (p, o) =
            (|n| MetadataPredicate::new("p", Intervals::between(n, n)), |n| MetadataPredicate::new("o", Intervals::between(n, i64::MAX)));
        let either = p(0).and(o(5)).or(&p(2));
        assert_eq!(either.get("p").map(Intervals::parts), Some(&[(0, 0), (2, 2)][..]));
        assert_eq!(either.get("o"), None);
        assert!(p(0).or(&o(5)).is_empty());
        assert_eq!(o(5).and(o(7)).get("o").and_then(Intervals::hull), Some((7, i64::MAX)));
    }
}
