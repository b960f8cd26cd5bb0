//! `mdm-server held`: commands from before a restore.

use super::{client::Client, host::Host};
use clap::Subcommand;
use mdm_contract::time;
use mdm_server_http::api::held_commands::HeldCommands;
use std::fmt::Write as _;

#[derive(Subcommand)]
pub(super) enum Held {
    /// Show the restore state of the store, and the held commands.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Release the held commands, and continue running bulks.
    Release {
        #[command(flatten)]
        host: Host,
    },
    /// Cancel the held commands, and the bulks that were running.
    Cancel {
        #[command(flatten)]
        host: Host,
    },
}

impl Held {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (host, decision) = match &self {
            Self::List { host } => (host, None),
            Self::Release { host } => (host, Some("release")),
            Self::Cancel { host } => (host, Some("cancel")),
        };
        let client = Client::new(host)?;
        let held: HeldCommands = match decision {
            None => client.get(&["held-commands"]).await?,
            Some(decision) => client.put(&["held-commands", decision], &()).await?,
        };
        client.print(&held, text)
    }
}

fn text(held: &HeldCommands) -> String {
    let mut text = match held.undecided_since {
        Some(since) => format!(
            "the store was replaced by an older one, noticed {}: {} commands are held",
            time::rfc3339(since).unwrap_or_default(),
            held.held
        ),
        None => format!("{} commands are held", held.held),
    };
    for held in &held.commands {
        let _ = write!(text, "\n{}  {}", held.device, held.command);
    }
    text
}
