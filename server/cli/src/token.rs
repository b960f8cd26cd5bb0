//! `mdm-server token`.

use super::{client::Client, host::Host, show};
use clap::Subcommand;
use mdm_server_core::access::Permission;
use mdm_server_http::api::model::{ApiTokenView, NewApiTokenView};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum Token {
    /// List the tokens that programs call with.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Make a token, and show it, once. It does no more than its owner may, and ends with them: that is the user who
    /// makes it, or for whom the token acts that makes it.
    Add {
        /// The name of the token.
        name: String,
        /// A permission: see, change-password, approve, manage-devices, see-audit, see-metrics, manage-plugins,
        /// manage-webhooks, manage-users. Can be given more than once.
        #[arg(long = "may", required = true)]
        permissions: Vec<Permission>,
        /// A group of devices that it may do it to; can be given more than once. Without it: all devices.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// The validity, in seconds. Without it, the token is valid until it is revoked.
        #[arg(long)]
        valid_for: Option<u64>,
        #[command(flatten)]
        host: Host,
    },
    /// Hand a token over to another user, who owns it from then on.
    HandOver {
        /// The name of the token.
        name: String,
        /// The name of the user.
        #[arg(long)]
        to: String,
        #[command(flatten)]
        host: Host,
    },
    /// Take a token back.
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
