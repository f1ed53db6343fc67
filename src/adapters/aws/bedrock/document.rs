//! JSON as the SDK has it, and as everybody else has it.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

/// `value` for the SDK, its objects written in the order of `value`.
///
/// The SDK keeps objects in hash maps, each seeded anew, and writes them in the order of their buckets: two processes
/// would write the same tool in two ways, and a prompt cache takes them for two prompts. A map is therefore built again
/// until its order is the wanted one (for four fields about 24 times); a clone keeps it.
pub(super) fn to_document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(bool) => Document::Bool(*bool),
        Value::Number(number) => Document::Number(to_number(number)),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(to_document).collect()),
        Value::Object(fields) => {
            // Once: a child that is built anew with each try would multiply the tries.
            let children: Vec<Document> = fields.values().map(to_document).collect();
            loop {
                let named = fields.keys().cloned().zip(children.iter().cloned());
                let map: std::collections::HashMap<String, Document> = named.collect();
                if map.keys().eq(fields.keys()) {
                    return Document::Object(map);
                }
            }
        }
    }
}

fn to_number(number: &serde_json::Number) -> Number {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(positive), _, _) => Number::PosInt(positive),
        (None, Some(negative), _) => Number::NegInt(negative),
        (None, None, float) => Number::Float(float.unwrap_or_default()),
    }
}

/// `document` as everybody else has it; numbers exact, fields in alphabetical order (the order they came in is lost).
pub(super) fn to_value(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(bool) => Value::Bool(*bool),
        Document::Number(Number::PosInt(number)) => Value::from(*number),
        Document::Number(Number::NegInt(number)) => Value::from(*number),
        Document::Number(Number::Float(number)) => Value::from(*number),
        Document::String(text) => Value::String(text.clone()),
        Document::Array(items) => Value::Array(items.iter().map(to_value).collect()),
        Document::Object(fields) => {
            let sorted: std::collections::BTreeMap<&String, &Document> = fields.iter().collect();
            let fields = sorted
                .into_iter()
                .map(|(name, value)| (name.clone(), to_value(value)));
            Value::Object(fields.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order(document: &Document) -> Vec<String> {
        match document {
            Document::Object(fields) => fields
                .iter()
                .flat_map(|(name, value)| std::iter::once(name.clone()).chain(order(value)))
                .collect(),
            Document::Array(items) => items.iter().flat_map(order).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn objects_keep_their_order_also_in_clones() {
        let value = json!({"type": "object", "properties": {"d": 1, "c": [{"z": 1, "y": 2}], "b": 3, "a": 4}, "required": []});
        let wanted = [
            "type",
            "properties",
            "d",
            "c",
            "z",
            "y",
            "b",
            "a",
            "required",
        ];
        for _ in 0..20 {
            let document = to_document(&value);
            assert_eq!(order(&document), wanted);
            assert_eq!(order(&document.clone()), wanted);
        }
    }

    #[test]
    fn numbers_come_through_exactly() {
        for value in [
            json!(0),
            json!(-3),
            json!(u64::MAX),
            json!(0.1),
            json!(0.953),
            json!(1.0),
        ] {
            assert_eq!(to_value(&to_document(&value)), value);
        }
    }
}
