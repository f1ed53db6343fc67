//! A user's own file goes over the built-in one field by field.

use super::*;

#[test]
fn only_the_fields_that_a_file_names_change() {
    let catalog =
        with("[models.\"anthropic.claude-haiku-5-5\"]\ninput_usd_per_million = \"0.08\"\n");
    let (mine, builtin) = (catalog.facts(HAIKU).unwrap(), Catalog::builtin());
    let theirs = builtin.facts(HAIKU).unwrap();
    assert_eq!(mine.price.unwrap().input_pico_usd, 80_000);
    let source = format!("mine.toml over: {}", theirs.source);
    let mut same = mine.clone();
    same.price.as_mut().unwrap().input_pico_usd = 100_000;
    same.source.clone_from(&theirs.source);
    assert_eq!(same, *theirs);
    assert_eq!(mine.source, source);
    assert_eq!(
        catalog
            .find("us.anthropic.claude-haiku-5-5")
            .price
            .unwrap()
            .input_pico_usd,
        88_000
    );
}

#[test]
fn prices_written_as_numbers_are_as_exact_as_text() {
    let text = "[models.\"anthropic.claude-haiku-5-5\"]\ninput_usd_per_million = 0.123457\noutput_usd_per_million = 7\n";
    let price = with(text).facts(HAIKU).unwrap().price.unwrap();
    assert_eq!(
        (price.input_pico_usd, price.output_pico_usd),
        (123_457, 7_000_000)
    );
}

#[test]
fn a_model_that_still_answers_somebody_can_be_brought_back() {
    let catalog = with(&format!(
        "[models.\"{OLD_SONNET}\"]\nlifecycle = \"active\"\n"
    ));
    let known = catalog.check(OLD_SONNET, "us-gov-west-1").unwrap();
    assert_eq!(known.warnings, [""; 0]);
    assert_eq!(known.price.unwrap().input_pico_usd, 3_600_000);
    // The date of an end that is not one went with it.
    assert_eq!(
        known.facts.unwrap().lifecycle,
        Lifecycle::Active { until: None }
    );
}

#[test]
fn ending_a_replacement_sends_users_on_to_its_own_replacement() {
    let catalog = with(
        "[models.\"anthropic.claude-sonnet-5\"]\nlifecycle = \"end-of-life\"\nsince = 2028-01-01\n\
         replacement = \"anthropic.claude-sonnet-5-5\"\n",
    );
    let text = catalog.check(OLD_SONNET, "us-east-1").unwrap_err().join("");
    assert!(
        text.ends_with("take 'us.anthropic.claude-sonnet-5-5' instead"),
        "{text}"
    );
}

#[test]
fn replacements_that_go_round_in_a_circle_end() {
    let catalog = with(
        "[models.\"anthropic.claude-a\"]\nlifecycle = \"end-of-life\"\nreplacement = \"anthropic.claude-b\"\n\
         [models.\"anthropic.claude-b\"]\nlifecycle = \"end-of-life\"\nreplacement = \"anthropic.claude-a\"\n",
    );
    let text = catalog
        .check("anthropic.claude-a", "us-east-1")
        .unwrap_err();
    assert!(text[0].ends_with("take another model"), "{text:?}");
}

#[test]
fn what_a_new_model_does_not_say_is_cautious_and_its_price_unknown() {
    let catalog = with("[models.\"anthropic.claude-haiku-9\"]\nburndown = 20\n");
    let known = catalog
        .check("eu.anthropic.claude-haiku-9", "eu-west-1")
        .unwrap();
    let expected = ModelFacts {
        burndown: 20,
        source: "mine.toml".to_owned(),
        ..ModelFacts::cautious("anthropic.claude-haiku-9")
    };
    assert_eq!(known.facts, Some(expected));
    assert_eq!(known.price, None);
    assert!(
        known.warnings[0].contains("its cost is unknown"),
        "{:?}",
        known.warnings
    );
}

#[test]
fn cautious_facts_are_nowhere_rosier_than_those_of_any_model() {
    let cautious = ModelFacts::cautious("x");
    for (key, facts) in Catalog::builtin().models() {
        assert!(cautious.burndown >= facts.burndown, "{key}");
        assert!(cautious.bytes_per_token <= facts.bytes_per_token, "{key}");
        assert!(
            cautious.max_output_tokens <= facts.max_output_tokens,
            "{key}"
        );
        assert!(
            facts
                .refuses
                .iter()
                .all(|one| cautious.refuses.contains(one)),
            "{key}"
        );
    }
    assert_eq!(
        (cautious.price, cautious.cache_minimum_tokens),
        (None, None)
    );
}

#[test]
fn a_price_without_cache_prices_understates_nothing() {
    let catalog = with(
        "[models.\"anthropic.claude-x\"]\ninput_usd_per_million = \"0.000002\"\noutput_usd_per_million = \"1\"\n",
    );
    let price = catalog.facts("anthropic.claude-x").unwrap().price.unwrap();
    assert_eq!(
        (price.cache_read_pico_usd, price.cache_write_pico_usd),
        (2, 3)
    );
}

#[test]
fn an_application_profile_is_known_by_the_model_that_a_file_names_behind_it() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd";
    let catalog = with(&format!(
        "[models.\"{arn}\"]\nmodel = \"us.anthropic.claude-haiku-5-5\"\nburndown = 7\n"
    ));
    let known = catalog.check(arn, "us-east-1").unwrap();
    assert_eq!(known.warnings, [""; 0]);
    assert_eq!(known.id.given, arn);
    assert_eq!(known.id.route, Route::Geographic(Geography::Us));
    let facts = known.facts.unwrap();
    assert_eq!((facts.model_id.as_str(), facts.burndown), (HAIKU, 7));
    assert_eq!(known.price.unwrap().input_pico_usd, 110_000);
    // The model itself is as it was, and the ARN is nobody's default.
    assert_eq!(catalog.facts(HAIKU), Catalog::builtin().facts(HAIKU));
    assert_eq!(
        catalog.default_for_region("us-east-1"),
        Catalog::builtin().default_for_region("us-east-1")
    );
}

#[test]
fn an_application_profile_needs_no_other_profile() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd";
    let catalog = with(&format!("[models.\"{arn}\"]\nmodel = \"{HAIKU}\"\n"));
    assert!(catalog.check(arn, "us-east-1").is_ok());
    assert!(catalog.check(HAIKU, "us-east-1").is_err());
}

#[test]
fn all_faults_of_a_file_are_told_at_once_with_line_model_and_field() {
    let text = r#"
colour = "blue"
[models."anthropic.claude-haiku-5-5"]
input_usd_per_million = -1
output_usd_per_million = 1e3
cache_read = "0.1"
burndown = 0
thinking = "sometimes"
checked = "22 November"
refuses = "temperature"
needs_profile = "yes"
bytes_per_token = 100
note = ""
whatever = 1
[models."us.anthropic.claude-haiku-5-5"]
[models.haiku]
[models."anthropic.claude-sonnet-5"]
model = "us.anthropic.claude-haiku-5-5"
"#;
    insta::assert_snapshot!(faults(text), @r#"
    models file 'mine.toml': 15 faults
      line 2: found 'colour', expected tables such as [models."anthropic.claude-..."]
      line 4, model 'anthropic.claude-haiku-5-5', field 'input_usd_per_million': found -1, expected US dollars per million tokens as a plain decimal with at most 6 decimals, such as "0.125"
      line 5, model 'anthropic.claude-haiku-5-5', field 'output_usd_per_million': found 1e3, expected US dollars per million tokens as a plain decimal with at most 6 decimals, such as "0.125"
      line 6, model 'anthropic.claude-haiku-5-5', field 'cache_read': there is no such field: 'cache_read_usd_per_million' may be meant
      line 7, model 'anthropic.claude-haiku-5-5', field 'burndown': found 0, expected a whole number from 1 to 1000
      line 8, model 'anthropic.claude-haiku-5-5', field 'thinking': found "sometimes", expected one of "off", "on-by-default", "always"
      line 9, model 'anthropic.claude-haiku-5-5', field 'checked': found "22 November", expected a date such as "2026-11-22"
      line 10, model 'anthropic.claude-haiku-5-5', field 'refuses': found "temperature", expected a list of texts
      line 11, model 'anthropic.claude-haiku-5-5', field 'needs_profile': found "yes", expected true or false
      line 12, model 'anthropic.claude-haiku-5-5', field 'bytes_per_token': found 100, expected a number from 0.5 to 20
      line 13, model 'anthropic.claude-haiku-5-5', field 'note': found "", expected a text
      line 14, model 'anthropic.claude-haiku-5-5', field 'whatever': there is no such field; there are model, input_usd_per_million, output_usd_per_million, cache_read_usd_per_million, cache_write_usd_per_million, long_prompt_above_tokens, long_prompt_factor, price_factors, burndown, cache_minimum_tokens, bytes_per_token, max_output_tokens, refuses, thinking, needs_profile, in_region, profiles, profiles_unverified, lifecycle, until, since, replacement, source, checked, note
      line 15, model 'us.anthropic.claude-haiku-5-5': an entry is about a model in all geographies: write [models."anthropic.claude-haiku-5-5"]
      line 16, model 'haiku': expected a model's id such as anthropic.claude-haiku-5-5, or the ARN of an application inference profile
      line 17, model 'anthropic.claude-sonnet-5': only the ARN of an application inference profile has a 'model'
    "#);
}

#[test]
fn entries_that_do_not_fit_together_are_told_at_once() {
    let text = r#"
[models."anthropic.claude-x"]
long_prompt_factor = 2
since = "2026-01-01"
replacement = "anthropic.claude-nowhere"
[models."anthropic.claude-y"]
lifecycle = "end-of-life"
until = 2026-01-01
replacement = "anthropic.claude-y"
[models."arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd"]
model = "us.anthropic.claude-nowhere"
"#;
    insta::assert_snapshot!(faults(text), @r#"
    models file 'mine.toml': 6 faults
      line 2, model 'anthropic.claude-x', field 'long_prompt_factor': long_prompt_above_tokens and long_prompt_factor go together: give both or none
      line 2, model 'anthropic.claude-x', field 'since': only what is at its end of life has 'since'; give 'until'
      line 2, model 'anthropic.claude-x', field 'replacement': 'anthropic.claude-nowhere' is not a model of the catalog
      line 6, model 'anthropic.claude-y', field 'until': what is at its end of life has 'since', not 'until'
      line 6, model 'anthropic.claude-y', field 'replacement': a model cannot replace itself
      line 10, model 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd', field 'model': 'us.anthropic.claude-nowhere' is not a model of the catalog
    "#);
}

#[test]
fn what_is_not_toml_says_where() {
    insta::assert_snapshot!(
        faults("[models.\"anthropic.claude-x\"]\nburndown = \n[models.\"anthropic.claude-x\"]\n"),
        @r#"
    models file 'mine.toml': 3 faults
      line 2: this is not TOML: string values must be quoted, expected literal string
      line 2, model 'anthropic.claude-x', field 'burndown': found "", expected a whole number from 1 to 1000
      line 3: this is not TOML: duplicate key
    "#
    );
    let error = Catalog::with_overrides("mine.toml", b"a = 1\nb = \"\xff\"\n").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("line 2: found a byte that is not UTF-8"),
        "{error}"
    );
}

#[test]
fn an_empty_file_changes_nothing() {
    let catalog = with("\u{feff}# nothing yet\n");
    assert!(catalog.models().eq(Catalog::builtin().models()));
}
