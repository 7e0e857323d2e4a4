//! Limits how much of the data a message shows.

use std::borrow::Cow;

/// The maximum number of characters of one value or record in a message: enough to find it.
pub const LONGEST: usize = 200;

/// The beginning of a value, with `…` where it was cut.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// Returns the beginning of a record, without reading the rest.
pub fn excerpt_of(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(4 * LONGEST + 4)];
    let text = String::from_utf8_lossy(beginning);
    if text.chars().nth(LONGEST).is_none() && beginning.len() < bytes.len() { format!("{text}…") } else { excerpt(&text).into_owned() }
}

/// Shortens quoted text in a message to the limit of a value.
pub fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let (mut short, mut rest, mut before) = (String::new(), text, ' ');
    while let Some(at) = rest.find(['\'', '"', '`']) {
        let (head, quoted) = rest.split_at(at);
        short.push_str(head);
        before = head.chars().next_back().unwrap_or(before);
        let mut chars = quoted.chars();
        let quote = chars.next().unwrap_or('"');
        let behind = chars.as_str();
        short.push(quote);
        // Within a word it is an apostrophe.
        match behind.find(quote).filter(|_| !before.is_alphanumeric()) {
            Some(end) => {
                short.push_str(&excerpt(&behind[..end]));
                short.push(quote);
                rest = &behind[end + 1..];
            }
            None => rest = behind,
        }
        before = quote;
    }
    short.push_str(rest);
    Cow::Owned(short)
}

/// Returns the beginning and the end of a library's message, any part of which may be data.
pub fn whole(text: &str) -> Cow<'_, str> {
    let chars = text.chars().count();
    if chars <= 2 * LONGEST {
        return Cow::Borrowed(text);
    }
    let end: String = text.chars().skip(chars - LONGEST * 3 / 4).collect();
    Cow::Owned(format!("{} {end}", excerpt(text)))
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

    #[test]
    fn what_stands_in_quotes_is_cut() {
        let long = "x y ".repeat(1000);
        let cut = excerpt(&long).into_owned();
        assert_eq!(
            shortened(&format!("Flink's `a` is not '{long}', and \"{long}\" neither")),
            format!("Flink's `a` is not '{cut}', and \"{cut}\" neither")
        );
        let listed = "`name`, ".repeat(1000);
        assert_eq!(shortened(&listed), listed);
    }
}
