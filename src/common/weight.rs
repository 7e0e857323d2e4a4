//! The hidden column of changes.

/// How often a row is added (+n) or taken away (−n): an Int64 that is never NULL, behind all other columns of an updating
/// stream (a Z-set). Append-only streams do not have it.
///
/// The idea is that of DBSP (Budiu et al., VLDB 2023): filters, projections and unions of such streams need to know nothing
/// about it.
pub const WEIGHT: &str = "__weight";
