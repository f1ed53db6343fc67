//! A second opinion on a report, and how it agrees with the first.

use serde::{Deserialize, Serialize};

/// Who is asked besides the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondOpinion {
    /// The offline model: nearest coded reports. Costs nothing.
    Precedents,
    /// The same model once more, on its own. Costs as much again.
    Sample,
}

impl SecondOpinion {
    /// All of them.
    pub const ALL: [SecondOpinion; 2] = [SecondOpinion::Precedents, SecondOpinion::Sample];

    /// Its name in specs and flags.
    pub fn name(self) -> &'static str {
        match self {
            SecondOpinion::Precedents => "precedents",
            SecondOpinion::Sample => "sample",
        }
    }
}

/// Whether coded reports are used beside a model: as a second opinion, or as so many examples a report.
pub fn uses_coded_reports(second_opinion: Option<SecondOpinion>, examples: u32) -> bool {
    second_opinion == Some(SecondOpinion::Precedents) || examples > 0
}

impl std::str::FromStr for SecondOpinion {
    type Err = String;

    fn from_str(text: &str) -> Result<SecondOpinion, String> {
        let found = SecondOpinion::ALL
            .into_iter()
            .find(|kind| kind.name() == text);
        found.ok_or_else(|| "precedents or sample expected".to_string())
    }
}

impl std::fmt::Display for SecondOpinion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How two opinions on one problem of one report agree: the `P_agreement` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// Both have the same primary code.
    Same,
    /// One's primary code is among the other's codes.
    Listed,
    /// One's primary code is an ancestor of the other's (`parent_code`, never digits).
    Related,
    /// None of these.
    Different,
}

impl Agreement {
    /// All, nearest first.
    pub const ALL: [Agreement; 4] = [
        Agreement::Same,
        Agreement::Listed,
        Agreement::Related,
        Agreement::Different,
    ];

    /// The value of the column.
    pub fn name(self) -> &'static str {
        match self {
            Agreement::Same => "same",
            Agreement::Listed => "listed",
            Agreement::Related => "related",
            Agreement::Different => "different",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_equal_their_serialised_form() {
        for kind in SecondOpinion::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("both".parse::<SecondOpinion>().is_err());
    }
}
