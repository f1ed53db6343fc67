//! The roles of infra/fleet.yaml, and whether they allow what a request needs: as much of IAM's rules as they use.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use super::needs::Need;
use super::place::python;

/// A statement that allows something.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    pub sid: String,
    pub effect: String,
    pub action: Vec<String>,
    pub resource: Vec<String>,
    #[serde(default)]
    pub condition: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What somebody may do.
#[derive(Debug, Clone, Default)]
pub struct Role(pub Vec<Statement>);

/// All roles of the template under `parameters`, with `imports` from the storage stack, by their logical ids.
pub fn roles(parameters: &Value, imports: &Value) -> BTreeMap<String, Role> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/checks/roles.py");
    let mut resolving = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = serde_json::json!({"parameters": parameters, "imports": imports}).to_string();
    resolving
        .stdin
        .take()
        .unwrap()
        .write_all(asked.as_bytes())
        .unwrap();
    let resolved = resolving.wait_with_output().unwrap();
    assert!(resolved.status.success(), "its own words stand above");
    let roles: BTreeMap<String, Vec<Statement>> = serde_json::from_slice(&resolved.stdout).unwrap();
    roles
        .into_iter()
        .map(|(name, statements)| (name, Role(statements)))
        .collect()
}

impl Role {
    /// Whether it allows `need`.
    pub fn allows(&self, need: &Need) -> bool {
        self.0
            .iter()
            .any(|statement| !statement.allowing(need).is_empty())
    }

    /// The parts of it that `needs` make use of: statement and action, statement and resource.
    pub fn used<'n>(&self, needs: impl Iterator<Item = &'n Need>) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for need in needs {
            for statement in &self.0 {
                for resource in statement.allowing(need) {
                    used.insert(format!("{} {}", statement.sid, need.action));
                    used.insert(format!("{} {resource}", statement.sid));
                }
            }
        }
        used
    }

    /// All parts of it.
    pub fn parts(&self) -> BTreeSet<String> {
        let of = |statement: &Statement| {
            let parts = statement.action.iter().chain(&statement.resource);
            parts
                .map(|part| format!("{} {part}", statement.sid))
                .collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }
}

impl Statement {
    /// Its resources that allow `need`.
    fn allowing(&self, need: &Need) -> Vec<&str> {
        assert_eq!(
            self.effect, "Allow",
            "{}: nothing else is weighed here",
            self.sid
        );
        if !self.action.contains(&need.action)
            || !self
                .condition
                .iter()
                .all(|(operator, keys)| holds(operator, keys, need))
        {
            return Vec::new();
        }
        let fitting = self
            .resource
            .iter()
            .filter(|pattern| is_like(pattern, &need.resource));
        fitting.map(String::as_str).collect()
    }
}

/// Whether all `keys` of a condition are as its operator wants them. A key that a request has not fails but for `Null`
/// and `ForAllValues` (IAM user guide, condition operators).
fn holds(operator: &str, keys: &BTreeMap<String, Value>, need: &Need) -> bool {
    keys.iter().all(|(key, wanted)| {
        let wanted: Vec<&str> = match wanted {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let has = need.context.get(key.as_str());
        let is = |fits: fn(&str, &str) -> bool| {
            move |value: &String| wanted.iter().any(|pattern| fits(pattern, value))
        };
        match operator {
            "Null" => wanted_null(&keys[key]) == has.is_none(),
            "StringEquals" => {
                has.is_some_and(|has| has.iter().any(is(|pattern, value| pattern == value)))
            }
            "StringLike" | "ArnLike" => has.is_some_and(|has| has.iter().any(is(is_like))),
            "ForAllValues:StringLike" => has.is_none_or(|has| has.iter().all(is(is_like))),
            other => panic!("the condition operator {other} is not weighed here: add it"),
        }
    })
}

fn wanted_null(value: &Value) -> bool {
    value == "true" || value == &Value::Bool(true)
}

/// Whether `text` is as `pattern` says: `*` stands for any characters, `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| is_like(rest, &text[at..]))
        }
        '?' => text
            .chars()
            .next()
            .is_some_and(|one| is_like(rest, &text[one.len_utf8()..])),
        _ => text
            .strip_prefix(first)
            .is_some_and(|left| is_like(rest, left)),
    }
}

#[test]
fn patterns_and_conditions_are_weighed_as_iam_does() {
    for (pattern, text, fits) in [
        ("*", "", true),
        (
            "arn:aws:s3:::b/*_work/g*.csv",
            "arn:aws:s3:::b/results/j/_work/g0/00000000-e1.csv",
            true,
        ),
        (
            "arn:aws:s3:::b/*_work/g*.csv",
            "arn:aws:s3:::b/results/j/chunks/00000000.csv",
            false,
        ),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/key", false),
        ("A#*", "JOB#A#", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
    ] {
        assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
    }
    let need = Need {
        action: "dynamodb:GetItem".into(),
        resource: "t".into(),
        context: BTreeMap::from([(
            "dynamodb:LeadingKeys",
            vec!["JOB#1".to_string(), "A#1".to_string()],
        )]),
    };
    let keys = |key: &str, wanted: Value| BTreeMap::from([(key.to_string(), wanted)]);
    let leading = |wanted| {
        holds(
            "ForAllValues:StringLike",
            &keys("dynamodb:LeadingKeys", wanted),
            &need,
        )
    };
    assert!(leading(serde_json::json!(["JOB#*", "A#*"])));
    assert!(
        !leading(serde_json::json!(["JOB#*"])),
        "each value has to fit"
    );
    assert!(holds(
        "ForAllValues:StringLike",
        &keys("absent", "x".into()),
        &need
    ));
    assert!(!holds("StringEquals", &keys("absent", "x".into()), &need));
    assert!(holds("Null", &keys("absent", "true".into()), &need));
    assert!(!holds(
        "Null",
        &keys("dynamodb:LeadingKeys", "true".into()),
        &need
    ));
}
