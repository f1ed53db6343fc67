//! From flags to a configuration, or to the list of all that is wrong.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use super::NotifyConfig;
use super::{FleetArgs, FleetConfig, JobDefaults, chunks_in_hand, notify};
use crate::catalog::Catalog;
use crate::core::spec::defaults;

/// The longest drain: ECS kills 120 s after SIGTERM at the latest (FACTS §2).
const MOST_DRAIN_S: u64 = 110;

/// How long paid answers are kept unless somebody says otherwise (DESIGN §6).
const ANSWERS_DAYS: u64 = 90;

impl FleetArgs {
    /// The configuration that they say.
    ///
    /// # Errors
    /// All that is wrong: each names the variable and the flag, what was found and what to do.
    pub fn check(&self) -> Result<FleetConfig, Vec<String>> {
        let mut check = Check::default();
        let config = check.config(self);
        let of_notices = config.notify.left_out.values().flatten();
        check.problems.extend(of_notices.cloned());
        check.end(config)
    }

    /// The same for a service that nobody looks at when it starts: who cannot be told of jobs' ends as things are set is left
    /// out ([`NotifyConfig::left_out`]), since that must keep no job from ending.
    ///
    /// # Errors
    /// All else that is wrong.
    pub fn check_as_service(&self) -> Result<FleetConfig, Vec<String>> {
        let mut check = Check::default();
        let config = check.config(self);
        check.end(config)
    }

    /// Whether no queue, table or bucket is named: then it is not a variable that is missing but a fleet.
    pub fn names_no_place(&self) -> bool {
        [
            &self.inbox_queue_url,
            &self.chunk_queue_url,
            &self.done_queue_url,
            &self.table,
            &self.output_bucket,
        ]
        .into_iter()
        .all(|place| given(place).is_none())
    }
}

/// What was found wrong so far. Values that are wrong are stood in for, so that the rest can be looked at.
#[derive(Default)]
struct Check {
    problems: Vec<String>,
}

impl Check {
    fn end(self, config: FleetConfig) -> Result<FleetConfig, Vec<String>> {
        match self.problems.is_empty() {
            true => Ok(config),
            false => Err(self.problems),
        }
    }

    fn config(&mut self, args: &FleetArgs) -> FleetConfig {
        let defaults = self.defaults(args);
        let in_hand = chunks_in_hand(
            defaults.max_workers,
            defaults.batch_size,
            defaults::CHUNK_ROWS,
        );
        FleetConfig {
            inbox_queue_url: self.queue_url("ANNEXA_INBOX_QUEUE_URL", &args.inbox_queue_url),
            chunk_queue_url: self.queue_url("ANNEXA_CHUNK_QUEUE_URL", &args.chunk_queue_url),
            done_queue_url: self.queue_url("ANNEXA_DONE_QUEUE_URL", &args.done_queue_url),
            table: self.table(&args.table),
            output_bucket: self.bucket(&args.output_bucket),
            inbox_prefix: self.prefix(&args.inbox_prefix),
            fleet: self.fleet(&args.fleet),
            region: given(&args.region).map(str::to_string),
            catalog: self.catalog(&args.models),
            chunks_in_hand: self.number(
                "ANNEXA_CHUNKS_IN_HAND",
                &args.chunks_in_hand,
                (1, 1_000),
                u64::from(in_hand),
            ) as u32,
            window_chunks: self.number(
                "ANNEXA_WINDOW_CHUNKS",
                &args.window_chunks,
                (1, 100_000),
                defaults::WINDOW_CHUNKS.into(),
            ) as u32,
            answers_days: self.number(
                "ANNEXA_ANSWERS_DAYS",
                &args.answers_days,
                (1, 3_650),
                ANSWERS_DAYS,
            ) as u32,
            sweep_every: self.seconds("ANNEXA_SWEEP_S", &args.sweep_s, (1, 86_400), 60),
            lease: self.seconds("ANNEXA_LEASE_S", &args.lease_s, (3, 3_600), 120),
            drain: self.seconds("ANNEXA_DRAIN_S", &args.drain_s, (1, MOST_DRAIN_S), 110),
            call_timeout: self.seconds(
                "ANNEXA_CALL_TIMEOUT_S",
                &args.call_timeout_s,
                (1, 3_600),
                90,
            ),
            tokens_per_minute: self.quota("ANNEXA_TOKENS_PER_MINUTE", &args.tokens_per_minute),
            requests_per_minute: self
                .quota("ANNEXA_REQUESTS_PER_MINUTE", &args.requests_per_minute),
            health_port: given(&args.health_port).and_then(|_| {
                let port = self.number("ANNEXA_HEALTH_PORT", &args.health_port, (1, 65_535), 1);
                u16::try_from(port).ok()
            }),
            log: self.log(&args.log),
            metrics_every: self.seconds("ANNEXA_METRICS_S", &args.metrics_s, (1, 86_400), 60),
            notify: notify::check(
                &args.notify_event_bus,
                &args.notify_topic_arn,
                &args.notify_webhook,
            ),
            defaults,
        }
    }

    fn defaults(&mut self, args: &FleetArgs) -> JobDefaults {
        let problem_type = self.parsed(
            "DEFAULT_PROBLEM_TYPE",
            &args.default_problem_type,
            "product, patient or both is expected",
        );
        let rate: Option<f64> = self.parsed(
            "DEFAULT_RATE_LIMIT",
            &args.default_rate_limit,
            "a positive number of calls a second is expected",
        );
        if let Some(rate) = rate
            && !(rate.is_finite() && rate > 0.0)
        {
            self.wrong(
                "DEFAULT_RATE_LIMIT",
                rate,
                "a positive number of calls a second is expected",
            );
        }
        JobDefaults {
            model_id: given(&args.default_model_id).map(str::to_string),
            batch_size: self.number(
                "DEFAULT_BATCH_SIZE",
                &args.default_batch_size,
                (1, 10),
                defaults::BATCH_SIZE.into(),
            ) as u32,
            max_workers: self.number(
                "DEFAULT_MAX_WORKERS",
                &args.default_max_workers,
                (1, 10_000),
                defaults::MAX_WORKERS.into(),
            ) as u32,
            rate_limit: rate,
            problem_type: problem_type.unwrap_or(crate::core::problem::ProblemType::Both),
        }
    }

    fn wrong(&mut self, variable: &str, found: impl Display, what_to_do: &str) {
        self.problems
            .push(format!("{} is '{found}': {what_to_do}", named(variable)));
    }

    fn required<'v>(
        &mut self,
        variable: &str,
        value: &'v Option<String>,
        what: &str,
    ) -> Option<&'v str> {
        let value = given(value);
        if value.is_none() {
            self.problems
                .push(format!("{} is not set: {what}", named(variable)));
        }
        value
    }

    fn queue_url(&mut self, variable: &str, value: &Option<String>) -> String {
        let Some(url) = self.required(variable, value, "the queue's URL is needed") else {
            return String::new();
        };
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        // host/account/name
        if rest.is_none_or(|rest| rest.split('/').filter(|part| !part.is_empty()).count() < 2) {
            let expected = "a queue's URL such as https://sqs.us-east-1.amazonaws.com/123456789012/name is expected";
            self.wrong(variable, url, expected);
        } else if url.ends_with(".fifo") {
            self.wrong(
                variable,
                url,
                "a standard queue is needed, not a FIFO queue",
            );
        }
        url.to_string()
    }

    fn table(&mut self, value: &Option<String>) -> String {
        let variable = "ANNEXA_TABLE";
        let Some(table) = self.required(variable, value, "the table's name is needed") else {
            return String::new();
        };
        let is_name = (3..=255).contains(&table.len())
            && table
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !is_name {
            let expected =
                "a table's name is expected: 3 to 255 of letters, digits, '_', '-' and '.'";
            self.wrong(variable, table, expected);
        }
        table.to_string()
    }

    fn bucket(&mut self, value: &Option<String>) -> String {
        let variable = "ANNEXA_OUTPUT_BUCKET";
        let Some(bucket) = self.required(variable, value, "the bucket's name is needed") else {
            return String::new();
        };
        let is_name = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b));
        if !is_name {
            let expected = "a bucket's name is expected (no s3://, no prefix): 3 to 63 of small letters, digits, '-' and '.'";
            self.wrong(variable, bucket, expected);
        }
        bucket.to_string()
    }

    fn prefix(&mut self, value: &Option<String>) -> String {
        match given(value) {
            None => "inbox/".to_string(),
            Some("*") => String::new(),
            Some(prefix) => {
                if prefix.starts_with('/') || prefix.starts_with("s3://") {
                    let expected =
                        "a prefix of keys such as inbox/ is expected; keys do not begin with '/'";
                    self.wrong("ANNEXA_INBOX_PREFIX", prefix, expected);
                }
                prefix.to_string()
            }
        }
    }

    fn fleet(&mut self, value: &Option<String>) -> String {
        let fleet = given(value).unwrap_or("annexa");
        let is_name = fleet.len() <= 255
            && fleet
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !is_name {
            let expected = "a name is expected: up to 255 of letters, digits, '_', '-' and '.'";
            self.wrong("ANNEXA_FLEET", fleet, expected);
        }
        fleet.to_string()
    }

    fn catalog(&mut self, value: &Option<String>) -> Arc<Catalog> {
        let Some(path) = given(value) else {
            return Catalog::builtin();
        };
        read_catalog(Path::new(path)).unwrap_or_else(|problem| {
            self.problems
                .push(format!("{}: {problem}", named("ANNEXA_MODELS")));
            Catalog::builtin()
        })
    }

    fn log(&mut self, value: &Option<String>) -> String {
        let filter = given(value).unwrap_or("info");
        if let Err(error) = filter.parse::<tracing_subscriber::filter::EnvFilter>() {
            let expected = format!("{error}; expected a filter such as info or annexa=debug");
            self.wrong("ANNEXA_LOG", filter, &expected);
        }
        filter.to_string()
    }

    fn quota(&mut self, variable: &str, value: &Option<String>) -> Option<u64> {
        given(value)?;
        Some(self.number(variable, value, (1, u64::MAX), 1))
    }

    fn seconds(
        &mut self,
        variable: &str,
        value: &Option<String>,
        bounds: (u64, u64),
        default: u64,
    ) -> Duration {
        Duration::from_secs(self.number(variable, value, bounds, default))
    }

    fn number(
        &mut self,
        variable: &str,
        value: &Option<String>,
        (least, most): (u64, u64),
        default: u64,
    ) -> u64 {
        let Some(text) = given(value) else {
            return default;
        };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                let expected = match most {
                    u64::MAX => format!("a whole number from {least} on is expected"),
                    _ => format!("a whole number from {least} to {most} is expected"),
                };
                self.wrong(variable, text, &expected);
                default
            }
        }
    }

    fn parsed<T: FromStr>(
        &mut self,
        variable: &str,
        value: &Option<String>,
        expected: &str,
    ) -> Option<T> {
        let text = given(value)?;
        text.parse()
            .inspect_err(|_| self.wrong(variable, text, expected))
            .ok()
    }
}

fn read_catalog(path: &Path) -> Result<Arc<Catalog>, String> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let catalog = Catalog::with_overrides(&shown, &bytes);
    catalog.map(Arc::new).map_err(|error| error.to_string())
}

/// A value; an empty one counts as none, since task definitions and compose files cannot leave one out.
pub(super) fn given(value: &Option<String>) -> Option<&str> {
    value
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A variable and its flag.
pub(super) fn named(variable: &str) -> String {
    let flag = variable.strip_prefix("ANNEXA_").unwrap_or(variable);
    let flag = flag.to_ascii_lowercase().replace('_', "-");
    format!("{variable} (--{flag})")
}
