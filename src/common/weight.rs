//! The hidden weight column of changes.

/// How often a row is added (+n) or removed (−n): an Int64 that is never NULL, the last column of an updating stream (a Z-set). Append-only
/// streams do not have it.
///
/// The idea is that of DBSP (Budiu et al., VLDB 2023): filters, projections and unions of such streams need not know about it.
pub const WEIGHT: &str = "__weight";
