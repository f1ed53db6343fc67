//! Which Region is called, and at which address.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{Region, SdkConfig};

/// Which variables move Bedrock's endpoint, the first that is set first.
const ENDPOINT_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"];

/// The Region and who names it: `given`, environment, profile, then the instance.
pub(super) async fn find_region(
    given: Option<&str>,
    imds: &imds::Client,
) -> Option<(String, &'static str)> {
    if let Some(given) = given {
        return Some((given.to_string(), "--region"));
    }
    let named = |region: Region, source| (region.as_ref().to_string(), source);
    let is_named = |region: &Region| !region.as_ref().is_empty();
    let environment = EnvironmentVariableRegionProvider::new().region().await;
    if let Some(region) = environment.filter(is_named) {
        return Some(named(region, "AWS_REGION or AWS_DEFAULT_REGION"));
    }
    let profile = ProvideRegion::region(&ProfileFileRegionProvider::new()).await;
    if let Some(region) = profile.filter(is_named) {
        return Some(named(region, "the profile"));
    }
    let instance = imds::region::ImdsRegionProvider::builder()
        .imds_client(imds.clone())
        .build();
    let region = ProvideRegion::region(&instance).await;
    region
        .filter(is_named)
        .map(|region| named(region, "the instance"))
}

/// Lower-case words and a number, joined by hyphens.
pub(super) fn looks_like_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2
                && words.iter().all(is_word)
                && !number.is_empty()
                && number.len() <= 2
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

/// What calls of Bedrock go to: the service's own variable first, then the one for all services, then the profile. An empty
/// variable counts as none.
pub(super) fn find_endpoint(sdk: &SdkConfig) -> Option<(String, String)> {
    let is_ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    if !is_ignored {
        for name in ENDPOINT_VARIABLES {
            if let Ok(url) = std::env::var(name)
                && !url.is_empty()
            {
                return Some((url, name.to_string()));
            }
        }
    }
    let url = sdk.endpoint_url()?;
    Some((url.to_string(), "endpoint_url in the profile".to_string()))
}

/// The host of an endpoint that is not one of AWS's own (a VPC endpoint is).
pub(super) fn stand_in(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    let is_aws = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
        .iter()
        .any(|domain| host.ends_with(domain));
    (!is_aws).then(|| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_words_and_a_number() {
        for good in [
            "us-east-1",
            "eu-central-2",
            "us-gov-west-1",
            "ap-southeast-12",
        ] {
            assert!(looks_like_region(good), "{good}");
        }
        for bad in [
            "",
            "us",
            "us-east",
            "US-EAST-1",
            "us_east_1",
            "us-east-1a",
            "us--1",
            "frankfurt",
            "us-east-1.evil.example/",
        ] {
            assert!(!looks_like_region(bad), "{bad}");
        }
    }

    #[test]
    fn a_host_that_is_not_one_of_aws_is_a_stand_in() {
        assert_eq!(
            stand_in("http://127.0.0.1:8642").as_deref(),
            Some("127.0.0.1")
        );
        assert_eq!(
            stand_in("https://proxy.example.org/bedrock").as_deref(),
            Some("proxy.example.org")
        );
        assert_eq!(
            stand_in("https://bedrock-runtime.us-east-1.amazonaws.com"),
            None
        );
        let endpoint = "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com";
        assert_eq!(stand_in(endpoint), None);
    }
}
