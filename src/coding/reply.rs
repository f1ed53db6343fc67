//! An answer that was written down instead of handed to the tool: models that cannot be forced to call a tool do that
//! now and then, and the answer is as good as any other.

use serde_json::Value;

/// The tool's input, if `text` holds one JSON object of its form: bare, in a code fence, or with prose around it.
///
/// Its form is an object with a list `incidents` of objects that each have an integer `index`. Everything else is
/// checked where all answers are.
pub fn tool_input_in(text: &str) -> Option<Value> {
    let object = &text[text.find('{')?..=text.rfind('}')?];
    let input: Value = serde_json::from_str(object).ok()?;
    let incidents = input.get("incidents")?.as_array()?;
    let is_incident = |incident: &Value| incident.get("index").is_some_and(Value::is_u64);
    (!incidents.is_empty() && incidents.iter().all(is_incident)).then_some(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &str = r#"{"incidents":[{"index":0,"sufficient_information":false}]}"#;

    #[test]
    fn an_object_of_the_form_is_taken_bare_fenced_or_within_prose() {
        let fenced = format!("Here are the codes:\n```json\n{INPUT}\n```\nDone.");
        for text in [INPUT, &format!(" {INPUT}\n"), &fenced] {
            assert_eq!(
                tool_input_in(text).unwrap()["incidents"][0]["index"],
                0,
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_no_answer() {
        for text in [
            "",
            "}{",
            "I cannot code this.",
            "{\"incidents\":[]}",
            "{\"incidents\":\"none\"}",
            "{\"incidents\":[{\"code\":\"A01\"}]}",
            "{\"incidents\":[{\"index\":0}]",
            &format!("{INPUT} or {INPUT}"),
        ] {
            assert_eq!(tool_input_in(text), None, "{text}");
        }
    }
}
