//! Gold files, joins, result rows and MADE's lines.

use super::*;
use crate::core::problem::Problem;
use csv::StringRecord;
use proptest::prelude::*;

fn gold(text: &str) -> Gold {
    Gold::read(text.as_bytes(), "id").unwrap()
}

#[test]
fn a_gold_file_is_read_by_its_column_names() {
    let gold = gold(
        "note,patient_problem_codes,id,product_problem_codes\nx,E0602; E2321,7,A24\ny,,\u{e9},\n",
    );
    assert_eq!(
        (gold.len(), gold.ids_repeat(), gold.has_columns()),
        (2, false, [true, true])
    );
    let codes = gold.codes(0).map(Iterator::collect::<Vec<_>>);
    assert_eq!(
        (gold.id(0), codes),
        ("7", [vec!["A24"], vec!["E0602", "E2321"]])
    );
    assert_eq!(
        (gold.id(1), gold.codes(1).map(Iterator::count)),
        ("\u{e9}", [0, 0])
    );
}

#[test]
fn a_gold_file_without_its_columns_says_what_it_has() {
    let said = |text: &str, id| Gold::read(text.as_bytes(), id).unwrap_err().to_string();
    assert!(
        said("key,product_problem_codes\n", "id")
            .contains("found no column 'id' among 'key, product_problem_codes'")
    );
    assert!(
        said("id,codes\n", "id").contains("'product_problem_codes' or 'patient_problem_codes'")
    );
    assert_eq!(
        Gold::read(&b"key,product_problem_codes\n"[..], "key")
            .unwrap()
            .has_columns(),
        [true, false]
    );
}

#[test]
fn i10_a_first_line_that_looks_like_data_is_not_quoted() {
    let prose = "7001,John Doe fell and died in surgery\n";
    let gold = Gold::read(prose.as_bytes(), "id").unwrap_err().to_string();
    let header = StringRecord::from(vec!["7001", "John Doe fell and died in surgery"]);
    let results = ResultColumns::find(&header, "id").unwrap_err().to_string();
    for said in [gold, results] {
        assert!(
            said.contains("among 2 values that look like data"),
            "{said}"
        );
        assert!(!said.contains("Doe") && !said.contains("7001"), "{said}");
    }
}

#[test]
fn rows_are_joined_by_id_in_any_order_and_once() {
    let gold = gold("id,product_problem_codes\na,A24\nb,A25\n");
    let mut join = Join::new(&gold, None);
    assert_eq!(
        (join.take("b", 1), join.take("x", 2), join.take("b", 3)),
        (Some(1), None, None)
    );
    assert_eq!(join.left().collect::<Vec<_>>(), [0]);
}

#[test]
fn repeated_ids_are_joined_by_row_when_both_files_are_as_long() {
    let gold = gold("id,product_problem_codes\na,A24\na,A25\nb,A26\na,A27\n");
    let mut join = Join::new(&gold, Some(4));
    assert_eq!(
        [
            join.take("a", 4),
            join.take("a", 1),
            join.take("b", 3),
            join.take("a", 2)
        ],
        [Some(3), Some(0), Some(2), Some(1)]
    );
    // A number at which another id stands falls back to the order in which they occur.
    let mut join = Join::new(&gold, Some(4));
    assert_eq!(
        [
            join.take("a", 3),
            join.take("a", 1),
            join.take("a", 99),
            join.take("a", 4)
        ],
        [Some(0), Some(1), Some(3), None]
    );
}

#[test]
fn repeated_ids_are_joined_in_order_when_the_files_differ_in_length() {
    let gold = gold("id,product_problem_codes\na,A24\nb,A25\na,A26\n");
    let mut join = Join::new(&gold, Some(2));
    assert_eq!([join.take("a", 3), join.take("a", 1)], [Some(0), Some(2)]);
    assert_eq!(join.left().collect::<Vec<_>>(), [1]);
}

const REVIEWED: &str = "row,id,decision,product_problem_codes,patient_problem_codes,note,reviewer,reviewed_at,product_problem_was,patient_problem_was\n";

#[test]
fn decisions_are_joined_by_row_also_where_ids_repeat_and_marked_ones_are_no_gold() {
    let text = "2,a,accepted,A24,E0506,,eva,2026-01-01T00:00:00Z,A24,E0506\n\
                3,b,marked,,,\"look, again\",eva,2026-01-01T00:00:00Z,A24,\n\
                4,a,changed,A25;A26,,,eva,2026-01-01T00:00:00Z,A24,\n";
    // The results call their ids otherwise; decisions always have them in id.
    let gold = Gold::read(format!("{REVIEWED}{text}").as_bytes(), "key").unwrap();
    assert_eq!(
        (gold.len(), gold.marked(), gold.is_reviewed()),
        (2, 1, true)
    );
    let mut join = Join::new(&gold, None);
    assert_eq!(
        [("a", 1), ("a", 4), ("b", 3), ("b", 2), ("a", 2), ("a", 2)]
            .map(|(id, row)| join.take(id, row)),
        [None, Some(1), None, None, Some(0), None]
    );
    let codes = gold.codes(1).map(Iterator::collect::<Vec<_>>);
    assert_eq!(codes, [vec!["A25", "A26"], vec![]]);
}

#[test]
fn a_decision_that_is_none_is_named_by_row_and_column() {
    let said = |line: &str| {
        let text = format!("{REVIEWED}1,a,accepted,A24,,,e,t,,\n{line}\n");
        Gold::read(text.as_bytes(), "id").unwrap_err().to_string()
    };
    assert_eq!(
        said("2,b,undone,,,,e,t,,"),
        "gold file, row 2, column 'decision': expected accepted, changed or marked"
    );
    assert!(said("x,b,changed,A24,,,e,t,,").contains("row 2, column 'row'"));
}

proptest! {
    #[test]
    fn no_gold_row_is_given_twice_and_none_is_forgotten(
        ids in proptest::collection::vec("[ab]?", 0..20), asks in proptest::collection::vec(("[abc]?", 0..25_u64), 0..30), same in any::<bool>(),
    ) {
        let text: String = ids.iter().map(|id| format!("\"{id}\",A24\n")).collect();
        let gold = gold(&format!("id,product_problem_codes\n{text}"));
        let mut join = Join::new(&gold, Some(if same { gold.len() as u64 } else { u64::MAX }));
        let mut taken: Vec<usize> = Vec::new();
        for (id, row) in &asks {
            match join.take(id, *row) {
                Some(at) => { prop_assert_eq!(gold.id(at), id.as_str()); taken.push(at); }
                None => {
                    let of_id = (0..gold.len()).filter(|&at| gold.id(at) == id).count();
                    prop_assert_eq!(taken.iter().filter(|&&at| gold.id(at) == id).count(), of_id);
                }
            }
        }
        taken.extend(join.left());
        taken.sort_unstable();
        prop_assert_eq!(taken, (0..gold.len()).collect::<Vec<_>>());
    }
}

/// Codes with their confidences.
type Codes = Vec<(String, f64)>;

fn answer(header: &[&str], fields: &[&str]) -> Result<(Outcome, Codes, Codes), ResultsError> {
    let columns = ResultColumns::find(&StringRecord::from(header.to_vec()), "id")?;
    let mut answer = Answer::default();
    columns.read(&StringRecord::from(fields.to_vec()), 7, &mut answer)?;
    let [product, patient] = Problem::ALL.map(|problem| {
        answer
            .predicted(problem)
            .map(|p| (p.code.to_owned(), p.confidence))
            .collect()
    });
    Ok((answer.outcome(), product, patient))
}

const HEADER: [&str; 5] = [
    "id",
    "outcome",
    "product_problem_code",
    "product_problem_confidence",
    "product_problem_supporting",
];

#[test]
fn a_coded_row_has_its_primary_and_supporting_codes_in_order() {
    let supporting = r#"[{"code":"A25","confidence":0.4,"evidence":"q"},{"code":"A26"}]"#;
    let (outcome, product, patient) =
        answer(&HEADER, &["1", "coded", "A24", "0.9", supporting]).unwrap();
    assert_eq!(outcome, Outcome::Coded);
    assert_eq!(
        product,
        [
            ("A24".to_owned(), 0.9),
            ("A25".to_owned(), 0.4),
            ("A26".to_owned(), 0.0)
        ]
    );
    assert!(patient.is_empty());
}

#[test]
fn rows_that_are_not_coded_predict_nothing_even_if_a_code_was_kept() {
    for (name, expected) in [
        ("failed", Outcome::Failed),
        ("insufficient", Outcome::Insufficient),
        ("empty", Outcome::Empty),
    ] {
        let (outcome, product, _) = answer(&HEADER, &["1", name, "A24", "0.9", "[]"]).unwrap();
        assert_eq!(
            (outcome, outcome.name(), product.len()),
            (expected, name, 0)
        );
    }
}

#[test]
fn results_of_another_program_need_only_id_and_code() {
    let header = ["id", "patient_problem_code"];
    assert_eq!(
        answer(&header, &["1", "E2403"]).unwrap().2,
        [("E2403".to_owned(), 0.0)]
    );
    assert_eq!(answer(&header, &["1", ""]).unwrap().0, Outcome::Empty);
    assert_eq!(answer(&header, &["1"]).unwrap().0, Outcome::Empty);
}

#[test]
fn a_column_of_the_input_with_our_name_is_not_taken_for_ours() {
    let header = [
        "id",
        "outcome",
        "row",
        "annexa_row",
        "annexa_outcome",
        "product_problem_code",
    ];
    let columns = ResultColumns::find(&StringRecord::from(header.to_vec()), "id").unwrap();
    let record = StringRecord::from(vec!["1", "died", "x", "5", "coded", "A24"]);
    assert_eq!(columns.row(&record, 9), 5);
    assert_eq!(
        answer(&header, &["1", "died", "x", "5", "coded", "A24"])
            .unwrap()
            .0,
        Outcome::Coded
    );
}

#[test]
fn a_field_that_is_not_what_it_should_be_names_row_and_column_and_quotes_no_report() {
    let said = |fields: &[&str]| answer(&HEADER, fields).unwrap_err().to_string();
    assert!(
        said(&["1", "done", "A24", "", ""])
            .contains("row 7, column 'outcome': found 'done', expected coded, insufficient")
    );
    for bad in ["1.5", "NaN", "high"] {
        assert!(
            said(&["1", "coded", "A24", bad, ""]).contains("column 'product_problem_confidence'"),
            "{bad}"
        );
    }
    let said = said(&["1", "coded", "A24", "1", r#"["PATIENT FELL"]"#]);
    assert!(
        said.contains("row 7, column 'product_problem_supporting'") && !said.contains("PATIENT"),
        "{said}"
    );
}

#[test]
fn results_without_id_or_codes_say_what_they_have() {
    let said = |header: &[&str]| answer(header, &[]).unwrap_err().to_string();
    assert!(
        said(&["key", "product_problem_code"])
            .contains("found no column 'id' among 'key, product_problem_code'")
    );
    assert!(said(&["id", "mdr_text"]).contains("'product_problem_code' or 'patient_problem_code'"));
}

#[test]
fn made_lines_hold_closed_predictions_scores_and_uncertainty() {
    let product = predictions(&[("A040103", 0.75), ("A0501", 0.25)]);
    let patient = predictions(&[("E1707", 0.5), ("F02", 0.9), ("E2301", 0.75)]);
    let line = made_line(&TermTable::builtin(), "42", [&product, &patient], 0.3).unwrap();
    assert_eq!(
        line,
        r#"{"idx":"42","predictions":["A04","A0401","A040103","E1707","E23","E2301"],"scores":{"A04":0.75,"A0401":0.75,"A040103":0.75,"A05":0.25,"A0501":0.25,"E1707":0.5,"E23":0.75,"E2301":0.75},"uncertainty":0.5}"#
    );
    let line = made_line(&TermTable::builtin(), "43", [&[], &[]], 0.3).unwrap();
    assert_eq!(
        line,
        r#"{"idx":"43","predictions":[],"scores":{},"uncertainty":1.0}"#
    );
}
