//! Geographies of inference profiles: which one a Region has, and what it does to a price.
//!
//! Sources: AWS on cross-Region inference for `us`, `eu`, `apac`, `au`, `jp` and `us-gov`; `in` and `ca` as users see them
//! listed (UNVERIFIED for Claude).

use super::facts::PriceFactors;

/// Where a profile keeps what is sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Geography {
    /// The United States.
    Us,
    /// AWS GovCloud (US).
    UsGov,
    /// Europe.
    Eu,
    /// Asia and the Pacific.
    Apac,
    /// Australia.
    Au,
    /// Japan.
    Jp,
    /// India.
    In,
    /// Canada.
    Ca,
    /// A prefix that this version does not know.
    Other(String),
}

impl Geography {
    const KNOWN: [Geography; 8] = [
        Geography::Us,
        Geography::UsGov,
        Geography::Eu,
        Geography::Apac,
        Geography::Au,
        Geography::Jp,
        Geography::In,
        Geography::Ca,
    ];

    /// What stands before the dot in a profile's id.
    pub fn prefix(&self) -> &str {
        match self {
            Geography::Us => "us",
            Geography::UsGov => "us-gov",
            Geography::Eu => "eu",
            Geography::Apac => "apac",
            Geography::Au => "au",
            Geography::Jp => "jp",
            Geography::In => "in",
            Geography::Ca => "ca",
            Geography::Other(prefix) => prefix,
        }
    }

    /// The geography with this prefix, if this version knows it.
    pub fn known(prefix: &str) -> Option<Geography> {
        Geography::KNOWN
            .into_iter()
            .find(|geography| geography.prefix() == prefix)
    }

    /// The geographies in which `region` lies, the narrowest first; none: only `global.` profiles can be called there.
    pub fn of_region(region: &str) -> Vec<Geography> {
        use Geography::{Apac, Au, Ca, Eu, In, Jp, Us, UsGov};
        match region {
            "ap-northeast-1" | "ap-northeast-3" => vec![Jp, Apac],
            "ap-southeast-2" | "ap-southeast-4" => vec![Au, Apac],
            "ap-south-1" | "ap-south-2" => vec![In, Apac],
            _ if region.starts_with("ap-") => vec![Apac],
            _ if region.starts_with("us-gov-") => vec![UsGov],
            _ if region.starts_with("us-") => vec![Us],
            _ if region.starts_with("eu-") => vec![Eu],
            _ if region.starts_with("ca-") => vec![Ca],
            _ => Vec::new(),
        }
    }

    /// The factor on a model's price, in tenths: GovCloud 12, other geographies 11, where `factors` has them.
    pub(super) fn price_tenths(&self, factors: PriceFactors) -> u64 {
        match (self, factors) {
            (Geography::UsGov, PriceFactors::GovCloud | PriceFactors::All) => 12,
            (_, PriceFactors::All) => 11,
            _ => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_geography_of_a_region_comes_first() {
        let first = |region| {
            Geography::of_region(region)
                .first()
                .map(|geography| geography.prefix().to_owned())
        };
        for (region, prefix) in [
            ("us-east-1", Some("us")),
            ("us-gov-west-1", Some("us-gov")),
            ("eu-central-1", Some("eu")),
            ("ap-northeast-1", Some("jp")),
            ("ap-southeast-2", Some("au")),
            ("ap-south-1", Some("in")),
            ("ap-southeast-1", Some("apac")),
            ("ca-central-1", Some("ca")),
            ("sa-east-1", None),
        ] {
            assert_eq!(first(region).as_deref(), prefix, "{region}");
        }
    }

    #[test]
    fn govcloud_is_dearer_for_old_models_too_and_other_geographies_only_for_new_ones() {
        let tenths = |factors| [Geography::UsGov, Geography::Eu].map(|g| g.price_tenths(factors));
        assert_eq!(tenths(PriceFactors::None), [10, 10]);
        assert_eq!(tenths(PriceFactors::GovCloud), [12, 10]);
        assert_eq!(tenths(PriceFactors::All), [12, 11]);
    }
}
