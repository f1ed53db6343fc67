//! What becomes of gold codes, and the groups of reports that have figures of their own.

use super::*;

#[test]
fn retired_gold_codes_are_mapped_or_dropped_and_headings_are_kept() {
    let mut evaluator = evaluator(ProblemType::Both);
    let product = predictions(&[("A0207", 0.9)]);
    let patient = predictions(&[("E2002", 0.9)]);
    let rows: [(&[&str], &[&str]); 2] = [
        (&["A0204"], &["E20", "E2107"]),
        (&["A0203"], &["a24", "9999"]),
    ];
    for (gold_product, gold_patient) in rows {
        evaluator.add(&Row {
            product: Side {
                gold: gold_product,
                predicted: &product,
            },
            patient: Side {
                gold: gold_patient,
                predicted: &patient,
            },
            ..Row::default()
        });
    }
    let report = evaluator.finish();
    let block = report.product.unwrap();
    // A0204 counts as A0207. A0203 has no successor: its report stays, is wrong, and is one with a specific code.
    assert_eq!(
        (
            block.overall.rows_with_gold,
            block.overall.primary.unwrap().rows
        ),
        (2, 1)
    );
    assert_eq!(
        (
            block.specific.rows_with_gold,
            block.unspecific.rows_with_gold
        ),
        (2, 0)
    );
    let notes = report.product_gold_codes.unwrap();
    assert_eq!(
        (
            notes.given,
            notes.mapped,
            notes.dropped,
            notes.rows_left_without_codes
        ),
        (2, 1, 1, 1)
    );
    assert_eq!(
        notes.mapped_codes,
        [MappedCode {
            from: "A0204".into(),
            to: "A0207".into(),
            times: 1
        }]
    );
    assert_eq!(
        notes.dropped_codes,
        [DroppedCode {
            code: "A0203".into(),
            why: "retired",
            times: 1
        }]
    );
    let notes = report.patient_gold_codes.unwrap();
    assert_eq!((notes.given, notes.headings_kept, notes.dropped), (4, 1, 3));
    let dropped: Vec<(&str, &str)> = notes
        .dropped_codes
        .iter()
        .map(|d| (d.code.as_str(), d.why))
        .collect();
    // A code of another annex is not one for this problem.
    assert_eq!(
        dropped,
        [
            ("9999", "unknown"),
            ("E2107", "retired"),
            ("a24", "unknown")
        ]
    );
    // The heading E20 is the level-1 code of E2002.
    let patient = report.patient.unwrap().overall;
    assert_eq!(
        (
            patient.primary.unwrap().rows,
            patient.primary_level1.unwrap().rows
        ),
        (0, 1)
    );
}

#[test]
fn older_wordings_in_a_gold_file_count_as_their_codes() {
    let report = product(&[(&["Fluid Leak", " a050401 "], &[("A050401", 1.0)])]);
    close(report.product.unwrap().overall.jaccard, 1.0);
    assert_eq!(report.product_gold_codes.unwrap().mapped, 2);
}

#[test]
fn reports_are_split_by_whether_gold_says_something() {
    let report = product(&[
        (&["A24", "A0401"], &[("A24", 1.0)]),
        (&["A26"], &[("A26", 1.0)]),
        (&["A2501"], &[("A24", 1.0)]),
        (&[], &[("A24", 1.0)]),
    ]);
    let block = report.product.unwrap();
    // The split chooses reports; A24 is still a right answer to the first.
    assert_eq!(
        (block.specific.rows, block.specific.primary.unwrap().rows),
        (2, 1)
    );
    assert_eq!(
        (
            block.unspecific.rows,
            block.unspecific.primary.unwrap().rows
        ),
        (1, 1)
    );
    assert_eq!(block.overall.rows, 4);
}

#[test]
fn figures_stand_by_event_type_where_reports_have_one() {
    let mut evaluator = evaluator(ProblemType::Product);
    let right = predictions(&[("A24", 1.0)]);
    for (event_type, predicted) in [
        (Some("Death"), &right[..]),
        (Some("Injury"), &[]),
        (Some(" Death "), &[]),
        (None, &[]),
    ] {
        evaluator.add(&Row {
            event_type,
            product: Side {
                gold: &["A24"],
                predicted,
            },
            ..Row::default()
        });
    }
    let groups = evaluator.finish().product.unwrap().by_event_type;
    let found: Vec<(&str, u64, u64)> = groups
        .iter()
        .map(|(name, m)| (name.as_str(), m.rows, m.primary.unwrap().rows))
        .collect();
    assert_eq!(found, [("(none)", 1, 0), ("Death", 2, 1), ("Injury", 1, 0)]);
    assert!(
        product(&[(&["A24"], &[])])
            .product
            .unwrap()
            .by_event_type
            .is_empty()
    );
}

#[test]
fn event_types_without_end_do_not_grow_the_memory() {
    let mut evaluator = evaluator(ProblemType::Product);
    let names: Vec<String> = (0..500).map(|n| format!("type {n:03}")).collect();
    for name in &names {
        evaluator.add(&Row {
            event_type: Some(name),
            product: Side {
                gold: &["A24"],
                predicted: &[],
            },
            ..Row::default()
        });
    }
    let groups = evaluator.finish().product.unwrap().by_event_type;
    assert_eq!((groups.len(), groups["(other)"].rows), (25, 476));
}
