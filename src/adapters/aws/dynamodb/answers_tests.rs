use super::*;
use crate::core::answer::{IncidentAnswer, Payer, Suggestion};
use crate::core::ids::JobId;
use crate::core::money::{NanoUsd, Usage};
use crate::core::problem::ProblemType;
use crate::precedents::Precedents;

/// One write unit: what such an answer costs to store.
const UNIT_BYTES: usize = 1_024;

fn paid(answer: IncidentAnswer, row: u64) -> PaidAnswer {
    PaidAnswer {
        answer,
        usage: Usage {
            input_tokens: 431 + row,
            output_tokens: 187,
            cache_read_tokens: 21_504,
            cache_write_tokens: 0,
        },
        cost: NanoUsd(4_321_987 + row),
        request_id: format!("{row:08x}-5d1f-4c7b-9a63-{:012x}", row * 0x9e37_79b9),
        attempts: 1,
        payer: Payer {
            job_id: JobId("job-3f9a27c1d08b45e6".into()),
            job_created_ms: 1_795_392_000_123,
            chunk: 41,
            row,
        },
    }
}

fn size(paid: &PaidAnswer) -> usize {
    let key = AnswerKey([0x5a; 32]);
    billed_bytes(&to_item(&key, paid, 1_803_168_000).expect("it fits an item"))
}

/// What the offline model says about the reports of the example, both problems asked.
fn answers() -> Vec<PaidAnswer> {
    let precedents = Precedents::builtin().expect("it is built in");
    let mut reader = csv::Reader::from_path("examples/maude_sample.csv").expect("it is there");
    let headers = reader.headers().expect("it has a header").clone();
    let column = headers.iter().position(|name| name == "mdr_text");
    let column = column.expect("the column is there");
    let rows = reader.records().zip(1..);
    rows.map(|(record, row)| {
        let record = record.expect("the example is well formed");
        let verdict = precedents.code(&record[column], ProblemType::Both, &|_| true);
        let answer = IncidentAnswer {
            sufficient_information: true,
            product: verdict.product,
            patient: verdict.patient,
            ..IncidentAnswer::default()
        };
        paid(answer, row)
    })
    .collect()
}

#[test]
fn usual_answers_fit_one_write_unit_and_come_back() {
    let mut sizes: Vec<usize> = Vec::new();
    for paid in answers() {
        let bytes = to_bytes(&paid).unwrap();
        assert_eq!(from_bytes(&bytes).as_ref(), Some(&paid));
        sizes.push(size(&paid));
    }
    sizes.sort_unstable();
    let (count, fit) = (
        sizes.len(),
        sizes.iter().filter(|size| **size <= UNIT_BYTES).count(),
    );
    println!(
        "{count} answers: median {} bytes, 99 of 100 within {}, most {}; {fit} fit",
        sizes[count / 2],
        sizes[count * 99 / 100],
        sizes[count - 1]
    );
    assert!(fit * 100 >= count * 99, "{fit} of {count} fit a unit");
}

#[test]
fn an_answer_in_the_words_of_a_model_fits_one_write_unit() {
    // As the prompt asks for: evidence short and verbatim, rationales of twenty words.
    let entry = |code: &str, evidence: &str, rationale: &str| Suggestion {
        code: code.into(),
        confidence: 0.85,
        evidence: evidence.into(),
        rationale: rationale.into(),
    };
    let answer = IncidentAnswer {
        sufficient_information: true,
        product: vec![
            entry(
                "A0401",
                "the distal 4 cm of the guidewire had separated and remained lodged in the left circumflex",
                "Part of the wire broke off inside the vessel during withdrawal, which is a fracture of the device.",
            ),
            entry(
                "A150207",
                "resistance was met on withdrawal of the microcatheter over the wire",
                "The operator could not remove the catheter without force before the wire came apart.",
            ),
        ],
        patient: vec![
            entry(
                "E2008",
                "a retained fragment was left in situ after two unsuccessful attempts at snaring",
                "A foreign body stays in the patient because retrieval by snare failed twice.",
            ),
            entry(
                "E0603",
                "ST elevation developed and he complained of crushing chest pain",
                "Ischaemia with pain followed the occlusion of the vessel by the fragment.",
            ),
        ],
        ..IncidentAnswer::default()
    };
    let bytes = size(&paid(answer.clone(), 77));
    assert!(bytes <= UNIT_BYTES, "{bytes} bytes");
    // What was repaired is a line, and the same words in all answers.
    let repaired = IncidentAnswer {
        repaired: true,
        repairs: vec!["patient 3: an older wording in the place of a code taken as E0603".into()],
        ..answer
    };
    let more = size(&paid(repaired, 77)) - bytes;
    assert!(more <= 90, "{more} bytes for a repair");
}

#[test]
fn an_answer_that_no_item_holds_is_refused_with_its_size() {
    let mut random = 1_u64;
    let evidence: String = (0..900_000)
        .map(|_| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + (random >> 33) as u8 % 90)
        })
        .collect();
    let answer = IncidentAnswer {
        product: vec![Suggestion {
            code: "A01".into(),
            confidence: 1.0,
            evidence: evidence.clone(),
            rationale: String::new(),
        }],
        ..IncidentAnswer::default()
    };
    let refused = to_item(&AnswerKey([1; 32]), &paid(answer, 5), 0).unwrap_err();
    assert_eq!(refused.class, ErrorClass::PermanentRow);
    assert!(refused.what.contains("row 5"), "{refused}");
    assert!(!refused.what.contains(&evidence[..20]), "I10");
}
