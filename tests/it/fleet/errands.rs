//! Everything that a fleet and its people do with AWS, once: inputs of each kind and from each place, what cannot be read,
//! what goes wrong, and every command. For whoever looks at the requests meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use super::files::{broken_file, distinct, large_file, packed, patiently};
use super::permissions::DIRECT;
use super::place::FleetPlace;
use super::recorder::{Exchange, Recorder};
use crate::cli::harness::sample;
use crate::cli::process::{Running, pause};

/// Who does what people do.
pub const OPERATOR: &str = "operator";

/// A fleet, those who look on, and two more buckets.
pub struct Errands<'f> {
    pub fleet: &'f FleetPlace,
    pub recorder: &'f Recorder,
    /// A bucket of inputs that is not the inbox; it keeps versions.
    pub inputs: &'f str,
    /// A bucket of terms, without versions.
    pub terms: &'f str,
}

impl Errands<'_> {
    /// Does all of it.
    pub fn run(&self) {
        // Nobody splits yet: the aggregator finds that a split was asked for and not done.
        let mut services = vec![self.fleet.start("aggregator")];
        let early = self.submit("early.csv", sample(4), &["--problem", "product"]);
        self.until("the aggregator asks for a split again", |seen| {
            seen.who == "aggregator" && seen.sends_to("-inbox")
        });
        services.push(self.fleet.start("splitter"));
        services.push(self.fleet.start("worker"));

        self.drop_files();
        self.send_messages();
        self.drop_broken_files();
        let direct = self.submit(
            "direct.csv",
            sample(3),
            &["--model", DIRECT, "--problem", "product"],
        );
        self.submit_from_buckets();
        self.look_at_dead_letters(&early);
        self.is(&early, "COMPLETED");
        self.is(&direct, "COMPLETED");
        self.steer();
        for prefix in ["packed/", "far/"] {
            self.is(&self.job_at(prefix), "COMPLETED");
        }
        let dropped = self.job_at("dropped/");
        self.is(&dropped, "COMPLETED_WITH_ERRORS");
        self.does(&["retry", &dropped]);
        self.until("the retry removes what it replaces", |seen| {
            seen.who == "aggregator"
                && seen.operation == "DeleteObject"
                && seen.touches("dropped/failures.partial.csv")
        });
        let stack = self.fleet.var("ANNEXA_TABLE");
        for commands in [
            &["--stack", stack, "jobs"][..],
            &["jobs", "--all"],
            &["jobs", "--state", "failed"],
            &["queues"],
        ] {
            self.does(commands);
        }
        self.drain(services);
    }

    /// Files for the inbox: a CSV with a row that cannot be read; a packed one over 8 MiB; specs that name what is not there.
    fn drop_files(&self) {
        let sidecar = |prefix: &str, rows: u32| {
            json!({"problem_type": "product", "output_prefix": prefix, "chunk_rows": rows})
                .to_string()
        };
        self.fleet
            .drop_in("inbox/dropped.csv.json", sidecar("dropped/", 10));
        self.fleet
            .drop_in("inbox/dropped.csv", format!("{}99,\"open", sample(20)));
        self.fleet
            .drop_in("inbox/packed.csv.gz.json", sidecar("packed/", 4));
        let large = packed(&large_file());
        self.fleet.drop_in("inbox/packed.csv.gz", large);
        self.fleet.put(self.inputs, "archive.csv", sample(3));
        let terms = concat!(env!("CARGO_MANIFEST_DIR"), "/data/imdrf_terms.csv");
        let terms = std::fs::read(terms).unwrap();
        let inbox = self.fleet.var("ANNEXA_INBOX_BUCKET");
        for (bucket, key) in [
            (self.terms, "terms.csv"),
            (self.inputs, "terms.csv"),
            (inbox, "aside/terms.csv"),
        ] {
            self.fleet.put(bucket, key, terms.clone());
        }
        for (name, bucket) in [("one", self.inputs), ("two", inbox)] {
            let absent = json!({"input_bucket": bucket, "input_key": "aside/absent.csv",
                "imdrf_bucket": self.terms, "imdrf_key": "absent.csv"});
            let key = format!("inbox/{name}.json");
            self.fleet.drop_in(&key, absent.to_string());
        }
    }

    /// Packed files that break off after their copies have begun, until the splitter has had to keep one in hand for long.
    fn drop_broken_files(&self) {
        let is_long =
            |seen: &Exchange| seen.who == "splitter" && seen.operation == "ChangeMessageVisibility";
        let (broken, mut dropped) = (broken_file(), 0);
        patiently("a split takes long", || {
            let key = format!("inbox/broken-{dropped}.csv.gz");
            self.fleet.drop_in(&key, broken.clone());
            dropped += 1;
            pause(Duration::from_secs(2));
            self.recorder.has_seen(is_long)
        });
    }

    /// A spec whose input and terms lie in buckets of their own, and for each queue a message that nobody can read.
    fn send_messages(&self) {
        let far = json!({"input_bucket": self.inputs, "input_key": "archive.csv", "output_prefix": "far/",
            "imdrf_bucket": self.terms, "imdrf_key": "terms.csv", "problem_type": "product",
            "formats": ["parquet", "jsonl", "spreadsheet"]});
        self.fleet.send("ANNEXA_INBOX_QUEUE_URL", &far.to_string());
        for queue in [
            "ANNEXA_INBOX_QUEUE_URL",
            "ANNEXA_CHUNK_QUEUE_URL",
            "ANNEXA_DONE_QUEUE_URL",
        ] {
            self.fleet.send(queue, "{\"nobody\": \"knows\"}");
        }
    }

    /// People submit what lies in buckets, and what does not.
    fn submit_from_buckets(&self) {
        let inbox = self.fleet.var("ANNEXA_INBOX_BUCKET");
        let at = |bucket: &str, key: &str| format!("s3://{bucket}/{key}");
        let there = at(self.inputs, "archive.csv");
        for (terms, problem) in [(self.terms, "patient"), (self.inputs, "both")] {
            let terms = at(terms, "terms.csv");
            self.does(&["submit", &there, "--terms", &terms, "--problem", problem]);
        }
        for (input, terms, absent) in [
            (
                at(inbox, "aside/absent.csv"),
                at(inbox, "aside/terms.csv"),
                "the input",
            ),
            (there, at(self.terms, "absent.csv"), "the terms"),
        ] {
            let ran = self
                .fleet
                .annexa(OPERATOR, &["submit", &input, "--terms", &terms]);
            assert_eq!(ran.code, 64, "{}", ran.err);
            assert!(
                ran.err.contains(absent) && ran.err.contains("is not there"),
                "{}",
                ran.err
            );
        }
    }

    /// Letters are looked at, sent again, and removed; one is a chunk of a job that is long over.
    fn look_at_dead_letters(&self, early: &str) {
        for queue in ["-inbox-dead", "-chunks-dead", "-done-dead"] {
            self.until("a message is set aside", |seen| seen.sends_to(queue));
        }
        let letter = json!({"job": early, "generation": 0, "chunk": 0}).to_string();
        self.is(early, "COMPLETED");
        let url = format!("{}-dead", self.fleet.var("ANNEXA_CHUNK_QUEUE_URL"));
        self.fleet.send_to(&url, &letter);
        self.until("the aggregator settles a dead letter", |seen| {
            seen.who == "aggregator"
                && seen.operation == "DeleteMessageBatch"
                && seen.touches("-chunks-dead")
        });
        let listed: Value =
            serde_json::from_str(&self.does(&["dlq", "list", "--queue", "inbox", "--json"]))
                .unwrap();
        let id = listed[0]["id"]
            .as_str()
            .or(listed["dead"][0]["id"].as_str())
            .expect("a letter");
        self.does(&["dlq", "show", id]);
        for queue in ["inbox", "chunk", "done"] {
            let dead = format!("-{}-dead", if queue == "chunk" { "chunks" } else { queue });
            // Others may have the letter in hand for a moment.
            self.again_until(&["dlq", "redrive", "--all", "--queue", queue], |seen| {
                seen.who == OPERATOR && seen.sends_to(&dead.replace("-dead", ""))
            });
            self.again_until(
                &["dlq", "purge", "--all", "--yes", "--queue", queue],
                |seen| {
                    seen.who == OPERATOR
                        && seen.operation == "DeleteMessageBatch"
                        && seen.touches(&dead)
                },
            );
        }
    }

    /// A job is cancelled, retried and cancelled again; another is paused, loses its input, and goes on to fail.
    fn steer(&self) {
        let slow = [
            "--problem",
            "product",
            "--batch-size",
            "1",
            "--max-workers",
            "1",
            "--chunk-rows",
            "2",
        ];
        let job = self.submit("slow.csv", distinct(60, "SLOW"), &slow);
        self.is(&job, "RUNNING");
        self.does(&["cancel", &job]);
        self.is(&job, "CANCELLED");
        self.does(&["retry", &job]);
        self.is(&job, "RUNNING");
        self.does(&["cancel", &job]);
        self.is(&job, "CANCELLED");

        let bucket = self.fleet.var("ANNEXA_INBOX_BUCKET");
        self.fleet
            .put(bucket, "aside/gone.csv", distinct(60, "GONE"));
        let input = format!("s3://{bucket}/aside/gone.csv");
        let submit: Vec<&str> = ["submit", &input].into_iter().chain(slow).collect();
        let job = self.does(&submit).trim().to_string();
        self.is(&job, "RUNNING");
        self.does(&["pause", &job]);
        self.is(&job, "PAUSED");
        self.fleet.forget(bucket, "aside/gone.csv");
        self.does(&["resume", &job]);
        self.is(&job, "FAILED");
    }

    fn drain(&self, services: Vec<Running>) {
        for service in &services {
            service.signal("TERM");
        }
        for service in services {
            let ran = service.end();
            assert!([0, 5].contains(&ran.code), "{}", ran.err);
        }
    }

    /// Runs a command that has to do well.
    fn does(&self, args: &[&str]) -> String {
        let ran = self.fleet.annexa(OPERATOR, args);
        assert_eq!(ran.code, 0, "annexa {args:?}: {}", ran.err);
        ran.out
    }

    fn submit(&self, name: &str, csv: String, args: &[&str]) -> String {
        self.fleet.place.write(name, csv);
        let args: Vec<&str> = ["submit", name].iter().chain(args).copied().collect();
        self.does(&args).trim().to_string()
    }

    fn state(&self, job: &str) -> String {
        let ran = self.fleet.annexa(OPERATOR, &["status", job, "--json"]);
        let status: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        status["state"].as_str().unwrap_or_default().to_string()
    }

    fn is(&self, job: &str, state: &str) {
        let ended = ["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"];
        patiently(&format!("{job} is {state}"), || {
            let found = self.state(job);
            assert!(
                found == state || !ended.contains(&found.as_str()),
                "{job} is {found}, not {state}"
            );
            found == state
        });
    }

    /// The job whose outputs go there.
    fn job_at(&self, prefix: &str) -> String {
        let key = format!("{prefix}job.json");
        patiently(&key, || self.fleet.result_keys().contains(&key));
        let job: Value = serde_json::from_slice(&self.fleet.result(&key)).unwrap();
        job["job_id"].as_str().unwrap().to_string()
    }

    fn until(&self, what: &str, is_it: impl Fn(&Exchange) -> bool) {
        patiently(what, || self.recorder.has_seen(&is_it));
    }

    /// Says a command again until something is seen.
    fn again_until(&self, args: &[&str], is_it: impl Fn(&Exchange) -> bool) {
        patiently(&format!("{args:?}"), || {
            self.fleet.annexa(OPERATOR, args);
            self.recorder.has_seen(&is_it)
        });
    }
}
