//! docs/MODELS.md says what is so.

use super::*;

const PAGE: &str = include_str!("../../../docs/MODELS.md");

/// The page's blocks of TOML.
fn examples() -> Vec<&'static str> {
    PAGE.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn the_examples_of_the_page_work() {
    let examples = examples();
    assert_eq!(examples.len(), 2);
    let catalog = with(examples[0]);
    let known = catalog
        .check("eu.anthropic.claude-haiku-5-5", "eu-west-1")
        .unwrap();
    assert_eq!(known.price.unwrap().input_pico_usd, 88_000);
    assert!(catalog.check(OLD_SONNET, "us-gov-west-1").is_ok());
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34";
    assert_eq!(catalog.find(arn).facts.unwrap().model_id, HAIKU);

    let catalog = with(examples[1]);
    let known = catalog
        .check("us.anthropic.claude-haiku-6", "us-east-1")
        .unwrap();
    assert_eq!(known.warnings, [""; 0]);
    assert!(known.price.is_some());
}

#[test]
fn the_page_explains_every_field_and_no_other() {
    // A file with a field that cannot be is answered with all that can.
    let all = faults("[models.\"anthropic.claude-x\"]\nzzzzzz = 1\n");
    let fields = all.split("there are ").nth(1).unwrap().trim();
    let section = PAGE.split("## Fields").nth(1).unwrap();
    let mut in_page: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split("` |").next())
        .flat_map(|cell| cell.split("`, `"))
        .collect();
    let mut fields: Vec<&str> = fields.split(", ").collect();
    fields.sort_unstable();
    in_page.sort_unstable();
    assert_eq!(in_page, fields);
}

#[test]
fn the_page_names_every_model_with_an_unverified_fact() {
    let unverified = PAGE.split("## What is UNVERIFIED").nth(1).unwrap();
    for (key, facts) in Catalog::builtin().models() {
        let note = facts.note.as_deref().unwrap_or_default();
        if note.contains("UNVERIFIED") {
            let short = key.trim_start_matches("anthropic.claude-");
            let family = short
                .split("-2")
                .next()
                .unwrap_or(short)
                .trim_end_matches("-v1");
            assert!(unverified.contains(&format!("`{family}`")), "{family}");
        }
    }
}
