//! `mdm-server webhook`.

use super::{client::Client, host::Host, show};
use anyhow::bail;
use clap::Subcommand;
use mdm_server_core::{event::EventKind, store::AttemptResult};
use mdm_server_http::api::webhooks::{AttemptView, NewWebhookView, WebhookView};
use mdm_terminal::escape::Escaped;
use serde_json::json;
use std::fmt::Write as _;

#[derive(Subcommand)]
pub(super) enum Webhook {
    /// Add a webhook. Its signing secret is shown only once.
    Add {
        /// The URL of the receiver, such as https://example.com/hook.
        webhook_url: String,
        /// A kind of event, such as command.failed. Can be given more than once. By default all events.
        #[arg(long = "event", value_name = "KIND")]
        events: Vec<EventKind>,
        /// A group of devices. Can be given more than once. By default all devices.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        #[command(flatten)]
        host: Host,
    },
    /// List the webhooks with their state.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Remove a webhook.
    Remove {
        /// The webhook's id.
        webhook: String,
        #[command(flatten)]
        host: Host,
    },
    /// Send a test message now.
    Test {
        /// The webhook's id.
        webhook: String,
        #[command(flatten)]
        host: Host,
    },
}

impl Webhook {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add {
                webhook_url,
                events,
                groups,
                host,
            } => {
                let client = Client::new(&host)?;
                let groups = (!groups.is_empty()).then_some(groups);
                let new = json!({"url": webhook_url, "events": events, "groups": groups});
                let made: NewWebhookView = client.post(&["webhooks"], &new).await?;
                client.print(&made, |made| {
                    format!(
                        "webhook {}\nits secret, shown only now: {}",
                        made.webhook.id, made.secret
                    )
                })
            }
            Self::List { host } => {
                let client = Client::new(&host)?;
                let webhooks: Vec<WebhookView> = client.get(&["webhooks"]).await?;
                client.print(&webhooks, |webhooks| list(webhooks))
            }
            Self::Remove { webhook, host } => {
                let client = Client::new(&host)?;
                let () = client.delete(&["webhooks", &webhook]).await?;
                client.print(&json!({"removed": webhook}), |_| "removed".into())
            }
            Self::Test { webhook, host } => {
                let client = Client::new(&host)?;
                let path = ["webhooks", &webhook, "test"];
                let attempt: AttemptView = client.post(&path, &json!({})).await?;
                client.print(&attempt, |attempt| match attempt.status {
                    Some(status) => format!("the receiver answered {status}"),
                    None => "there was no answer".into(),
                })?;
                match (attempt.result, attempt.error) {
                    (AttemptResult::Delivered, _) => Ok(()),
                    (_, error) => bail!("not delivered: {}", Escaped(&error.unwrap_or_default())),
                }
            }
        }
    }
}

fn list(webhooks: &[WebhookView]) -> String {
    if webhooks.is_empty() {
        return "no webhooks: `mdm-server webhook add URL` makes one".into();
    }
    let mut page = format!("{:36}  {:8}  {}\n", "WEBHOOK", "STATE", "URL");
    for webhook in webhooks {
        let state = match webhook.next_try {
            Some(_) => "failing",
            None => webhook.state.as_str(),
        };
        let _ = writeln!(page, "{:36}  {state:8}  {}", webhook.id, webhook.url);
        if let (Some(since), Some(next)) = (webhook.failing_since, webhook.next_try) {
            let (since, next) = (show::time(since), show::time(next));
            let failures = webhook.failures;
            let _ = writeln!(
                page,
                "{:36}  since {since}: {failures} in a row, next try {next}",
                ""
            );
        }
    }
    page
}
