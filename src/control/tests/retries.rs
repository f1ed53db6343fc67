//! Retries: what is asked for again, what stays, and what is kept beside it (I1, I6, I10).

use super::*;

#[tokio::test(start_paused = true)]
async fn i6_a_retry_asks_only_for_failed_rows_and_keeps_all_others_byte_for_byte() {
    let place = Place::new(9, &[3, 8]).await;
    let job = place.work_to_the_end().await;
    assert_eq!(
        (job.state(), job.counters.tally.failed),
        ("COMPLETED_WITH_ERRORS", 2)
    );
    let (first, before) = (
        place.read("results.csv").await,
        place.rows("results.csv").await,
    );
    let cost = job.counters.tally.total_cost();
    place.heal();
    let begun = Retried::Begun {
        generation: 1,
        chunks: 2,
        needs_split: false,
        lost: 0,
    };
    assert_eq!(place.retry().await, begun);
    assert_eq!(place.retry().await, Retried::UnderWay { generation: 1 });
    let job = place.work_to_the_end().await;

    assert_eq!((job.state(), job.generation), ("COMPLETED", 1));
    let after = place.rows("results.csv").await;
    assert_eq!(after.len(), 9);
    for (row, (record, failed)) in &before {
        assert!(!after[row].1, "row {row} has an answer now");
        assert_eq!(*failed, after[row].0 != *record, "row {row}");
    }
    assert_eq!(
        place.asked().iter().sum::<u64>(),
        9 + 2,
        "two reports were asked for twice"
    );
    let summary = place.summary().await;
    assert_eq!(
        (summary.generation, summary.status.as_str()),
        (1, "COMPLETED")
    );
    assert_eq!(summary.calls, 11);
    let total = job.counters.tally.total_cost();
    assert_eq!(summary.total_estimated_cost, Some(total.to_string()));
    assert!(
        total > cost && job.counters.tally.overhead_cost.0 > 0,
        "what failed rows took stays counted"
    );
    assert_eq!(total, job.counters.budget.spent);
    assert_eq!(
        place.published().await,
        [
            "chunks/00000000.csv",
            "retry-1/chunks/00000001.csv",
            "chunks/00000002.csv",
            "retry-1/chunks/00000003.csv",
            "chunks/00000004.csv"
        ]
    );
    assert_eq!(place.read("retry-1/before/results.csv").await, first);
    assert!(place.read("retry-1/before/manifest.json").await.is_some());
    assert_eq!(place.left_in_work().await, Vec::<String>::new());
    assert_eq!(place.retry().await, Retried::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn i6_a_second_retry_builds_on_the_first() {
    let place = Place::new(6, &[2, 5]).await;
    place.work_to_the_end().await;
    // Nothing is mended: the same rows fail again, and their earlier costs are not forgotten.
    place.retry().await;
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.generation), ("COMPLETED_WITH_ERRORS", 1));
    assert_eq!(job.counters.tally.calls, 6 + 2);
    place.heal();
    place.retry().await;
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.generation), ("COMPLETED", 2));
    assert_eq!(job.counters.tally.calls, 6 + 4);
    assert_eq!(
        place.published().await,
        [
            "retry-2/chunks/00000000.csv",
            "chunks/00000001.csv",
            "retry-2/chunks/00000002.csv"
        ]
    );
    assert!(place.read("retry-2/before/summary.json").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn i1_a_cancelled_job_goes_on_with_the_rest_and_its_partial_files_go() {
    let place = Place::new(12, &[]).await;
    place.work(true, |job| job.counters.committed >= 2).await;
    let job = place.job().await;
    assert_eq!(
        steer::cancel(&place.ports, &job).await.unwrap(),
        Steered::Done
    );
    let job = place.work_to_the_end().await;
    assert_eq!(job.state(), "CANCELLED");
    let partial = place.read("results.partial.csv").await;
    assert!(partial.is_some());
    let done = job.counters.committed;
    let Retried::Begun { chunks, .. } = place.retry().await else {
        panic!("it was cancelled");
    };
    assert_eq!(chunks, 6 - done);
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(place.rows("results.csv").await.len(), 12);
    assert_eq!(place.read("results.partial.csv").await, None);
    assert_eq!(
        place.read("retry-1/before/results.partial.csv").await,
        partial
    );
    assert!(place.asked().iter().all(|times| *times == 1), "I8");
}

#[tokio::test(start_paused = true)]
async fn i10_a_cancelled_retry_shows_what_was_answered_before_and_what_it_cost() {
    let place = Place::new(4, &[1]).await;
    let before = place.work_to_the_end().await;
    place.retry().await;
    let job = place.job().await;
    steer::cancel(&place.ports, &job).await.unwrap();
    place.work(false, JobRecord::is_over).await;
    assert_eq!(place.rows("results.partial.csv").await.len(), 4);
    assert_eq!(
        place.read("results.csv").await,
        None,
        "it is under retry-1/before/"
    );
    let summary = place.summary().await;
    let cost = before.counters.tally.total_cost().to_string();
    assert_eq!(summary.total_estimated_cost, Some(cost));
    place.heal();
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_before_it_was_split_is_split_by_its_retry() {
    let place = Place::new(3, &[]).await;
    let taken = place.spec.output("job.json");
    let other = br#"{"job_id": "another"}"#;
    place.blobs.put(&taken, other, true).await.unwrap();
    let job = place.work_to_the_end().await;
    assert_eq!((job.state(), job.plan), ("FAILED", None));
    place.blobs.delete(&taken).await.unwrap();
    let Retried::Begun { needs_split, .. } = place.retry().await else {
        panic!("it failed");
    };
    assert!(needs_split);
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_whose_file_is_gone_is_done_anew_from_paid_answers() {
    let place = Place::new(6, &[5]).await;
    place.work_to_the_end().await;
    let lost = place.spec.output("chunks/00000000.csv");
    place.blobs.delete(&lost).await.unwrap();
    place.heal();
    let Retried::Begun { lost, chunks, .. } = place.retry().await else {
        panic!("a row failed");
    };
    assert_eq!((lost, chunks), (1, 2));
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(
        place.asked().iter().sum::<u64>(),
        6 + 1,
        "I8: only the failed row is asked again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_fails_the_retry_and_says_what_to_do() {
    let place = Place::new(4, &[1]).await;
    place.work_to_the_end().await;
    let damaged = place.spec.output("chunks/00000000.csv");
    place.blobs.put(&damaged, b"id\n", false).await.unwrap();
    place.heal();
    place.retry().await;
    let job = place.work_to_the_end().await;
    let reason = status::JobStatus::new(&job).reason.unwrap();
    assert_eq!(job.state(), "FAILED");
    assert!(
        reason.contains("chunks/00000000.csv") && reason.contains("remove"),
        "{reason}"
    );
    place.blobs.delete(&damaged).await.unwrap();
    place.retry().await;
    assert_eq!(place.work_to_the_end().await.state(), "COMPLETED");
    assert_eq!(place.rows("results.csv").await.len(), 4);
}

/// A job whose input has no header that is understood, at its end.
async fn without_a_header() -> Place {
    let place = Place::over(b"r1,THE PUMP FAILED\nr2,THE PUMP FAILED\n".to_vec(), 2).await;
    place.work_to_the_end().await;
    place
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_on_its_input_is_not_retried_as_the_version_is_pinned() {
    let place = without_a_header().await;
    let job = place.job().await;
    let status = status::JobStatus::new(&job);
    assert_eq!(
        (status.state, status.is_input_bad, status.rows_total),
        ("FAILED", true, None)
    );
    let refused = retry_job(&place.ports, &job, true).await.unwrap_err();
    assert!(matches!(refused, ControlError::Refused(_)), "{refused}");
    assert!(refused.to_string().contains("mend the file"), "{refused}");
    assert_eq!(place.job().await, job);
}

#[test]
fn every_error_of_an_input_is_told_from_what_else_ends_a_split() {
    use crate::core::job::End;
    use crate::core::job::Phase;
    use crate::records::InputError as E;
    let text = || "x".to_string();
    let of_the_input = [
        E::Empty {
            id: text(),
            text: text(),
        },
        E::HeaderNotClosed {
            byte: 0,
            limit_bytes: 1,
        },
        E::HeaderNotUtf8 { byte: 0 },
        E::DuplicateColumns { names: text() },
        E::ColumnMissing {
            missing: text(),
            found: text(),
            delimiter: "comma",
            hint: "",
            option: "--id-column",
        },
        E::ColumnAmbiguous {
            wanted: text(),
            candidates: text(),
            option: "--id-column",
        },
        E::SameColumn { column: text() },
        E::SeparatorLine,
        E::Utf16 {
            encoding: "UTF-16LE",
        },
        E::NotCsv {
            found: "a PDF",
            action: "export it",
        },
        E::Binary {
            nul_bytes: 1,
            first_byte: 0,
            head_bytes: 1,
        },
        E::CompressionNotRead { found: "bzip2" },
        E::CompressedTwice { found: "gzip" },
        E::CompressedData {
            format: "gzip",
            damage: "cut short",
            text_bytes: 0,
            packed_bytes: 0,
            detail: text(),
        },
        E::CompressedData {
            format: "Zstandard",
            damage: "damaged",
            text_bytes: 0,
            packed_bytes: 0,
            detail: text(),
        },
        E::EncodingUnknown { label: text() },
        E::EncodingContradicted {
            encoding: "windows-1252",
        },
    ];
    let failed = |reason: String| {
        let spec = identity::tests::spec();
        let mut job = JobRecord::new(identity::job_id(&spec), spec, 0);
        job.phase = Phase::Ended(End::Failed { reason });
        job
    };
    for error in of_the_input {
        assert!(status::is_input_bad(&failed(error.to_string())), "{error}");
    }
    let input = BlobRef::new("input", "reports.csv");
    for other in [
        format!("the input {input} is not there"),
        format!("the input {input} has changed since the job was made"),
        format!("{input}, s3:GetObject: no permission: allow s3:GetObject on it"),
        "the output place is taken".to_string(),
    ] {
        assert!(!status::is_input_bad(&failed(other.clone())), "{other}");
    }
}
