//! Second opinions on a chunk's rows: what the coded reports say, or the model's second sample, put beside the first answer.

use super::ask::{Answered, Both, Group};
use super::context::JobContext;
use crate::coding::opinion::compare;
use crate::coding::validate::{Checked, validate};
use crate::core::answer::IncidentAnswer;
use crate::core::chunk::Claim;
use crate::core::opinion::{Agreement, SecondOpinion};
use crate::core::outcome::{Outcome, ReviewReason};
use crate::ports::Library;
use crate::ports::error::{ErrorClass, PortResult};
use crate::results::ResultRow;

/// What a group got besides its first answer.
pub(super) enum Second {
    /// Nobody was to be asked, or there is no first answer.
    NotAsked,
    /// The coded reports say this.
    Precedents(Said),
    /// The model, asked once more.
    Sample(Answered),
}

/// What the coded reports say of a text.
pub(super) enum Said {
    /// These codes.
    Answer(IncidentAnswer),
    /// Nothing: it is one of them, and what they said would be what they were told.
    IsOneOfThem,
    /// They could not be asked for it.
    Nothing,
}

/// The second opinions on `groups`, in their order.
pub(super) async fn opinions(
    context: &JobContext,
    groups: &[Group<'_>],
    answers: &[Both],
) -> PortResult<Vec<Second>> {
    let precedents = match (context.spec.second_opinion, &context.library) {
        (Some(SecondOpinion::Precedents), Some(library)) => {
            let has_answer = |both: &Both| matches!(both.first, Answered::Answer(_));
            let with_answer = groups.iter().zip(answers);
            let with_answer = with_answer.filter(|(_, both)| has_answer(both));
            let texts: Vec<&str> = with_answer.map(|(group, _)| group.text).collect();
            look_up(context, &**library, &texts).await?
        }
        _ => Vec::new(),
    };
    let mut precedents = precedents.into_iter();
    let of = |both: &Both| match (&both.first, &both.sample) {
        (Answered::Failed { .. }, _) => Second::NotAsked,
        (_, Some(sample)) => Second::Sample(sample.clone()),
        (_, None) => precedents
            .next()
            .map_or(Second::NotAsked, Second::Precedents),
    };
    Ok(answers.iter().map(of).collect())
}

/// What the coded reports say of `texts`. A text that the program fails on (a panic) has none, and its neighbours keep
/// theirs.
async fn look_up(
    context: &JobContext,
    library: &dyn Library,
    texts: &[&str],
) -> PortResult<Vec<Said>> {
    match ask(context, library, texts).await {
        Err(error) if error.class == ErrorClass::Bug => {}
        said => return said,
    }
    let mut one_by_one = Vec::with_capacity(texts.len());
    for text in texts {
        match ask(context, library, &[text]).await {
            Err(error) if error.class == ErrorClass::Bug => one_by_one.push(Said::Nothing),
            said => one_by_one.extend(said?),
        }
    }
    Ok(one_by_one)
}

async fn ask(context: &JobContext, library: &dyn Library, texts: &[&str]) -> PortResult<Vec<Said>> {
    let asked = context.spec.problem_type;
    let owned = || texts.iter().map(|text| text.to_string()).collect();
    let held = library.holds(owned()).await?;
    let input = library.answers(asked, owned()).await?;
    // As every answer: a code that may not be chosen in this job's terms never gets into a row.
    let checked = validate(Some(&input), texts, asked, &context.terms);
    let said = |(checked, is_held)| match checked {
        _ if is_held => Said::IsOneOfThem,
        Checked::Valid(answer) | Checked::Invalid { kept: answer, .. } => Said::Answer(answer),
    };
    Ok(checked.into_iter().zip(held).map(said).collect())
}

/// Puts a second opinion into a row that has its first answer. `is_first`: the row that was asked for; the others share its
/// text.
pub(super) fn settle(
    result: &mut ResultRow,
    second: &Second,
    is_first: bool,
    context: &JobContext,
    claim: &Claim,
) {
    let (said, disagrees) = match second {
        Second::NotAsked => return,
        Second::Precedents(Said::Answer(said)) => (Some(said), ReviewReason::PrecedentsDisagree),
        Second::Precedents(said) => {
            if matches!(said, Said::IsOneOfThem) && result.outcome == Outcome::Coded {
                let what = format!(
                    "row {}: the coded reports hold this very text: what they would say of it is what they were told",
                    result.row
                );
                result.say(ReviewReason::NoSecondOpinion.name(), what);
            }
            (None, ReviewReason::PrecedentsDisagree)
        }
        Second::Sample(sample) => {
            charge(result, sample, is_first, context, claim);
            let said = match sample {
                Answered::Answer(paid) => Some(&paid.answer),
                Answered::Failed { kind, reason, .. } => {
                    let what = format!("row {}: {kind}: {reason}", result.row);
                    result.say(ReviewReason::NoSecondOpinion.name(), what);
                    None
                }
            };
            (said, ReviewReason::SecondSampleDisagrees)
        }
    };
    let Some(said) = said else {
        // Others are to be read anyway.
        if result.outcome == Outcome::Coded {
            result.review.insert(ReviewReason::NoSecondOpinion);
        }
        return;
    };
    let asked = context.spec.problem_type;
    result.second = compare(&result.answer, said, asked, &context.terms);
    if result.outcome != Outcome::Coded {
        // It is to be read anyway.
        return;
    }
    let is_different = |of: &crate::results::SecondCode| of.agreement == Some(Agreement::Different);
    if result.second.iter().any(is_different) {
        result.review.insert(disagrees);
    }
    if result.second.len() < asked.problems().len() {
        result.review.insert(match second {
            // It had the text before it, and says that it does not suffice.
            Second::Sample(_) => disagrees,
            _ => ReviewReason::NoSecondOpinion,
        });
    }
}

/// Adds what a second sample took to the row that paid for it (I8).
fn charge(
    result: &mut ResultRow,
    sample: &Answered,
    is_first: bool,
    context: &JobContext,
    claim: &Claim,
) {
    let (usage, cost, attempts) = match sample {
        Answered::Answer(paid) => {
            let is_payer =
                context.is_payer(&paid.payer, claim.key.chunk) && paid.payer.row == result.row;
            if !is_payer {
                return;
            }
            (paid.usage, paid.cost, paid.attempts)
        }
        Answered::Failed { .. } if !is_first => return,
        Answered::Failed {
            usage,
            cost,
            attempts,
            ..
        } => (*usage, *cost, *attempts),
    };
    result.usage += usage;
    result.cost += cost;
    result.attempts += attempts;
}
