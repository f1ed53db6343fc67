//! One chunk: read its range, answer what has a text, write its CSV, commit.

use std::collections::BTreeMap;

use super::Worker;
use super::ask::{Answered, Group};
use super::claim::ChunkEnd;
use super::context::JobContext;
use super::order::Place;
use super::second;
use crate::coding::text::prepare;
use crate::core::answer::AnswerKey;
use crate::core::chunk::{Claim, Commit, CommitOutcome};
use crate::core::identity::sha256_hex;
use crate::core::outcome::{AnsweredBy, Outcome, ReviewReason};
use crate::core::problem::Problem;
use crate::core::spec::BlobRef;
use crate::core::tally::Tally;
use crate::ports::error::{ErrorClass, PortError, PortResult};
use crate::ports::retry::{Backoff, retry};
use crate::records::{Row, RowFlag, read_chunk};
use crate::results::{ChunkWriter, PreviousRows, ResultRow};

impl Worker {
    /// From the claim to the commit. Errors say by their class what becomes of the claim.
    pub(super) async fn work_on_chunk(
        &self,
        claim: &Claim,
        place: Place<'_>,
    ) -> PortResult<ChunkEnd> {
        let clock = &*self.ports.clock;
        let context = self.context(&claim.key.job_id).await?;
        let rows = self.read_rows(claim, &context).await?;
        let previous = self.read_previous(claim, &context).await?;
        let mut results: Vec<ResultRow> = rows
            .iter()
            .map(|row| before_asking(row, &context))
            .collect();
        let groups = self.groups(claim, &rows, &previous, &mut results, &context);

        let mut calls = Tally::default();
        let Some(answers) = self
            .ask(claim, &context, &groups, place, &mut calls)
            .await?
        else {
            return Ok(ChunkEnd::Interrupted);
        };
        let opinions = second::opinions(&context, &groups, &answers).await?;
        for ((group, both), second) in groups.iter().zip(&answers).zip(&opinions) {
            for index in &group.rows {
                let (result, is_first) = (&mut results[*index], group.rows[0] == *index);
                settle(result, &both.first, is_first, &context, claim);
                second::settle(result, second, is_first, &context, claim);
            }
        }

        let info = context.model.info();
        let mut writer = ChunkWriter::new(
            &context.columns,
            &context.terms,
            &info.model_id,
            &info.prompt_version,
        )
        .with_price_known(info.price.is_some());
        for (row, result) in rows.iter().zip(&results) {
            match previous.line(row.number) {
                Some(line) => writer.keep(line),
                None => writer.write(&row.fields, result),
            }
        }
        let (bytes, sha256, rows_tally) = writer.finish();
        let mut tally = rows_tally;
        tally += calls;
        tally += previous.tally();

        // I3: the name carries the epoch, so a zombie writes beside and never over.
        let key = &claim.key;
        let name = format!(
            "_work/g{}/{:08}-e{}.csv",
            key.generation, key.chunk, claim.epoch
        );
        let blob = context.spec.output(&name);
        retry(clock, Backoff::STORAGE, || {
            self.ports.blobs.put(&blob, &bytes, false)
        })
        .await?;
        let commit = Commit {
            epoch: claim.epoch,
            blob_key: blob.key.clone(),
            sha256,
            bytes: bytes.len() as u64,
            tally,
        };
        // S11: the same commit said again finds itself.
        let outcome = retry(clock, Backoff::STORAGE, || {
            self.ports.ledger.commit_chunk(claim, &commit)
        })
        .await?;
        if matches!(outcome, CommitOutcome::Committed) {
            let tally = &commit.tally;
            tracing::info!(
                rows = tally.rows,
                failed = tally.failed,
                calls = tally.calls,
                "committed"
            );
            self.metrics.committed(tally);
        }
        Ok(ChunkEnd::Answered(outcome))
    }

    async fn read_rows(&self, claim: &Claim, context: &JobContext) -> PortResult<Vec<Row>> {
        let (range, plan) = (&claim.range, &context.plan);
        let end = range.start + range.read_bytes(&plan.layout);
        let bytes = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports
                .blobs
                .get_range(&plan.source, range.start, end, Some(&plan.source_etag))
        })
        .await?;
        read_chunk(&bytes, &plan.layout, range)
            .map_err(|error| PortError::permanent_job(error.to_string()))
    }

    /// The rows that an earlier generation has answered; none in the first one.
    async fn read_previous(&self, claim: &Claim, context: &JobContext) -> PortResult<PreviousRows> {
        let Some(commit) = &claim.previous else {
            return Ok(PreviousRows::default());
        };
        let blob = BlobRef::new(&context.spec.output_bucket, &commit.blob_key);
        let unusable = |what: String| {
            PortError::permanent_job(format!(
                "{what}; remove {blob} and retry the job: then all rows of chunk {} are done anew",
                claim.key.chunk
            ))
        };
        let read = retry(&*self.ports.clock, Backoff::STORAGE, || {
            self.ports.blobs.get_range(&blob, 0, u64::MAX, None)
        });
        let bytes = match read.await {
            Err(error) if error.class == ErrorClass::PermanentJob => {
                return Err(unusable(error.what));
            }
            read => read?,
        };
        if sha256_hex(&bytes) != commit.sha256 {
            return Err(unusable(format!(
                "{blob} is not what was committed: it was changed or damaged"
            )));
        }
        PreviousRows::read(bytes, &context.columns, &commit.tally).map_err(unusable)
    }

    /// Rows with a text to ask for, equal texts together, in order of first appearance. Poisoned rows fail here, and rows
    /// that were answered before are left out.
    fn groups<'r>(
        &self,
        claim: &Claim,
        rows: &'r [Row],
        previous: &PreviousRows,
        results: &mut [ResultRow],
        context: &JobContext,
    ) -> Vec<Group<'r>> {
        let mut groups: Vec<Group<'r>> = Vec::new();
        let mut known: BTreeMap<AnswerKey, usize> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            let result = &mut results[index];
            if row.fault.is_some() || previous.line(row.number).is_some() {
                continue;
            }
            let prepared = prepare(row.text(&context.plan.layout), context.spec.max_text_chars);
            if prepared.text.is_empty() {
                continue;
            }
            if claim.poisoned_rows.contains(&row.number) {
                result.outcome = Outcome::Failed;
                result.say("row_kills_worker", format!(
                            "row {} (byte {}): the program died several times while working on this row; it was left \
                             out so that its neighbours could be coded",
                            row.number, row.byte
                        ));
                continue;
            }
            if prepared.truncated {
                result.text_truncated = true;
                result.review.insert(ReviewReason::TextTruncated);
            }
            let key = context.keys.key(prepared.text);
            let samples = context.samples.as_ref();
            let sample_key = samples.map(|samples| samples.own.key(prepared.text));
            // An isolated chunk is asked row by row: what one row does must not be put down to another.
            let group = if claim.isolated {
                None
            } else {
                known.get(&key).copied()
            };
            match group {
                Some(group) => groups[group].rows.push(index),
                None => {
                    known.insert(key, groups.len());
                    let text = prepared.text;
                    groups.push(Group {
                        key,
                        sample_key,
                        text,
                        first_row: row.number,
                        rows: vec![index],
                    });
                }
            }
        }
        groups
    }
}

/// What a row is before anybody was asked: empty, failed for its form, or open.
fn before_asking(row: &Row, context: &JobContext) -> ResultRow {
    let mut result = ResultRow::new(row.number, Outcome::Empty);
    for flag in &row.flags {
        result.review.insert(match flag {
            RowFlag::RaggedShort => ReviewReason::RaggedShort,
            RowFlag::RaggedLong => ReviewReason::RaggedLong,
            RowFlag::BadBytesReplaced => ReviewReason::BadBytesReplaced,
            RowFlag::EmptyId => ReviewReason::EmptyId,
            RowFlag::RepeatedHeader => ReviewReason::RepeatedHeader,
        });
    }
    if let Some(fault) = &row.fault {
        result.outcome = Outcome::Failed;
        result.say(fault.name(), fault);
    } else if !row.extra.is_empty() {
        // No column can hold them, and nothing is lost.
        let extra = serde_json::to_string(&row.extra).expect("strings can be encoded");
        let columns = context.columns.input_columns();
        result.say(
            "extra_fields",
            format!(
                "row {} (byte {}): {} more fields than the header's {columns}: {extra}",
                row.number,
                row.byte,
                row.extra.len(),
            ),
        );
    }
    result
}

/// Puts an answer into a row. `is_first`: the row that was asked for; the others share its text.
fn settle(
    result: &mut ResultRow,
    answered: &Answered,
    is_first: bool,
    context: &JobContext,
    claim: &Claim,
) {
    match answered {
        Answered::Answer(paid) => {
            let is_payer =
                context.is_payer(&paid.payer, claim.key.chunk) && paid.payer.row == result.row;
            let info = context.model.info();
            let by = match info.answered_by {
                AnsweredBy::Model if !is_payer => AnsweredBy::PaidAnswer,
                by => by,
            };
            result.answered_by = Some(by);
            result.request_id.clone_from(&paid.request_id);
            if is_payer {
                (result.usage, result.cost, result.attempts) =
                    (paid.usage, paid.cost, paid.attempts);
            }
            let sufficient = paid.answer.sufficient_information;
            result.outcome = if sufficient {
                Outcome::Coded
            } else {
                Outcome::Insufficient
            };
            result.answer = paid.answer.clone();
            review_answer(result, context);
        }
        Answered::Failed {
            kind,
            reason,
            kept,
            usage,
            cost,
            attempts,
        } => {
            let info = context.model.info();
            result.outcome = Outcome::Failed;
            result.answer = kept.clone();
            result.answered_by = Some(info.answered_by);
            if is_first {
                (result.usage, result.cost, result.attempts) = (*usage, *cost, *attempts);
            }
            result.say(kind, format!("row {}: {reason}", result.row));
        }
    }
}

fn review_answer(result: &mut ResultRow, context: &JobContext) {
    let answer = &result.answer;
    let is_low = |problem: &Problem| {
        let below = context.spec.review_below;
        answer
            .suggestions(*problem)
            .first()
            .is_some_and(|s| below.is_some_and(|b| s.confidence < b))
    };
    let is_heading = |problem: &Problem| {
        let primary = answer.suggestions(*problem).first();
        primary.is_some_and(|s| context.terms.has_codes_below(&s.code))
    };
    // Of jobs that were made before there was the rule, all rows are marked as the first ones were.
    let marks_headings = context.review_rules >= 1;
    let problems = context.spec.problem_type.problems();
    let reasons = [
        (answer.evidence_not_found, ReviewReason::EvidenceNotFound),
        (answer.repaired, ReviewReason::RepairedAnswer),
        (
            !answer.sufficient_information,
            ReviewReason::InsufficientInformation,
        ),
        (problems.iter().any(is_low), ReviewReason::LowConfidence),
        (
            marks_headings && problems.iter().any(is_heading),
            ReviewReason::HeadingCode,
        ),
    ];
    result.review.extend(
        reasons
            .into_iter()
            .filter(|(applies, _)| *applies)
            .map(|(_, reason)| reason),
    );
}
