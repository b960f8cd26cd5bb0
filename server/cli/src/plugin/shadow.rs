//! `mdm-server plugin shadow`.

use crate::{client::Client, host::Host, show};
use clap::Args;
use mdm_password_host::{Difference, ShadowReport};
use mdm_terminal::{escape::Escaped, out, progress::Progress, values};
use std::{fmt::Write as _, path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep};

/// The interval at which the server is asked for new differences.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Shadow {
    /// The candidate: a component, or one compiled by this server.
    file: PathBuf,
    /// The time to watch, in seconds. Ctrl-C ends it earlier.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    r#for: u64,
    #[command(flatten)]
    settings: super::file::WithSettings,
    #[command(flatten)]
    host: Host,
}

impl Shadow {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.host)?;
        let path = ["plugin", "shadow"];
        let file = super::file::read_signed(&self.file)?;
        let settings = self.settings.read()?;
        let progress = Progress::of(super::file::CHECKING);
        let begun: ShadowReport = client.put_plugin(&path, file, settings).await?;
        drop(progress);
        if !self.host.json {
            out::line(format_args!(
                "sha256:{} runs in the shadow for {} s, without effect",
                Escaped(&begun.digest),
                self.r#for
            ))?;
        }
        let end = Instant::now() + Duration::from_secs(self.r#for);
        let mut told = 0;
        while Instant::now() < end {
            tokio::select! {
                () = sleep(POLL_INTERVAL.min(end - Instant::now())) => {}
                _ = tokio::signal::ctrl_c() => break,
            }
            if !self.host.json {
                let report: ShadowReport = client.get(&path).await?;
                told = tell_new(&values::escaped(&report)?, told)?;
            }
        }
        let report: ShadowReport = client.delete(&path).await?;
        if !self.host.json {
            tell_new(&values::escaped(&report)?, told)?;
        }
        client.print(&report, summary)
    }
}

/// Prints the differences after this number, and returns the new number.
fn tell_new(report: &ShadowReport, told: u64) -> anyhow::Result<u64> {
    let found = report
        .functions
        .values()
        .map(|it| it.different + it.failed)
        .sum::<u64>();
    let new = usize::try_from(found.saturating_sub(told)).unwrap_or(usize::MAX);
    let kept = &report.differences;
    for difference in &kept[kept.len().saturating_sub(new)..] {
        out::text(page(difference))?;
    }
    Ok(found)
}

fn page(difference: &Difference) -> String {
    format!(
        "{}  {} of device {}\n  active     {}\n  candidate  {}\n",
        show::time(difference.at),
        difference.function,
        difference.device,
        difference.active,
        difference.candidate
    )
}

fn summary(report: &ShadowReport) -> String {
    if report.functions.is_empty() {
        return "there was no call to compare".into();
    }
    let mut page = format!(
        "{:16} {:>8} {:>10} {:>8} {:>8}\n",
        "FUNCTION", "SAME", "DIFFERENT", "FAILED", "SKIPPED"
    );
    for (function, it) in &report.functions {
        let _ = writeln!(
            page,
            "{function:16} {:>8} {:>10} {:>8} {:>8}",
            it.same, it.different, it.failed, it.skipped
        );
    }
    page
}
