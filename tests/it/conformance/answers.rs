//! Paid answers: kept once, given back exactly, in the order of the question (I8).

use annexa::core::answer::{AnswerKey, IncidentAnswer, PaidAnswer, Payer, Suggestion};
use annexa::core::ids::JobId;
use annexa::core::money::{NanoUsd, Usage};
use tokio::task::JoinSet;

use super::fixtures::AnswersFixture;

/// A key of this suite, different for each `n`.
pub fn key(n: u8) -> AnswerKey {
    let mut bytes = [0xa7; 32];
    bytes[31] = n;
    AnswerKey(bytes)
}

/// An answer that row `row` paid for.
pub fn paid(row: u64) -> PaidAnswer {
    let suggestion = |code: &str, confidence: f64| Suggestion {
        code: code.into(),
        confidence,
        evidence: "a \"quote\", a\nline, \u{bf} and \u{1f600}".into(),
        rationale: String::new(),
    };
    PaidAnswer {
        answer: IncidentAnswer {
            sufficient_information: true,
            product: vec![suggestion("A0401", 0.1 + 0.2), suggestion("A26", 1.0)],
            patient: vec![suggestion("E2401", 1.0 / 3.0)],
            evidence_not_found: true,
            repaired: true,
            repairs: vec!["product 2: dropped".into()],
            faults: vec!["no code".into()],
        },
        usage: Usage {
            input_tokens: u64::from(u32::MAX) + row,
            output_tokens: 2,
            cache_read_tokens: 3,
            cache_write_tokens: 4,
        },
        cost: NanoUsd(1 << 53 | row),
        request_id: format!("request-{row}"),
        attempts: 3,
        payer: Payer {
            job_id: JobId("job-1".into()),
            job_created_ms: 1,
            chunk: 7,
            row,
        },
    }
}

async fn i8_an_answer_comes_back_as_it_was_put(fixture: &dyn AnswersFixture) {
    let answers = fixture.answers().await;
    answers.put(&[(key(1), paid(1))]).await.unwrap();
    assert_eq!(answers.get(&[key(1)]).await.unwrap(), [Some(paid(1))]);
}

async fn confidences_come_back_to_the_last_bit(fixture: &dyn AnswersFixture) {
    // Reused answers must give equal results: a confidence that changes in its last digit changes a file.
    let answers = fixture.answers().await;
    let mut put = paid(1);
    let template = put.answer.product[0].clone();
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    put.answer.product = (0..500)
        .map(|_| {
            bits = bits.wrapping_mul(0xd129_0e7c_ad4f_2b1d).rotate_left(29) ^ 0x5bd1;
            Suggestion {
                confidence: (bits >> 11) as f64 / (1_u64 << 53) as f64,
                ..template.clone()
            }
        })
        .collect();
    answers.put(&[(key(1), put.clone())]).await.unwrap();
    let got = answers.get(&[key(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!(got, put);
}

async fn i8_the_first_payer_keeps_the_answer(fixture: &dyn AnswersFixture) {
    let answers = fixture.answers().await;
    answers.put(&[(key(1), paid(1))]).await.unwrap();
    answers.put(&[(key(1), paid(2))]).await.unwrap();
    answers.put(&[(key(1), paid(1))]).await.unwrap();
    answers
        .put(&[(key(2), paid(3)), (key(1), paid(4)), (key(2), paid(5))])
        .await
        .unwrap();
    let got = answers.get(&[key(1), key(2)]).await.unwrap();
    assert_eq!(got, [Some(paid(1)), Some(paid(3))]);
}

async fn answers_come_in_the_order_of_the_keys(fixture: &dyn AnswersFixture) {
    let answers = fixture.answers().await;
    let all: Vec<_> = (0..150).map(|n| (key(n), paid(u64::from(n)))).collect();
    answers.put(&all).await.unwrap();
    let keys: Vec<_> = (0..150).rev().map(key).collect();
    let rows: Vec<u64> = answers
        .get(&keys)
        .await
        .unwrap()
        .into_iter()
        .map(|answer| answer.unwrap().payer.row)
        .collect();
    assert_eq!(rows, (0..150).rev().collect::<Vec<_>>());
    let twice = answers.get(&[key(5), key(5)]).await.unwrap();
    assert_eq!(twice, [Some(paid(5)), Some(paid(5))]);
}

async fn an_unknown_key_has_none_in_its_place(fixture: &dyn AnswersFixture) {
    let answers = fixture.answers().await;
    assert_eq!(answers.get(&[key(200)]).await.unwrap(), [None]);
    answers.put(&[(key(1), paid(1))]).await.unwrap();
    let got = answers.get(&[key(200), key(1), key(201)]).await.unwrap();
    assert_eq!(got, [None, Some(paid(1)), None]);
}

async fn nothing_asked_and_nothing_put_is_no_error(fixture: &dyn AnswersFixture) {
    let answers = fixture.answers().await;
    answers.put(&[]).await.unwrap();
    assert!(answers.get(&[]).await.unwrap().is_empty());
}

every_answers! { conform [
    i8_an_answer_comes_back_as_it_was_put,
    confidences_come_back_to_the_last_bit,
    i8_the_first_payer_keeps_the_answer,
    answers_come_in_the_order_of_the_keys,
    an_unknown_key_has_none_in_its_place,
    nothing_asked_and_nothing_put_is_no_error,
]}

/// On several threads.
mod in_parallel {
    use super::*;

    async fn i8_of_many_payers_all_read_the_same_one(fixture: &dyn AnswersFixture) {
        let answers = fixture.answers().await;
        let mut payers = JoinSet::new();
        for row in 0..16 {
            let answers = answers.clone();
            payers.spawn(async move {
                answers.put(&[(key(9), paid(row))]).await.unwrap();
                answers.get(&[key(9)]).await.unwrap().remove(0).unwrap()
            });
        }
        let seen = payers.join_all().await;
        assert!(seen.iter().all(|answer| *answer == seen[0]));
    }

    every_answers! { conform_in_parallel [i8_of_many_payers_all_read_the_same_one] }
}
