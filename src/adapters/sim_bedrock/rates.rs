//! How likely each fault is.

use std::collections::BTreeMap;

use super::faults::{ALL, Ends, FAULTS, Fault};

/// How likely each fault is; a call gets one at most.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultRates(BTreeMap<Fault, f64>);

impl FaultRates {
    /// From names and probabilities. [`ALL`] is applied first, so that a fault's own probability overrides it.
    ///
    /// # Errors
    /// All that is wrong: names that are not known, numbers that are no probabilities, a sum above 1.
    pub fn new<'n>(
        settings: impl IntoIterator<Item = (&'n str, f64)> + Clone,
    ) -> Result<FaultRates, Vec<String>> {
        let (mut rates, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, probability) in settings.clone() {
            if !(0.0..=1.0).contains(&probability) {
                problems.push(format!(
                    "fault '{name}' has the probability {probability}: a number between 0 and 1 is expected"
                ));
            }
            if name == ALL {
                let harmless = FAULTS.iter().filter(|row| row.ends != Ends::Job);
                rates.extend(harmless.map(|row| (row.fault, probability)));
            }
        }
        for (name, probability) in settings {
            match Fault::from_name(name) {
                Some(fault) => drop(rates.insert(fault, probability)),
                None if name == ALL => {}
                None => problems.push(format!(
                    "fault '{name}' is not known: see annexa sim-bedrock --list-faults"
                )),
            }
        }
        rates.retain(|_, probability| *probability > 0.0);
        let sum: f64 = rates.values().sum();
        // A sum of 1 may be a little more in binary.
        if problems.is_empty() && sum > 1.0 + 1e-9 {
            problems.push(format!(
                "the faults' probabilities sum up to {sum:.3}: a call gets one fault at most, so 1 is the most"
            ));
        }
        if problems.is_empty() {
            Ok(FaultRates(rates))
        } else {
            Err(problems)
        }
    }

    /// The fault for a number drawn evenly from 0 to 1.
    pub fn draw(&self, drawn: f64) -> Option<Fault> {
        let mut below = 0.0;
        self.0
            .iter()
            .find(|(_, probability)| {
                below += **probability;
                drawn < below
            })
            .map(|(fault, _)| *fault)
    }

    /// Names and probabilities of the faults that can happen.
    pub fn named(&self) -> BTreeMap<&'static str, f64> {
        self.0.iter().map(|(f, p)| (f.name(), *p)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stands_for_what_ends_no_job_and_a_fault_of_its_own_overrides_it() {
        let rates = FaultRates::new([("stall", 0.0), ("all", 0.01), ("prose", 0.2)]).unwrap();
        let named = rates.named();
        assert!(!named.contains_key("stall") && named["prose"] == 0.2);
        for row in FAULTS.iter().filter(|row| row.ends == Ends::Job) {
            assert!(!named.contains_key(row.name), "{}", row.name);
        }
        let harmless = FAULTS.iter().filter(|row| row.ends != Ends::Job);
        assert_eq!(named.len(), harmless.count() - 1);
    }

    #[test]
    fn faults_come_as_often_as_was_said() {
        let rates = FaultRates::new([("stall", 0.25), ("cut", 0.5)]).unwrap();
        let drawn: Vec<_> = (0..100).map(|n| rates.draw(f64::from(n) / 100.0)).collect();
        let count = |fault| drawn.iter().filter(|drawn| **drawn == fault).count();
        assert_eq!(count(Some(Fault::Stall)), 25);
        assert_eq!(count(Some(Fault::Cut)), 50);
        assert_eq!(count(None), 25);
    }

    #[test]
    fn all_that_is_wrong_with_probabilities_is_said_at_once() {
        let problems = FaultRates::new([("nosuch", 0.1), ("stall", 1.5)]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        let problems = FaultRates::new([("stall", 0.6), ("cut", 0.6)]).unwrap_err();
        assert!(problems[0].contains("1.200"), "{problems:?}");
    }
}
