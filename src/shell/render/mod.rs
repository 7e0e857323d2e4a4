//! Rows on their way to people and to other programs.

mod cells;
mod fit;
mod look;
mod presentable;
mod print;
mod table;

pub use cells::Cells;
pub use fit::{cut, wrapped};
pub use look::{Look, colours_wanted};
pub use print::{Drawn, Format, Printed, draw, flow, print, ready};
