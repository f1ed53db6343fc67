//! What is refused before a job is paid for, and what is said of the rest.

use super::*;

fn refused(id: &str, region: &str) -> String {
    Catalog::builtin().check(id, region).unwrap_err().join("\n")
}

fn warned(id: &str, region: &str) -> Vec<String> {
    Catalog::builtin().check(id, region).unwrap().warnings
}

#[test]
fn a_model_at_its_end_of_life_is_refused_with_the_replacement_of_the_same_geography() {
    for (id, region, instead) in [
        (
            OLD_SONNET.to_owned(),
            "us-east-1",
            "us.anthropic.claude-sonnet-5",
        ),
        (
            OLD_SONNET.to_owned(),
            "eu-west-1",
            "eu.anthropic.claude-sonnet-5",
        ),
        (
            OLD_SONNET.to_owned(),
            "us-gov-west-1",
            "us-gov.anthropic.claude-sonnet-5",
        ),
        (
            format!("eu.{OLD_SONNET}"),
            "us-east-1",
            "eu.anthropic.claude-sonnet-5",
        ),
        (
            format!("arn:aws:bedrock:us-west-2::foundation-model/{OLD_SONNET}"),
            "us-west-2",
            "us.anthropic.claude-sonnet-5",
        ),
        (
            "apac.anthropic.claude-3-haiku-20240307-v1:0".to_owned(),
            "ap-northeast-1",
            "jp.anthropic.claude-haiku-5-5",
        ),
    ] {
        let text = refused(&id, region);
        assert!(
            text.starts_with(&format!("model '{id}' reached its end of life")),
            "{text}"
        );
        assert!(
            text.ends_with(&format!("take '{instead}' instead")),
            "{text}"
        );
    }
    insta::assert_snapshot!(
        refused(OLD_SONNET, "us-east-1"),
        @"model 'anthropic.claude-3-5-sonnet-20240620-v1:0' reached its end of life on 2026-03-01 and answers nobody: take 'us.anthropic.claude-sonnet-5' instead"
    );
}

#[test]
fn a_plain_id_is_refused_where_only_profiles_are_offered_and_the_profile_is_named() {
    insta::assert_snapshot!(refused(HAIKU, "ap-southeast-2"), @"model 'anthropic.claude-haiku-5-5' is offered through inference profiles only: take 'au.anthropic.claude-haiku-5-5' in ap-southeast-2");
    insta::assert_snapshot!(refused(HAIKU, "sa-east-1"), @"model 'anthropic.claude-haiku-5-5' is offered through inference profiles only, and none is known to keep reports in the geography of sa-east-1; its profiles: us, eu, au, jp, us-gov, global");
    let arn = format!("arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}");
    assert!(
        refused(&arn, "us-east-1").ends_with("take 'us.anthropic.claude-haiku-5-5' in us-east-1")
    );
}

#[test]
fn a_plain_id_is_fine_in_the_regions_that_answer_it_and_costs_what_it_costs_there() {
    let id = "anthropic.claude-haiku-4-5-20251001-v1:0";
    let known = Catalog::builtin().check(id, "us-gov-west-1").unwrap();
    assert_eq!(known.price.unwrap().input_pico_usd, 1_200_000);
    assert!(Catalog::builtin().check(id, "us-east-1").is_err());
}

#[test]
fn the_profile_of_the_regions_own_geography_raises_no_warning() {
    for (id, region) in [
        ("us", "us-west-2"),
        ("eu", "eu-central-1"),
        ("jp", "ap-northeast-3"),
        ("au", "ap-southeast-2"),
        ("us-gov", "us-gov-east-1"),
    ] {
        assert_eq!(warned(&format!("{id}.{HAIKU}"), region), [""; 0], "{id}");
    }
}

#[test]
fn what_may_take_reports_elsewhere_is_said() {
    let text = [
        warned(&format!("global.{HAIKU}"), "eu-west-1"),
        warned(&format!("us.{HAIKU}"), "eu-west-1"),
        warned(&format!("us.{HAIKU}"), "ca-central-1"),
        warned(
            &format!("arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.{HAIKU}"),
            "us-east-1",
        ),
    ]
    .concat()
    .join("\n");
    insta::assert_snapshot!(text, @r#"
    'global.anthropic.claude-haiku-5-5' may answer in any Region of the world: reports can leave their geography
    'eu.anthropic.claude-haiku-5-5' would keep reports in the geography of eu-west-1
    'us.anthropic.claude-haiku-5-5' does not fit eu-west-1, which lies in another geography; 'eu.anthropic.claude-haiku-5-5' does
    'us.anthropic.claude-haiku-5-5' answers in the United States: reports leave Canada
    'arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-haiku-5-5' is in us-west-2 and the calls are made in us-east-1: Bedrock refuses ARNs of other Regions
    "#);
}

#[test]
fn legacy_models_unsure_profiles_and_unknown_models_are_warned_of() {
    let text = [
        warned("us.anthropic.claude-opus-4-1-20250805-v1:0", "us-east-1"),
        warned(&format!("apac.{HAIKU}"), "ap-southeast-1"),
        warned(&format!("ca.{HAIKU}"), "ca-central-1"),
        warned("us.anthropic.claude-haiku-5", "us-east-1"),
        warned(
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd",
            "us-east-1",
        ),
    ]
    .concat()
    .join("\n");
    insta::assert_snapshot!(text, @r#"
    model 'us.anthropic.claude-opus-4-1-20250805-v1:0' is legacy and ends on 2027-01-08; accounts that have not used it lately may be refused: take 'us.anthropic.claude-opus-5' instead
    whether 'apac.anthropic.claude-haiku-5-5' exists is not verified; verified are us, eu, au, jp, us-gov, global
    no profile 'ca.anthropic.claude-haiku-5-5' is known; known are us, eu, au, jp, us-gov, global
    nothing is known of model 'us.anthropic.claude-haiku-5': its cost is unknown, and careful guesses stand in for the rest; 'anthropic.claude-haiku-5-5' may be meant
    nothing is known of model 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd' (the ARN of an application inference profile does not tell the model: name it as 'model' in a file for --models): its cost is unknown, and careful guesses stand in for the rest
    "#);
    let known = Catalog::builtin().find("us.anthropic.claude-haiku-9");
    assert_eq!((known.facts, known.price), (None, None));
}

#[test]
fn the_default_of_every_region_stays_in_its_geography_and_passes_its_own_check() {
    let catalog = Catalog::builtin();
    for (region, id) in [
        ("us-east-1", "us.anthropic.claude-haiku-5-5"),
        ("us-gov-west-1", "us-gov.anthropic.claude-haiku-5-5"),
        ("eu-central-1", "eu.anthropic.claude-haiku-5-5"),
        ("ap-northeast-1", "jp.anthropic.claude-haiku-5-5"),
        ("ap-southeast-2", "au.anthropic.claude-haiku-5-5"),
        ("ap-south-1", "in.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ] {
        let default = catalog.default_for_region(region).unwrap();
        assert_eq!(default.model_id, id);
        assert_eq!(catalog.check(id, region).unwrap().warnings, [""; 0]);
    }
    insta::assert_snapshot!(catalog.default_for_region("us-east-1").unwrap().why, @"the cheapest current model with a profile that keeps reports in the Region's geography ('us'): 0.11 US dollars per million tokens in, 0.55 out");
}

#[test]
fn where_no_profile_keeps_reports_in_their_geography_there_is_no_default() {
    for region in ["ca-central-1", "sa-east-1", "ap-southeast-1", "nowhere"] {
        let why = Catalog::builtin().default_for_region(region).unwrap_err();
        assert!(
            why.contains(region) && why.contains("'global.anthropic.claude-haiku-5-5'"),
            "{why}"
        );
    }
    insta::assert_snapshot!(
        Catalog::builtin().default_for_region("ca-central-1").unwrap_err(),
        @"no model is known to have a profile that keeps reports in the geography of 'ca-central-1': name a model; 'global.anthropic.claude-haiku-5-5' if reports may leave it"
    );
}
