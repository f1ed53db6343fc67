//! What is said of the whole: job.json, manifest and summary among each other, and the summary against the rows.

use std::collections::BTreeMap;

use csv::ByteRecord;

use super::report::Notes;
use super::{Check, Known};
use crate::core::identity::job_id;
use crate::core::money::{NanoUsd, Usage};
use crate::core::outcome::{AnsweredBy, Outcome};
use crate::core::spec::JobSpec;
use crate::report::stats::StatsReader;
use crate::report::summary::Summary;
use crate::results::ResultColumns;
use crate::terms::TermTable;

/// job.json, manifest.json and summary.json are of one job, and the summary balances.
pub(super) fn check_job(known: &Known, notes: &mut Notes) {
    let (owner, manifest) = (&known.owner, &known.manifest);
    let id = owner.job_id.as_str();
    let due = job_id(&owner.spec);
    notes.expect(Check::Job, owner.job_id == due, || {
        format!("job.json says {id}, and the identity of its spec is {due}")
    });
    notes.looked(Check::Job, format!("{id} is the identity of its spec"));
    notes.expect(Check::Manifest, manifest.job_id == id, || {
        "manifest.json is of another job than job.json".to_string()
    });
    let version = &owner.spec.input_version;
    notes.expect(Check::Manifest, manifest.input_version == *version, || {
        "manifest.json names another version of the input than job.json".to_string()
    });
    if let Some(digest) = version.strip_prefix("sha256:") {
        let is_same = manifest.input.sha256 == digest || manifest.input.sha256.is_empty();
        notes.expect(Check::Manifest, is_same, || {
            "manifest.json has another SHA-256 of the input than job.json".to_string()
        });
    }
    notes.looked(Check::Manifest, format!("the job is {}", manifest.status));
    if let Some(summary) = &known.summary {
        check_summary(known, summary, notes);
    }
}

fn check_summary(known: &Known, summary: &Summary, notes: &mut Notes) {
    let id = known.owner.job_id.as_str();
    let mut expect = |holds: bool, what: &str| {
        notes.expect(Check::Summary, holds, || format!("summary.json {what}"));
    };
    let spec = serde_json::from_value::<JobSpec>(summary.spec.clone());
    let is_of_job = summary.job_id == id && spec.is_ok_and(|spec| job_id(&spec).as_str() == id);
    expect(is_of_job, "is of another job than job.json");
    expect(
        summary.status == known.manifest.status,
        "has another status than manifest.json",
    );
    expect(
        summary.partial == known.is_partial() || summary.total_records == 0,
        "does not say of partial results that they are partial",
    );
    if summary.partial {
        notes.looked(
            Check::Summary,
            "the job was stopped: nothing has to balance",
        );
        return;
    }
    let of = |outcome: Outcome| summary.outcomes.get(outcome.name()).copied().unwrap_or(0);
    let sum = Outcome::ALL
        .into_iter()
        .map(of)
        .fold(0, u64::saturating_add);
    let balance = &summary.balance;
    let is_balanced = balance.balances
        && balance.rows_in == balance.rows_out
        && balance.rows_in == sum
        && summary.total_records == sum;
    expect(
        is_balanced,
        "does not balance: rows in = coded + insufficient + empty + failed",
    );
    let status = match of(Outcome::Failed) {
        0 => "COMPLETED",
        _ => "COMPLETED_WITH_ERRORS",
    };
    expect(
        summary.status == status,
        "has a status that does not go with its failed rows",
    );
    notes.looked(
        Check::Summary,
        format!("{sum} rows in, {sum} with one outcome each"),
    );
}

/// What the rows add up to.
pub(super) struct Sums {
    stats: StatsReader,
    usage: [Option<usize>; 4],
    cost: Option<usize>,
    answered_by: Option<usize>,
    used: Usage,
    spent: NanoUsd,
    reused: u64,
}

impl Sums {
    pub(super) fn new(columns: &ResultColumns) -> Sums {
        let tokens = [
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
        ];
        Sums {
            stats: StatsReader::new(columns),
            usage: tokens.map(|name| columns.own(name)),
            cost: columns.own("cost_usd"),
            answered_by: columns.own("answered_by"),
            used: Usage::default(),
            spent: NanoUsd::ZERO,
            reused: 0,
        }
    }

    pub(super) fn row(&mut self, row: u64, record: &ByteRecord, notes: &mut Notes) {
        self.stats.count(record);
        let text = |at: Option<usize>| {
            let bytes = at.and_then(|at| record.get(at)).unwrap_or_default();
            std::str::from_utf8(bytes).unwrap_or("\u{FFFD}")
        };
        self.reused += u64::from(text(self.answered_by) == AnsweredBy::PaidAnswer.name());
        let tokens = self.usage.map(|at| text(at).parse::<u64>().ok());
        // Empty where the price is not known.
        let cost = match text(self.cost) {
            "" => Some(NanoUsd::ZERO),
            cost => cost.parse::<NanoUsd>().ok(),
        };
        match (tokens, cost) {
            ([Some(input), Some(output), Some(read), Some(write)], Some(cost)) => {
                self.used += Usage {
                    input_tokens: input,
                    output_tokens: output,
                    cache_read_tokens: read,
                    cache_write_tokens: write,
                };
                self.spent += cost;
            }
            _ => notes.problem(
                Check::Cost,
                format!("row {row}: tokens or cost are no numbers"),
            ),
        }
    }
}

/// The summary's figures, counted again.
pub(super) fn check_counts(
    known: &Known,
    columns: &ResultColumns,
    sums: Sums,
    terms: Option<&TermTable>,
    notes: &mut Notes,
) {
    let Some(summary) = &known.summary else {
        return;
    };
    let Sums {
        stats,
        used,
        spent,
        reused,
        ..
    } = sums;
    let stats = stats.finish();
    let mut expect = |holds: bool, what: String| {
        notes.expect(Check::Counts, holds, || format!("summary.json: {what}"));
    };
    for outcome in Outcome::ALL {
        let (name, rows) = (outcome.name(), stats.tally.of(outcome));
        let said = summary.outcomes.get(name).copied().unwrap_or_default();
        expect(
            said == rows,
            format!("{said} rows {name}, there are {rows}"),
        );
    }
    let (said, rows) = (summary.review_rows, stats.tally.review);
    expect(
        said == rows,
        format!("{said} rows for review, there are {rows}"),
    );
    expect(
        summary.review == stats.review,
        "other reasons for review than the rows have".to_string(),
    );
    expect(
        summary.errors == stats.errors,
        "other errors than the rows have".to_string(),
    );
    expect(
        summary.answered_by == stats.answered_by,
        "others answered than the rows say".to_string(),
    );
    expect(
        summary.partial || summary.paid_answers_reused == reused,
        format!(
            "{} paid answers reused, there are {reused}",
            summary.paid_answers_reused
        ),
    );
    for problem in columns.problem_type().problems() {
        let name = problem.name();
        let said = summary.code_distribution.get(name).into_iter().flatten();
        let mut counts = BTreeMap::new();
        let mut terms_fit = true;
        for count in said {
            counts.insert(count.code.clone(), count.rows);
            let term = terms.and_then(|terms| terms.by_code(&count.code));
            terms_fit &= term.is_none_or(|term| term.term() == count.term);
        }
        let rows = stats.codes.get(problem).cloned().unwrap_or_default();
        expect(
            counts == rows && terms_fit,
            format!("another distribution of {name} codes than the rows have"),
        );
    }
    notes.looked(
        Check::Counts,
        "outcomes, reviews, errors, answers and codes, counted again",
    );
    check_cost(summary, &used, spent, notes);
}

fn check_cost(summary: &Summary, rows: &Usage, spent: NanoUsd, notes: &mut Notes) {
    let over = &summary.overhead;
    let mut expect = |holds: bool, what: String| {
        notes.expect(Check::Cost, holds, || format!("summary.json: {what}"));
    };
    for (what, total, rows, over) in [
        (
            "input",
            summary.total_input_tokens,
            rows.input_tokens,
            over.input_tokens,
        ),
        (
            "output",
            summary.total_output_tokens,
            rows.output_tokens,
            over.output_tokens,
        ),
    ] {
        expect(
            rows.checked_add(over) == Some(total),
            format!("{total} {what} tokens in all, rows have {rows} and overhead {over}"),
        );
    }
    // The summary does not say what of the overhead were cache tokens.
    let has_overhead = over.input_tokens > 0 || over.output_tokens > 0;
    for (what, total, rows) in [
        ("read", summary.cache_read_tokens, rows.cache_read_tokens),
        ("write", summary.cache_write_tokens, rows.cache_write_tokens),
    ] {
        expect(
            total == rows || has_overhead && total > rows,
            format!("{total} cache {what} tokens in all, rows have {rows}"),
        );
    }
    let overhead = over.cost_usd.parse::<NanoUsd>();
    let total = summary.total_estimated_cost.as_deref();
    match (total.map(str::parse::<NanoUsd>), overhead) {
        (None, Ok(overhead)) => expect(
            spent + overhead == NanoUsd::ZERO && summary.price_used.is_none(),
            "no cost, and rows have one".to_string(),
        ),
        (Some(Ok(total)), Ok(overhead)) => expect(
            spent + overhead == total,
            format!("{total} US dollars in all, rows have {spent} and overhead {overhead}"),
        ),
        _ => expect(false, "its costs are no amounts".to_string()),
    }
    let said = total.map_or("cost not known".to_string(), |cost| {
        format!("{cost} US dollars, rows and overhead together")
    });
    notes.looked(Check::Cost, said);
}
