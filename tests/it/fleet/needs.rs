//! What a request to AWS is, and which IAM actions it needs on which resources: by the table infra/checks/actions.json.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::s3;
use crate::aws::emulator::REGION;

/// The account that the emulator says it is.
pub const ACCOUNT: &str = "000000000000";
/// Under this path the recorder plays the container agent of ECS.
pub const AGENT: &str = "/agent";
/// A Region to which a profile may send a call besides the one that is called.
pub const OTHER_REGION: &str = "us-west-2";
/// What ids of inference profiles begin with.
const GEOGRAPHIES: [&str; 8] = ["us", "eu", "apac", "au", "jp", "in", "us-gov", "global"];
/// Where the table says this, an action is needed only if the object is not there: without it S3 answers 403 and not 404.
const IF_ABSENT: &str = "bucket, where it is not there";

/// An IAM action on a resource, with what conditions may ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub action: String,
    pub resource: String,
    pub context: BTreeMap<&'static str, Vec<String>>,
}

/// A request as it stands on the wire.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `sqs`, `dynamodb`, `s3`, `bedrockruntime`, `eventbridge`, `sns`, `cloudformation` or `ecs`.
    pub service: &'static str,
    /// The operation, as the API names it.
    pub operation: String,
    /// The request's JSON; null where it has none.
    pub request: Value,
    /// What it needs.
    pub needs: Vec<Need>,
    /// What it needs besides if the answer says that the object is not there.
    pub needs_if_absent: Vec<Need>,
}

type Table = BTreeMap<String, BTreeMap<String, Vec<(String, String)>>>;

/// The table, by service and operation: actions and what they are on.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let text = include_str!("../../../infra/checks/actions.json");
        let all: Value = serde_json::from_str(text).unwrap();
        serde_json::from_value(all["services"].clone()).unwrap()
    })
}

impl Asked {
    /// What `parts` and `body` ask for.
    pub fn of(parts: &Parts, body: &[u8]) -> Asked {
        let path = parts.uri.path();
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let json = || serde_json::from_slice(body).unwrap_or_default();
        let target = header("x-amz-target").and_then(|target| target.split_once('.'));
        let is_form = header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
        let (service, operation, request) = match target {
            Some(("AmazonSQS", operation)) => ("sqs", operation.to_string(), json()),
            Some(("AWSEvents", operation)) => ("eventbridge", operation.to_string(), json()),
            Some((_, operation)) => ("dynamodb", operation.to_string(), json()),
            None if path.starts_with(AGENT) => ("ecs", agent_operation(&parts.method), json()),
            None if path.starts_with("/model/") => {
                ("bedrockruntime", model_operation(path), json())
            }
            None if is_form && form(body, "TopicArn").starts_with("arn:") => {
                ("sns", form(body, "Action"), Value::Null)
            }
            None if is_form => ("cloudformation", form(body, "Action"), Value::Null),
            None => ("s3", s3::operation(parts).to_string(), Value::Null),
        };
        let mut asked = Asked {
            service,
            operation,
            request,
            needs: Vec::new(),
            needs_if_absent: Vec::new(),
        };
        let rows = table()
            .get(service)
            .and_then(|rows| rows.get(&asked.operation));
        let Some(rows) = rows else {
            // Not in the table: nobody may do it.
            let action = format!("{service}:{}", asked.operation);
            asked
                .needs
                .push(need(&action, "not in the table".into(), None));
            return asked;
        };
        for (action, on) in rows {
            let found = match service {
                "s3" => s3::needs(action, on, parts),
                "sqs" => vec![need(action, queue_arn(&asked.request), None)],
                "dynamodb" => table_needs(action, on, &asked.request),
                "bedrockruntime" => model_needs(action, path),
                "eventbridge" => {
                    let entries = asked.request["Entries"].as_array().into_iter().flatten();
                    let bus = |entry: &Value| bus_arn(&text(&entry["EventBusName"]));
                    entries
                        .map(|entry| need(action, bus(entry), None))
                        .collect()
                }
                "sns" => vec![need(action, form(body, "TopicArn"), None)],
                "cloudformation" => {
                    let stack = form(body, "StackName");
                    let arn = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/id");
                    vec![need(action, arn, None)]
                }
                _ => {
                    let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task{path}");
                    vec![need(action, arn.replace(AGENT, ""), None)]
                }
            };
            match on == IF_ABSENT {
                true => asked.needs_if_absent.extend(found),
                false => asked.needs.extend(found),
            }
        }
        asked
    }
}

pub(super) fn need(
    action: &str,
    resource: String,
    more: Option<(&'static str, Vec<String>)>,
) -> Need {
    let mut context = BTreeMap::from([("aws:RequestedRegion", vec![REGION.to_string()])]);
    context.extend(more);
    Need {
        action: action.to_string(),
        resource,
        context,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The value of `name` in a query or a form.
pub(super) fn of_query(query: &str, name: &str) -> Option<String> {
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decoded(value))
}

fn form(body: &[u8], name: &str) -> String {
    of_query(&String::from_utf8_lossy(body), name).unwrap_or_default()
}

fn agent_operation(method: &Method) -> String {
    let operation = if method == Method::PUT {
        "UpdateTaskProtection"
    } else {
        "GetTaskProtection"
    };
    operation.to_string()
}

fn model_operation(path: &str) -> String {
    match path.rsplit('/').next() {
        Some("converse") => "Converse".to_string(),
        other => other.unwrap_or_default().to_string(),
    }
}

/// A bus by its name.
fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")
}

/// The queue of a request to SQS.
fn queue_arn(request: &Value) -> String {
    let url = text(&request["QueueUrl"]);
    let mut last = url.rsplit('/');
    let (name, account) = match request["QueueName"].as_str() {
        Some(name) => (
            name,
            request["QueueOwnerAWSAccountId"]
                .as_str()
                .unwrap_or(ACCOUNT),
        ),
        None => (
            last.next().unwrap_or_default(),
            last.next().unwrap_or_default(),
        ),
    };
    format!("arn:aws:sqs:{REGION}:{account}:{name}")
}

/// Needs of a request to DynamoDB: each with the partition keys that it touches.
fn table_needs(action: &str, on: &str, request: &Value) -> Vec<Need> {
    let one = |table: &Value, keys: Option<Vec<String>>| {
        let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", text(table));
        need(action, arn, keys.map(|keys| ("dynamodb:LeadingKeys", keys)))
    };
    let pk = |item: &Value| text(&item["pk"]["S"]);
    let key_of = |part: &Value| match part["Item"].is_null() {
        true => pk(&part["Key"]),
        false => pk(&part["Item"]),
    };
    if on != "table" {
        let items = request["TransactItems"].as_array().into_iter().flatten();
        let ours = items.filter_map(|item| item.get(on));
        return ours
            .map(|part| one(&part["TableName"], Some(vec![key_of(part)])))
            .collect();
    }
    if let Some(tables) = request["RequestItems"].as_object() {
        let of_table = tables.iter().map(|(table, part)| {
            let keys = part["Keys"].as_array().into_iter().flatten().map(pk);
            one(&Value::from(table.as_str()), Some(keys.collect()))
        });
        return of_table.collect();
    }
    let keys = match action {
        "dynamodb:Scan" => None,
        "dynamodb:Query" => Some(vec![text(
            &request["ExpressionAttributeValues"][":pk"]["S"],
        )]),
        _ => Some(vec![key_of(request)]),
    };
    vec![one(&request["TableName"], keys)]
}

/// Needs of a call of a model: through a profile the profile, and the model in every Region that it may choose.
fn model_needs(action: &str, path: &str) -> Vec<Need> {
    let id = decoded(path.split('/').nth(2).unwrap_or_default());
    let model = |region: &str, id: &str, more| {
        let mut need = need(
            action,
            format!("arn:aws:bedrock:{region}::foundation-model/{id}"),
            more,
        );
        need.context
            .insert("aws:RequestedRegion", vec![region.to_string()]);
        need
    };
    match id.split_once('.') {
        Some((geography, behind)) if GEOGRAPHIES.contains(&geography) => {
            let profile = format!("arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/{id}");
            let through = || Some(("bedrock:InferenceProfileArn", vec![profile.clone()]));
            vec![
                need(action, profile.clone(), None),
                model(REGION, behind, through()),
                model(OTHER_REGION, behind, through()),
            ]
        }
        _ => vec![model(REGION, &id, None)],
    }
}
