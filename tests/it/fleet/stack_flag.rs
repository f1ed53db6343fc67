//! `annexa --stack NAME`: commands find their fleet by the outputs of its stacks, deployed to the emulator.

use std::collections::BTreeMap;
use std::process::Command;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Parameter;

use super::place::deployed;
use crate::aws::emulator::{Emulator, REGION, unique};
use crate::cli::harness::Place;

/// As much of infra/fleet.yaml as the command line reads.
const FLEET: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Model: {Type: String}
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  DefaultModelId: {Value: !Ref Model}
  TokensPerMinute: {Value: "1200000"}
  RequestsPerMinute: {Value: ""}
  CallsInFlightPerWorker: {Value: "135"}
"#;

/// A stack made of a template of the test's own.
async fn make(stack: &str, model: &str) {
    let client = Client::new(&Emulator::shared().sdk());
    let parameter = Parameter::builder()
        .parameter_key("Model")
        .parameter_value(model);
    let create = client.create_stack().stack_name(stack).template_body(FLEET);
    let made = create.parameters(parameter.build()).send().await;
    made.expect("a stack can be made");
}

/// What `annexa` says with nothing of the surroundings but these variables: exit code, stdout, stderr.
fn annexa(env: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
    let place = Place::new();
    let mut program = Command::new(assert_cmd::cargo::cargo_bin!("annexa"));
    program
        .current_dir(place.root())
        .env_clear()
        .env("HOME", place.path("home"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", Emulator::shared().endpoint())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .envs(env.iter().copied())
        .args(args);
    let ended = program.output().expect("the program can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    (
        ended.status.code().unwrap_or(-1),
        text(ended.stdout),
        text(ended.stderr),
    )
}

fn pairs(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

#[tokio::test]
async fn commands_take_a_fleet_s_configuration_from_its_stacks_and_config_prints_it() {
    let name = unique("f");
    let env = deployed(&name, &["InboxPrefix=drop/here/"]).unwrap_or_else(|why| panic!("{why}"));
    let (code, out, err) = annexa(&[], &["--stack", &name, "jobs"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("no job is live"), "{out}");
    // As a variable, and after the command.
    let (code, out, err) = annexa(&[("ANNEXA_STACK", &name)], &["queues"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("queue "), "{out}");
    assert_eq!(annexa(&[], &["queues", "--stack", &name]).0, 0);

    make(&format!("{name}-fleet"), "us.anthropic.claude-haiku-5-5").await;
    let (code, out, err) = annexa(&[], &["--stack", &name, "config"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let printed = pairs(&out);
    for variable in [
        "ANNEXA_FLEET",
        "ANNEXA_INBOX_BUCKET",
        "ANNEXA_OUTPUT_BUCKET",
        "ANNEXA_INBOX_QUEUE_URL",
        "ANNEXA_CHUNK_QUEUE_URL",
        "ANNEXA_DONE_QUEUE_URL",
        "ANNEXA_TABLE",
    ] {
        assert_eq!(printed[variable], env[variable], "{variable}");
    }
    assert_eq!(printed["ANNEXA_INBOX_PREFIX"], "drop/here/");
    assert_eq!(printed["DEFAULT_MODEL_ID"], "us.anthropic.claude-haiku-5-5");
    assert_eq!(printed["ANNEXA_TOKENS_PER_MINUTE"], "1200000");
    assert_eq!(printed["DEFAULT_MAX_WORKERS"], "135");
    assert_eq!(
        printed["ANNEXA_REQUESTS_PER_MINUTE"], "",
        "a leftover is cleared"
    );
    let left = [("ANNEXA_REQUESTS_PER_MINUTE", "50")];
    let (code, out, err) = annexa(&left, &["--stack", &name, "jobs"]);
    assert_eq!((code, out.as_str()), (64, ""));
    let said = format!(
        "annexa: ANNEXA_REQUESTS_PER_MINUTE (--requests-per-minute) is '50', and stack {name}-fleet says nothing of it: \
         unset it, or deploy the fleet with it\n"
    );
    assert_eq!(err, said);
}

#[tokio::test]
async fn what_is_set_to_another_fleet_s_place_is_refused_with_both_names_and_all_else_that_is_wrong()
 {
    let name = unique("f");
    let env = deployed(&name, &[]).unwrap_or_else(|why| panic!("{why}"));
    let left = [("ANNEXA_TABLE", "other-fleet"), ("ANNEXA_LEASE_S", "1")];
    let args = ["--stack", &name, "jobs", "--output-bucket", "other-results"];
    let (code, out, err) = annexa(&left, &args);
    assert_eq!((code, out.as_str()), (64, ""));
    for said in [
        &format!(
            "ANNEXA_TABLE (--table) is 'other-fleet', and stack {name}-storage says '{}'",
            env["ANNEXA_TABLE"]
        ),
        &format!(
            "ANNEXA_OUTPUT_BUCKET (--output-bucket) is 'other-results', and stack {name}-storage says '{}'",
            env["ANNEXA_OUTPUT_BUCKET"]
        ),
        "ANNEXA_LEASE_S (--lease-s) is '1'",
    ] {
        assert!(err.contains(said), "no {said} in {err}");
    }
    assert_eq!(err.lines().count(), 3, "{err}");
    // The same value is no contradiction.
    let same = [("ANNEXA_TABLE", env["ANNEXA_TABLE"].as_str())];
    assert_eq!(annexa(&same, &["--stack", &name, "jobs"]).0, 0);
}

#[test]
fn a_stack_that_is_not_there_is_said_with_what_to_do() {
    let name = unique("f");
    for args in [["--stack", &name, "jobs"], ["--stack", &name, "config"]] {
        let (code, out, err) = annexa(&[], &args);
        assert_eq!((code, out.as_str()), (64, ""), "{err}");
        let said = format!("annexa: stack {name}-storage is not there in us-east-1: check --stack");
        assert!(
            err.starts_with(&said)
                && err
                    .trim_end()
                    .ends_with(&format!("infra/deploy --name {name}")),
            "{err}"
        );
    }
    let (code, _, err) = annexa(&[], &["config"]);
    assert_eq!(code, 64);
    assert!(err.contains("no stack is named"), "{err}");
}

#[test]
fn a_stack_is_refused_where_it_would_be_of_no_use_and_its_variable_is_not() {
    let (code, _, err) = annexa(&[], &["--stack", "ours", "terms", "search", "fracture"]);
    assert_eq!(code, 64);
    assert!(
        err.contains("--stack is of no use to this command"),
        "{err}"
    );
    let (code, out, err) = annexa(
        &[("ANNEXA_STACK", "ours")],
        &["terms", "search", "fracture"],
    );
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Fracture"), "{out}");
}

#[test]
fn where_no_fleet_is_named_the_flag_is_said_beside_the_variables() {
    let said = "annexa: no fleet is named: name it with --stack NAME (ANNEXA_STACK), or set its places one by one\n";
    let (code, _, err) = annexa(&[], &["jobs"]);
    assert_eq!(code, 64);
    assert!(err.starts_with(said), "{err}");
    assert!(err.contains("ANNEXA_TABLE (--table) is not set"), "{err}");
    // Where one place is named, the others are missing and not the fleet.
    let (code, _, err) = annexa(&[("ANNEXA_TABLE", "annexa")], &["jobs"]);
    assert_eq!(code, 64);
    assert!(!err.contains("--stack"), "{err}");
}

#[test]
fn an_empty_endpoint_variable_of_bedrock_counts_as_none() {
    let env = [("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "")];
    let args = ["doctor", "--model", "us.anthropic.claude-haiku-5-5"];
    let (_, out, err) = annexa(&env, &args);
    let said = format!(
        "reports go to {} and not to AWS (AWS_ENDPOINT_URL)",
        Emulator::shared().endpoint()
    );
    assert!(out.contains(&said), "{out}{err}");
}
