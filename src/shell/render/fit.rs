//! How wide columns are, so that a table fits the terminal.

use unicode_width::UnicodeWidthStr;

use super::cells::Cells;

/// A column is not made narrower than this to make room.
const LEAST: usize = 8;

/// Which columns of a table are shown, and how wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    /// Numbers of the columns that are shown, with their widths.
    pub(super) columns: Vec<(usize, usize)>,
    /// Before which of them the columns that are not shown would stand.
    pub(super) gap: Option<usize>,
}

/// The widths of all columns, if they and what stands between them (`between` at each, `ends` around all) fit into `width`;
/// else long ones are made shorter, and if that is not enough, those in the middle are left out.
pub(super) fn fit(cells: &Cells, null: &str, width: Option<usize>, between: usize, ends: usize) -> Fit {
    let wanted: Vec<usize> = (0..cells.names.len()).map(|column| natural(cells, column, null)).collect();
    let all = Fit { columns: wanted.iter().copied().enumerate().collect(), gap: None };
    let Some(width) = width else { return all };
    let room = |shown: usize| width.saturating_sub(ends + shown.saturating_sub(1) * between);
    if wanted.iter().sum::<usize>() <= room(wanted.len()) {
        return all;
    }
    // A column that is left out is shown as one of a single dot.
    for shown in (1..=wanted.len()).rev() {
        let (left, right) = (shown.div_ceil(2), shown / 2);
        let kept: Vec<usize> = (0..left).chain(wanted.len() - right..wanted.len()).collect();
        let gone = shown < wanted.len();
        let room = room(shown + usize::from(gone)).saturating_sub(usize::from(gone));
        let least: usize = kept.iter().filter_map(|c| wanted.get(*c)).map(|w| *w.min(&LEAST)).sum();
        if least <= room || shown == 1 {
            let widths = share(&kept.iter().filter_map(|c| wanted.get(*c).copied()).collect::<Vec<_>>(), room.max(1));
            return Fit { columns: kept.into_iter().zip(widths).collect(), gap: gone.then_some(left) };
        }
    }
    all
}

/// How wide a column would like to be.
fn natural(cells: &Cells, column: usize, null: &str) -> usize {
    let value = |row: &Vec<Option<String>>| row.get(column).map_or(0, |v| v.as_deref().unwrap_or(null).width());
    let name = cells.names.get(column).map_or(0, |name| name.width());
    cells.rows.iter().map(value).max().unwrap_or(0).max(name).max(1)
}

/// Widths that add up to no more than `room`: the widest give first, all the same.
fn share(wanted: &[usize], room: usize) -> Vec<usize> {
    let mut sorted = wanted.to_vec();
    sorted.sort_unstable();
    let (mut left, mut limit) = (room, usize::MAX);
    for (i, width) in sorted.iter().enumerate() {
        let each = left / (sorted.len() - i);
        if *width > each {
            limit = each;
            break;
        }
        left -= width;
    }
    wanted.iter().map(|w| (*w).min(limit).max(1)).collect()
}

/// A text in lines no wider than `width`, as many as `most`; the last one is cut.
pub fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        if rest.width() <= width || lines.len() + 1 == most {
            lines.push(cut(rest, width));
            break;
        }
        let mut taken = 0;
        let fits = |c: &(usize, char)| {
            taken += unicode_width::UnicodeWidthChar::width(c.1).unwrap_or(0);
            taken <= width
        };
        // One character at least, however narrow it is.
        let end =
            rest.char_indices().take_while(fits).last().or(rest.char_indices().next()).map_or(rest.len(), |(at, c)| at + c.len_utf8());
        let (line, behind) = rest.split_at(end);
        let line = if behind.starts_with(' ') { line } else { line.rsplit_once(' ').map_or(line, |(words, _)| words) };
        lines.push(line.to_string());
        rest = rest[line.len()..].trim_start();
    }
    lines
}

/// A text no wider than `width`; what is cut off is shown by three dots in one.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if taken > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(widths: &[usize]) -> Cells {
        let names: Vec<String> = widths.iter().map(|w| "x".repeat(*w)).collect();
        Cells { numbers: vec![false; names.len()], names, rows: Vec::new() }
    }

    #[test]
    fn the_widest_columns_give_first_and_then_those_in_the_middle() {
        let fitted = |widths: &[usize], width| fit(&cells(widths), "NULL", Some(width), 3, 4);
        let all = |widths: &[usize]| Fit { columns: widths.iter().copied().enumerate().collect(), gap: None };
        assert_eq!(fitted(&[5, 5], 17), all(&[5, 5]));
        assert_eq!(fitted(&[5, 50, 40], 60), all(&[5, 22, 22]));
        assert_eq!(fitted(&[20, 20, 20, 20, 20], 40), Fit { columns: vec![(0, 8), (1, 8), (4, 8)], gap: Some(2) });
        assert_eq!(fitted(&[30], 12), all(&[8]));
        assert_eq!(fit(&cells(&[100, 100]), "", None, 3, 4), all(&[100, 100]));
    }

    #[test]
    fn lines_break_between_words() {
        for (text, width, most, expected) in [
            ("", 10, 3, &[][..]),
            ("short", 10, 3, &["short"]),
            ("one two three", 7, 3, &["one two", "three"]),
            ("one two three four", 7, 2, &["one two", "three …"]),
            ("abcdefghij", 4, 3, &["abcd", "efgh", "ij"]),
            ("日本", 1, 2, &["日", "…"]),
        ] {
            assert_eq!(wrapped(text, width, most), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_is_as_wide_as_asked() {
        for (text, width, cut_to) in [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…")]
        {
            assert_eq!(cut(text, width), cut_to);
        }
    }
}
