//! The sections of an artifact: reports, vocabulary and linear model as bytes and back.
//!
//! Lists of ascending numbers are kept as gaps, and what compresses alike stands together: first all counts, then all
//! numbers, then all small values.

use super::bytes::{Source, put_count, put_f32, put_strings};
use super::corpus::Report;
use super::error::PrecedentsError;
use super::linear::{Label, Linear, Weight};
use super::vocabulary::{Posting, Vocabulary};
use crate::core::problem::Problem;

/// Columns of ids, texts, event types, product codes and patient codes.
pub(super) fn write_reports(reports: &[&Report], to: &mut Vec<u8>) {
    put_count(to, reports.len());
    put_strings(to, reports.iter().map(|report| report.id.as_str()));
    put_strings(to, reports.iter().map(|report| report.text.as_str()));
    put_strings(to, reports.iter().map(|report| report.event_type.as_str()));
    for problem in Problem::ALL {
        let joined: Vec<String> = reports.iter().map(|r| r.codes(problem).join(";")).collect();
        put_strings(to, joined.iter().map(String::as_str));
    }
}

/// What [`write_reports`] wrote.
pub(super) fn read_reports(source: &mut Source<'_>) -> Result<Vec<Report>, PrecedentsError> {
    let count = source.count(1)?;
    let (ids, texts) = (source.strings(count)?, source.strings(count)?);
    let (event_types, products) = (source.strings(count)?, source.strings(count)?);
    let patients = source.strings(count)?;
    let split = |joined: &str| -> Vec<String> {
        joined
            .split(';')
            .filter(|code| !code.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let report = |at: usize| Report {
        id: ids[at].to_owned(),
        text: texts[at].to_owned(),
        product: split(products[at]),
        patient: split(patients[at]),
        event_type: event_types[at].to_owned(),
    };
    Ok((0..count).map(report).collect())
}

/// Hashes, how many reports each occurs in, which, and how often.
pub(super) fn write_vocabulary(vocabulary: &Vocabulary, to: &mut Vec<u8>) {
    put_count(to, vocabulary.len());
    for hash in &vocabulary.hashes {
        to.extend_from_slice(&hash.to_le_bytes());
    }
    for ends in vocabulary.starts.windows(2) {
        put_count(to, (ends[1] - ends[0]) as usize);
    }
    for ends in vocabulary.starts.windows(2) {
        let mut next = 0;
        for posting in &vocabulary.postings[ends[0] as usize..ends[1] as usize] {
            put_count(to, (posting.report - next) as usize);
            next = posting.report + 1;
        }
    }
    to.extend(vocabulary.postings.iter().map(|posting| posting.count));
}

/// What [`write_vocabulary`] wrote, of a corpus of `reports` reports.
pub(super) fn read_vocabulary(
    source: &mut Source<'_>,
    reports: usize,
) -> Result<Vocabulary, PrecedentsError> {
    let features = source.count(8)?;
    let mut hashes: Vec<u64> = Vec::with_capacity(features);
    for _ in 0..features {
        let hash = source.u64()?;
        if hashes.last().is_some_and(|last| *last >= hash) {
            return Err(source.wrong("features that do not ascend".into()));
        }
        hashes.push(hash);
    }
    let starts = read_starts(source, features)?;
    let mut postings = Vec::with_capacity(starts[features] as usize);
    for ends in starts.windows(2) {
        let mut next = 0usize;
        for _ in ends[0]..ends[1] {
            let report = next.saturating_add(source.number()?);
            if report >= reports {
                return Err(source.wrong(format!("report {report} of {reports}")));
            }
            postings.push(Posting {
                report: report as u32,
                count: 1,
            });
            next = report + 1;
        }
    }
    for (posting, &count) in postings
        .iter_mut()
        .zip(source.take(starts[features] as usize)?)
    {
        posting.count = count;
    }
    Ok(Vocabulary::new(hashes, starts, postings, reports))
}

/// The lengths of `lists` lists, as the places where they start. The lists' items take a byte at least.
fn read_starts(source: &mut Source<'_>, lists: usize) -> Result<Vec<u32>, PrecedentsError> {
    let mut starts = Vec::with_capacity(lists + 1);
    let mut start = 0usize;
    starts.push(0);
    for _ in 0..lists {
        start = start.saturating_add(source.number()?);
        if start > source.left_bytes() {
            return Err(source.wrong(format!("lists of {start} items and no room for them")));
        }
        starts.push(start as u32);
    }
    Ok(starts)
}

/// Labels, how many weights each feature has, for which labels, and their steps.
pub(super) fn write_linear(linear: &Linear, to: &mut Vec<u8>) {
    put_count(to, linear.labels.len());
    put_count(to, linear.products);
    put_strings(to, linear.labels.iter().map(|label| label.code.as_str()));
    for label in &linear.labels {
        put_f32(to, label.bias);
        put_f32(to, label.step);
    }
    for ends in linear.starts.windows(2) {
        put_count(to, (ends[1] - ends[0]) as usize);
    }
    for ends in linear.starts.windows(2) {
        let mut next = 0;
        for weight in &linear.weights[ends[0] as usize..ends[1] as usize] {
            put_count(to, usize::from(weight.label - next));
            next = weight.label + 1;
        }
    }
    to.extend(linear.weights.iter().map(|weight| weight.steps as u8));
}

/// What [`write_linear`] wrote, for a vocabulary of `features` features.
pub(super) fn read_linear(
    source: &mut Source<'_>,
    features: usize,
) -> Result<Linear, PrecedentsError> {
    let count = source.count(9)?;
    let products = source.number()?;
    if products > count || count > usize::from(u16::MAX) {
        return Err(source.wrong(format!("{products} product labels of {count} labels")));
    }
    let codes = source.strings(count)?;
    let mut labels = Vec::with_capacity(count);
    for code in codes {
        let (bias, step) = (source.f32()?, source.f32()?);
        labels.push(Label {
            code: code.to_owned(),
            bias,
            step,
        });
    }
    for side in [&labels[..products], &labels[products..]] {
        if side.windows(2).any(|pair| pair[0].code >= pair[1].code) {
            return Err(source.wrong("labels that do not ascend".into()));
        }
    }
    let starts = read_starts(source, features)?;
    let mut weights = Vec::with_capacity(starts[features] as usize);
    for ends in starts.windows(2) {
        let mut next = 0usize;
        for _ in ends[0]..ends[1] {
            let label = next.saturating_add(source.number()?);
            if label >= count {
                return Err(source.wrong(format!("label {label} of {count}")));
            }
            weights.push(Weight {
                label: label as u16,
                steps: 0,
            });
            next = label + 1;
        }
    }
    for (weight, &steps) in weights
        .iter_mut()
        .zip(source.take(starts[features] as usize)?)
    {
        weight.steps = steps as i8;
    }
    Ok(Linear {
        labels,
        products,
        starts,
        weights,
    })
}
