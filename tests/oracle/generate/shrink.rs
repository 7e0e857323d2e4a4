//! Shrinks a failing case to a small one that fails in the same way.

use std::time::{Duration, Instant};

use super::data::Table;
use super::{Spec, Statement};

/// The time limit of shrinking.
const PATIENCE: Duration = Duration::from_secs(180);

/// Removes parts of the case as long as `fails` returns true.
pub fn shrink(mut spec: Spec, mut fails: impl FnMut(&Spec) -> bool) -> Spec {
    let begin = Instant::now();
    loop {
        let mut smaller = false;
        for pass in [statements, stops, cuts, rows, queries] {
            // A removal was kept, so the same position is tried again.
            let mut at = 0;
            while let Some(candidate) = pass(&spec, at) {
                if begin.elapsed() > PATIENCE {
                    return spec;
                }
                if fails(&candidate) {
                    spec = candidate;
                    smaller = true;
                } else {
                    at += 1;
                }
            }
        }
        if !smaller {
            return spec;
        }
    }
}

/// Returns the i-th candidate with one statement fewer. Without statements that others need, the case does not plan.
fn statements(spec: &Spec, i: usize) -> Option<Spec> {
    let mut spec = spec.clone();
    if i < spec.statements.len() {
        spec.statements.remove(i);
        return Some(spec);
    }
    let table = i - spec.statements.len();
    (table < spec.tables.len() && spec.tables.len() > 1).then(|| spec.tables.remove(table))?;
    Some(spec)
}

fn stops(spec: &Spec, i: usize) -> Option<Spec> {
    let mut spec = spec.clone();
    (i < spec.plan.stops.len()).then(|| spec.plan.stops.remove(i))?;
    Some(spec)
}

fn cuts(spec: &Spec, i: usize) -> Option<Spec> {
    let (from, to) = piece(spec.plan.cuts.len(), i)?;
    let mut spec = spec.clone();
    spec.plan.cuts.drain(from..to);
    Some(spec)
}

fn rows(spec: &Spec, mut i: usize) -> Option<Spec> {
    for (t, table) in spec.tables.iter().enumerate() {
        if let Some((from, to)) = piece(table.rows.len(), i) {
            let mut spec = spec.clone();
            let table: &mut Table = &mut spec.tables[t];
            table.rows.drain(from..to);
            return Some(spec);
        }
        i -= pieces(table.rows.len());
    }
    None
}

fn queries(spec: &Spec, mut i: usize) -> Option<Spec> {
    for (s, statement) in spec.statements.iter().enumerate() {
        let simpler: Vec<Statement> = match statement {
            Statement::View(name, sql) => sql.simpler().into_iter().map(|sql| Statement::View(name.clone(), sql)).collect(),
            Statement::Kept(name, sql, emit) => {
                let fewer = emit.simpler().into_iter().map(|emit| Statement::Kept(name.clone(), sql.clone(), emit));
                fewer.chain(sql.simpler().into_iter().map(|sql| Statement::Kept(name.clone(), sql, emit.clone()))).collect()
            }
            Statement::Insert(name, cols, sql) => {
                let simpler = sql.simpler().into_iter();
                let kept = Statement::Kept(name.clone(), sql.clone(), "".into());
                std::iter::once(kept).chain(simpler.map(|sql| Statement::Insert(name.clone(), cols.clone(), sql))).collect()
            }
        };
        if let Some(statement) = simpler.get(i) {
            let mut spec = spec.clone();
            spec.statements[s] = statement.clone();
            return Some(spec);
        }
        i -= simpler.len();
    }
    None
}

/// Returns halves, quarters, and so on down to single items of a list.
fn piece(len: usize, mut i: usize) -> Option<(usize, usize)> {
    let mut size = len.div_ceil(2);
    while size > 0 && len > 0 {
        let count = len.div_ceil(size);
        if i < count {
            return Some((i * size, len.min((i + 1) * size)));
        }
        i -= count;
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    None
}

fn pieces(len: usize) -> usize {
    (0..).take_while(|i| piece(len, *i).is_some()).count()
}
