//! Checkpoints on S3: after a kill no row is lost or duplicated, and of two copies the newer one continues.

use crate::common::process::Job;
use crate::common::transactions::{Transactions, windows};

/// Returns the transactions job with its checkpoints in the tests' bucket, found by the AWS environment, and a commit per epoch.
fn on_s3(t: &Transactions) -> Job {
    let endpoint = std::env::var("MILLSTREAM_TEST_S3")
        .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
    t.job
        .args(&["--checkpoints", &format!("s3://millstream/checkpoints/{}", t.output)])
        .option("checkpoint.interval", "0")
        .option("max.rows.per.epoch", "15")
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_ACCESS_KEY_ID", "millstream")
        .env("AWS_SECRET_ACCESS_KEY", "millstream-secret")
        .env("AWS_REGION", "us-east-1")
}

#[test]
fn a_kill_loses_and_doubles_nothing() {
    std::thread::scope(|scope| {
        for point in [
            "before-write-sections",
            "before-put-commit@3",
            "after-put-commit@2",
            "before-confirm-put",
            "after-confirm-put@4",
            "after-commit-rows@2",
        ] {
            scope.spawn(move || {
                let t = Transactions::with(0..300);
                let job = on_s3(&t);
                let ended = job.start_to_crash(point).ended();
                assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
                t.add(300..400);
                // Nothing of the job is on this machine.
                let mut running = job.elsewhere().start();
                let expected = windows(400, false);
                running.until(&format!("{} windows", expected.len()), |_| t.out().len() >= expected.len());
                running.stop().code(0);
                assert_eq!(t.out(), expected, "{point}");
            });
        }
    });
}

#[test]
fn a_second_copy_takes_over() {
    let t = Transactions::with(0..200);
    let job = on_s3(&t);
    let mut first = job.start();
    first.until("windows", |_| !t.out().is_empty());
    let mut second = job.elsewhere().start();
    second.until("a resumed job", |running| running.said().contains("resumed at commit"));
    t.add(200..400);
    let expected = windows(400, false);
    second.until(&format!("{} windows", expected.len()), |_| t.out().len() >= expected.len());
    let ended = first.ended();
    assert!(!ended.status.success() && ended.said.contains("taken over by incarnation 2"), "{:?}\n{}", ended.status, ended.said);
    second.stop().code(0);
    assert_eq!(t.out(), expected);
}
