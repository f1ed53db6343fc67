//! What the commands print and which code they end with, over a fleet in memory.

use clap::{Parser, Subcommand};

use super::*;
use crate::control::tests::Place;

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Only,
}

#[derive(Debug, Subcommand)]
enum Only {
    #[command(flatten)]
    Fleet(FleetCommand),
}

/// Runs a command line: its exit code and what it prints, or its error.
async fn annexa(place: &Place, line: &str) -> Result<(u8, String), String> {
    let words = std::iter::once("annexa").chain(line.split(' '));
    let Only::Fleet(command) = Line::try_parse_from(words)
        .map_err(|e| e.to_string())?
        .command;
    let mut out = Vec::new();
    let opened = Opened {
        ports: place.ports.clone(),
        region: Some("us-east-1".to_string()),
    };
    let code = act(&command, &opened, &mut out, false).await;
    let code = code.map_err(|error| format!("{error:#}"))?;
    Ok((code, String::from_utf8(out).unwrap()))
}

async fn said(place: &Place, line: &str) -> (u8, String) {
    annexa(place, line)
        .await
        .unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[tokio::test(start_paused = true)]
async fn s26_a_job_is_listed_looked_at_paused_resumed_and_retried() {
    let place = Place::new(4, &[1]).await;
    let id = place.job_id.as_str().to_string();
    let (code, jobs) = said(&place, "jobs").await;
    assert_eq!(code, exit::OK);
    assert!(
        jobs.starts_with("job ") && jobs.contains(&format!("{id}  SPLITTING")),
        "{jobs}"
    );
    let (code, paused) = said(&place, &format!("pause {}", &id[..10])).await;
    assert!(paused.contains(&format!("{id} is paused")), "{paused}");
    assert_eq!(
        (code, said(&place, &format!("status {id}")).await.0),
        (exit::OK, exit::PAUSED)
    );
    let (_, resumed) = said(&place, &format!("resume {id} --max-cost-usd 2.50")).await;
    assert!(
        resumed.contains("goes on, under a cost cap of 2.500000000"),
        "{resumed}"
    );
    let refused = annexa(&place, &format!("retry {id}")).await.unwrap_err();
    assert!(refused.contains("once it has ended"), "{refused}");

    place.work_to_the_end().await;
    let (code, status) = said(&place, &format!("status {id}")).await;
    assert_eq!(code, exit::FAILED_ROWS);
    for line in [
        "state           COMPLETED_WITH_ERRORS",
        "rows done       4 of 4",
        "  failed        1",
        "chunks          2 of 2 committed, 0 given up, 0 parked",
    ] {
        assert!(status.contains(line), "{line:?} in {status}");
    }
    assert!(status.contains(&format!("annexa retry {id}")), "{status}");
    place.heal();
    let (code, retried) = said(&place, &format!("retry {id}")).await;
    assert!(
        retried.contains("retry 1 begins, over 1 chunks"),
        "{retried}"
    );
    assert_eq!(code, exit::OK);
    place.work_to_the_end().await;
    let (code, status) = said(&place, &format!("status {id} --json")).await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(code, exit::OK);
    assert_eq!(
        (&status["generation"], &status["failed"]),
        (&1.into(), &0.into())
    );
    assert_eq!(status["quarantined"], serde_json::json!([]));
    let (_, jobs) = said(&place, "jobs --state completed --json").await;
    let jobs: serde_json::Value = serde_json::from_str(&jobs).unwrap();
    assert_eq!(jobs[0]["job_id"], *id);
    assert!(said(&place, "jobs").await.1.contains("no job is live"));
    let refused = annexa(&place, &format!("cancel {id}")).await.unwrap_err();
    assert!(
        refused.contains("is COMPLETED and cannot be cancelled"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn watching_tells_of_progress_until_the_job_has_ended() {
    let place = Place::new(6, &[]).await;
    let line = format!("status {} --watch", place.job_id);
    let (watched, _) = tokio::join!(said(&place, &line), place.work_to_the_end());
    let (code, lines) = watched;
    assert_eq!(code, exit::OK);
    assert!(
        lines.starts_with("SPLITTING  0 (still being counted) rows"),
        "{lines}"
    );
    assert!(lines.contains("\nstate           COMPLETED\n"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn live_jobs_are_watched_until_there_are_none() {
    let place = Place::new(40, &[]).await;
    let (watched, _) = tokio::join!(said(&place, "jobs --watch"), place.work_to_the_end());
    let (code, lines) = watched;
    assert_eq!(code, exit::OK);
    assert!(
        lines.contains(&format!("{}  SPLITTING", place.job_id)),
        "{lines}"
    );
    assert!(
        lines.matches("of rows").count() > 1,
        "it was seen to move on: {lines}"
    );
    assert!(
        lines.ends_with("annexa jobs --all lists those that have ended\n"),
        "{lines}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_says_which_processes_have_a_part_of_the_models_quota() {
    let place = Place::new(2, &[]).await;
    let line = format!("status {} --json", place.job_id);
    let at_work = async || {
        let (_, status) = said(&place, &line).await;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["at_work"].clone()
    };
    assert_eq!(at_work().await, serde_json::Value::Null);
    let ask = crate::core::lane::LaneAsk {
        number: 1,
        told: Default::default(),
        weight: 1,
        gap_ms: 1_000,
        news: Default::default(),
    };
    let lane = format!("us-east-1/{}", place.spec.model_id);
    for worker in ["w1", "w2"] {
        let ledger = &place.ports.ledger;
        ledger.lane_reserve(&lane, worker, &ask).await.unwrap();
    }
    assert_eq!(at_work().await["workers"], 2);
    let (_, status) = said(&place, &format!("status {}", place.job_id)).await;
    assert!(status.contains("at work         2 processes, "), "{status}");
}

#[tokio::test(start_paused = true)]
async fn s26_dead_letters_are_listed_shown_with_a_warning_and_removed_only_with_a_yes() {
    let place = Place::new(2, &[]).await;
    let dead = place.ports.inbox.dead_letters().unwrap();
    let strange = crate::ports::queue::Outgoing {
        body: "PATIENT DIED".into(),
        group: "x".into(),
        delay: std::time::Duration::ZERO,
    };
    dead.send_batch(&[strange]).await.unwrap();
    let (_, queues) = said(&place, "queues").await;
    assert!(queues.contains("dead letters: annexa dlq list"), "{queues}");
    let (_, list) = said(&place, "dlq list --queue inbox --json").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["id"].as_str().unwrap().to_string();
    let (_, table) = said(&place, "dlq list").await;
    assert!(
        table.contains("not one of ours") && !table.contains("DIED"),
        "I10: {table}"
    );
    let (_, shown) = said(&place, &format!("dlq show {id}")).await;
    assert!(
        shown.contains("may hold anything") && shown.contains("PATIENT DIED"),
        "{shown}"
    );
    let refused = annexa(&place, "dlq purge --all").await.unwrap_err();
    assert!(refused.contains("--yes"), "{refused}");
    let (_, purged) = said(&place, &format!("dlq purge {id} --yes")).await;
    assert_eq!(purged, "1 dead letter removed\n");
    let (_, list) = said(&place, "dlq list").await;
    assert_eq!(list, "no dead letters, and no chunk was given up\n");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_on_its_input_says_what_helps_and_its_retry_is_refused() {
    let place = Place::over(b"r1,THE PUMP FAILED\n".to_vec(), 2).await;
    place.work_to_the_end().await;
    let id = place.job_id.as_str();
    let (code, status) = said(&place, &format!("status {id}")).await;
    assert_eq!(code, exit::FAILED);
    for line in [
        "rows done       0 of an unknown number\n",
        "to do           mend the file ",
    ] {
        assert!(status.contains(line), "{line:?} in {status}");
    }
    assert!(!status.contains("annexa retry"), "{status}");
    let refused = annexa(&place, &format!("retry {id}")).await.unwrap_err();
    assert!(refused.contains("upload or submit it again"), "{refused}");
}
