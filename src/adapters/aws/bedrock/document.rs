//! JSON as the SDK has it, for everybody else.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

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

    #[test]
    fn numbers_come_through_exactly() {
        for (number, value) in [
            (Number::PosInt(0), json!(0)),
            (Number::NegInt(-3), json!(-3)),
            (Number::PosInt(u64::MAX), json!(u64::MAX)),
            (Number::Float(0.1), json!(0.1)),
            (Number::Float(0.953), json!(0.953)),
            (Number::Float(1.0), json!(1.0)),
        ] {
            assert_eq!(to_value(&Document::Number(number)), value);
        }
    }
}
