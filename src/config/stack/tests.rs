//! What stacks say against what is set.

use clap::Args;

use super::*;

const QUEUES: [(&str, &str); 3] = [
    ("InboxQueueUrl", "inbox"),
    ("ChunkQueueUrl", "chunks"),
    ("DoneQueueUrl", "done"),
];

fn outputs(name: &str, pairs: &[(&str, &str)]) -> StackOutputs {
    let pairs = pairs.iter();
    StackOutputs {
        name: name.to_string(),
        outputs: pairs
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
    }
}

fn stacks() -> FleetStacks {
    let urls = QUEUES.map(|(key, name)| {
        let url = format!("https://sqs.us-east-1.amazonaws.com/123456789012/ours-{name}");
        (key, url)
    });
    let mut pairs = vec![
        ("Table", "ours"),
        ("OutputBucket", "ours-results"),
        ("InboxBucket", "ours-inbox"),
        ("InboxPrefix", "drop/"),
        ("FleetName", "ours"),
    ];
    pairs.extend(urls.iter().map(|(key, url)| (*key, url.as_str())));
    let fleet = [
        ("DefaultModelId", "us.anthropic.claude-haiku-5-5"),
        ("TokensPerMinute", "2000000"),
        ("RequestsPerMinute", ""),
        ("CallsInFlightPerWorker", "135"),
    ];
    FleetStacks {
        storage: outputs("ours-storage", &pairs),
        fleet: Some(outputs("ours-fleet", &fleet)),
    }
}

#[test]
fn a_stack_fills_the_whole_configuration() {
    let mut args = FleetArgs::default();
    args.fill_from(&stacks()).unwrap();
    let config = args.check().unwrap();
    assert!(config.chunk_queue_url.ends_with("/ours-chunks"));
    assert_eq!(
        (config.table.as_str(), config.fleet.as_str()),
        ("ours", "ours")
    );
    assert_eq!(config.output_bucket, "ours-results");
    assert_eq!(config.inbox_prefix, "drop/");
    let model = config.defaults.model_id.as_deref();
    assert_eq!(model, Some("us.anthropic.claude-haiku-5-5"));
    assert_eq!(config.tokens_per_minute, Some(2_000_000));
    assert_eq!(
        config.requests_per_minute, None,
        "an empty output says nothing"
    );
    assert_eq!(
        config.defaults.max_workers, 135,
        "a job that is submitted is as wide as one that is dropped"
    );

    let mut without_fleet = FleetArgs::default();
    let stacks = FleetStacks {
        fleet: None,
        ..stacks()
    };
    without_fleet.fill_from(&stacks).unwrap();
    assert_eq!(without_fleet.check().unwrap().defaults.model_id, None);
}

#[test]
fn what_is_set_to_something_else_is_an_error_that_names_both_and_all_are_said_at_once() {
    let mut args = FleetArgs {
        table: Some("theirs".to_string()),
        inbox_queue_url: Some("http://127.0.0.1:4566/000000000000/theirs".to_string()),
        default_model_id: Some("precedents".to_string()),
        // The same is no contradiction.
        output_bucket: Some("ours-results".to_string()),
        ..FleetArgs::default()
    };
    let mut stacks = stacks();
    stacks.storage.outputs.remove("DoneQueueUrl");
    let problems = args.fill_from(&stacks).unwrap_err();
    assert_eq!(
        problems,
        [
            "ANNEXA_INBOX_QUEUE_URL (--inbox-queue-url) is 'http://127.0.0.1:4566/000000000000/theirs', and stack \
             ours-storage says 'https://sqs.us-east-1.amazonaws.com/123456789012/ours-inbox': unset it, or name the \
             stack that it belongs to",
            "stack ours-storage has no output DoneQueueUrl: it is not made from this version's infra/storage.yaml; \
             deploy it anew with infra/deploy",
            "ANNEXA_TABLE (--table) is 'theirs', and stack ours-storage says 'ours': unset it, or name the stack that \
             it belongs to",
            "DEFAULT_MODEL_ID (--default-model-id) is 'precedents', and stack ours-fleet says \
             'us.anthropic.claude-haiku-5-5': unset it, or name the stack that it belongs to",
        ]
    );
}

#[test]
fn what_is_set_where_the_fleet_says_nothing_is_an_error_and_an_older_fleet_without_the_output_is_none()
 {
    let mut args = FleetArgs {
        requests_per_minute: Some("50".to_string()),
        default_max_workers: Some("8".to_string()),
        ..FleetArgs::default()
    };
    let mut stacks = stacks();
    let fleet = stacks.fleet.as_mut().unwrap();
    fleet.outputs.remove("CallsInFlightPerWorker");
    assert_eq!(
        args.fill_from(&stacks).unwrap_err(),
        [
            "ANNEXA_REQUESTS_PER_MINUTE (--requests-per-minute) is '50', and stack ours-fleet says nothing of it: unset it, \
             or deploy the fleet with it"
        ]
    );
    let lines = stacks.environment();
    let empty = ("ANNEXA_REQUESTS_PER_MINUTE", String::new());
    assert!(lines.contains(&empty), "what is left is cleared: {lines:?}");
    assert!(!lines.iter().any(|(name, _)| *name == "DEFAULT_MAX_WORKERS"));
}

#[test]
fn an_empty_inbox_prefix_means_every_key() {
    let mut stacks = stacks();
    stacks
        .storage
        .outputs
        .insert("InboxPrefix".to_string(), String::new());
    let mut args = FleetArgs::default();
    args.fill_from(&stacks).unwrap();
    assert_eq!(args.check().unwrap().inbox_prefix, "");
}

#[test]
fn the_outputs_that_are_read_are_outputs_of_the_templates() {
    let outputs = |template: &'static str| template.split_once("\nOutputs:\n").unwrap().1;
    let is_there = |outputs: &str, name: &str| {
        let begins = format!("  {name}:");
        outputs.lines().any(|line| line.starts_with(&begins))
    };
    let storage = outputs(include_str!("../../../infra/storage.yaml"));
    let read = STORAGE.iter().map(|filled| filled.output);
    for name in read.chain(["InboxBucket"]) {
        assert!(is_there(storage, name), "{name}");
    }
    let fleet = outputs(include_str!("../../../infra/fleet.yaml"));
    for filled in &FLEET {
        assert!(is_there(fleet, filled.output), "{}", filled.output);
    }
    assert!(!is_there(storage, FLEET[0].output), "that is fleet.yaml's");
}

#[test]
fn the_documentation_names_what_is_printed_and_no_service_reads() {
    let page = include_str!("../../../docs/CONFIGURATION.md");
    let (_, table) = page.split_once("| printed by `config` alone |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let written: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let services = FleetArgs::augment_args(clap::Command::new("fleet"));
    let is_read = |variable: &str| {
        services
            .get_arguments()
            .any(|arg| arg.get_env().is_some_and(|env| env == variable))
    };
    let printed = stacks().environment();
    let (read, alone): (Vec<&str>, Vec<&str>) = printed
        .iter()
        .map(|(variable, _)| *variable)
        .partition(|variable| is_read(variable));
    assert_eq!(alone, written);
    assert!(read.contains(&"ANNEXA_TABLE"), "{read:?}");
}
