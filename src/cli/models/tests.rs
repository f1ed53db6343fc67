//! What `annexa models` prints and with which exit code.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ModelsArgs,
}

fn parsed(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("models").chain(args.iter().copied()))
}

fn said(args: &[&str]) -> (u8, String) {
    let mut out = Vec::new();
    let code = run(&parsed(args).unwrap().args, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&said(args).1).unwrap()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn the_table_shows_ids_and_prices_of_the_region_and_its_default() {
    let (code, text) = said(&["--region", "eu-central-1"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn without_a_region_ids_are_plain_and_prices_those_of_global() {
    let (code, text) = said(&[]);
    assert_eq!(code, 0);
    let first = text.lines().nth(1).unwrap();
    assert!(first.starts_with("anthropic.claude-"), "{first}");
    assert!(text.contains("--region REGION shows ids"), "{text}");
    assert!(text.contains("annexa run': the offline model"), "{text}");
}

#[test]
fn a_region_without_a_profile_of_its_own_has_no_default_and_says_what_to_do() {
    let (code, text) = said(&["--region", "ca-central-1"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("default of the fleet in ca-central-1: none\n"),
        "{text}"
    );
    assert!(
        text.contains("no profile in the Region's geography\n"),
        "{text}"
    );
}

#[test]
fn one_model_is_shown_with_all_that_is_known_of_it() {
    let (code, text) = said(&["us.anthropic.claude-haiku-5-5", "--region", "us-east-1"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn a_model_that_has_ended_is_shown_with_what_to_take() {
    let (code, text) = said(&[
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "--region",
        "us-east-1",
    ]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn a_profile_of_another_geography_is_not_simply_called_usable() {
    let (_, text) = said(&["us.anthropic.claude-haiku-5-5", "--region", "eu-west-1"]);
    assert!(
        text.contains("usable           with the warnings below, in eu-west-1\n"),
        "{text}"
    );
    assert!(
        text.contains("'eu.anthropic.claude-haiku-5-5' does\n"),
        "{text}"
    );
}

#[test]
fn an_unknown_model_ends_with_64_and_offers_near_names() {
    let (code, text) = said(&["claude-haiku-55"]);
    assert_eq!(code, 64);
    assert!(
        text.contains("near: anthropic.claude-haiku-5-5\n"),
        "{text}"
    );
    let (code, text) = said(&["gpt-9"]);
    assert_eq!(code, 64);
    assert!(
        text.ends_with("all that are known: annexa models\n"),
        "{text}"
    );
    let json = json(&["claude-haiku-55", "--json"]);
    assert_eq!(json["near"][0], "anthropic.claude-haiku-5-5");
}

#[test]
fn json_has_prices_as_text_to_the_last_digit() {
    let all = json(&["--region", "us-east-1", "--json"]);
    assert_eq!(all["fleet_default"]["id"], "us.anthropic.claude-haiku-5-5");
    let models = all["models"].as_array().unwrap();
    let haiku = models
        .iter()
        .find(|model| model["id"] == "us.anthropic.claude-haiku-5-5");
    assert_eq!(
        haiku.unwrap()["price"]["cache_write_usd_per_million"],
        "0.1375"
    );
    let one = json(&[
        "us.anthropic.claude-haiku-5-5",
        "--region",
        "us-east-1",
        "--json",
    ]);
    assert_eq!(
        (&one["usable"], &one["burndown"]),
        (&true.into(), &10.into())
    );
    assert_eq!(one["price"]["long_prompt_factor"], 5);
    let ended = json(&[
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "--region",
        "us-east-1",
        "--json",
    ]);
    assert_eq!(ended["usable"], false);
    assert!(
        ended["problems"][0]
            .as_str()
            .unwrap()
            .contains("us.anthropic.claude-sonnet-5")
    );
}

#[test]
fn the_cheapest_model_of_an_own_file_becomes_the_default() {
    let own = file(
        "[models.\"anthropic.claude-haiku-9\"]\ninput_usd_per_million = \"0.01\"\n\
         output_usd_per_million = \"0.02\"\nprofiles = [\"us\"]\n",
    );
    let path = own.path().to_str().unwrap();
    let all = json(&["--models", path, "--region", "us-east-1", "--json"]);
    assert_eq!(all["fleet_default"]["id"], "us.anthropic.claude-haiku-9");
}

#[test]
fn a_faulty_own_file_ends_with_64_and_is_told_all_its_faults() {
    let own = file("[models.\"anthropic.claude-haiku-9\"]\nburndown = 0\ninput = 1\n");
    let (code, text) = said(&["--models", own.path().to_str().unwrap()]);
    assert_eq!(code, 64);
    assert!(
        text.contains("2 faults") && text.contains("line 3, model"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let args = parsed(&["--models", "nowhere/own.toml"]).unwrap().args;
    let error = run(&args, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("nowhere/own.toml"), "{error}");
}

#[test]
fn what_is_no_region_is_refused_by_name() {
    for wrong in ["us", "US-EAST-1", "us-east", "eu_west_1"] {
        let error = parsed(&["--region", wrong]).err().unwrap();
        assert!(
            error.to_string().contains("expected an AWS Region"),
            "{error}"
        );
    }
    assert!(parsed(&["--region", "us-gov-west-1"]).is_ok());
}
