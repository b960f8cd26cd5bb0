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
    /// Add a user. Shows, only once, the link with which the user chooses a password.
    Add {
        /// The name to sign in with.
        name: String,
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        host: Host,
    },
    /// Change the role and the groups of a user.
    Change {
        /// The name of the user.
        name: String,
        #[command(flatten)]
        task: Task,
        #[command(flatten)]
        host: Host,
    },
    /// Show a new link with which a user chooses a new password, after the loss of the password or of the phone.
    Invite {
        /// The name of the user.
        name: String,
        #[command(flatten)]
        host: Host,
    },
    /// Remove a user, with the user's sessions and tokens.
    Remove {
        /// The name of the user.
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
    /// A group of devices in the user's scope. Can be given more than once. By default all devices.
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
