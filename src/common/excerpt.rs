//! How much of the data a message shows.

use std::borrow::Cow;

/// The most characters of one value or record that any message shows: enough to find it, and no flood.
pub const LONGEST: usize = 200;

/// The beginning of a value, with `…` where it was cut.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The beginning of a record, of which not even the rest is looked at.
pub fn excerpt_of(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(4 * LONGEST + 4)];
    let text = String::from_utf8_lossy(beginning);
    if text.chars().nth(LONGEST).is_none() && beginning.len() < bytes.len() { format!("{text}…") } else { excerpt(&text).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(excerpt(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
        assert_eq!(excerpt_of("𝄞".repeat(1 << 20).as_bytes()), format!("{}…", "𝄞".repeat(200)));
        assert_eq!(excerpt_of(b"\xffab"), "\u{fffd}ab");
    }
}
