//! Writes JSON without whitespace between its values, as Jackson writes a tree: Flink reads an object into a STRING column in this form.

use super::cursor::Quoted;
use super::{find, quote};

/// Appends a JSON value.
pub(super) fn append(json: &[u8], out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                let (end, escaped) = end(json, at);
                text.clear();
                Quoted { text: json.get(at..end).unwrap_or_default(), escaped }.append_to(&mut text);
                quote(&String::from_utf8_lossy(&text), out);
                at = end + 1;
            }
            other => out.push(*other),
        }
    }
}

/// Returns the end of the string that begins at `at`, and whether it has escapes.
fn end(json: &[u8], mut at: usize) -> (usize, bool) {
    let mut escaped = false;
    loop {
        at = find::special(json, at);
        match json.get(at) {
            Some(b'\\') => (at, escaped) = (at + 2, true),
            Some(b'"') | None => return (at, escaped),
            Some(_) => at += 1,
        }
    }
}
