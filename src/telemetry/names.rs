//! The names of all metrics: what each service may write, and in which unit. Alarms and the dashboard are made from this
//! list (`annexa generate metrics`, docs/metrics.json), so a metric that is not in it has no place in a line.

use serde_json::{Map, Value, json};

/// Under which all metrics are found.
pub(super) const NAMESPACE: &str = "Annexa";

/// What every metric is told apart by.
pub(super) const DIMENSIONS: [&str; 2] = ["Fleet", "Service"];

/// Name and CloudWatch unit.
type Named = (&'static str, &'static str);

/// Of every service: what its queue brings, and what becomes of it.
const CONSUMER: [Named; 10] = [
    ("Received", "Count"),
    ("Released", "Count"),
    ("Buried", "Count"),
    ("UnknownOutcomes", "Count"),
    ("Troubles", "Count"),
    ("ReceiveErrors", "Count"),
    ("Abandoned", "Count"),
    ("InHand", "Count"),
    ("OldestMessageAge", "Seconds"),
    ("BacklogPerWorker", "Count"),
];

const SPLITTER: [Named; 5] = [
    ("JobsCreated", "Count"),
    ("JobsRefused", "Count"),
    ("ArrivalsRepeated", "Count"),
    ("ArrivalsIgnored", "Count"),
    ("ArrivalsUnknown", "Count"),
];

const WORKER: [Named; 16] = [
    ("Rows", "Count"),
    ("RowsFailed", "Count"),
    ("PaidAnswersReused", "Count"),
    ("Chunks", "Count"),
    ("Quarantined", "Count"),
    ("Calls", "Count"),
    ("Retries", "Count"),
    ("Throttles", "Count"),
    ("InputTokens", "Count"),
    ("OutputTokens", "Count"),
    ("CacheReadTokens", "Count"),
    ("CacheWriteTokens", "Count"),
    ("CostUsd", "None"),
    ("Duplicates", "Count"),
    ("LostClaims", "Count"),
    ("LaneUse", "Percent"),
];

const AGGREGATOR: [Named; 8] = [
    ("LiveJobs", "Count"),
    ("PausedJobs", "Count"),
    ("LongestStall", "Seconds"),
    ("JobsEnded", "Count"),
    ("JobsFailed", "Count"),
    ("NoticesSent", "Count"),
    ("NoticesFailed", "Count"),
    ("NoticesGivenUp", "Count"),
];

/// The services and what each has beside [`CONSUMER`].
const SERVICES: [(&str, &[Named]); 3] = [
    ("splitter", &SPLITTER),
    ("worker", &WORKER),
    ("aggregator", &AGGREGATOR),
];

/// Whether `service` may write a metric of this name and unit.
pub(super) fn is_named(service: &str, name: &str, unit: &str) -> bool {
    let own = SERVICES.iter().find(|(known, _)| *known == service);
    let own = own.map_or(&[] as &[Named], |(_, own)| own);
    CONSUMER
        .iter()
        .chain(own)
        .any(|named| *named == (name, unit))
}

/// All of them, as `annexa generate metrics` prints them.
pub fn as_json() -> Value {
    let services = SERVICES.iter().map(|(service, own)| {
        let named = CONSUMER.iter().chain(*own);
        let named = named.map(|(name, unit)| (name.to_string(), Value::from(*unit)));
        (
            service.to_string(),
            Value::from(named.collect::<Map<_, _>>()),
        )
    });
    json!({
        "namespace": NAMESPACE,
        "dimensions": DIMENSIONS,
        "services": services.collect::<Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::metrics::COUNTS;
    use super::*;

    #[test]
    fn docs_metrics_json_is_what_the_program_prints() {
        let kept: Value = serde_json::from_str(include_str!("../../docs/metrics.json")).unwrap();
        assert_eq!(
            kept,
            as_json(),
            "write it anew: annexa generate metrics > docs/metrics.json"
        );
    }

    #[test]
    fn the_page_on_configuration_names_every_metric_with_its_unit() {
        let page = include_str!("../../docs/CONFIGURATION.md");
        let rows: Vec<Vec<&str>> = page
            .lines()
            .filter(|line| line.starts_with("| "))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        let all = SERVICES
            .iter()
            .flat_map(|(_, own)| CONSUMER.iter().chain(*own));
        for (name, unit) in all {
            let is_told =
                |row: &Vec<&str>| row[1].split(", ").any(|told| told == *name) && row[2] == *unit;
            assert!(
                rows.iter().any(is_told),
                "{name} in {unit} is not on the page"
            );
        }
    }

    #[test]
    fn every_count_of_the_code_is_some_service_s_metric() {
        for (_, name, unit) in COUNTS {
            let is_of = |(service, _): &(&str, _)| is_named(service, name, unit);
            assert!(SERVICES.iter().any(is_of), "{name}");
        }
        assert!(
            !is_named("splitter", "CostUsd", "None"),
            "a splitter pays for nothing"
        );
        assert!(
            !is_named("worker", "CostUsd", "Count"),
            "the unit counts, too"
        );
    }
}
