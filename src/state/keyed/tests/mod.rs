//! Keyed tables against a naive model: random epochs, both modes, all kinds of keys.

mod cases;
mod model;
mod rows;
mod spilling;
