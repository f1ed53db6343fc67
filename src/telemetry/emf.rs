//! One line of CloudWatch's embedded metric format: a JSON object that the logs of a container carry and CloudWatch
//! makes metrics of (AWS: "Specification: Embedded metric format").

use serde_json::{Map, Value, json};

use super::names::{DIMENSIONS, NAMESPACE};

/// A metric and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// One of CloudWatch's units.
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

/// The line, without its end. At most 100 metrics, all finite.
pub(super) fn line(fleet: &str, service: &str, now_ms: u64, metrics: &[Metric]) -> String {
    let declared: Vec<Value> = metrics
        .iter()
        .map(|metric| json!({ "Name": metric.name, "Unit": metric.unit }))
        .collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_string(),
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [DIMENSIONS],
                "Metrics": declared,
            }],
        }),
    );
    for (dimension, value) in DIMENSIONS.into_iter().zip([fleet, service]) {
        root.insert(dimension.to_string(), value.into());
    }
    for metric in metrics {
        root.insert(metric.name.to_string(), number(metric.value));
    }
    Value::from(root).to_string()
}

/// Whole numbers without a decimal point.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of the specification's schema that bear on our lines.
    fn check(line: &str) {
        assert!(!line.contains('\n') && line.len() < 256 * 1024);
        let root: Value = serde_json::from_str(line).unwrap();
        assert!(root["_aws"]["Timestamp"].is_u64());
        let directives = root["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        for directive in directives {
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!((1..=1024).contains(&namespace.len()));
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!((1..=30).contains(&set.len()));
                for dimension in set {
                    let target = &root[dimension.as_str().unwrap()];
                    assert!(!target.as_str().unwrap().is_empty());
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!(metrics.len() <= 100);
            for metric in metrics {
                assert!(root[metric["Name"].as_str().unwrap()].is_number());
                let units = ["Seconds", "Count", "Percent", "None"];
                assert!(units.contains(&metric["Unit"].as_str().unwrap()));
            }
        }
    }

    #[test]
    fn a_line_is_valid_embedded_metric_format() {
        let metric = |name, unit, value| Metric { name, unit, value };
        let text = line(
            "annexa",
            "worker",
            1_767_225_600_000,
            &[
                metric("Rows", "Count", 200.0),
                metric("CostUsd", "None", 0.0125),
                metric("LaneUse", "Percent", 97.5),
            ],
        );
        check(&text);
        assert_eq!(
            text,
            r#"{"_aws":{"Timestamp":1767225600000,"CloudWatchMetrics":[{"Namespace":"Annexa","Dimensions":[["Fleet","Service"]],"Metrics":[{"Name":"Rows","Unit":"Count"},{"Name":"CostUsd","Unit":"None"},{"Name":"LaneUse","Unit":"Percent"}]}]},"Fleet":"annexa","Service":"worker","Rows":200,"CostUsd":0.0125,"LaneUse":97.5}"#
        );
    }
}
