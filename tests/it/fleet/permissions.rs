//! The roles of infra/fleet.yaml, held to what the fleet does: each service, and the commands of people, ask AWS through
//! a proxy that lets through what their role allows. What is asked and not allowed fails the test, and so does what is
//! allowed and never asked, but for [`UNSEEN`].

use std::collections::BTreeMap;

use annexa::adapters::sim_bedrock::{Latency, Settings};
use serde_json::{Value, json};

use super::errands::{Errands, OPERATOR};
use super::needs::{ACCOUNT, OTHER_REGION};
use super::place::FleetPlace;
use super::policy::{Role, roles};
use super::recorder::Recorder;
use crate::aws::emulator::{REGION, unique};
use crate::bedrock::place::MODEL;
use crate::cli::harness::sample;

/// A model that is asked by its own id; the catalogue does not know it, and the simulator takes it.
pub const DIRECT: &str = "anthropic.claude-direct-v1:0";

/// Who has which role.
const WHO: [(&str, &str); 4] = [
    ("splitter", "SplitterTaskRole"),
    ("worker", "WorkerTaskRole"),
    ("aggregator", "AggregatorTaskRole"),
    (OPERATOR, "OperatorPolicy"),
];

/// Parts of a role that no request of the run shows.
struct Unseen {
    /// The role; `*`: each.
    role: &'static str,
    /// Each the statement's name, a blank, and an action, or how resources begin.
    parts: &'static [&'static str],
    /// Why it is there all the same: what AWS does with it, or which call takes it that only a fault brings about (its file
    /// and what stands there).
    why: Why,
}

enum Why {
    Aws(&'static str),
    Fault(&'static str, &'static str, &'static str),
    Same(&'static str),
}

const MULTIPART: &str = "src/adapters/aws/s3/multipart.rs";
const ABORT: &str = ".abort_multipart_upload()";

const UNSEEN: [Unseen; 10] = [
    Unseen {
        role: "*",
        parts: &[
            "KeyThroughServices kms:Decrypt",
            "KeyThroughServices kms:DescribeKey",
            "KeyThroughServices kms:Encrypt",
            "KeyThroughServices kms:GenerateDataKey",
            "KeyThroughServices kms:GenerateDataKeyWithoutPlaintext",
            "KeyThroughServices kms:ReEncryptFrom",
            "KeyThroughServices kms:ReEncryptTo",
            "KeyThroughServices arn:",
            "OtherKeysThroughS3 kms:Decrypt",
            "OtherKeysThroughS3 arn:",
        ],
        why: Why::Aws("S3, SQS and DynamoDB use the key in the caller's name"),
    },
    Unseen {
        role: "AggregatorTaskRole",
        parts: &[
            "GiveUpOutputs s3:AbortMultipartUpload",
            "GiveUpOutputs arn:",
        ],
        why: Why::Fault(
            "the writing of an output over 8 MiB breaks off",
            MULTIPART,
            ABORT,
        ),
    },
    Unseen {
        role: "OperatorPolicy",
        parts: &[
            "GiveUpUploads s3:AbortMultipartUpload",
            "GiveUpUploads arn:",
        ],
        why: Why::Fault("an upload over 8 MiB breaks off", MULTIPART, ABORT),
    },
    Unseen {
        role: "OperatorPolicy",
        parts: &["DropFiles s3:PutObject", "DropFiles arn:"],
        why: Why::Aws("people drop files with aws s3 cp"),
    },
    Unseen {
        role: "*",
        parts: &["TellGoneFromForbidden arn:aws:s3:::inputs-"],
        why: Why::Same("as the inbox bucket, where an input is gone"),
    },
    Unseen {
        role: "*",
        parts: &["TellGoneFromForbidden arn:aws:s3:::terms-"],
        why: Why::Same("as the inbox bucket, where terms are gone"),
    },
    Unseen {
        role: "*",
        parts: &["ReadPinnedVersions arn:aws:s3:::terms-"],
        why: Why::Same("as the bucket of inputs, which keeps versions here"),
    },
    Unseen {
        role: "WorkerTaskRole",
        parts: &["ReadInputsAndTerms arn:aws:s3:::inputs-"],
        why: Why::Same("as the bucket of terms, which keeps no versions here"),
    },
    Unseen {
        role: "WorkerTaskRole",
        parts: &["AskModels arn:"],
        why: Why::Same("one list of models for both ways of asking"),
    },
    Unseen {
        role: "WorkerTaskRole",
        parts: &["AskModelsBehindProfiles arn:"],
        why: Why::Same("one list of models for both ways of asking"),
    },
];

/// The roles as the template has them for this fleet.
fn roles_of(fleet: &FleetPlace, inputs: &str, terms: &str) -> BTreeMap<String, Role> {
    let name = fleet.var("ANNEXA_TABLE");
    let base = MODEL.split_once('.').unwrap().1;
    let models = [
        format!("arn:aws:bedrock:{REGION}::foundation-model/{base}"),
        format!("arn:aws:bedrock:{OTHER_REGION}::foundation-model/{base}"),
        format!("arn:aws:bedrock:{REGION}::foundation-model/{DIRECT}"),
    ];
    let parameters = json!({
        "FleetName": name,
        "StorageStack": format!("{name}-storage"),
        "InboxPrefix": fleet.var("ANNEXA_INBOX_PREFIX"),
        "FoundationModelArns": models.join(","),
        "InferenceProfileArns": format!("arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/{MODEL}"),
        "NotifyEventBus": fleet.var("ANNEXA_NOTIFY_EVENT_BUS"),
        "NotifyTopicArn": fleet.var("ANNEXA_NOTIFY_TOPIC_ARN"),
        "InputBucket": inputs,
        "TermsBucket": terms,
        "AWS_AccountId": ACCOUNT,
        "AWS_Region": REGION,
        "AWS_StackName": format!("{name}-fleet"),
    });
    let imports = Value::from_iter(fleet.outputs());
    roles(&parameters, &imports)
}

/// A fleet whose services and people are held to their roles.
fn held() -> (FleetPlace, Recorder, BTreeMap<String, Role>, [String; 2]) {
    let settings = Settings {
        latency: Latency::fixed(200),
        ..Settings::default()
    };
    let mut fleet = FleetPlace::new(settings, 4);
    for (name, value) in [
        ("ANNEXA_LEASE_S", 3),
        ("ANNEXA_SWEEP_S", 1),
        ("ANNEXA_DRAIN_S", 8),
    ] {
        fleet.set(name, value);
    }
    fleet.set("DEFAULT_MODEL_ID", MODEL);
    fleet.set("ANNEXA_NOTIFY_EVENT_BUS", "default");
    fleet.set("ANNEXA_NOTIFY_TOPIC_ARN", fleet.make_topic());
    let buckets = [unique("inputs"), unique("terms")];
    fleet.make_bucket(&buckets[0], true);
    fleet.make_bucket(&buckets[1], false);
    let roles = roles_of(&fleet, &buckets[0], &buckets[1]);
    let recorder = Recorder::default();
    for (who, role) in WHO {
        fleet.hold(who, roles[role].clone(), &recorder);
    }
    (fleet, recorder, roles, buckets)
}

#[test]
fn the_fleet_does_all_it_does_under_its_roles_and_needs_all_that_they_hold() {
    let (fleet, recorder, roles, [inputs, terms]) = held();
    let errands = Errands {
        fleet: &fleet,
        recorder: &recorder,
        inputs: &inputs,
        terms: &terms,
    };
    errands.run();
    let seen = recorder.take();
    let mut wrong = Vec::new();
    for (who, name) in WHO {
        let role = &roles[name];
        let asked = seen.iter().filter(|exchange| exchange.who == who);
        let needs: Vec<_> = asked.flat_map(|exchange| &exchange.needs).collect();
        assert!(!needs.is_empty(), "{who} asks for nothing");
        let mut lacking: Vec<String> = needs
            .iter()
            .filter(|need| !role.allows(need))
            .map(|need| {
                format!(
                    "{name} lacks {} on {} ({:?})",
                    need.action, need.resource, need.context
                )
            })
            .collect();
        lacking.sort();
        lacking.dedup();
        wrong.extend(lacking);
        let used = role.used(needs.into_iter());
        for part in role.parts().difference(&used) {
            if !UNSEEN.iter().any(|unseen| unseen.is_about(name, part)) {
                wrong.push(format!("{name} holds what nothing asked for: {part}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a part of a role is the one that is meant: resources by how they begin, actions whole.
fn is_part(own: &str, part: &str) -> bool {
    match own.contains(" arn:") {
        true => part.starts_with(own),
        false => part == own,
    }
}

impl Unseen {
    fn is_about(&self, role: &str, part: &str) -> bool {
        (self.role == "*" || self.role == role) && self.parts.iter().any(|own| is_part(own, part))
    }
}

#[test]
fn what_is_held_unseen_is_in_a_role_and_its_calls_are_in_the_code() {
    let (.., roles, _) = held();
    for unseen in &UNSEEN {
        for own in unseen.parts {
            let is_held = WHO.iter().any(|(_, name)| {
                let is_here = unseen.role == "*" || unseen.role == *name;
                is_here && roles[*name].parts().iter().any(|part| is_part(own, part))
            });
            assert!(is_held, "{own} is in no role {}", unseen.role);
        }
        match unseen.why {
            Why::Aws(why) | Why::Same(why) => assert!(!why.is_empty()),
            Why::Fault(why, file, call) => {
                let code =
                    std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR")))
                        .unwrap();
                assert!(code.contains(call), "{file} has no {call}: {why}");
            }
        }
    }
}

#[test]
fn without_an_action_the_proxy_refuses_as_aws_does_and_the_service_says_which_to_allow() {
    let (mut fleet, recorder, roles, _) = held();
    for (taken, says) in [
        ("sqs:GetQueueAttributes", "sqs:GetQueueAttributes"),
        ("s3:ListBucket", "s3:ListBucket"),
        ("dynamodb:Query", "access denied: allow the role"),
    ] {
        let mut role = roles["AggregatorTaskRole"].clone();
        for statement in &mut role.0 {
            statement.action.retain(|action| action != taken);
        }
        fleet.hold("aggregator", role, &recorder);
        let ran = fleet.start("aggregator").end();
        assert_eq!(ran.code, 64, "without {taken}: {}", ran.err);
        assert!(ran.err.contains(says), "without {taken}: {}", ran.err);
    }
}

#[test]
fn outputs_in_a_bucket_that_is_not_the_fleet_s_are_refused_with_the_permission_that_is_missing() {
    let (fleet, _, _, [inputs, _]) = held();
    fleet.place.write("a.csv", sample(2));
    let output = format!("s3://{inputs}/out/");
    let ran = fleet.annexa(OPERATOR, &["submit", "a.csv", "--output", &output]);
    ran.refused(64, &[&inputs, "s3:PutObject"]);
}
