//! A fleet whose services and people are held to their roles: each asks AWS through a proxy of its own.

use std::collections::BTreeMap;

use super::needs::AGENT;
use super::place::FleetPlace;
use super::policy::Role;
use super::recorder::{Proxy, Recorder};
use crate::aws::emulator::Emulator;
use crate::cli::harness::Ran;

impl FleetPlace {
    /// From now on `who` asks AWS and Bedrock through a proxy of its own, which lets through what `role` allows.
    pub fn hold(&mut self, who: &str, role: Role, recorder: &Recorder) {
        let proxy = Proxy {
            who: who.to_string(),
            aws: Emulator::shared().endpoint().to_string(),
            bedrock: Some(self.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"].clone()),
            role: Some(role),
        };
        let address = self.runtime.block_on(recorder.start_proxy(proxy));
        self.proxies.insert(who.to_string(), address);
    }

    /// The environment of `who`.
    pub(super) fn env_of(&self, who: &str) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        if let Some(address) = self.proxies.get(who) {
            for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] {
                env.insert(name.to_string(), address.clone());
            }
            let agent = format!("{address}{AGENT}/{}/{who}", self.env["ANNEXA_TABLE"]);
            env.insert("ECS_AGENT_URI".to_string(), agent);
        }
        env
    }

    /// Runs `annexa` as `who`, to its end.
    pub fn annexa(&self, who: &str, args: &[&str]) -> Ran {
        let env = self.env_of(who);
        let variables: Vec<(&str, &str)> = env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.place.annexa_with(&variables, args)
    }

    /// The outputs of the storage stack.
    pub fn outputs(&self) -> BTreeMap<String, String> {
        let cloudformation = aws_sdk_cloudformation::Client::new(&Emulator::shared().sdk());
        let describe = cloudformation.describe_stacks();
        let describe = describe.stack_name(format!("{}-storage", self.env["ANNEXA_TABLE"]));
        let stacks = self
            .runtime
            .block_on(describe.send())
            .expect("the stack is there")
            .stacks;
        let outputs = stacks
            .into_iter()
            .flatten()
            .flat_map(|stack| stack.outputs.unwrap_or_default());
        let pair = |output: aws_sdk_cloudformation::types::Output| {
            Some((output.output_key?, output.output_value?))
        };
        outputs.filter_map(pair).collect()
    }

    /// A variable of the services.
    pub fn var(&self, name: &str) -> &str {
        &self.env[name]
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, bucket: &str, keeps_versions: bool) {
        use aws_sdk_s3::types::{BucketVersioningStatus::Enabled, VersioningConfiguration};
        let make = self.s3.create_bucket().bucket(bucket).send();
        let versions = VersioningConfiguration::builder().status(Enabled).build();
        let keep = self.s3.put_bucket_versioning().bucket(bucket);
        let keep = keep.versioning_configuration(versions);
        self.runtime.block_on(async {
            make.await.expect("a bucket can be made");
            if keeps_versions {
                keep.send().await.expect("versions can be kept");
            }
        });
    }

    /// Removes an object with all its versions.
    pub fn forget(&self, bucket: &str, key: &str) {
        let list = self.s3.list_object_versions().bucket(bucket).prefix(key);
        self.runtime.block_on(async {
            let found = list.send().await.expect("versions can be listed");
            for version in found.versions() {
                let delete = self.s3.delete_object().bucket(bucket).key(key);
                let delete = delete.set_version_id(version.version_id().map(str::to_string));
                delete.send().await.expect("a version can be removed");
            }
        });
    }
}
