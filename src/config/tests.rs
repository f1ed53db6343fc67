//! Promises of the configuration.

use clap::{Args, Command};

use super::{FleetArgs, Hidden, WebhookArgs};

fn good() -> FleetArgs {
    let url = |name| {
        Some(format!(
            "https://sqs.us-east-1.amazonaws.com/123456789012/{name}"
        ))
    };
    FleetArgs {
        inbox_queue_url: url("inbox"),
        chunk_queue_url: url("chunks"),
        done_queue_url: url("done"),
        table: Some("annexa".to_string()),
        output_bucket: Some("reports-out".to_string()),
        ..FleetArgs::default()
    }
}

fn set(value: &str) -> Option<String> {
    Some(value.to_string())
}

#[test]
fn five_places_are_enough_and_the_rest_has_defaults() {
    let config = good().check().unwrap();
    assert_eq!(config.inbox_prefix, "inbox/");
    assert_eq!(config.fleet, "annexa");
    assert_eq!(config.defaults.batch_size, 2);
    assert_eq!(config.defaults.max_workers, 32);
    assert_eq!(config.defaults.rate_limit, None);
    assert_eq!(config.drain.as_secs(), 110);
    assert_eq!(config.lease.as_secs(), 120);
    assert_eq!(config.answers_days, 90);
    assert_eq!(config.window_chunks, 200);
    assert_eq!(config.health_port, None);
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_variable_and_flag() {
    let args = FleetArgs {
        inbox_queue_url: set("inbox"),
        chunk_queue_url: set("https://sqs.us-east-1.amazonaws.com/123456789012/chunks.fifo"),
        done_queue_url: set("  "),
        table: set("a table"),
        output_bucket: set("s3://reports"),
        inbox_prefix: set("/inbox"),
        fleet: set("our fleet"),
        default_batch_size: set("11"),
        default_max_workers: set("many"),
        default_rate_limit: set("-1"),
        default_problem_type: set("all"),
        models: set("/no/such/file.toml"),
        chunks_in_hand: set("0"),
        drain_s: set("111"),
        tokens_per_minute: set("0"),
        health_port: set("70000"),
        log: set("annexa=loud"),
        ..FleetArgs::default()
    };
    let problems = args.check().unwrap_err();
    for (name, found) in [
        ("ANNEXA_INBOX_QUEUE_URL (--inbox-queue-url)", "is 'inbox'"),
        (
            "ANNEXA_CHUNK_QUEUE_URL (--chunk-queue-url)",
            "not a FIFO queue",
        ),
        ("ANNEXA_DONE_QUEUE_URL (--done-queue-url)", "is not set"),
        ("ANNEXA_TABLE (--table)", "is 'a table'"),
        ("ANNEXA_OUTPUT_BUCKET (--output-bucket)", "no s3://"),
        ("ANNEXA_INBOX_PREFIX (--inbox-prefix)", "is '/inbox'"),
        ("ANNEXA_FLEET (--fleet)", "is 'our fleet'"),
        ("DEFAULT_BATCH_SIZE (--default-batch-size)", "from 1 to 10"),
        ("DEFAULT_MAX_WORKERS (--default-max-workers)", "is 'many'"),
        ("DEFAULT_RATE_LIMIT (--default-rate-limit)", "is '-1'"),
        ("DEFAULT_PROBLEM_TYPE (--default-problem-type)", "is 'all'"),
        ("ANNEXA_MODELS (--models)", "/no/such/file.toml"),
        ("ANNEXA_CHUNKS_IN_HAND (--chunks-in-hand)", "is '0'"),
        ("ANNEXA_DRAIN_S (--drain-s)", "from 1 to 110"),
        (
            "ANNEXA_TOKENS_PER_MINUTE (--tokens-per-minute)",
            "from 1 on",
        ),
        ("ANNEXA_HEALTH_PORT (--health-port)", "is '70000'"),
        ("ANNEXA_LOG (--log)", "is 'annexa=loud'"),
    ] {
        let said = problems
            .iter()
            .find(|problem| problem.starts_with(name))
            .unwrap_or_else(|| panic!("nothing is said of {name}: {problems:#?}"));
        assert!(said.contains(found), "{said}");
    }
    assert_eq!(problems.len(), 17, "{problems:#?}");
}

#[test]
fn a_call_that_outlasts_the_drain_is_warned_of() {
    let args = FleetArgs {
        drain_s: set("20"),
        ..good()
    };
    let warnings = args.check().unwrap().warnings();
    assert!(warnings[0].contains("ANNEXA_CALL_TIMEOUT_S is 90 and ANNEXA_DRAIN_S 20"));
}

#[test]
fn an_inbox_prefix_of_a_star_means_every_key() {
    let args = FleetArgs {
        inbox_prefix: set("*"),
        ..good()
    };
    assert_eq!(args.check().unwrap().inbox_prefix, "");
}

#[test]
fn nobody_is_told_of_jobs_unless_it_is_said_and_values_show_themselves_nowhere() {
    assert_eq!(good().check().unwrap().notify, Default::default());
    let hidden = |value: &str| Some(value.parse::<Hidden>().unwrap());
    let args = FleetArgs {
        notify_event_bus: set("default"),
        notify_topic_arn: set("arn:aws:sns:eu-central-1:123456789012:jobs"),
        notify_webhook: WebhookArgs {
            notify_webhook_url: hidden("https://example.com/t0ken"),
            notify_webhook_secret: hidden("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        },
        ..good()
    };
    let config = args.check().unwrap();
    assert_eq!(config.notify.event_bus.as_ref().unwrap().name, "default");
    assert_eq!(config.notify.topic.as_ref().unwrap().region, "eu-central-1");
    for shown in [format!("{args:?}"), format!("{config:?}")] {
        assert!(
            !shown.contains("t0ken") && !shown.contains("MfKQ"),
            "{shown}"
        );
    }
}

#[test]
fn all_that_is_wrong_about_notices_is_said_at_once_and_without_the_values() {
    let hidden = |value: &str| Some(value.parse::<Hidden>().unwrap());
    let args = FleetArgs {
        notify_event_bus: set("arn:aws:sns:eu-central-1:123456789012:jobs"),
        notify_topic_arn: set("jobs"),
        notify_webhook: WebhookArgs {
            notify_webhook_url: hidden("http://example.com/t0ken"),
            notify_webhook_secret: hidden("t0ken"),
        },
        ..good()
    };
    let problems = args.check().unwrap_err();
    let said = problems.join("\n");
    for found in [
        "ANNEXA_NOTIFY_EVENT_BUS (--notify-event-bus): a bus's name or ARN",
        "ANNEXA_NOTIFY_TOPIC_ARN (--notify-topic-arn): a topic's ARN",
        "ANNEXA_NOTIFY_WEBHOOK_URL (--notify-webhook-url): http:// goes to this machine only",
        "ANNEXA_NOTIFY_WEBHOOK_SECRET (--notify-webhook-secret): whsec_ and",
    ] {
        assert!(said.contains(found), "{said}");
    }
    assert_eq!(problems.len(), 4, "{said}");
    assert!(!said.contains("t0ken"), "{said}");
    let notify = args.check_as_service().unwrap().notify;
    let left_out: Vec<String> = notify.left_out.into_values().flatten().collect();
    assert_eq!(
        left_out, problems,
        "a service goes on, and knows why they are left out"
    );
    assert!((notify.event_bus, notify.topic, notify.webhook) == (None, None, None));
    let other = FleetArgs {
        table: None,
        ..args
    };
    let problems = other.check_as_service().unwrap_err();
    assert!(
        problems.len() == 1 && problems[0].contains("ANNEXA_TABLE"),
        "{problems:?}"
    );
    let alone = WebhookArgs {
        notify_webhook_secret: hidden("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ..WebhookArgs::default()
    };
    let problems = alone.check().unwrap_err();
    assert!(
        problems[0].contains("name the receiver, too"),
        "{problems:?}"
    );
}

/// The variables that clap knows, with their flags.
fn variables() -> Vec<(String, String)> {
    let command = FleetArgs::augment_args(Command::new("fleet"));
    let named = |arg: &clap::Arg| {
        let variable = arg.get_env()?.to_str()?.to_string();
        Some((variable, format!("--{}", arg.get_long()?)))
    };
    command.get_arguments().filter_map(named).collect()
}

#[test]
fn the_documentation_names_exactly_the_variables_and_flags_that_are_known() {
    let page = include_str!("../../docs/CONFIGURATION.md");
    let documented: Vec<(String, String)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('`');
            let variable = cells.next()?;
            let flag = cells.nth(1)?;
            flag.starts_with("--")
                .then(|| (variable.to_string(), flag.to_string()))
        })
        .collect();
    let (mut known, mut written) = (variables(), documented);
    known.sort();
    written.sort();
    assert_eq!(known, written);
}
