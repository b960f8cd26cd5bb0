//! `mdm-server user`.

use super::{client::Client, host::Host, show};
use clap::{Args, Subcommand};
use mdm_server_core::access::Role;
use mdm_server_http::api::model::{InvitationView, UserView};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum User {
    /// List the users.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Add a user, and show the link with which they choose a password, once.
    Add {
        /// The name to sign in with.
        name: String,
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        host: Host,
    },
    /// Say anew what a user is there for.
    Change {
        /// Their name.
        name: String,
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        host: Host,
    },
    /// Show another link with which a user chooses a new password: they have lost theirs, or their phone.
    Invite {
        /// Their name.
        name: String,
        #[command(flatten)]
        host: Host,
    },
    /// Remove a user: their sessions end, and the tokens that act for them.
    Remove {
        /// Their name.
        name: String,
        #[command(flatten)]
        host: Host,
    },
}

/// The role and the device scope of a user.
#[derive(Args)]
pub(super) struct Task {
    /// viewer, helpdesk or admin.
    #[arg(long)]
    role: Role,
    /// A group of devices that they are responsible for; can be given more than once. Without it: all devices.
    #[arg(long = "group")]
    groups: Vec<String>,
}

impl Task {
    fn groups(&self) -> Option<&[String]> {
        (!self.groups.is_empty()).then_some(&self.groups)
    }
}

impl User {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { host } => {
                let client = Client::new(&host)?;
                let users: Vec<UserView> = client.get(&["users"]).await?;
                client.print(&users, |users| show::users(users))
            }
            Self::Add { name, task, host } => {
                let client = Client::new(&host)?;
                let body = json!({"name": name, "role": task.role, "groups": task.groups()});
                let made: InvitationView = client.post(&["users"], &body).await?;
                client.print(&made, |made| invitation(&host, made))
            }
            Self::Change { name, task, host } => {
                let client = Client::new(&host)?;
                let body = json!({"role": task.role, "groups": task.groups()});
                let user: UserView = client.put(&["users", &name], &body).await?;
                client.print(&[user], |users| show::users(users))
            }
            Self::Invite { name, host } => {
                let client = Client::new(&host)?;
                let path = ["users", &name, "invitation"];
                let made: InvitationView = client.post(&path, &json!({})).await?;
                client.print(&made, |made| invitation(&host, made))
            }
            Self::Remove { name, host } => {
                let client = Client::new(&host)?;
                let removed: () = client.delete(&["users", &name]).await?;
                client.print(&removed, |()| format!("{name} is removed"))
            }
        }
    }
}

fn invitation(host: &Host, made: &InvitationView) -> String {
    let url = made.url.clone().unwrap_or_else(|| {
        let url = host.url.trim_end_matches('/');
        format!("{url}{}", made.path)
    });
    format!("{} chooses a password here, once: {url}", made.user)
}
