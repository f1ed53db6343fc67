//! Outputs under a prefix of a bucket.

use std::fs;

use crate::aws::emulator::{Emulator, unique};
use crate::cli::harness::{Place, sample};

#[tokio::test]
async fn outputs_in_s3_are_checked_as_those_in_a_folder_are() {
    let place = Place::new();
    place.coded(
        sample(12),
        &["--chunk-rows", "5", "--format", "parquet,jsonl"],
    );
    let (emulator, bucket) = (Emulator::shared(), unique("verify"));
    let s3 = emulator.s3();
    s3.create_bucket().bucket(&bucket).send().await.unwrap();
    // The input lies in the bucket, too; where it lies is no part of a job's identity when its version is a digest.
    super::edit_json(&place, "job.json", |job| {
        job["spec"]["input_bucket"] = bucket.as_str().into();
        job["spec"]["input_key"] = "uploads/in.csv".into();
    });
    let mut files: Vec<(String, Vec<u8>)> = place
        .files("in-annexa")
        .into_keys()
        .filter(|name| !name.starts_with("_annexa/"))
        .map(|name| {
            let bytes = fs::read(place.path("in-annexa").join(&name)).unwrap();
            (format!("results/one/{name}"), bytes)
        })
        .collect();
    files.push((
        "uploads/in.csv".to_string(),
        place.read("in.csv").into_bytes(),
    ));
    for (key, bytes) in files {
        let put = s3.put_object().bucket(&bucket).key(key).body(bytes.into());
        put.send().await.unwrap();
    }
    let env = [
        ("AWS_ENDPOINT_URL", emulator.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIASTANDIN000000000"),
        ("AWS_SECRET_ACCESS_KEY", "stand-in"),
    ];
    let address = format!("s3://{bucket}/results/one");
    let ran = place.annexa_with(&env, &["verify", &address]);
    assert_eq!(ran.code, 0, "{}{}", ran.err, ran.out);
    let good = ran
        .out
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    assert_eq!(good, 18, "{}", ran.out);
    let changed = place
        .read("in-annexa/results.csv")
        .replacen("coded", "empty", 1);
    let key = "results/one/results.csv";
    let put = s3
        .put_object()
        .bucket(&bucket)
        .key(key)
        .body(changed.into_bytes().into());
    put.send().await.unwrap();
    let ran = place.annexa_with(&env, &["verify", &address]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    for check in ["outputs", "chunk_rows", "counts", "forms"] {
        let is_failed = |line: &&str| line.starts_with("FAILED") && line.contains(check);
        assert!(
            ran.out.lines().any(|line| is_failed(&line)),
            "{check}: {}",
            ran.out
        );
    }
    place
        .annexa_with(&env, &["verify", &format!("s3://{bucket}/nothing/")])
        .refused(64, &["holds no outputs"]);
}
