//! `mdm-server bulk`: resets and removes for all devices of a group.

use super::{client::Client, host::Host, password::Options, prompt, show_bulk};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use mdm_contract::{Action, ResetOptions};
use mdm_server_core::{
    bulks::BulkPreview,
    store::{BulkState, BulkTerms},
};
use mdm_server_http::api::model::{BulkAnswerList, BulkList, BulkView};
use mdm_terminal::values;
use reqwest::Method;
use serde::Serialize;
use std::{
    fs::OpenOptions,
    io::{Write, stdout},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

#[derive(Subcommand)]
pub(super) enum Bulk {
    /// Reset the password of each device of a group. One new password for all is typed at a prompt, or is the first
    /// line of standard input.
    Reset {
        #[command(flatten)]
        asked: BulkArgs,
        #[command(flatten)]
        options: Options,
        /// Give each device a unique random password, and write the passwords into this new file.
        #[arg(long, value_name = "FILE")]
        unique_passwords: Option<PathBuf>,
    },
    /// Remove the password of each device of a group. Their policies are enforced again afterwards.
    Remove {
        #[command(flatten)]
        asked: BulkArgs,
    },
    /// List the bulks, latest first.
    List {
        /// Only bulks before this one.
        #[arg(long)]
        before: Option<String>,
        #[command(flatten)]
        host: Host,
    },
    /// Show a bulk, its progress and its failures.
    Show {
        /// The bulk's id.
        bulk: String,
        #[command(flatten)]
        host: Host,
    },
    /// Show the result of a bulk on each device.
    Answers {
        /// The bulk's id.
        bulk: String,
        /// Only devices after this one.
        #[arg(long)]
        after: Option<String>,
        #[command(flatten)]
        host: Host,
    },
    /// Print the result of a bulk on each device, as CSV.
    Report {
        /// The bulk's id.
        bulk: String,
        #[command(flatten)]
        host: Host,
    },
    /// Start an approved bulk with unique passwords, and write the passwords into a new file.
    Export {
        /// The bulk's id.
        bulk: String,
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        host: Host,
    },
    /// Cancel a bulk: it makes no more commands.
    Cancel {
        /// The bulk's id.
        bulk: String,
        /// Also cancel its pending commands.
        #[arg(long)]
        also_commands: bool,
        #[command(flatten)]
        host: Host,
    },
}

/// The options of a bulk.
#[derive(Args)]
pub(super) struct BulkArgs {
    /// The group.
    group: String,
    /// Replace commands that are pending.
    #[arg(long)]
    replace_pending: bool,
    /// The validity of the commands, in seconds. Without it, they are valid until the device answers.
    #[arg(long)]
    valid_for: Option<u64>,
    /// The reason, for the audit trail.
    #[arg(long)]
    reason: Option<String>,
    /// Skip the confirmation.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    host: Host,
}

/// The body of a bulk. It is written straight into the request, so that no other copy of the password is made.
#[derive(Serialize)]
struct Body<'a> {
    action: Action,
    group: &'a str,
    password: Option<&'a str>,
    unique_passwords: bool,
    options: ResetOptions,
    terms: BulkTerms,
    reason: Option<&'a str>,
}

impl Bulk {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Reset {
                asked,
                options,
                unique_passwords,
            } => reset(&asked, options.into(), unique_passwords.as_deref()).await,
            Self::Remove { asked } => {
                let client = Client::new(&asked.host)?;
                let body = asked.body(Action::Remove, ResetOptions::default());
                let bulk = start(&client, &asked, &body, "Remove the password").await?;
                client.print(&bulk, show_bulk::bulk)
            }
            Self::List { before, host } => {
                let client = Client::new(&host)?;
                let query: Vec<_> = before.into_iter().map(|it| ("before", it)).collect();
                let list: BulkList = client.get_with(&["bulks"], &query).await?;
                client.print(&list, show_bulk::bulks)
            }
            Self::Show { bulk, host } => {
                let client = Client::new(&host)?;
                let bulk: BulkView = client.get(&["bulks", &bulk]).await?;
                client.print(&bulk, show_bulk::bulk)
            }
            Self::Answers { bulk, after, host } => {
                let client = Client::new(&host)?;
                let mut query = vec![("limit", "500".to_owned())];
                query.extend(after.map(|it| ("after", it)));
                let answers: BulkAnswerList = client
                    .get_with(&["bulks", &bulk, "answers"], &query)
                    .await?;
                client.print(&answers, show_bulk::bulk_answers)
            }
            Self::Report { bulk, host } => {
                let path = ["bulks", &bulk, "report.csv"];
                let client = Client::new(&host)?;
                client.download(Method::GET, &path, &mut stdout()).await
            }
            Self::Export { bulk, file, host } => {
                let client = Client::new(&host)?;
                export(&client, &bulk, &mut new_file(&file)?).await
            }
            Self::Cancel {
                bulk,
                also_commands,
                host,
            } => {
                let client = Client::new(&host)?;
                let body = serde_json::json!({ "also_commands": also_commands });
                let bulk: BulkView = client.post(&["bulks", &bulk, "cancel"], &body).await?;
                client.print(&bulk, show_bulk::bulk)
            }
        }
    }
}

impl BulkArgs {
    fn body(&self, action: Action, options: ResetOptions) -> Body<'_> {
        Body {
            action,
            group: &self.group,
            password: None,
            unique_passwords: false,
            options,
            terms: BulkTerms {
                replace_pending: self.replace_pending,
                valid_for: self.valid_for,
            },
            reason: self.reason.as_deref(),
        }
    }
}

async fn reset(asked: &BulkArgs, options: ResetOptions, file: Option<&Path>) -> anyhow::Result<()> {
    let client = Client::new(&asked.host)?;
    let mut body = asked.body(Action::Reset, options);
    let question = "Reset the password";
    let Some(file) = file else {
        let password = prompt::password()?;
        body.password = Some(&password);
        let bulk = start(&client, asked, &body, question).await?;
        return client.print(&bulk, show_bulk::bulk);
    };
    body.unique_passwords = true;
    // A file that can't be written must not be found out when the passwords are made.
    let mut lines = new_file(file)?;
    let bulk = start(&client, asked, &body, question).await?;
    if bulk.state != BulkState::WaitingForDownload {
        drop(lines);
        std::fs::remove_file(file)?;
        client.print(&bulk, show_bulk::bulk)?;
        bail!(
            "the bulk is {}: once another user has approved it on the dashboard, run `mdm-server bulk export {} FILE`",
            bulk.state,
            bulk.id
        );
    }
    export(&client, &bulk.id, &mut lines).await?;
    let bulk: BulkView = client.get(&["bulks", &bulk.id]).await?;
    client.print(&bulk, show_bulk::bulk)
}

/// Shows the preview and asks for confirmation.
async fn start(
    client: &Client,
    asked: &BulkArgs,
    body: &Body<'_>,
    question: &str,
) -> anyhow::Result<BulkView> {
    if !asked.yes {
        let preview: BulkPreview = client.post(&["bulks", "preview"], body).await?;
        eprint!("{}", show_bulk::bulk_preview(&values::escaped(&preview)?));
    }
    let question = format!("{question} of every device of group {}?", asked.group);
    prompt::confirm(asked.yes, &question)?;
    client.post(&["bulks"], body).await
}

async fn export(client: &Client, bulk: &str, file: &mut impl Write) -> anyhow::Result<()> {
    let path = ["bulks", bulk, "passwords.csv"];
    let downloaded = client.download(Method::POST, &path, file).await;
    downloaded.context(
        "the password export is not whole: what is pending of the bulk is cancelled, and the rest is not made. Only devices that \
         were faster than that have their new passwords: keep the file, and see `mdm-server bulk show`",
    )
}

/// A file that there was not, for its owner only.
fn new_file(path: &Path) -> anyhow::Result<std::fs::File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the file {} can't be made", path.display()))
}
