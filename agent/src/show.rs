//! The device as a person looking at it, and at its settings, would see it.

use crate::{
    device::Device,
    durable::DurableError,
    state::{Agent, Home},
    token::token_state,
};
use mdm_contract::{ManagementMode, Ownership, Policy, TokenState};
use mdm_terminal::escape::Escaped;
use serde::Serialize;
use std::fmt::Write as _;

/// The visible state of a device and its agent.
#[derive(Debug, Serialize)]
pub struct View {
    /// The host's id of the device, if it is enrolled.
    pub device: Option<String>,
    /// `Build.VERSION.SDK_INT`.
    pub api_level: u32,
    /// The management mode.
    pub management_mode: ManagementMode,
    /// The profile is a managed profile.
    pub managed_profile: bool,
    /// The owner of the device.
    pub ownership: Ownership,
    /// A password is set.
    pub password_set: bool,
    /// The lock screen is closed.
    pub locked: bool,
    /// The user has unlocked it since it booted.
    pub unlocked_since_boot: bool,
    /// The policy that the agent enforces.
    pub policy: Option<Policy>,
    /// The user is prompted to set a password that meets the policy.
    pub prompted: bool,
    /// The state of the reset token.
    pub token: TokenState,
    /// The agent's password waits for the user's entry.
    pub entry_required: bool,
    /// The password is required at boot.
    pub credentials_on_boot: bool,
    /// The policy that another admin enforces.
    pub other_admin_policy: Option<Policy>,
    /// Another admin's password waits for the user's entry.
    pub other_admin_entry_pending: bool,
    /// The number of changes of the password, by anybody.
    pub password_changes: u64,
    /// The number of changes by the agent.
    pub agent_resets: u64,
    /// The commands that the agent holds.
    pub holding: Vec<String>,
    /// The number of reports that the server has not accepted yet.
    pub unreported: usize,
}

impl View {
    /// Looks at a device.
    pub fn of(home: &Home) -> Result<Self, DurableError> {
        let device: Device = home.device.read()?;
        let agent: Option<Agent> = if home.agent.exists() {
            Some(home.agent.read()?)
        } else {
            None
        };
        Ok(Self {
            api_level: device.api_level,
            management_mode: device.management_mode,
            managed_profile: device.managed_profile,
            ownership: device.ownership,
            password_set: device.is_password_set(),
            locked: device.locked,
            unlocked_since_boot: device.unlocked_since_boot,
            prompted: device.is_user_prompted(),
            token: agent
                .as_ref()
                .map_or(TokenState::Missing, |agent| token_state(agent, &device)),
            entry_required: device.entry_required,
            credentials_on_boot: device.credentials_on_boot,
            other_admin_entry_pending: device.other_admin_entry_pending,
            password_changes: device.password_changes,
            agent_resets: device.agent_resets,
            policy: device.policy,
            other_admin_policy: device.other_admin_policy,
            holding: agent
                .iter()
                .flat_map(|agent| &agent.holding)
                .map(|held| held.id.clone())
                .collect(),
            unreported: agent.as_ref().map_or(0, |agent| agent.unreported.len()),
            device: agent.map(|agent| agent.device),
        })
    }

    /// As a page.
    pub fn page(&self) -> String {
        let yes = |it: bool| if it { "yes" } else { "no" };
        let policy =
            |it: &Option<Policy>| it.as_ref().map_or("none".to_owned(), ToString::to_string);
        let profile = if self.managed_profile {
            ", managed profile"
        } else {
            ""
        };
        let mut page = String::new();
        let mut line = |name: &str, text: &str| {
            // Writing to a string can't fail.
            let _ = writeln!(page, "{name:21} {}", Escaped(text));
        };
        line("device", self.device.as_deref().unwrap_or("not enrolled"));
        line("Android API level", &self.api_level.to_string());
        line(
            "management mode",
            &format!(
                "{}{profile}, {} device",
                self.management_mode, self.ownership
            ),
        );
        line("password set", yes(self.password_set));
        line("lock screen", if self.locked { "locked" } else { "open" });
        line("unlocked since boot", yes(self.unlocked_since_boot));
        line("policy enforced", &policy(&self.policy));
        line("other admin's policy", &policy(&self.other_admin_policy));
        line("reset token", self.token.as_str());
        line("commands held", &self.holding.len().to_string());
        line("reports to hand over", &self.unreported.to_string());
        if self.prompted {
            line(
                "prompt",
                "the user is prompted to set a password that meets the policy",
            );
        }
        page
    }
}
