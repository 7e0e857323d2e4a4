//! The oracle: a continuous query answers what the batch query answers over the same input, minus the rows that the run reported late,
//! however the input is cut into epochs, and wherever the job is stopped and restarted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, clippy::cast_possible_truncation)]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, clippy::cast_precision_loss)]

mod case;
mod clock;
mod compare;
#[path = "../common/epochs.rs"]
mod epochs;
mod generate;
mod generated;
mod harness;
#[path = "../common/manual_clock.rs"]
mod manual_clock;
mod view_sources;

use std::time::Duration;

use case::{Case, Late};
use compare::difference;
use harness::{Cuts, Run, Stop, batch, stream, take_over};
use millstream::common::ErrorKind;
use millstream::common::faults::{CrashPoint, EpochStep};
use millstream::jobs::Ending;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Runs the job and compares it with the batch answer over the input without late rows.
async fn check(case: &Case, what: &str, cuts: &Cuts, interval: u64, stops: &[Stop]) -> Result<Run, String> {
    let run = stream(case, cuts, Duration::from_millis(interval), stops).await;
    let expected = batch(case, &run.late).await;
    let difference = difference(&run.answer, &expected);
    if !difference.is_empty() {
        return Err(format!("{}, {what}, late {:?}:\n{difference}", case.name, run.late));
    }
    if case.late == Late::Never && run.late.iter().any(|l| !l.is_empty()) {
        return Err(format!("{}, {what}: late {:?}", case.name, run.late));
    }
    Ok(run)
}

/// The same, and panics on a difference.
async fn holds(case: &Case, what: &str, cuts: &Cuts, interval: u64, stops: &[Stop]) -> Run {
    check(case, what, cuts, interval, stops).await.unwrap_or_else(|difference| panic!("{difference}"))
}

/// Checks that each late row of `merged` was late for `split`, too.
#[track_caller]
fn no_more_late(case: &Case, split: &Run, merged: &Run) {
    for (split, merged) in split.late.iter().zip(&merged.late) {
        assert!(merged.is_subset(split), "{}: merging epochs made {:?} late", case.name, merged.difference(split));
    }
}

/// How many stopped runs each case has; `MILLSTREAM_ORACLE_STOPS` sets more.
fn stopped() -> u64 {
    std::env::var("MILLSTREAM_ORACLE_STOPS").map_or(2, |n| n.parse().unwrap())
}

/// Chooses a few stops, and cuts and a commit interval for them: a cut at every row where rows can be late, because then a stop does not
/// change which are.
fn stops(case: &Case, seed: u64) -> (Vec<Stop>, Cuts, u64) {
    let mut random = StdRng::seed_from_u64(seed ^ case.name.bytes().fold(0, |all, byte| all << 5 ^ u64::from(byte)));
    let points: Vec<CrashPoint> = CrashPoint::all().collect();
    let count = random.random_range(2..5);
    let stops = (0..count)
        .map(|_| {
            let point = points[random.random_range(0..points.len())];
            let most = [10, 50, 200][random.random_range(0..3)];
            let count = random.random_range(1..most);
            if random.random_bool(0.15) { Stop::Asked(count) } else { Stop::At(point, count) }
        })
        .collect();
    let cuts = if case.late != Late::Never || random.random_bool(0.5) {
        Cuts::everywhere(case)
    } else {
        Cuts::random(case, random.random_range(2..12), seed)
    };
    (stops, cuts, [0, 2, 20][random.random_range(0..3)])
}

/// Runs all modes of one case, and a few stops.
fn hold(name: &str) {
    let case = Case::load(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (topic, expected) in &case.expected {
            let mut expected = expected.clone();
            expected.sort();
            assert_eq!(batch(&case, &Vec::new()).await[topic], expected, "{name}: the batch answer");
        }
        let whole = holds(&case, "one epoch", &Cuts::none(), 0, &[]).await;
        assert!(whole.answer.values().any(|rows| !rows.is_empty()), "{name} answers nothing");
        let single = holds(&case, "row by row", &Cuts::everywhere(&case), 0, &[]).await;
        if case.late == Late::Some {
            assert!(single.late.iter().any(|l| !l.is_empty()), "{name}: nothing was late, so nothing was tried");
        }
        for (mean, seed) in [(3, 1), (20, 2), (60, 3)] {
            let cuts = Cuts::random(&case, mean, seed);
            let split = holds(&case, &format!("random epochs, seed {seed}"), &cuts, 3, &[]).await;
            let merged = holds(&case, &format!("merged epochs, seed {seed}"), &cuts.merged(seed), 0, &[]).await;
            if case.one_partition() && !case.sessions {
                no_more_late(&case, &single, &split);
                no_more_late(&case, &split, &merged);
            }
        }
        for plan in &case.plans {
            let run = holds(&case, &plan.to_string(), &Cuts(plan.cuts.clone()), plan.interval, &plan.stops).await;
            assert_eq!(run.starts, plan.stops.len() + 1, "{name}: a stop of `{plan}` never came");
        }
        // Rows that were late before a stop may be in time after it where rows can come in another order.
        if case.late == Late::Never || case.one_partition() {
            for seed in 0..stopped() {
                let (stops, cuts, interval) = stops(&case, seed);
                holds(&case, &format!("seed {seed}, every {interval} ms, stopped at {stops:?}"), &cuts, interval, &stops).await;
            }
        }
    });
}

macro_rules! cases {
    ($($case:ident)*) => {
        const CASES: &[&str] = &[$(stringify!($case)),*];
        $(
            #[test]
            fn $case() {
                hold(stringify!($case));
            }
        )*
    };
}

cases! {
    main_job
    main_job_late
    keys
    offset
    having
    filtered
    distinct
    extremes
    delay
    late
    late_partitions
    stateless
    union
    nulls
    several
    jumps
    views
    computed
    branches
    shapes
    group_window
    duplicates
    functions
    hop
    cumulate
    panes
    panes_late
    panes_edges
    lateness
    keyed
    joins
    over
    window_relations
    window_joins
    sessions
    intervals
    fields
    fields_apart
    upserts
    upserts_written
    envelopes
    deletes_first
    empty
    first_nulls
    flink_answers
    nan
    having_changes
    left_join_later
    top_ties
    retractions
    distinct_aggregates
    distinct_values
    extremes_of_changes
    emptied
    union_windows
    self_joins
    joins_and_aggregates
    shared
    set_operations
    decimals_and_dates
    subqueries
    grouping
    common_tables
    types
    null_order
    wide_decimals
    wide_comparisons
    signed_ranks
    ctas_ranks
    rounded
    contradictions
    intervals_times
    limits
    limits_first
    subqueries_as_values
    window_chains
    constants
    percentiles
    grouping_averages
    interval_values
    no_tables
    no_sources
    outer_join_filters
    recursive
    casts
    casts_beside
    over_by_time
    over_filters
    volatile
    unnest
    over_frames
    dedup_first
    over_late
    over_ties
    over_averages
    lookups
    window_joins_behind
    windows_of_windows
    padded_keys
    using
    ordered_aggregates
    full_intervals
    subqueries_anywhere
    cut_bounds
    sessions_at_the_gap
    before_1970
    few_digits
    common_decimals
    nested_decimals
    lag_defaults
    sums_beyond
    rows_by_place
}

#[test]
fn every_case_is_run() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/cases");
    let mut found: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    found.sort();
    let mut run = CASES.to_vec();
    run.sort_unstable();
    assert_eq!(found, run);
}

#[test]
fn the_main_job_stands_a_stop_at_every_point() {
    let case = Case::load("main_job");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for point in CrashPoint::all() {
            // Sinks see few commits, and old ones are pruned only once.
            let nth = match point.step() {
                EpochStep::WriteRows | EpochStep::CommitRows | EpochStep::ConfirmSink => 2,
                EpochStep::Prune => 1,
                _ => 5,
            };
            let run = holds(&case, &format!("stopped at {point}"), &Cuts::everywhere(&case), 0, &[Stop::At(point, nth)]).await;
            assert_eq!(run.starts, 2, "{point} was never reached");
        }
    });
}

#[test]
fn a_second_copy_takes_over_and_nothing_is_doubled() {
    let case = Case::load("main_job");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let expected = batch(&case, &Vec::new()).await;
        let mut taken = 0;
        for after in (10..250).step_by(20) {
            let (answer, older) = take_over(&case, after).await;
            assert!(difference(&answer, &expected).is_empty(), "taken over after {after} rows:\n{}", difference(&answer, &expected));
            match older {
                Err(e) => {
                    assert!(e.kind() == ErrorKind::Fenced && e.message().starts_with("taken over by incarnation "), "{e}");
                    taken += 1;
                }
                // Near its end the first copy may finish before the takeover.
                Ok(ending) => assert!(matches!(ending, Ending::Finished(_)), "{ending:?}"),
            }
        }
        assert!(taken > 6, "{taken}");
    });
}

#[test]
fn late_rows_stay_late_over_stops_in_a_row() {
    let case = Case::load("late");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let calm = holds(&case, "row by row", &Cuts::everywhere(&case), 0, &[]).await;
        use CrashPoint::{After, Before};
        let stops = [
            (After(EpochStep::RunPlans), 40),
            (After(EpochStep::PutCommit), 30),
            (Before(EpochStep::ConfirmPut), 20),
            (Before(EpochStep::CommitRows), 1),
            (After(EpochStep::FoldState), 25),
        ];
        let stops = stops.map(|(point, nth)| Stop::At(point, nth));
        let run = holds(&case, "stopped five times", &Cuts::everywhere(&case), 0, &stops).await;
        assert_eq!((run.starts, &run.late), (6, &calm.late));
    });
}
