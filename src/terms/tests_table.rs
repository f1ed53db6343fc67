//! The built-in table, and how texts are resolved to terms.

use super::*;
use crate::core::problem::Problem;

fn count(annex: char) -> usize {
    TermTable::builtin()
        .terms()
        .iter()
        .filter(|t| t.annex() == annex)
        .count()
}

#[test]
fn the_builtin_table_is_release_2025_in_full() {
    let table = TermTable::builtin();
    assert_eq!(table.len(), 1891);
    assert_eq!((count('A'), count('E'), count('F')), (491, 784, 78));
    assert_eq!(table.terms().iter().filter(|t| !t.selectable()).count(), 42);
    assert_eq!(table.release(), "2025");
    assert_eq!(table.warnings(), [] as [String; 0]);
}

#[test]
fn e1707_sits_under_e23_whatever_its_digits_say() {
    let table = TermTable::builtin();
    let parent = table.parent(table.by_code("E1707").unwrap()).unwrap();
    assert_eq!(
        (parent.code(), parent.term()),
        ("E23", "Generalized Disorders")
    );
    assert_eq!(table.path_codes("E1707"), "E23 > E1707");
}

#[test]
fn every_chain_of_parents_ends_and_levels_are_its_length() {
    let table = TermTable::builtin();
    for term in table.terms() {
        let chain: Vec<&Term> = table.lineage(term).take(10).collect();
        assert!(chain.len() <= 3, "{}", term.code());
        assert_eq!(chain.len(), usize::from(term.level()), "{}", term.code());
        assert!(
            chain.iter().all(|t| t.annex() == term.annex()),
            "{}",
            term.code()
        );
        assert_eq!(table.ancestors(term.code()).len() + 1, chain.len());
    }
}

#[test]
fn paths_run_from_the_top_and_end_with_the_term() {
    let table = TermTable::builtin();
    assert_eq!(
        table.path("A040103"),
        "Material Integrity Problem > Break > Material Fragmentation"
    );
    assert_eq!(table.path_codes("A040103"), "A04 > A0401 > A040103");
    let above: Vec<&str> = table
        .ancestors("A040103")
        .iter()
        .map(|t| t.code())
        .collect();
    assert_eq!(above, ["A04", "A0401"]);
    assert!(
        table
            .children("A0401")
            .iter()
            .any(|t| t.code() == "A040103")
    );
    assert_eq!(
        (
            table.path("A99"),
            table.ancestors("A99").len(),
            table.children("A99").len()
        ),
        (String::new(), 0, 0)
    );
}

#[test]
fn every_code_and_term_that_may_be_chosen_resolves_to_itself() {
    let table = TermTable::builtin();
    for problem in Problem::ALL {
        for term in table.selectable(problem) {
            let found = |given: &str| {
                table
                    .resolve(given, problem)
                    .map(|r| (r.term.code().to_owned(), r.how))
            };
            let code = term.code().to_owned();
            assert_eq!(found(&code), Some((code.clone(), Matched::Code)));
            assert_eq!(
                found(&format!(" {} ", code.to_lowercase())),
                Some((code.clone(), Matched::CodeFolded))
            );
            assert_eq!(
                found(&term.term().to_uppercase().replace(' ', "  ")),
                Some((code, Matched::Term))
            );
        }
    }
}

#[test]
fn older_wordings_resolve_within_the_annexes_of_the_problem() {
    let table = TermTable::builtin();
    let found = |given: &str, problem| {
        table
            .resolve(given, problem)
            .map(|r| (r.term.code(), r.how))
    };
    assert_eq!(
        found("Hemorrhage/Bleeding", Problem::Patient),
        Some(("E0506", Matched::Alias))
    );
    assert_eq!(found("hemorrhage / bleeding", Problem::Product), None);
    // One wording, an own term in annex E and an older wording in A and F.
    assert_eq!(
        found("Insufficient Information", Problem::Patient),
        Some(("E2401", Matched::Term))
    );
    assert_eq!(
        found("Insufficient Information", Problem::Product),
        Some(("A26", Matched::Alias))
    );
    // An older wording of both E2402 and F28 says nothing.
    assert_eq!(
        found("Appropriate Term/Code Not Available", Problem::Patient),
        None
    );
    // A code of another annex is not an answer, however well it is written.
    assert_eq!(found("E0506", Problem::Product), None);
    assert_eq!(found("no such thing", Problem::Product), None);
    assert_eq!(found("", Problem::Product), None);
}

#[test]
fn all_seventy_one_older_wordings_lead_to_a_code_of_the_builtin_table() {
    let table = TermTable::builtin();
    let listed = super::builtin::aliases();
    assert_eq!(listed.len(), 71);
    for alias in listed {
        let folded = super::fold::wording(&alias.wording);
        let known = table
            .aliases(&alias.code)
            .iter()
            .any(|a| super::fold::wording(a) == folded);
        let own = super::fold::wording(table.by_code(&alias.code).unwrap().term()) == folded;
        assert!(known || own, "{} for {}", alias.wording, alias.code);
    }
}

#[test]
fn a_retired_code_leads_to_its_successor_where_the_release_names_one() {
    let table = TermTable::builtin();
    let current = |code: &str| table.current(table.by_code(code).unwrap()).map(Term::code);
    for (old, new) in [
        ("A0204", "A0207"),
        ("A071205", "A0723"),
        ("E0138", "E2131"),
        ("E1026", "E2108"),
        ("G04081", "G04040"),
    ] {
        assert!(table.by_code(old).unwrap().is_retired(), "{old}");
        assert_eq!(current(old), Some(new), "{old}");
    }
    assert_eq!(current("A0203"), None);
    assert_eq!(current("E20"), None);
    assert!(!table.by_code("E20").unwrap().is_retired());
    assert_eq!(current("A0401"), Some("A0401"));
    // Its wording goes where the code goes; the code itself is shown for what it is.
    let found = table
        .resolve("Device Damaged Prior to Use", Problem::Product)
        .unwrap();
    assert_eq!((found.term.code(), found.how), ("A0207", Matched::Alias));
    let found = table.resolve("A0204", Problem::Product).unwrap();
    assert_eq!((found.term.selectable(), found.how), (false, Matched::Code));
}

#[test]
fn only_selectable_codes_of_the_problem_are_offered_in_table_order() {
    let table = TermTable::builtin();
    for problem in Problem::ALL {
        let offered: Vec<usize> = table.selectable(problem).map(Term::index).collect();
        assert!(offered.is_sorted() && !offered.is_empty());
        assert!(
            table
                .selectable(problem)
                .all(|t| t.selectable() && problem.annexes().contains(&t.annex()))
        );
    }
    assert_eq!(table.selectable(Problem::Product).count(), 487);
}

#[test]
fn search_puts_terms_before_older_wordings_before_definitions() {
    let table = TermTable::builtin();
    let hits = table.search("fragment", 50);
    assert_eq!(hits[0].term.code(), "A040103");
    assert!(
        hits.windows(2)
            .all(|w| w[0].matched_in <= w[1].matched_in || w[0].words_found > w[1].words_found)
    );
    assert!(
        hits.iter()
            .any(|hit| hit.matched_in == MatchedIn::Definition)
    );
    let alias = table.search("pyrosis", 5);
    assert_eq!(
        (alias[0].term.code(), alias[0].matched_in),
        ("E1025", MatchedIn::Alias)
    );
}

#[test]
fn search_finds_beginnings_codes_and_keeps_to_the_annex() {
    let table = TermTable::builtin();
    assert_eq!(table.search("a0401", 1)[0].term.code(), "A0401");
    assert_eq!(table.search("hypoten press", 1)[0].term.code(), "E2321");
    assert!(
        table
            .search_annex("leak", Some('e'), 100)
            .iter()
            .all(|hit| hit.term.annex() == 'E')
    );
    assert_eq!(table.search("leak", 3).len(), 3);
    assert_eq!(table.search("leak leak", 9), table.search("leak", 9));
    assert!(table.search("zzzz", 5).is_empty() && table.search("", 5).is_empty());
}

#[test]
fn near_codes_are_the_closest_first() {
    let table = TermTable::builtin();
    let near: Vec<&str> = table
        .near_codes("A04011", 3)
        .into_iter()
        .map(Term::code)
        .collect();
    assert_eq!(near[0], "A0401");
    assert!(table.near_codes("XYZ", 5).is_empty());
}

#[test]
fn the_builtin_table_is_read_once_and_shared() {
    assert!(std::sync::Arc::ptr_eq(
        &TermTable::builtin(),
        &TermTable::builtin()
    ));
}
