//! The picture of README.md and docs/shell.md: `MILLSTREAM_BLESS=1 cargo test --test shell picture` writes docs/shell.svg anew.

use std::fmt::Write;
use std::path::Path;

use vt100::{Cell, Color, Screen};

use super::terminal::Terminal;

const LINES: u16 = 32;
const COLUMNS: u16 = 100;
/// The size of one cell, in pixels.
const WIDTH: f32 = 7.8;
const HEIGHT: f32 = 18.0;
/// The margin around the text.
const MARGIN: f32 = 16.0;

#[test]
fn picture() {
    let home = tempfile::tempdir().unwrap();
    let size = (LINES.try_into().unwrap(), COLUMNS.try_into().unwrap());
    let mut terminal = Terminal::sized(home.path(), size, &["demo", "--shell"], &[]);
    terminal.shows("job transactions_generated started");
    terminal.prompts();
    terminal.keys("clear\r");
    terminal.until("an empty screen", |text| text.trim() == "millstream>");
    terminal.enter("\\dt *_table", "2 rows");
    terminal.enter("SELECT event_timestamp, user_id, total_paid, status FROM transactions_table LIMIT 3;", "3 rows");
    terminal.prompts();
    let lines = [
        "SELECT window_end, COUNT(*) AS payments, SUM(total_paid) AS paid",
        "  FROM TABLE(TUMBLE(TABLE transactions_table, DESCRIPTOR(event_timestamp), INTERVAL '10' SECONDS))",
        "  WHERE status = 'Paid' GROUP BY window_start, window_end EMIT CHANGES;",
    ];
    terminal.keys(&format!("{}\r", lines.join("\r")));
    terminal.shows("[q] quit");
    let write = std::env::var_os("MILLSTREAM_BLESS").is_some();
    // A few more windows look better.
    std::thread::sleep(std::time::Duration::from_secs(if write { 8 } else { 0 }));
    let picture = svg(&terminal.screen());
    for shown in [">SELECT</text>", ">'Paid'</text>", "[q] quit</text>", "</svg>"] {
        assert!(picture.contains(shown), "{shown} is not in\n{picture}");
    }
    if write {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shell.svg"), picture).unwrap();
    }
}

/// The attributes of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    colour: &'static str,
    ground: Option<&'static str>,
    bold: bool,
}

fn look(cell: &Cell) -> Look {
    let colour = match cell.fgcolor() {
        Color::Idx(1 | 9) => "#f07178",
        Color::Idx(2 | 10) => "#a5d67b",
        Color::Idx(3 | 11) => "#e6c07b",
        Color::Idx(4 | 12) => "#6cb6ff",
        Color::Idx(5 | 13) => "#c792ea",
        Color::Idx(6 | 14) => "#5fd0c5",
        Color::Idx(8) => "#8a9199",
        _ if cell.dim() => "#8a9199",
        _ => "#d5d9de",
    };
    let (colour, ground) = if cell.inverse() { ("#16191d", Some(colour)) } else { (colour, None) };
    Look { colour, ground, bold: cell.bold() }
}

/// Draws the screen without the empty lines at its end.
fn svg(screen: &Screen) -> String {
    let lines = screen.contents().trim_end().lines().count() as f32;
    let (width, height) = (f32::from(COLUMNS) * WIDTH + 2.0 * MARGIN, lines * HEIGHT + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"the millstream shell: its tables, a query that ends, and one whose answer changes in place\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16191d\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" \
         fill=\"#d5d9de\" xml:space=\"preserve\">\n"
    );
    for row in 0..LINES {
        for (column, text, look) in runs(screen, row) {
            let (x, y) = (MARGIN + f32::from(column) * WIDTH, MARGIN + f32::from(row) * HEIGHT);
            let length = text.chars().count() as f32 * WIDTH;
            if let Some(ground) = look.ground {
                writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{HEIGHT}\" fill=\"{ground}\"/>").unwrap();
            }
            let bold = if look.bold { " font-weight=\"bold\"" } else { "" };
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let (y, colour) = (y + 13.0, look.colour);
            writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{colour}\"{bold}>{escaped}</text>"
            )
            .unwrap();
        }
    }
    out + "</g></svg>\n"
}

/// Returns runs of adjacent cells with the same look, split where two or more are empty: their start and text.
fn runs(screen: &Screen, row: u16) -> Vec<(u16, String, Look)> {
    let mut runs: Vec<(u16, String, Look)> = Vec::new();
    for column in 0..COLUMNS {
        let Some(cell) = screen.cell(row, column) else { continue };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let look = look(cell);
        match runs.last_mut() {
            Some((_, run, same)) if *same == look && !(run.ends_with("  ") && text != " ") => run.push_str(text),
            _ => runs.push((column, text.to_string(), look)),
        }
    }
    for (_, text, look) in &mut runs {
        if look.ground.is_none() {
            text.truncate(text.trim_end().len());
        }
    }
    runs.retain(|(_, text, _)| !text.trim().is_empty());
    runs
}
