//! "Did you mean": the nearest spelling among known names.

/// Returns the known name nearest to `wrong`, if it is near enough: a third of the shorter name may differ, or one character, but not the
/// whole name.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            let shorter = name.chars().count().min(lower.chars().count());
            *distance <= (shorter / 3).max(1) && *distance < shorter
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// A hint for an unknown name: the nearest spelling, then all known names.
pub fn hint(wrong: &str, known: &[&str]) -> String {
    let all = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    match (nearest(wrong, known.iter().copied()), known.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`? known: {all}"),
        (None, false) => format!("known: {all}"),
        (None, true) => "none is known".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typing_errors_and_nothing_else() {
        let known = ["topic", "format", "scan.startup.mode"];
        assert_eq!(nearest("topik", known), Some("topic"));
        assert_eq!(nearest("scan.startup.moed", known), Some("scan.startup.mode"));
        assert_eq!(nearest("path", known), None);
        // One letter is too short to match part of a longer name.
        assert_eq!(nearest("ei", ["e"]), None);
        assert_eq!(nearest("f", ["e"]), None);
        assert_eq!(nearest("E", ["e"]), Some("e"));
    }
}
