//! Two adapters side by side: random operations under one virtual clock, compared after every one. What both do is
//! right by the conformance suite; what they do alike, however odd the order, is proven here.

pub mod ledger_ops;

mod ledger;
mod queue;

use std::collections::BTreeMap;

/// Independent random sequences.
pub const SEEDS: u64 = 32;
/// Operations of each.
pub const STEPS: usize = 400;

/// A seeded generator of choices.
pub struct Dice(annexa::adapters::memory::clock::SimClock);

impl Dice {
    /// Dice that fall the same way for a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(annexa::adapters::memory::clock::SimClock::new(seed))
    }

    /// A number under `sides`.
    pub fn roll(&self, sides: u64) -> u64 {
        annexa::ports::Clock::random(&self.0) % sides
    }

    /// Whether something happens, once in `times`.
    pub fn once_in(&self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of `choices`.
    pub fn pick<'c, T>(&self, choices: &'c [T]) -> Option<&'c T> {
        choices.get(self.roll(choices.len().max(1) as u64) as usize)
    }
}

/// How often each operation was seen to succeed, and to be refused or find nothing.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, (u64, u64)>);

impl Coverage {
    /// Counts one.
    pub fn saw(&mut self, operation: &'static str, succeeded: bool) {
        let (yes, no) = self.0.entry(operation).or_default();
        *if succeeded { yes } else { no } += 1;
    }

    /// Counts what another sequence saw, too.
    pub fn add(&mut self, other: Coverage) {
        for (operation, (yes, no)) in other.0 {
            let (all_yes, all_no) = self.0.entry(operation).or_default();
            (*all_yes, *all_no) = (*all_yes + yes, *all_no + no);
        }
    }

    /// These were seen to succeed.
    pub fn has_succeeded(&self, operations: &[&'static str]) {
        for operation in operations {
            let (yes, _) = self.0.get(operation).copied().unwrap_or_default();
            assert!(yes > 0, "{operation} never succeeded: {self:?}");
        }
    }

    /// Every operation was seen both ways, but for those of `cannot_fail`, each with its reason.
    pub fn is_complete(&self, operations: &[&'static str], cannot_fail: &[(&'static str, &str)]) {
        for operation in operations {
            let (yes, no) = self.0.get(operation).copied().unwrap_or_default();
            let can_fail = !cannot_fail.iter().any(|(name, _)| name == operation);
            assert!(yes > 0, "{operation} never succeeded: {self:?}");
            assert_eq!(
                no > 0,
                can_fail,
                "{operation} was refused {no} times: {self:?}"
            );
        }
        assert_eq!(self.0.len(), operations.len(), "{self:?}");
    }
}

/// The names of a trait's operations, read from its source: one that is added and not compared is found.
pub fn operations_of(source: &str, trait_name: &str) -> Vec<String> {
    let (_, body) = source
        .split_once(&format!("pub trait {trait_name}"))
        .expect("the trait is there");
    let body = &body[..body.find("\n}").expect("it ends")];
    let mut names: Vec<String> = body
        .split("fn ")
        .skip(1)
        .map(|rest| rest[..rest.find('(').expect("arguments")].to_string())
        .collect();
    names.sort();
    names
}
