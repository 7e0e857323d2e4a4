//! Rows as a table, or one below the other.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::cells::Cells;
use super::fit::{Fit, cut, fit};
use super::look::Look;

/// A column of a table whose rows come bit by bit may be so much wider than its first values.
const AIR: usize = 8;

/// The lines of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// `+---+`, as in psql and MySQL.
    Ascii,
    /// `┌───┐`, as in DuckDB.
    Box,
    /// A table of Markdown.
    Markdown,
}

/// Left end, between columns, right end, and what fills the columns.
type Line = [&'static str; 4];

impl Lines {
    fn top(self) -> Option<Line> {
        match self {
            Self::Ascii => Some(["+", "+", "+", "-"]),
            Self::Box => Some(["┌", "┬", "┐", "─"]),
            Self::Markdown => None,
        }
    }

    fn below_names(self) -> Line {
        match self {
            Self::Ascii => ["+", "+", "+", "-"],
            Self::Box => ["├", "┼", "┤", "─"],
            Self::Markdown => ["|", "|", "|", "-"],
        }
    }

    fn bottom(self) -> Option<Line> {
        match self {
            Self::Ascii => Some(["+", "+", "+", "-"]),
            Self::Box => Some(["└", "┴", "┘", "─"]),
            Self::Markdown => None,
        }
    }

    fn bar(self) -> &'static str {
        if self == Self::Box { "│" } else { "|" }
    }
}

/// A table, and how many of its columns are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The lines.
    pub text: String,
    /// How many columns are in it.
    pub shown: usize,
}

/// Rows as a table that fits the terminal, except one of Markdown; numbers stand at the right.
pub fn table(cells: &Cells, lines: Lines, look: &Look) -> Table {
    let look = if lines == Lines::Markdown { Look { width: None, colours: false, ..look.clone() } } else { look.clone() };
    let flow = Flow { lines, fitted: fit(cells, &look.null, look.width, 3, 4), look };
    let text = [flow.head(cells), flow.rows(cells), flow.foot()].concat();
    Table { text, shown: flow.fitted.columns.len() }
}

/// A table whose rows come bit by bit, and whose columns are as wide as they were at first.
#[derive(Debug)]
pub struct Flow {
    lines: Lines,
    fitted: Fit,
    look: Look,
}

impl Flow {
    /// Widths by these rows, with some air for later ones.
    pub fn new(cells: &Cells, look: &Look) -> Self {
        let mut fitted = fit(cells, &look.null, look.width, 3, 4);
        let used = fitted.columns.iter().map(|(_, width)| width + 3).sum::<usize>() + 1;
        let air = look.width.map_or(AIR, |width| (width.saturating_sub(used) / fitted.columns.len().max(1)).min(AIR));
        fitted.columns.iter_mut().for_each(|(_, width)| *width += air);
        Self { lines: Lines::Ascii, fitted, look: look.clone() }
    }

    /// What stands above the rows.
    pub fn head(&self, cells: &Cells) -> String {
        let mut text = String::new();
        if let Some(line) = self.lines.top() {
            rule(&mut text, line, &self.fitted);
        }
        let name = |column: usize| cells.names.get(column).map_or("", String::as_str);
        self.row(&mut text, |column| Value { text: self.escaped(name(column)), right: false, tone: Tone::Name });
        rule(&mut text, self.lines.below_names(), &self.fitted);
        text
    }

    /// Rows.
    pub fn rows(&self, cells: &Cells) -> String {
        let mut text = String::new();
        for values in &cells.rows {
            self.row(&mut text, |column| {
                let right = cells.numbers.get(column).copied().unwrap_or(false);
                match values.get(column).and_then(Option::as_deref) {
                    Some(value) => Value { text: self.escaped(value), right, tone: Tone::Plain },
                    None => Value { text: self.escaped(&self.look.null), right, tone: Tone::Null },
                }
            });
        }
        text
    }

    fn row(&self, text: &mut String, value: impl Fn(usize) -> Value) {
        let bar = self.lines.bar();
        text.push_str(bar);
        for (i, (column, width)) in self.fitted.columns.iter().enumerate() {
            if self.fitted.gap == Some(i) {
                let _ = write!(text, " … {bar}");
            }
            let value = value(*column);
            let shown = cut(&value.text, *width);
            let blank = " ".repeat(width.saturating_sub(shown.width()));
            let padded = if value.right { format!("{blank}{shown}") } else { format!("{shown}{blank}") };
            let painted = match value.tone {
                Tone::Plain => padded,
                Tone::Name => self.look.name(&padded),
                Tone::Null => self.look.missing(&padded),
            };
            let _ = write!(text, " {painted} {bar}");
        }
        if self.fitted.gap == Some(self.fitted.columns.len()) {
            let _ = write!(text, " … {bar}");
        }
        text.push('\n');
    }

    /// What stands below the rows.
    pub fn foot(&self) -> String {
        let mut text = String::new();
        if let Some(line) = self.lines.bottom() {
            rule(&mut text, line, &self.fitted);
        }
        text
    }

    fn escaped(&self, value: &str) -> String {
        if self.lines == Lines::Markdown { value.replace('|', "\\|") } else { value.to_string() }
    }
}

fn rule(text: &mut String, [left, between, right, fill]: Line, fitted: &Fit) {
    text.push_str(left);
    for (i, (_, width)) in fitted.columns.iter().enumerate() {
        if fitted.gap == Some(i) {
            text.push_str(&fill.repeat(3));
            text.push_str(between);
        }
        text.push_str(&fill.repeat(width + 2));
        text.push_str(if i + 1 < fitted.columns.len() || fitted.gap == Some(i + 1) { between } else { right });
    }
    if fitted.gap == Some(fitted.columns.len()) {
        text.push_str(&fill.repeat(3));
        text.push_str(right);
    }
    text.push('\n');
}

/// What stands in a column.
struct Value {
    text: String,
    right: bool,
    tone: Tone,
}

/// What it is.
enum Tone {
    Plain,
    Name,
    Null,
}

/// Rows one below the other, a line per column, as psql does with `\x`.
pub fn vertical(cells: &Cells, look: &Look) -> String {
    let names = cells.names.iter().map(|name| name.width()).max().unwrap_or(0);
    let room = look.width.map(|width| width.saturating_sub(names + 3).max(1));
    let mut text = String::new();
    for (number, values) in cells.rows.iter().enumerate() {
        let head = format!("-[ RECORD {} ]", number + 1);
        let _ = writeln!(text, "{head}{}", "-".repeat((names + 20).saturating_sub(head.len())));
        for (name, value) in cells.names.iter().zip(values) {
            let fitted = |value: &str| room.map_or_else(|| value.to_string(), |room| cut(value, room));
            let value = value.as_deref().map_or_else(|| look.missing(&fitted(&look.null)), fitted);
            let _ = writeln!(text, "{} | {value}", look.name(&format!("{name}{}", " ".repeat(names - name.width()))));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Cells {
        let row = |a: &str, b: Option<&str>, c: &str| vec![Some(a.to_string()), b.map(str::to_string), Some(c.to_string())];
        Cells {
            names: ["id", "città", "n"].map(str::to_string).to_vec(),
            numbers: vec![true, false, true],
            rows: vec![row("1", Some("日本"), "10"), row("200", None, "7"), row("3", Some("a|b"), "1")],
        }
    }

    fn look(null: &str, width: usize) -> Look {
        Look { null: null.to_string(), width: Some(width), ..Look::default() }
    }

    #[test]
    fn a_null_is_told_from_the_text() {
        let look = Look { colours: true, ..look("NULL", 80) };
        let drawn = table(&cells(), Lines::Ascii, &look).text;
        assert!(drawn.contains("| \x1b[1mid \x1b[0m | ") && drawn.contains("| 200 | \x1b[2mNULL \x1b[0m |"), "{drawn:?}");
    }

    #[test]
    fn each_kind_of_lines() {
        let ascii = "\
+-----+-------+----+
| id  | città | n  |
+-----+-------+----+
|   1 | 日本  | 10 |
| 200 | NULL  |  7 |
|   3 | a|b   |  1 |
+-----+-------+----+
";
        assert_eq!(table(&cells(), Lines::Ascii, &look("NULL", 80)), Table { text: ascii.into(), shown: 3 });
        let markdown = "\
| id  | città | n  |
|-----|-------|----|
|   1 | 日本  | 10 |
| 200 |       |  7 |
|   3 | a\\|b  |  1 |
";
        assert_eq!(table(&cells(), Lines::Markdown, &look("", 10)).text, markdown);
        let narrow = "\
┌─────┬───┬────┐
│ id  │ … │ n  │
├─────┼───┼────┤
│   1 │ … │ 10 │
│ 200 │ … │  7 │
│   3 │ … │  1 │
└─────┴───┴────┘
";
        assert_eq!(table(&cells(), Lines::Box, &look("NULL", 16)), Table { text: narrow.into(), shown: 2 });
    }

    #[test]
    fn one_below_the_other() {
        let text = vertical(&Cells { rows: cells().rows[..2].to_vec(), ..cells() }, &look("NULL", 12));
        let expected = "\
-[ RECORD 1 ]------------
id    | 1
città | 日本
n     | 10
-[ RECORD 2 ]------------
id    | 200
città | NULL
n     | 7
";
        assert_eq!(text, expected);
    }
}
