//! The one tool that a model answers with, and what its input looks like (DESIGN §6, Model request).

use serde_json::{Value, json};

use super::validate::MAX_SUGGESTIONS;
use crate::core::problem::ProblemType;

/// The tool's name.
pub const TOOL_NAME: &str = "record_codes";

/// What the model is told of the tool.
pub const TOOL_DESCRIPTION: &str = "Records the codes of all incidents of the message. Call it once, with one entry for each incident.";

/// The JSON schema of the tool's input: only the lists of the asked problem types are in it.
///
/// Not strict: Bedrock refuses strict schemas for some models and accounts (FACTS §1, structured answers), so answers
/// are checked by [`validate`](super::validate::validate). In an entry evidence and rationale come before the code,
/// because models write fields in the order of the schema and reasons should come before what they lead to.
pub fn tool_schema(problem_type: ProblemType) -> Value {
    let mut incident = json!({
        "index": {"type": "integer", "minimum": 0, "description": "The incident's index"},
        "sufficient_information": {
            "type": "boolean",
            "description": "False only if the text gives nothing that could be coded; all lists are empty then"
        },
    });
    let mut required = vec!["index", "sufficient_information"];
    for problem in problem_type.problems() {
        incident[problem.name()] = json!({
            "type": "array",
            "maxItems": MAX_SUGGESTIONS,
            "items": entry(),
            "description": "The primary code first",
        });
        required.push(problem.name());
    }
    json!({
        "type": "object",
        "properties": {
            "incidents": {
                "type": "array",
                "description": "One entry for each incident",
                "items": {
                    "type": "object",
                    "properties": incident,
                    "required": required,
                    "additionalProperties": false,
                },
            },
        },
        "required": ["incidents"],
        "additionalProperties": false,
    })
}

fn entry() -> Value {
    json!({
        "type": "object",
        "properties": {
            "evidence": {"type": "string", "description": "Verbatim quotation of the incident's text, short"},
            "rationale": {"type": "string", "description": "One short sentence"},
            "code": {"type": "string", "description": "A code of the list"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["evidence", "rationale", "code", "confidence"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::problem::Problem;

    fn incident(problem_type: ProblemType) -> Value {
        tool_schema(problem_type)["properties"]["incidents"]["items"].clone()
    }

    #[test]
    fn only_the_asked_problem_types_are_in_the_schema() {
        for problem_type in [
            ProblemType::Product,
            ProblemType::Patient,
            ProblemType::Both,
        ] {
            let schema = incident(problem_type);
            for problem in Problem::ALL {
                let asked = problem_type.asks(problem);
                let name = Value::from(problem.name());
                assert_eq!(schema["properties"].get(problem.name()).is_some(), asked);
                assert_eq!(
                    schema["required"].as_array().unwrap().contains(&name),
                    asked
                );
            }
        }
    }

    #[test]
    fn a_list_takes_four_entries_and_no_object_takes_more_than_is_named() {
        let schema = incident(ProblemType::Patient);
        let list = &schema["properties"]["patient"];
        assert_eq!(list["maxItems"], 4);
        for object in [
            &tool_schema(ProblemType::Patient),
            &schema,
            &list["items"].clone(),
        ] {
            assert_eq!(object["additionalProperties"], false);
            let named: Vec<&String> = object["properties"].as_object().unwrap().keys().collect();
            assert_eq!(object["required"].as_array().unwrap().len(), named.len());
        }
        assert_eq!(schema["properties"]["index"]["type"], "integer");
    }
}
