//! `mdm-server plugin show`, `use`, `settings` and `roll-back`.

use super::file::{CHECKING, WithSettings, read_settings, read_signed};
use crate::{client::Client, host::Host, show};
use clap::Args;
use mdm_password_host::Comparisons;
use mdm_server_http::api::model::{PluginView, PluginsView};
use mdm_terminal::progress::Progress;
use std::{fmt::Write as _, path::PathBuf};

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    host: Host,
}

#[derive(Args)]
pub(crate) struct Use {
    /// A component, or one compiled by this server.
    #[arg(required_unless_present = "default")]
    file: Option<PathBuf>,
    /// The built-in plugin of the server: the reference plugin, or that of `serve --plugin`.
    #[arg(long, conflicts_with_all = ["file", "settings"])]
    default: bool,
    #[command(flatten)]
    with_settings: WithSettings,
    #[command(flatten)]
    host: Host,
}

#[derive(Args)]
pub(crate) struct Settings {
    /// A file with the new settings of the active plugin, a JSON object.
    file: PathBuf,
    #[command(flatten)]
    host: Host,
}

#[derive(Args)]
pub(crate) struct RollBack {
    #[command(flatten)]
    host: Host,
}

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let plugins: PluginsView = client.get(&["plugin"]).await?;
        client.print(&plugins, page)
    }
}

impl Use {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let plugins: PluginsView = match self.file {
            Some(file) => {
                let settings = self.with_settings.read()?;
                let _progress = Progress::of(CHECKING);
                client
                    .put_plugin(&["plugin"], read_signed(&file)?, settings)
                    .await?
            }
            None => client.delete(&["plugin"]).await?,
        };
        client.print(&plugins, page)
    }
}

impl Settings {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let settings = read_settings(&self.file)?;
        let _progress = Progress::of(CHECKING);
        let plugins: PluginsView = client.put_json(&["plugin", "settings"], settings).await?;
        client.print(&plugins, page)
    }
}

impl RollBack {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let plugins: PluginsView = client.post(&["plugin", "roll-back"], &()).await?;
        client.print(&plugins, page)
    }
}

fn page(plugins: &PluginsView) -> String {
    let mut page = format!("active    {}\n", told(&plugins.active));
    let _ = writeln!(page, "          {}", plugins.active.summary);
    let _ = writeln!(page, "          settings: {}", plugins.active.settings);
    let health = &plugins.active.health;
    let failures = health.failures.iter();
    let failures: Vec<String> = failures
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let _ = writeln!(
        page,
        "          {} calls; failed: {}{}",
        health.calls,
        if failures.is_empty() {
            "none".to_owned()
        } else {
            failures.join(", ")
        },
        match &health.open_breakers[..] {
            [] => String::new(),
            functions => format!("; OPEN BREAKERS: {}", functions.join(", ")),
        }
    );
    if let Some(canary) = &plugins.canary {
        let _ = writeln!(
            page,
            "          canary: {} of {} calls, {} failed; with {} the previous one is back",
            canary.canary.calls, canary.terms.calls, canary.canary.failures, canary.terms.failures
        );
    }
    let previous = plugins.previous.as_ref();
    let _ = writeln!(page, "previous  {}", previous.map_or("none".into(), told));
    if let Some(previous) = previous {
        let _ = writeln!(page, "          settings: {}", previous.settings);
        let _ = writeln!(page, "          `plugin roll-back` makes it active again");
    }
    if let Some(shadow) = &plugins.shadow {
        let sum = |of: fn(&Comparisons) -> u64| shadow.functions.values().map(of).sum::<u64>();
        let _ = writeln!(
            page,
            "shadow    sha256:{} since {}: {} calls decided the same, {} differently, {} failed",
            shadow.digest,
            show::time(shadow.since),
            sum(|it| it.same),
            sum(|it| it.different),
            sum(|it| it.failed)
        );
    }
    for entry in &plugins.history {
        let plugin = entry.plugin.as_deref().unwrap_or_default();
        let detail = entry.detail.as_ref();
        let _ = writeln!(
            page,
            "  {}  {:5} {:16} {}{}",
            show::time(entry.at),
            entry.actor,
            entry.action,
            plugin.get(..12).unwrap_or(plugin),
            detail.map_or(String::new(), |detail| format!("  {detail}")),
        );
    }
    page
}

fn told(plugin: &PluginView) -> String {
    let default = match plugin.is_default {
        true => ", which the server started with",
        false => "",
    };
    format!(
        "{} {} sha256:{} (contract {}){default}",
        plugin.name, plugin.version, plugin.digest, plugin.contract
    )
}
