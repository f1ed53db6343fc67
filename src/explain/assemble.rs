//! Puts an explanation together from a folder of outputs and what its reader was given besides.

use crate::coding::examples::EXAMPLE_BYTES;
use crate::coding::key::KeyBase;
use crate::core::answer::{AnswerKey, IncidentAnswer, PaidAnswer};
use crate::core::identity::hex;
use crate::core::opinion::SecondOpinion;
use crate::core::problem::Problem;
use crate::outputs::{Outputs, StoredRow};
use crate::precedents::CodedReports;
use crate::report::summary::PriceUsed;
use crate::terms::TermTable;

use super::request::{self, Examples, Shown, Words, sent_text};
use super::{Chunk, Explanation, Reason, Stored, batch, checks, cost, said, why};

/// What an explanation is made from.
pub struct Given<'g> {
    /// The folder.
    pub outputs: &'g Outputs,
    /// The row, in its chunk.
    pub chunk: &'g Chunk,
    /// The job's terms, or those that come with the program.
    pub terms: &'g TermTable,
    /// How the job's model is asked; none: it runs on the machine and nothing is sent.
    pub words: Option<&'g dyn Words>,
    /// The coded reports that the job showed beside each report; none: it showed none, or they are not at hand.
    pub coded: Option<&'g CodedReports>,
    /// The price that the job used; none: not known.
    pub price: Option<&'g PriceUsed>,
    /// What is kept of the answer.
    pub stored: Stored,
    /// What is to be shown.
    pub shown: Shown,
}

/// The key under which the row's answer is kept; none: nobody was asked for it.
pub fn answer_key(outputs: &Outputs, chunk: &Chunk) -> Option<AnswerKey> {
    let (row, spec) = (chunk.row(outputs), &outputs.owner().spec);
    let text = sent_text(&row, spec);
    let base = KeyBase::new(
        &spec.model_id,
        row.own("prompt_version"),
        &spec.terms_sha256,
        spec.problem_type,
        spec.again.as_deref().filter(|_| spec.fresh),
    );
    (!text.is_empty()).then(|| base.key(text))
}

/// What a lookup of a row's answer found at `place`.
pub fn stored(
    outputs: &Outputs,
    chunk: &Chunk,
    place: String,
    key: &AnswerKey,
    found: Option<PaidAnswer>,
) -> Stored {
    let key = hex(&key.0);
    let Some(answer) = found else {
        return Stored::NotFound { place, key };
    };
    let row = chunk.row(outputs);
    let problems = outputs.owner().spec.problem_type.problems();
    let is_the_rows = problems.iter().all(|problem| {
        let first = answer.answer.suggestions(*problem).first();
        first.map_or("", |first| first.code.as_str()) == row.of_problem(*problem, "code")
    });
    Stored::Found {
        place,
        key,
        answer: Box::new(answer),
        is_the_rows,
    }
}

/// Explains the row.
pub fn explain(given: Given<'_>) -> Explanation {
    let Given {
        outputs,
        chunk,
        terms,
        words,
        coded,
        price,
        stored,
        shown,
    } = given;
    let (row, spec) = (chunk.row(outputs), &outputs.owner().spec);
    let text = sent_text(&row, spec);
    let asked = request::asked(outputs, chunk);
    let call = batch::of_row(
        &asked,
        chunk.at(),
        batch::How {
            batch_size: spec.batch_size,
            example_bytes: spec.precedents as usize * EXAMPLE_BYTES,
            is_sampled: spec.second_opinion == Some(SecondOpinion::Sample),
            is_whole: chunk.is_whole,
        },
    );
    let was_asked = !row.own("answered_by").is_empty();
    let rebuilt = words.filter(|_| was_asked).map(|words| {
        let differs = differences(&row, outputs, terms, words, coded);
        let examples = Examples {
            count: spec.precedents,
            coded,
            terms,
        };
        request::rebuild(
            &asked,
            &call,
            spec.problem_type,
            words,
            &examples,
            &differs,
            shown,
        )
    });
    let answer = match &stored {
        Stored::Found {
            answer,
            is_the_rows: true,
            ..
        } => answer.answer.clone(),
        _ => said::answer(&row, outputs),
    };
    let checks = spec
        .problem_type
        .problems()
        .iter()
        .filter(|_| was_asked)
        .map(|problem| {
            checks::of_problem(
                answer.suggestions(*problem),
                *problem,
                text,
                terms,
                shown.hides_text,
            )
        });
    let is_repaired = row.review().any(|reason| reason == "repaired_answer");
    let repairs_note = (is_repaired && answer.repairs.is_empty()).then(|| {
        "something was mapped or dropped, and what is not known here: the stored answer was not found, or it is older than the \
         note of it"
            .to_string()
    });
    let is_whole_call = call.doubt.is_none() && asked[chunk.at()].attempts == 1;
    let all_once = call.rows.iter().all(|at| asked[*at].attempts == 1);
    let shares: Vec<_> = chunk.rows(outputs).map(|row| cost::of_row(&row)).collect();
    let of_call: Vec<_> = call.rows.iter().map(|at| shares[*at]).collect();
    let of_call = (is_whole_call && all_once).then_some(of_call.as_slice());
    Explanation {
        job_id: outputs.owner().job_id.to_string(),
        row: row.row().unwrap_or_default(),
        id: row.id().to_string(),
        outcome: row.own("outcome").to_string(),
        review: row
            .review()
            .map(|reason| Reason {
                reason: reason.to_string(),
                means: why::review(reason),
            })
            .collect(),
        error: match shown.hides_text {
            true => kind_of(row.own("error")).to_string(),
            false => row.own("error").to_string(),
        },
        answered: said::answered(&row, outputs),
        request: rebuilt,
        repairs: answer.repairs.clone(),
        repairs_note,
        checks: checks.collect(),
        cost: cost::explain(&row, price, of_call),
        stored: match (stored, shown.hides_text) {
            (
                Stored::Found {
                    place,
                    key,
                    mut answer,
                    is_the_rows,
                },
                true,
            ) => {
                without_text(&mut answer.answer);
                Stored::Found {
                    place,
                    key,
                    answer,
                    is_the_rows,
                }
            }
            (stored, _) => stored,
        },
    }
}

/// An error may quote the input; its kind does not.
fn kind_of(error: &str) -> &str {
    error.split(':').next().unwrap_or_default()
}

fn without_text(answer: &mut IncidentAnswer) {
    for problem in Problem::ALL {
        for entry in answer.suggestions_mut(problem) {
            entry.evidence.clear();
            entry.rationale.clear();
        }
    }
}

/// What differs between the row's and this program's wording, or what it was given: each makes other bytes.
fn differences(
    row: &StoredRow<'_>,
    outputs: &Outputs,
    terms: &TermTable,
    words: &dyn Words,
    coded: Option<&CodedReports>,
) -> Vec<String> {
    let spec = &outputs.owner().spec;
    let mut differs = Vec::new();
    let (theirs, ours) = (row.own("prompt_version"), words.prompt_version());
    if request::plain_version(theirs) != ours {
        differs.push(format!(
            "the row was asked for with prompt version {theirs}, and this program asks with {ours}: use the program that made it"
        ));
    }
    if terms.sha256_hex() != spec.terms_sha256 {
        let whose = match &spec.imdrf_key {
            Some(name) => {
                format!("the job had terms of its own ({name}): name the file with --terms")
            }
            None => "the job's terms were those of another version of the program".to_string(),
        };
        differs.push(format!(
            "{whose}; these codes are those of {}",
            terms.name()
        ));
    }
    if let (1.., None) = (spec.precedents, coded) {
        differs.push(format!(
            "the job showed the {} nearest coded reports beside each report: name the artifact that they are from with --corpus; \
             without, they are left out",
            spec.precedents
        ));
    }
    differs
}
