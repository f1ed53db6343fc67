use super::*;
use crate::core::identity::tests::spec;

/// A row of results: the input's `id,mdr_text,type`, then what is named.
fn findings(no_text: bool, rows: &[[&str; 7]]) -> Findings {
    let input = ["id", "mdr_text", "type"].map(String::from);
    let spec = spec();
    let columns = ResultColumns::of_job(&input, &spec);
    let mut reader = FindingsReader::new(&columns, &spec, no_text);
    for (number, [id, kind, outcome, review, product, patient, error]) in rows.iter().enumerate() {
        let mut fields = vec![String::new(); columns.names().len()];
        let mut put = |at: usize, value: &str| fields[at] = value.to_string();
        put(0, id);
        put(1, "THE WHOLE TEXT");
        put(2, kind);
        let own = |name| columns.own(name).unwrap();
        put(own("row"), &(number + 1).to_string());
        put(own("review"), review);
        put(own("error"), error);
        for (problem, code) in [(Problem::Product, product), (Problem::Patient, patient)] {
            if let Some(at) = columns.of_problem(problem, "code") {
                put(at, code);
                put(at + 3, if code.is_empty() { "" } else { "0.5000" });
                put(at + 4, "A QUOTATION");
            }
        }
        let outcome = Outcome::ALL.into_iter().find(|o| o.name() == *outcome);
        reader.count(&csv::ByteRecord::from(fields), outcome.unwrap());
    }
    reader.finish()
}

const ROWS: [[&str; 7]; 4] = [
    ["a", "Death", "coded", "low_confidence", "A01", "E0611", ""],
    ["b", "Injury", "coded", "", "A01", "E2401", ""],
    ["c", "Death", "failed", "", "A02", "", "answer_invalid: x"],
    [
        "THE",
        "WHOLE",
        "coded",
        "ragged_long",
        "A01",
        "E0611",
        "extra_fields: x",
    ],
];

#[test]
fn pairs_values_and_confidence_are_of_coded_rows() {
    let found = findings(false, &ROWS);
    let mut pairs: Vec<_> = found
        .pairs
        .all()
        .map(|(a, b, n)| (found.codes.name(a), found.codes.name(b), n))
        .collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [("A01", "E0611", 2), ("A01", "E2401", 1)]);
    let product = &found.problems[&Problem::Product];
    assert_eq!(product.confidence[10], 3);
    assert_eq!(product.confidence.iter().sum::<u64>(), 3);
    let values = found.columns[2].values.shown(9).unwrap();
    let death = &values[0].0;
    assert_eq!((&*death.value, death.rows), ("Death", 2));
    assert_eq!((death.coded, death.failed, death.review), (1, 1, 1));
}

#[test]
fn a_record_that_does_not_fit_the_header_is_in_no_count_by_column() {
    let found = findings(false, &ROWS);
    assert_eq!(found.unfit_rows, 1);
    let values: Vec<&str> = found.columns[2].values.all().map(|v| &*v.value).collect();
    assert_eq!(values, ["Death", "Injury"]);
}

#[test]
fn without_texts_no_piece_of_a_report_is_kept() {
    let with = format!("{:?}", findings(false, &ROWS));
    let without = format!("{:?}", findings(true, &ROWS));
    for piece in ["A QUOTATION", "WHOLE", "THE"] {
        assert_eq!(with.contains(piece), piece != "WHOLE", "{piece}");
        assert!(!without.contains(piece), "{piece}");
    }
    assert!(without.contains("\"a\""), "ids stay");
}

#[test]
fn examples_are_the_first_rows_of_each_reason_and_stay_few() {
    let many: Vec<[&str; 7]> = std::iter::repeat_n(ROWS[0], 50).collect();
    let found = findings(false, &many);
    let rows: Vec<u64> = found.review["low_confidence"]
        .iter()
        .map(|s| s.row)
        .collect();
    assert_eq!(rows, (1..=10).collect::<Vec<u64>>());
    assert_eq!(findings(false, &ROWS).failed["answer_invalid"][0].row, 3);
}

#[test]
fn a_confidence_has_a_step_whatever_stands_there() {
    assert_eq!(step(0.0), 0);
    assert_eq!(step(0.05), 1);
    assert_eq!(step(1.0), CONFIDENCE_STEPS - 1);
    assert_eq!(step(-3.0), 0);
    assert_eq!(step(f64::NAN), 0);
    assert_eq!(step(7.0), CONFIDENCE_STEPS - 1);
}
