//! Who is told of jobs that end: flags and variables, and what is wrong with them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;

use clap::Args;

use super::check::{given, named};
use crate::core::notice::Target;
use crate::notices::{BusName, Secret, TopicArn, WebhookUrl};

/// A flag's value that shows itself nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

impl FromStr for Hidden {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Hidden, Infallible> {
        Ok(Hidden(text.to_string()))
    }
}

/// A receiver of webhooks, of a fleet or of one run.
#[derive(Debug, Clone, Default, Args)]
pub struct WebhookArgs {
    /// Tell this receiver of each job that ends, by HTTPS (see docs/NOTICES.md)
    #[arg(
        long = "notify-webhook-url",
        visible_alias = "notify-webhook",
        value_name = "URL",
        env = "ANNEXA_NOTIFY_WEBHOOK_URL",
        hide_env_values = true
    )]
    pub notify_webhook_url: Option<Hidden>,
    /// Sign what it is told with this secret, whsec_...; as a variable nobody sees it in a list of processes
    #[arg(
        long = "notify-webhook-secret",
        value_name = "SECRET",
        env = "ANNEXA_NOTIFY_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    pub notify_webhook_secret: Option<Hidden>,
}

/// Who is told of jobs that end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyConfig {
    /// A bus of EventBridge.
    pub event_bus: Option<BusName>,
    /// A topic of SNS.
    pub topic: Option<TopicArn>,
    /// A receiver of webhooks.
    pub webhook: Option<WebhookConfig>,
    /// Who is asked for and cannot be told as things are set, with all that is wrong. Empty where [`super::FleetArgs::check`]
    /// was content.
    pub left_out: BTreeMap<Target, Vec<String>>,
}

/// A receiver of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where it is.
    pub url: WebhookUrl,
    /// What it is signed with; none: it is not.
    pub secret: Option<Secret>,
}

impl WebhookArgs {
    /// What they say; none: no webhook.
    ///
    /// # Errors
    /// All that is wrong, without any value.
    pub fn check(&self) -> Result<Option<WebhookConfig>, Vec<String>> {
        let (url_is, secret_is) = ("ANNEXA_NOTIFY_WEBHOOK_URL", "ANNEXA_NOTIFY_WEBHOOK_SECRET");
        let mut problems = Vec::new();
        let url = self.notify_webhook_url.as_ref().and_then(Hidden::given);
        let secret = self.notify_webhook_secret.as_ref().and_then(Hidden::given);
        if url.is_none() && secret.is_some() {
            problems.push(format!(
                "{} is set, and {} is not: name the receiver, too",
                named(secret_is),
                named(url_is)
            ));
        }
        let url = read::<WebhookUrl>(url_is, url, &mut problems);
        let secret = read::<Secret>(secret_is, secret, &mut problems);
        match problems.is_empty() {
            true => Ok(url.map(|url| WebhookConfig { url, secret })),
            false => Err(problems),
        }
    }
}

impl Hidden {
    fn given(&self) -> Option<&str> {
        let text = self.0.trim();
        (!text.is_empty()).then_some(text)
    }
}

fn read<T: FromStr<Err: std::fmt::Display>>(
    variable: &str,
    text: Option<&str>,
    problems: &mut Vec<String>,
) -> Option<T> {
    text?
        .parse()
        .inspect_err(|wrong| problems.push(format!("{}: {wrong}", named(variable))))
        .ok()
}

/// All three together.
pub(super) fn check(
    event_bus: &Option<String>,
    topic: &Option<String>,
    webhook: &WebhookArgs,
) -> NotifyConfig {
    let mut left_out = BTreeMap::new();
    let mut leave_out = |target, problems: Vec<String>| {
        if !problems.is_empty() {
            left_out.insert(target, problems);
        }
    };
    let mut problems = Vec::new();
    let event_bus = read("ANNEXA_NOTIFY_EVENT_BUS", given(event_bus), &mut problems);
    leave_out(Target::EventBus, std::mem::take(&mut problems));
    let topic = read("ANNEXA_NOTIFY_TOPIC_ARN", given(topic), &mut problems);
    leave_out(Target::Topic, problems);
    let webhook = webhook.check().unwrap_or_else(|problems| {
        leave_out(Target::Webhook, problems);
        None
    });
    NotifyConfig {
        event_bus,
        topic,
        webhook,
        left_out,
    }
}
