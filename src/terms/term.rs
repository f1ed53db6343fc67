//! One term, and how a given text led to it.

/// One code of an annex with what the table says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub(super) index: u32,
    pub(super) code: String,
    pub(super) term: String,
    pub(super) definition: String,
    pub(super) annex: char,
    pub(super) level: u8,
    pub(super) parent: Option<u32>,
    pub(super) selectable: bool,
    pub(super) status: String,
    pub(super) note: String,
    pub(super) fda_code: String,
    pub(super) nci_code: String,
}

impl Term {
    /// Its place in the table, from 0: dense, so that arrays can be kept by it.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The code, such as `A0401`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The preferred wording, on one line.
    pub fn term(&self) -> &str {
        &self.term
    }

    /// The definition on one line; empty where the table has none.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// The annex: `A` to `G`.
    pub fn annex(&self) -> char {
        self.annex
    }

    /// The level in the tree, 1 at the top: as the table gives it, else the length of the chain of parents.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Whether a report may be coded to it. Headings and retired codes are not.
    pub fn selectable(&self) -> bool {
        self.selectable
    }

    /// The release's own word on the code, such as `New` or `Retired`; mostly empty.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// The release's remark on that status, such as what to use in place of a retired code; mostly empty.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// FDA's number for the term; empty where there is none.
    pub fn fda_code(&self) -> &str {
        &self.fda_code
    }

    /// The NCI Thesaurus code; empty where there is none.
    pub fn nci_code(&self) -> &str {
        &self.nci_code
    }

    /// Whether the code was taken out of use. What is not selectable and not retired is a heading.
    pub fn is_retired(&self) -> bool {
        !self.selectable && self.status.to_ascii_lowercase().starts_with("retired")
    }
}

/// By what a given text was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matched {
    /// It is the code.
    Code,
    /// It is the code but for case and white space.
    CodeFolded,
    /// It is the term's wording, case and white space folded.
    Term,
    /// It is an older wording of the term.
    Alias,
}

/// A term and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The term. Look at [`Term::selectable`] before it is taken for an answer.
    pub term: &'a Term,
    /// By what it was recognised.
    pub how: Matched,
}
