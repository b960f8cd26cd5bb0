//! `mdm-server policy`.

use super::{client::Client, host::Host, show};
use clap::{Args, Subcommand};
use mdm_contract::{Complexity, Quality, Requirement};
use mdm_server_http::api::model::DeviceView;

#[derive(Subcommand)]
pub(super) enum Policy {
    /// Apply a policy to a device.
    Set {
        /// The device's id.
        device: String,
        #[command(flatten)]
        requirement: OneRequirement,
        /// The minimum length in characters. Only with a quality from numeric upward.
        #[arg(long, default_value_t = 0)]
        minimum_length: u32,
        #[command(flatten)]
        host: Host,
    },
    /// Clear the policy of a device.
    Clear {
        /// The device's id.
        device: String,
        #[command(flatten)]
        host: Host,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct OneRequirement {
    /// unspecified, something, numeric, numeric-complex, alphabetic, alphanumeric or complex.
    #[arg(long)]
    quality: Option<Quality>,
    /// none, low, medium or high (Android 12 and later).
    #[arg(long)]
    complexity: Option<Complexity>,
}

impl OneRequirement {
    fn requirement(&self) -> Requirement {
        match (self.complexity, self.quality) {
            (Some(complexity), _) => Requirement::Complexity(complexity),
            (None, quality) => Requirement::Quality(quality.unwrap_or(Quality::Unspecified)),
        }
    }
}

impl Policy {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Set {
                device,
                requirement,
                minimum_length,
                host,
            } => {
                let client = Client::new(&host)?;
                let requirement = requirement.requirement();
                let policy = mdm_contract::Policy {
                    requirement,
                    minimum_length,
                };
                let view: DeviceView = client.put(&["devices", &device, "policy"], &policy).await?;
                client.print(&view, show::device)
            }
            Self::Clear { device, host } => {
                let client = Client::new(&host)?;
                let view: DeviceView = client.delete(&["devices", &device, "policy"]).await?;
                client.print(&view, show::device)
            }
        }
    }
}
