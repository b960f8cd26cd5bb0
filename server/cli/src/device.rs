//! `mdm-server device`.

use super::{client::Client, host::Host, show};
use clap::{Args, Subcommand};
use mdm_contract::types::ManagementMode;
use mdm_server_core::store::{FleetSummary, Group, StatusKind};
use mdm_server_http::api::model::{DeviceList, DeviceView, EnrollmentTokenView};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum Device {
    /// List the devices: all, or those that fit all that is said.
    List {
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        host: Host,
    },
    /// Count the devices, by their status.
    Summary {
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        host: Host,
    },
    /// List the groups.
    Groups {
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
        /// The validity of the token, in seconds.
        #[arg(long, default_value_t = 24 * 3600)]
        valid_for: u64,
        #[command(flatten)]
        host: Host,
    },
}

/// Which devices.
#[derive(Args)]
pub(super) struct Wanted {
    /// Part of the name or of the id.
    #[arg(long)]
    search: Option<String>,
    /// The status: none, pending, success, failed, cancelled, expired, superseded or revoked.
    #[arg(long)]
    status: Option<StatusKind>,
    /// Only devices whose policy is overridden, or is not.
    #[arg(long)]
    overridden: Option<bool>,
    /// A group that they are in.
    #[arg(long)]
    group: Option<String>,
    /// device-owner, profile-owner or device-admin.
    #[arg(long)]
    management_mode: Option<ManagementMode>,
    /// The last sync was then or later, as in 2026-11-24T12:00:00Z.
    #[arg(long)]
    synced_since: Option<String>,
    /// The last sync was earlier, as in 2026-11-24T12:00:00Z.
    #[arg(long)]
    synced_before: Option<String>,
    /// Only devices that are revoked, or are not.
    #[arg(long)]
    revoked: Option<bool>,
}

impl Wanted {
    /// As the parameters of a query.
    fn query(self) -> Vec<(&'static str, String)> {
        let all = [
            ("search", self.search),
            ("status", self.status.map(|it| it.to_string())),
            ("overridden", self.overridden.map(|it| it.to_string())),
            ("group", self.group),
            (
                "management_mode",
                self.management_mode.map(|it| it.to_string()),
            ),
            ("synced_since", self.synced_since),
            ("synced_before", self.synced_before),
            ("revoked", self.revoked.map(|it| it.to_string())),
        ];
        let given = all.into_iter().filter_map(|(name, it)| Some((name, it?)));
        given.collect()
    }
}

impl Device {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { wanted, host } => {
                let client = Client::new(&host)?;
                let mut query = wanted.query();
                query.push(("limit", "500".into()));
                let mut list: DeviceList = client.get_with(&["devices"], &query).await?;
                while let Some(after) = list.next.take() {
                    let next = [&query[..], &[("after", after)]].concat();
                    let page: DeviceList = client.get_with(&["devices"], &next).await?;
                    list.devices.extend(page.devices);
                    list.next = page.next;
                }
                client.print(&list, show::devices)
            }
            Self::Summary { wanted, host } => {
                let client = Client::new(&host)?;
                let summary: FleetSummary = client.get_with(&["summary"], &wanted.query()).await?;
                client.print(&summary, show::summary)
            }
            Self::Groups { host } => {
                let client = Client::new(&host)?;
                let groups: Vec<Group> = client.get(&["groups"]).await?;
                client.print(&groups, show::groups)
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
