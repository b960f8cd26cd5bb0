//! `mdm-host device`.

use super::{Client, Host, show};
use crate::api::model::{DeviceList, DeviceView, EnrollmentTokenView};
use clap::Subcommand;
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum Device {
    /// List the devices.
    List {
        #[command(flatten)]
        host: Host,
    },
    /// Show one device.
    Show {
        /// Its id.
        device: String,
        #[command(flatten)]
        host: Host,
    },
    /// Trust a device no more, such as one that was stolen: its agent gets in no more, and what waits for it
    /// is destroyed. It can be enrolled again, as another device.
    Revoke {
        /// Its id.
        device: String,
        /// Why: the audit trail keeps it.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        host: Host,
    },
    /// Make a token that one device can enroll with, once.
    Enroll {
        /// A group that the device will be in; can be given more than once.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// How long the token is valid, in seconds.
        #[arg(long, default_value_t = 24 * 3600)]
        valid_for: u64,
        #[command(flatten)]
        host: Host,
    },
}

impl Device {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { host } => {
                let client = Client::new(&host)?;
                let mut list: DeviceList = client.page(None).await?;
                while let Some(after) = list.next.take() {
                    let page = client.page(Some(&after)).await?;
                    list.devices.extend(page.devices);
                    list.next = page.next;
                }
                client.print(&list, show::devices)
            }
            Self::Show { device, host } => {
                let client = Client::new(&host)?;
                let view: DeviceView = client.get(&["devices", &device]).await?;
                client.print(&view, show::device)
            }
            Self::Revoke {
                device,
                reason,
                host,
            } => {
                let client = Client::new(&host)?;
                let body = json!({ "reason": reason });
                let view: DeviceView = client.post(&["devices", &device, "revoke"], &body).await?;
                client.print(&view, show::device)
            }
            Self::Enroll {
                groups,
                valid_for,
                host,
            } => {
                let client = Client::new(&host)?;
                let body = json!({ "groups": groups, "valid_for": valid_for });
                let made: EnrollmentTokenView = client.post(&["enrollment-tokens"], &body).await?;
                client.print(&made, |made| {
                    format!(
                        "{}\nvalid once, until {}",
                        made.token,
                        show::time(made.expires_at)
                    )
                })
            }
        }
    }
}
