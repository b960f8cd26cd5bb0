//! `mdm-server password`. What a request would come to is shown before it is confirmed.

use super::{client::Client, host::Host, prompt, show};
use clap::{Args, Subcommand};
use mdm_contract::{Action, DevicePreview, ResetOptions};
use mdm_server_core::commands::{CommandAnswer, CommandTerms};
use mdm_server_http::api::model::StatusView;
use mdm_terminal::values;
use serde::Serialize;

#[derive(Subcommand)]
pub(super) enum Password {
    /// Reset the password of a device. The new password is typed at a prompt, or is the first line of standard
    /// input. `mdm-server bulk` does it for a group.
    Reset {
        /// The device's id.
        device: String,
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        terms: TermsArgs,
        /// Don't ask for confirmation.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        host: Host,
    },
    /// Remove the password of a device. Its policy is enforced again afterwards.
    Remove {
        /// The device's id.
        device: String,
        #[command(flatten)]
        terms: TermsArgs,
        /// Don't ask for confirmation.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        host: Host,
    },
    /// Preview a reset or a remove. Nothing is sent.
    Preview {
        /// The device's id.
        device: String,
        /// reset or remove.
        action: Action,
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        terms: TermsArgs,
        #[command(flatten)]
        host: Host,
    },
    /// Show the status of a device's latest command, and its history.
    Status {
        /// The device's id.
        device: String,
        #[command(flatten)]
        host: Host,
    },
    /// Cancel a pending command.
    Cancel {
        /// The device's id.
        device: String,
        /// The command's id.
        command: String,
        #[command(flatten)]
        host: Host,
    },
}

#[derive(Args, Clone)]
pub(super) struct Options {
    /// Lock the device at once.
    #[arg(long)]
    lock_now: bool,
    /// No other admin may change the password until the user has entered it.
    #[arg(long)]
    require_entry: bool,
    /// Don't ask for the password when the device boots.
    #[arg(long)]
    no_credentials_on_boot: bool,
}

impl From<Options> for ResetOptions {
    fn from(options: Options) -> Self {
        Self::LOCK_NOW.when(options.lock_now)
            | Self::REQUIRE_ENTRY.when(options.require_entry)
            | Self::NO_CREDENTIALS_ON_BOOT.when(options.no_credentials_on_boot)
    }
}

#[derive(Args, Clone)]
pub(super) struct TermsArgs {
    /// The pending command that this one replaces.
    #[arg(long)]
    replaces: Option<String>,
    /// The validity of the command, in seconds. Without it, it is valid until the device answers.
    #[arg(long)]
    valid_for: Option<u64>,
}

impl From<TermsArgs> for CommandTerms {
    fn from(terms: TermsArgs) -> Self {
        Self {
            replaces: terms.replaces,
            valid_for: terms.valid_for,
        }
    }
}

/// A reset's body. It is written straight into the request, so that no other copy of the password is
/// made.
#[derive(Serialize)]
struct ResetBody<'a> {
    password: &'a str,
    options: ResetOptions,
    terms: CommandTerms,
}

/// The body of a question for the preview.
#[derive(Serialize)]
struct PreviewBody<'a> {
    action: Action,
    password: Option<&'a str>,
    options: ResetOptions,
    terms: CommandTerms,
}

impl Password {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Reset {
                device,
                options,
                terms,
                yes,
                host,
            } => {
                reset(
                    &device,
                    options.into(),
                    terms.into(),
                    yes,
                    &Client::new(&host)?,
                )
                .await
            }
            Self::Remove {
                device,
                terms,
                yes,
                host,
            } => {
                let client = Client::new(&host)?;
                let terms = CommandTerms::from(terms);
                let question = PreviewBody {
                    action: Action::Remove,
                    password: None,
                    options: ResetOptions::default(),
                    terms: terms.clone(),
                };
                preview(&client, &device, &question, yes).await?;
                prompt::confirm(yes, "Remove the password?")?;
                let sent: CommandAnswer = client
                    .post(&["devices", &device, "password", "remove"], &terms)
                    .await?;
                client.print(&sent, show::command_answer)
            }
            Self::Preview {
                device,
                action,
                options,
                terms,
                host,
            } => {
                let client = Client::new(&host)?;
                let (options, terms) = (options.into(), terms.into());
                let question = PreviewBody {
                    action,
                    password: None,
                    options,
                    terms,
                };
                let path = ["devices", &device, "password", "preview"];
                let preview: DevicePreview = client.post(&path, &question).await?;
                client.print(&preview, show::preview)
            }
            Self::Status { device, host } => {
                let client = Client::new(&host)?;
                let status: StatusView = client
                    .get(&["devices", &device, "password", "status"])
                    .await?;
                client.print(&status, show::status)
            }
            Self::Cancel {
                device,
                command,
                host,
            } => {
                let client = Client::new(&host)?;
                let path = ["devices", &device, "commands", &command, "cancel"];
                let cancelled: CommandAnswer = client.post(&path, &()).await?;
                client.print(&cancelled, show::command_answer)
            }
        }
    }
}

async fn reset(
    device: &str,
    options: ResetOptions,
    terms: CommandTerms,
    yes: bool,
    client: &Client,
) -> anyhow::Result<()> {
    let password = prompt::password()?;
    let question = PreviewBody {
        action: Action::Reset,
        password: Some(&password),
        options,
        terms: terms.clone(),
    };
    preview(client, device, &question, yes).await?;
    prompt::confirm(yes, "Reset the password?")?;
    let body = ResetBody {
        password: &password,
        options,
        terms,
    };
    let sent: CommandAnswer = client
        .post(&["devices", device, "password", "reset"], &body)
        .await?;
    client.print(&sent, show::command_answer)
}

/// Shows the preview before the confirmation.
async fn preview(
    client: &Client,
    device: &str,
    question: &PreviewBody<'_>,
    yes: bool,
) -> anyhow::Result<()> {
    if !yes {
        let path = ["devices", device, "password", "preview"];
        let preview: DevicePreview = client.post(&path, question).await?;
        eprint!("{}", show::preview(&values::escaped(&preview)?));
    }
    Ok(())
}
