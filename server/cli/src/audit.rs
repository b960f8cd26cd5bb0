//! `mdm-server audit`.

use super::store::StoreOptions;
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use mdm_server_core::audit::Chain;
use mdm_terminal::out;

/// Lines that are read at a time.
const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Verify that no line of the audit trail was removed, changed or inserted. Works on the data of a server, which
    /// may be running, or on a copy.
    Verify {
        #[command(flatten)]
        kept: StoreOptions,
        /// A line that an earlier check printed, such as 1042:3f9a…, which the trail must still contain. Without it,
        /// the check does not detect a trail that was replaced as a whole.
        #[arg(long, value_name = "LINE", value_parser = noted)]
        noted: Option<(u64, String)>,
    },
}

impl Audit {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self::Verify { kept, noted } = self;
        // The trail is verified even if the tables were altered.
        let store = kept.open_as_is()?;
        let mut chain = Chain::default();
        let mut is_noted = noted.is_none();
        loop {
            let (lines, written) = store.audit_lines(chain.number, PAGE).await?;
            if lines.is_empty() {
                chain.ends_at(written).with_context(|| broken(&kept))?;
                break;
            }
            for line in &lines {
                chain.follow(line).with_context(|| broken(&kept))?;
                is_noted |= noted.as_ref().is_some_and(|(number, digest)| {
                    *number == chain.number && *digest == hex(&chain.digest)
                });
            }
        }
        if let Some((number, digest)) = noted {
            ensure!(
                is_noted,
                "{}: its line {number} does not have the digest {digest} that was noted",
                broken(&kept)
            );
        }
        out::line(format_args!(
            "{} lines, none removed, changed or put in\nnote this line elsewhere, and check with --noted the next time: {}:{}",
            chain.number,
            chain.number,
            hex(&chain.digest)
        ))?;
        store.check_schema().await?;
        store.close().await?;
        Ok(())
    }
}

fn broken(kept: &StoreOptions) -> String {
    format!("the audit trail in the database {kept} was tampered with")
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn noted(text: &str) -> Result<(u64, String), String> {
    text.split_once(':')
        .and_then(|(number, digest)| Some((number.parse().ok()?, digest.to_lowercase())))
        .ok_or_else(|| "a noted line looks like 1042:3f9a…".into())
}
