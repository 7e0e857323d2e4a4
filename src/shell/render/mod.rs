//! Rows on their way to people and to other programs.

mod cells;
mod fit;
mod print;
mod table;

pub use cells::Cells;
pub use fit::cut;
pub use print::{Format, Look, Printed, flow, print, ready};
pub use table::{Lines, table, vertical};
