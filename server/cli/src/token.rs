//! `mdm-server token`.

use super::{client::Client, host::Host, show};
use clap::Subcommand;
use mdm_server_core::access::Permission;
use mdm_server_http::api::model::{ApiTokenView, NewApiTokenView};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum Token {
    /// List the tokens of programs.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Make a token. It is shown only once. Its owner is the calling user, or the owner of the calling token. It has no
    /// more permissions than its owner, and ends with the owner.
    Add {
        /// The name of the token.
        name: String,
        /// A permission: see, change-password, approve, manage-devices, see-audit, see-metrics, manage-plugins,
        /// manage-webhooks, manage-users. Can be given more than once.
        #[arg(long = "may", required = true)]
        permissions: Vec<Permission>,
        /// A group of devices in its scope. Can be given more than once. By default all devices.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// The validity, in seconds. Without it, the token is valid until it is revoked.
        #[arg(long)]
        valid_for: Option<u64>,
        #[command(flatten)]
        host: Host,
    },
    /// Change the owner of a token.
    HandOver {
        /// The name of the token.
        name: String,
        /// The name of the user.
        #[arg(long)]
        to: String,
        #[command(flatten)]
        host: Host,
    },
    /// Revoke a token.
    Remove {
        /// The name of the token.
        name: String,
        #[command(flatten)]
        host: Host,
    },
}

impl Token {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { host } => {
                let client = Client::new(&host)?;
                let tokens: Vec<ApiTokenView> = client.get(&["tokens"]).await?;
                client.print(&tokens, |tokens| show::tokens(tokens))
            }
            Self::Add {
                name,
                permissions,
                groups,
                valid_for,
                host,
            } => {
                let client = Client::new(&host)?;
                let body = json!({
                    "name": name,
                    "permissions": permissions,
                    "groups": (!groups.is_empty()).then_some(groups),
                    "valid_for": valid_for,
                });
                let made: NewApiTokenView = client.post(&["tokens"], &body).await?;
                client.print(&made, |made| made.token.clone())
            }
            Self::HandOver { name, to, host } => {
                let client = Client::new(&host)?;
                let body = json!({ "owner": to });
                let token: ApiTokenView = client.put(&["tokens", &name, "owner"], &body).await?;
                client.print(&[token], |tokens| show::tokens(tokens))
            }
            Self::Remove { name, host } => {
                let client = Client::new(&host)?;
                let removed: () = client.delete(&["tokens", &name]).await?;
                client.print(&removed, |()| format!("{name} is revoked"))
            }
        }
    }
}
