use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: SimBedrockArgs,
}

fn parsed(flags: &str) -> SimBedrockArgs {
    let words = std::iter::once("sim-bedrock").chain(flags.split_whitespace());
    Cli::try_parse_from(words).unwrap().args
}

#[test]
fn all_that_is_wrong_with_the_flags_is_said_at_once() {
    let flags = "--latency-ms 9..3 --fault stall --fault nosuch=0.1 --fault cut=7 --bucket-s 0 --burndown 0 \
        --cache-ttl-s 99999999";
    let problems = setup(&parsed(flags)).err().unwrap();
    let expected = [
        "--latency-ms",
        "'stall'",
        "'nosuch'",
        "'cut'",
        "--bucket-s",
        "--burndown",
        "--cache-ttl-s",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for part in expected {
        let is_said = problems.iter().any(|problem| problem.contains(part));
        assert!(is_said, "'{part}' in: {problems:#?}");
    }
}

#[test]
fn every_flag_reaches_the_setup() {
    let flags = "--latency-ms 10..20 --rpm 3 --tpm 4 --bucket-s 5 --refill window --burndown 6 --daily-tokens 7 \
        --fault all=0.01 --fault stall=0.5 --stall-ms 8 --seed 9 --cache-ttl-s 10 --cache-minimum 11";
    let setup = setup(&parsed(flags)).ok().unwrap();
    let settings = &setup.settings;
    assert_eq!(settings.latency, "10..20".parse().unwrap());
    assert_eq!(
        (settings.requests_per_minute, settings.tokens_per_minute),
        (Some(3), Some(4))
    );
    assert_eq!(
        (setup.bucket, setup.refill),
        (Duration::from_secs(5), Refill::Window)
    );
    assert_eq!((setup.burndown, settings.daily_tokens), (Some(6), Some(7)));
    assert_eq!(settings.faults.named()["stall"], 0.5);
    assert_eq!(settings.faults.named()["cut"], 0.01);
    assert_eq!(
        (settings.stall, setup.seed),
        (Some(Duration::from_millis(8)), 9)
    );
    assert_eq!(setup.cache_ttl, Duration::from_secs(10));
    assert_eq!(setup.cache_minimum_tokens, Some(11));
}

#[test]
fn faults_are_listed_and_the_page_names_each_with_what_it_does() {
    let mut out = Vec::new();
    list_faults(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let page = include_str!("../../../docs/SIMULATOR.md");
    for row in FAULTS {
        assert!(
            out.lines()
                .any(|line| line.starts_with(row.name) && line.ends_with(row.what))
        );
        let (stage, ends) = (row.stage.name(), row.ends.name());
        let line = format!("| `{}` | {stage} | {ends} | {} |", row.name, row.what);
        assert!(page.contains(&line), "docs/SIMULATOR.md lacks: {line}");
    }
}

#[test]
fn the_page_names_every_flag() {
    let page = include_str!("../../../docs/SIMULATOR.md");
    let command = <Cli as clap::CommandFactory>::command();
    for flag in command.get_arguments().filter_map(|arg| arg.get_long()) {
        assert!(
            page.contains(&format!("`--{flag}")),
            "docs/SIMULATOR.md lacks --{flag}"
        );
    }
}
