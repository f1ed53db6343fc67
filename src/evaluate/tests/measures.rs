//! The measures.

use super::*;
use proptest::prelude::*;

#[test]
fn hits_jaccard_and_macro_f1_are_as_worked_out_by_hand() {
    let report = product(&[
        (&["A040103"], &[("A040103", 0.9)]),
        (&["A040101"], &[("A040103", 0.9)]),
        (&["A24"], &[]),
    ]);
    let all = report.product.unwrap().overall;
    assert_eq!((all.rows, all.rows_with_gold), (3, 3));
    assert_eq!(all.primary.unwrap().rows, 1);
    assert_eq!(all.primary_level1.unwrap().rows, 2);
    close(all.primary.unwrap().share, 1.0 / 3.0);
    // 3/3, then {A04, A0401} of {A04, A0401, A040101, A040103}, then nothing of {A24}.
    close(all.jaccard, (1.0 + 0.5 + 0.0) / 3.0);
    // A04 and A0401 are right twice; A040103 is predicted twice and right once: 2/3; A040101 and A24 are never predicted.
    assert_eq!(all.macro_f1.labels, 5);
    close(all.macro_f1.f1, (1.0 + 1.0 + 2.0 / 3.0) / 5.0);
    let buckets = all.macro_f1_by_bucket;
    assert_eq!(
        [
            buckets.head,
            buckets.medium,
            buckets.tail,
            buckets.extreme_tail
        ]
        .map(|f1| f1.labels),
        [1, 2, 1, 1]
    );
    close(buckets.head.f1, 1.0);
    close(buckets.medium.f1, (1.0 + 2.0 / 3.0) / 2.0);
    close(buckets.tail.f1, 0.0);
    close(buckets.extreme_tail.f1, 0.0);
}

#[test]
fn an_empty_union_counts_one() {
    let all = product(&[(&[], &[]), (&["A24"], &[("A0401", 1.0)])])
        .product
        .unwrap()
        .overall;
    close(all.jaccard, 0.5);
    assert_eq!((all.rows, all.rows_with_gold), (2, 1));
}

#[test]
fn figures_of_no_reports_are_absent_and_not_zero() {
    let all = product(&[(&[], &[])]).product.unwrap().overall;
    assert_eq!((all.primary.unwrap().share, all.macro_f1.f1), (None, None));
    assert_eq!(product(&[]).product.unwrap().overall.jaccard, None);
}

#[test]
fn sets_are_closed_by_parents_and_not_by_digits() {
    // E1707 sits under E23: it shares that ancestor with E2301 and none with E1701.
    let mut evaluator = evaluator(ProblemType::Patient);
    for code in ["E2301", "E1701"] {
        let predicted = predictions(&[(code, 1.0)]);
        evaluator.add(&Row {
            patient: Side {
                gold: &["E1707"],
                predicted: &predicted,
            },
            ..Row::default()
        });
    }
    let all = evaluator.finish().patient.unwrap().overall;
    close(all.jaccard, (1.0 / 3.0 + 0.0) / 2.0);
    assert_eq!(
        (all.primary.unwrap().rows, all.primary_level1.unwrap().rows),
        (0, 1)
    );
    // In gold: E23 (twice in gold, once predicted: 2/3) and E1707 (0).
    close(all.macro_f1.f1, (2.0 / 3.0) / 2.0);
}

#[test]
fn others_count_from_the_threshold_on_and_the_primary_always() {
    let all = product(&[(
        &["A24", "A25"],
        &[("A24", 0.1), ("A25", 0.3), ("A27", 0.29)],
    )])
    .product
    .unwrap()
    .overall;
    close(all.jaccard, 1.0);
}

#[test]
fn the_first_four_are_four_whatever_their_confidence() {
    let four = [
        ("A0501", 0.9),
        ("A0601", 0.0),
        ("A0701", 0.0),
        ("A24", 0.0),
        ("A0401", 0.0),
    ];
    let all = product(&[(&["A24"], &four), (&["A0401"], &four), (&["A0402"], &four)])
        .product
        .unwrap()
        .overall;
    assert_eq!(
        (all.primary.unwrap().rows, all.first_four.unwrap().rows),
        (0, 1)
    );
    assert_eq!(all.first_four_level1.unwrap().rows, 1);
}

#[test]
fn annexes_a_and_e_together_are_one_set_and_f_is_not_in_it() {
    let mut evaluator = evaluator(ProblemType::Both);
    let product = predictions(&[("A040103", 0.9)]);
    let patient = predictions(&[("E2301", 0.9), ("F02", 0.9)]);
    evaluator.add(&Row {
        product: Side {
            gold: &["A040103"],
            predicted: &product,
        },
        patient: Side {
            gold: &["E1707", "F08"],
            predicted: &patient,
        },
        ..Row::default()
    });
    let report = evaluator.finish();
    let combined = report.combined.unwrap().overall;
    // Gold A04 A0401 A040103 E23 E1707; predicted A04 A0401 A040103 E23 E2301.
    close(combined.jaccard, 4.0 / 6.0);
    assert_eq!(
        (combined.macro_f1.labels, combined.predicted_only.labels),
        (5, 1)
    );
    assert_eq!(combined.primary, None);
    // The patient block has them: gold E23 E1707 F08, predicted E23 E2301 F02.
    close(report.patient.unwrap().overall.jaccard, 1.0 / 5.0);
}

#[test]
fn labels_that_are_only_predicted_stand_apart() {
    let all = product(&[(&["A24"], &[("A0401", 1.0)]), (&["A24"], &[("A04", 1.0)])])
        .product
        .unwrap()
        .overall;
    assert_eq!(
        (all.predicted_only.labels, all.predicted_only.times),
        (2, 3)
    );
    assert_eq!((all.macro_f1.labels, all.macro_f1.f1), (1, Some(0.0)));
}

#[test]
fn a_predicted_code_that_the_table_does_not_have_is_a_wrong_code() {
    let report = product(&[
        (&["A24"], &[("A9999", 1.0), ("A24", 0.9)]),
        (&["A24"], &[("E2403", 1.0)]),
    ]);
    assert_eq!(report.predicted_codes_unknown, 2);
    let all = report.product.unwrap().overall;
    assert_eq!(
        (all.primary.unwrap().rows, all.first_four.unwrap().rows),
        (0, 1)
    );
    close(all.jaccard, (0.5 + 0.0) / 2.0);
}

fn some_codes() -> impl Strategy<Value = Vec<&'static str>> {
    let codes = vec![
        "A04", "A0401", "A040103", "A24", "A2501", "A0204", "A0203", "nonsense", "A0501",
    ];
    proptest::sample::subsequence(codes, 0..5)
}

proptest! {
    #[test]
    fn figures_are_shares_and_the_parts_add_up(rows in proptest::collection::vec((some_codes(), some_codes()), 0..30)) {
        let mut evaluator = evaluator(ProblemType::Product);
        for (gold, predicted) in &rows {
            let predicted: Vec<Prediction<'_>> =
                predicted.iter().map(|&code| Prediction { code, confidence: 0.5 }).collect();
            evaluator.add(&Row { product: Side { gold, predicted: &predicted }, ..Row::default() });
        }
        let block = evaluator.finish().product.unwrap();
        let all = &block.overall;
        prop_assert_eq!(all.rows, rows.len() as u64);
        prop_assert_eq!(all.rows_with_gold, block.specific.rows + block.unspecific.rows);
        for share in [all.jaccard, all.macro_f1.f1, all.primary.unwrap().share, all.first_four_level1.unwrap().share] {
            prop_assert!(share.is_none_or(|share| (0.0..=1.0 + 1e-12).contains(&share)));
        }
        let hits = [all.primary, all.first_four, all.primary_level1, all.first_four_level1].map(|hits| hits.unwrap().rows);
        prop_assert!(hits[0] <= hits[1] && hits[0] <= hits[2] && hits[1] <= hits[3] && hits[2] <= hits[3]);
        let buckets = &all.macro_f1_by_bucket;
        let labels = buckets.head.labels + buckets.medium.labels + buckets.tail.labels + buckets.extreme_tail.labels;
        prop_assert_eq!(labels, all.macro_f1.labels);
    }

    #[test]
    fn answers_equal_to_gold_reach_one(rows in proptest::collection::vec(
        proptest::sample::subsequence(vec!["A0401", "A040103", "A24", "A2501", "A0501"], 1..4), 1..20,
    )) {
        let mut evaluator = evaluator(ProblemType::Product);
        for gold in &rows {
            let predicted: Vec<Prediction<'_>> = gold.iter().map(|&code| Prediction { code, confidence: 0.5 }).collect();
            evaluator.add(&Row { product: Side { gold, predicted: &predicted }, ..Row::default() });
        }
        let all = evaluator.finish().product.unwrap().overall;
        prop_assert_eq!((all.jaccard, all.macro_f1.f1, all.primary.unwrap().share), (Some(1.0), Some(1.0), Some(1.0)));
        prop_assert_eq!(all.predicted_only.labels, 0);
    }
}
