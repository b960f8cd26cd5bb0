//! `mdm-server device`.

use super::{client::Client, host::Host, show};
use clap::{Args, Subcommand};
use mdm_contract::ManagementMode;
use mdm_server_core::store::{FleetSummary, Group, StatusKind};
use mdm_server_http::api::model::{DeviceList, DeviceView, EnrollmentTokenView};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum Device {
    /// List the devices: all, or those that match all filters.
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
    /// Revoke a device, such as a stolen one: its agent can no longer sync, and its sealed passwords are deleted. It
    /// can be enrolled again, as another device.
    Revoke {
        /// Its id.
        device: String,
        /// The reason, for the audit trail.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        host: Host,
    },
    /// Make an enrollment token for one device.
    Enroll {
        /// A group of the device. Can be given more than once.
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
    /// Only devices with an overridden policy, or without.
    #[arg(long)]
    overridden: Option<bool>,
    /// Only devices in this group.
    #[arg(long)]
    group: Option<String>,
    /// device-owner, profile-owner or device-admin.
    #[arg(long)]
    management_mode: Option<ManagementMode>,
    /// Only devices with a last sync at this time or later, such as 2026-11-24T12:00:00Z.
    #[arg(long)]
    synced_since: Option<String>,
    /// Only devices with a last sync before this time, such as 2026-11-24T12:00:00Z.
    #[arg(long)]
    synced_before: Option<String>,
    /// Only revoked devices, or only others.
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
