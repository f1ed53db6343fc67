//! The built-in facts hold together.

use super::*;
use crate::catalog::file;
use crate::core::money::{LongPrompt, Price};

const BUILTIN: &[u8] = include_bytes!("../../../data/models.toml");

#[test]
fn every_builtin_entry_says_everything_that_an_entry_must() {
    let placed = file::parse("models.toml", BUILTIN).unwrap();
    assert_eq!(placed.len(), Catalog::builtin().models().count());
    for entry in &placed {
        assert_eq!(entry.entry.missing(), [""; 0], "{}", entry.key);
    }
}

#[test]
fn every_builtin_model_is_a_claude_model_with_a_source_and_a_date() {
    for (key, facts) in Catalog::builtin().models() {
        assert!(key.starts_with("anthropic.claude-"), "{key}");
        assert_eq!(key, facts.model_id);
        assert!(!facts.source.is_empty(), "{key}");
        assert!(facts.checked.parse::<jiff::civil::Date>().is_ok(), "{key}");
        for prefix in facts.profiles.iter().chain(&facts.profiles_unverified) {
            assert!(
                prefix == "global" || Geography::known(prefix).is_some(),
                "{key}: {prefix}"
            );
        }
        let both = |prefix: &&String| facts.profiles_unverified.contains(prefix);
        assert_eq!(facts.profiles.iter().find(both), None, "{key}");
    }
}

#[test]
fn builtin_prices_rise_from_cache_read_to_input_to_output() {
    for (key, facts) in Catalog::builtin().models() {
        let price = facts.price.unwrap();
        assert!(price.input_pico_usd < price.output_pico_usd, "{key}");
        if facts.cache_minimum_tokens.is_some() {
            assert!(price.cache_read_pico_usd < price.input_pico_usd, "{key}");
            assert!(price.input_pico_usd < price.cache_write_pico_usd, "{key}");
        }
        assert!(price.cache_read_pico_usd > 0, "{key}");
    }
}

#[test]
fn what_has_ended_or_will_end_has_a_replacement_that_answers() {
    let catalog = Catalog::builtin();
    for (key, facts) in catalog.models() {
        if matches!(facts.lifecycle, Lifecycle::Active { .. }) && facts.replacement.is_none() {
            continue;
        }
        let next = facts
            .replacement
            .as_deref()
            .and_then(|id| catalog.facts(id));
        let next = next.unwrap_or_else(|| panic!("{key} has no replacement"));
        assert!(!next.lifecycle.is_end_of_life(), "{key}");
        if matches!(facts.lifecycle, Lifecycle::Active { .. }) {
            continue;
        }
        // By whatever geography somebody comes, there is a way on; current models have no verified apac. profile.
        for prefix in facts.profiles.iter().filter(|prefix| *prefix != "apac") {
            assert!(next.profiles.contains(prefix), "{key} by {prefix}");
        }
    }
}

#[test]
fn geographic_prices_are_exact() {
    let price = |id: &str| Catalog::builtin().find(id).price.unwrap();
    let plain = Price {
        input_pico_usd: 100_000,
        output_pico_usd: 500_000,
        cache_read_pico_usd: 10_000,
        cache_write_pico_usd: 125_000,
        long_prompt: Some(LongPrompt {
            above_tokens: 100_000,
            factor: 5,
        }),
    };
    assert_eq!(price(HAIKU), plain);
    assert_eq!(price(&format!("global.{HAIKU}")), plain);
    let us = price(&format!("us.{HAIKU}"));
    assert_eq!(
        us,
        Price {
            input_pico_usd: 110_000,
            output_pico_usd: 550_000,
            cache_read_pico_usd: 11_000,
            cache_write_pico_usd: 137_500,
            ..plain
        }
    );
    assert_eq!(
        price(&format!("us-gov.{HAIKU}")).cache_write_pico_usd,
        150_000
    );
    // Models before 4.5 cost the same in all geographies but GovCloud.
    assert_eq!(price(&format!("eu.{OLD_SONNET}")).input_pico_usd, 3_000_000);
    let gov = price(&format!("us-gov.{OLD_SONNET}"));
    assert_eq!(
        (gov.input_pico_usd, gov.output_pico_usd),
        (3_600_000, 18_000_000)
    );
}

#[test]
fn no_geographic_price_of_the_builtin_file_has_to_be_rounded() {
    for (key, facts) in Catalog::builtin().models() {
        let price = facts.price.unwrap();
        for pico in [
            price.input_pico_usd,
            price.output_pico_usd,
            price.cache_read_pico_usd,
            price.cache_write_pico_usd,
        ] {
            assert_eq!((pico % 10) * 11 % 10, 0, "{key}");
        }
    }
}

#[test]
fn a_model_is_found_by_id_profile_and_arn() {
    let catalog = Catalog::builtin();
    for id in [
        HAIKU.to_owned(),
        format!("eu.{HAIKU}"),
        format!("global.{HAIKU}"),
        format!("arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}"),
        format!("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{HAIKU}"),
    ] {
        let known = catalog.find(&id);
        assert_eq!(known.facts.unwrap().model_id, HAIKU, "{id}");
        assert_eq!(known.id.given, id);
    }
}

#[test]
fn names_that_people_use_elsewhere_lead_to_the_id() {
    let catalog = Catalog::builtin();
    for (name, id) in [
        ("claude-haiku-5-5", HAIKU),
        ("bedrock/us.anthropic.claude-haiku-5.5", HAIKU),
        (
            "claude-haiku-4-5",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        ("claude-3-5-sonnet-20240620", OLD_SONNET),
    ] {
        assert_eq!(catalog.near(name, 3).first(), Some(&id), "{name}");
    }
    assert_eq!(catalog.near("gpt-9", 3), [""; 0]);
    assert_eq!(catalog.near("", 3), [""; 0]);
}
