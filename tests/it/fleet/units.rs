//! What requests cost: DynamoDB's units by item size, and list prices.
//!
//! Units: "Amazon DynamoDB Developer Guide", Capacity unit consumption, and Item sizes and formats. Prices: us-east-1,
//! on demand, standard class, from the price pages of the three services (November 2026: UNVERIFIED against a bill).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::recorder::Exchange;

/// USD for a million write request units.
const WRITE_UNITS_MILLION_USD: f64 = 0.625;
/// USD for a million read request units.
const READ_UNITS_MILLION_USD: f64 = 0.125;
/// USD for a million SQS requests of up to 64 KB, standard queues.
const SQS_MILLION_USD: f64 = 0.40;
/// USD for a thousand PUT, COPY, POST and LIST requests to S3.
const S3_PUT_THOUSAND_USD: f64 = 0.005;
/// USD for a thousand GET, HEAD and other requests to S3; DELETE is free.
const S3_GET_THOUSAND_USD: f64 = 0.0004;

/// What a run used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bill {
    pub write_units: f64,
    pub read_units: f64,
    pub sqs_requests: f64,
    pub s3_puts: f64,
    pub s3_gets: f64,
    /// Requests by service and operation.
    pub requests: BTreeMap<String, u64>,
}

impl Bill {
    /// What `exchanges` come to. `sizes` are the sizes of items at the end of the run, by their keys: what an update
    /// costs goes by the whole item, which is not in its request.
    pub fn of(exchanges: &[Exchange], sizes: &BTreeMap<String, usize>) -> Bill {
        let mut bill = Bill::default();
        for exchange in exchanges {
            let operation = exchange.operation.as_str();
            *bill
                .requests
                .entry(format!("{}:{operation}", exchange.service))
                .or_default() += 1;
            match exchange.service {
                "sqs" => bill.sqs_requests += 1.0,
                "s3" => match operation {
                    "DeleteObject" | "DeleteObjects" | "AbortMultipartUpload" => {}
                    "GetObject" | "HeadObject" | "HeadBucket" => bill.s3_gets += 1.0,
                    _ => bill.s3_puts += 1.0,
                },
                _ => bill.dynamodb(operation, exchange, sizes),
            }
        }
        bill
    }

    fn dynamodb(&mut self, operation: &str, exchange: &Exchange, sizes: &BTreeMap<String, usize>) {
        let (request, answer) = (&exchange.request, &exchange.answer);
        let stored = |key: &Value| sizes.get(&key_of(key)).copied().unwrap_or(1);
        match operation {
            "PutItem" => self.write_units += written(item_bytes(&request["Item"])),
            "UpdateItem" | "DeleteItem" => self.write_units += written(stored(&request["Key"])),
            "TransactWriteItems" => {
                for action in request["TransactItems"].as_array().unwrap() {
                    let (kind, action) = action.as_object().unwrap().iter().next().unwrap();
                    let bytes = match kind.as_str() {
                        "Put" => item_bytes(&action["Item"]),
                        _ => stored(&action["Key"]),
                    };
                    self.write_units += 2.0 * written(bytes);
                }
            }
            "BatchWriteItem" => {
                for requests in request["RequestItems"].as_object().unwrap().values() {
                    for one in requests.as_array().unwrap() {
                        let put = &one["PutRequest"]["Item"];
                        self.write_units += match put.is_null() {
                            true => written(stored(&one["DeleteRequest"]["Key"])),
                            false => written(item_bytes(put)),
                        };
                    }
                }
            }
            "GetItem" => {
                let share = consistency(&request["ConsistentRead"]);
                self.read_units += share * read(item_bytes(&answer["Item"]));
            }
            "BatchGetItem" => {
                for (table, asked) in request["RequestItems"].as_object().unwrap() {
                    let share = consistency(&asked["ConsistentRead"]);
                    let keys = asked["Keys"].as_array().unwrap().len();
                    let found = answer["Responses"][table]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    // What is not there costs as much as the smallest item.
                    let missing = keys.saturating_sub(found.len()) as f64;
                    let there: f64 = found.iter().map(|item| read(item_bytes(item))).sum();
                    self.read_units += share * (missing + there);
                }
            }
            "TransactGetItems" => {
                let found = answer["Responses"].as_array().cloned().unwrap_or_default();
                let units: f64 = found.iter().map(|one| read(item_bytes(&one["Item"]))).sum();
                self.read_units += 2.0 * units;
            }
            "Query" | "Scan" => {
                let share = consistency(&request["ConsistentRead"]);
                let items = answer["Items"].as_array().cloned().unwrap_or_default();
                self.read_units += share * read(items.iter().map(item_bytes).sum());
            }
            "DescribeTable" | "DescribeTimeToLive" => {}
            other => panic!("what does {other} cost?"),
        }
    }

    /// The same for one more row, from two runs that differ in their rows only.
    pub fn slope(few: &Bill, many: &Bill, rows: f64) -> Bill {
        let per_row = |few: f64, many: f64| (many - few) / rows;
        Bill {
            write_units: per_row(few.write_units, many.write_units),
            read_units: per_row(few.read_units, many.read_units),
            sqs_requests: per_row(few.sqs_requests, many.sqs_requests),
            s3_puts: per_row(few.s3_puts, many.s3_puts),
            s3_gets: per_row(few.s3_gets, many.s3_gets),
            requests: BTreeMap::new(),
        }
    }

    /// At list price.
    pub fn usd(&self) -> f64 {
        self.parts_usd().iter().map(|(_, usd)| usd).sum()
    }

    /// At list price, part by part.
    pub fn parts_usd(&self) -> [(&'static str, f64); 5] {
        [
            (
                "DynamoDB write units",
                self.write_units * WRITE_UNITS_MILLION_USD / 1e6,
            ),
            (
                "DynamoDB read units",
                self.read_units * READ_UNITS_MILLION_USD / 1e6,
            ),
            ("SQS requests", self.sqs_requests * SQS_MILLION_USD / 1e6),
            (
                "S3 PUT, COPY, POST, LIST",
                self.s3_puts * S3_PUT_THOUSAND_USD / 1e3,
            ),
            ("S3 GET, HEAD", self.s3_gets * S3_GET_THOUSAND_USD / 1e3),
        ]
    }
}

/// Write units: one for each begun kilobyte.
fn written(bytes: usize) -> f64 {
    bytes.max(1).div_ceil(1_024) as f64
}

/// Read units of a consistent read: one for each begun four kilobytes.
fn read(bytes: usize) -> f64 {
    bytes.max(1).div_ceil(4_096) as f64
}

fn consistency(consistent: &Value) -> f64 {
    if consistent == &Value::Bool(true) {
        1.0
    } else {
        0.5
    }
}

/// An item as it is on the wire.
pub fn as_json(item: &HashMap<String, AttributeValue>) -> Value {
    let attributes = item.iter().map(|(name, value)| (name.clone(), wire(value)));
    Value::Object(attributes.collect())
}

fn wire(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        // Only its length counts.
        AttributeValue::B(bytes) => json!({"B": "A".repeat(bytes.as_ref().len().div_ceil(3) * 4)}),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::M(map) => json!({"M": as_json(map)}),
        AttributeValue::L(list) => json!({"L": list.iter().map(wire).collect::<Vec<_>>()}),
        _ => json!({"NULL": true}),
    }
}

/// A name for a key.
pub fn key_of(item: &Value) -> String {
    let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_string();
    format!("{}/{}", part("pk"), part("sk"))
}

/// The size of an item as DynamoDB counts it: names and values.
pub fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    let text = || value.as_str().unwrap_or_default().len();
    match kind.as_str() {
        "S" => text(),
        // Base64 on the wire.
        "B" => text() / 4 * 3,
        // Two digits a byte, one more for the number, one for a sign.
        "N" => text().div_ceil(2) + 2,
        "M" => 3 + item_bytes(value) + value.as_object().map_or(0, |map| map.len()),
        "L" => {
            let elements = value.as_array().into_iter().flatten();
            3 + elements
                .map(|element| 1 + value_bytes(element))
                .sum::<usize>()
        }
        "BOOL" | "NULL" => 1,
        other => panic!("the size of a {other} is not known"),
    }
}

#[test]
fn items_are_measured_as_the_developer_guide_says() {
    let item = serde_json::json!({"pk": {"S": "ab"}, "n": {"N": "1234"}, "b": {"B": "AAAA"}, "t": {"BOOL": true}});
    assert_eq!(item_bytes(&item), (2 + 2) + (1 + 4) + (1 + 3) + (1 + 1));
    assert_eq!(
        [written(1), written(1_024), written(1_025)],
        [1.0, 1.0, 2.0]
    );
    assert_eq!([read(0), read(4_096), read(4_097)], [1.0, 1.0, 2.0]);
}
