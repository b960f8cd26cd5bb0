//! The baseline: the same rules as native Rust, with the host's work for each call: copies of the device, the password
//! metrics, and an id for the command.

use crate::sample;
use mdm_password_host::password::Password;
use mdm_password_plugin::rules::{self, types};
use std::hint::black_box;

/// The state of the host.
pub(crate) struct Native {
    known: types::Situation,
    password: Password,
}

impl Native {
    pub(crate) fn new() -> Self {
        Self {
            known: situation(),
            password: sample::password(),
        }
    }

    /// Decides on a reset.
    pub(crate) fn reset(&self) -> (rules::Sending, String) {
        let measured = self.password.metrics();
        let situation = types::Situation {
            password: Some(types::PasswordMetrics {
                length: measured.length,
                digits: measured.digits,
                lower_case: measured.lower_case,
                upper_case: measured.upper_case,
                symbols: measured.symbols,
                others: measured.others,
                longest_sequence: measured.longest_sequence,
                longest_repeat: measured.longest_repeat,
                distinct: measured.distinct,
            }),
            ..self.known.clone()
        };
        let request = types::Request {
            options: types::ResetOptions::empty(),
            replaces: None,
            valid_for: None,
            reason: None,
            requester: None,
        };
        let sending = rules::reset(black_box(&situation), &request);
        let id = uuid::Uuid::now_v7().to_string();
        (sending.expect("a command"), id)
    }
}

/// The facts of the sample, in the types of the plugin.
fn situation() -> types::Situation {
    types::Situation {
        device: types::Device {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            api_level: 34,
            agent_version: "6.9.0".into(),
            management_mode: types::ManagementMode::DeviceOwner,
            managed_profile: false,
            ownership: types::Ownership::Company,
            groups: vec!["sales".into()],
            condition: types::Condition {
                password_set: true,
                token: types::TokenState::Active,
                unlocked_since_boot: true,
                direct_boot_aware: true,
                secure_lock_screen: true,
                other_admin_entry_pending: false,
                other_admin_policy: None,
            },
            last_sync: 1_700_000_000_000,
            policy: None,
            policy_override: None,
        },
        pending: None,
        latest: None,
        deployment: types::Deployment {
            password_rule: types::PasswordRule {
                characters: types::Characters::Digits,
                minimum_length: 4,
                maximum_length: 4,
            },
            minimum_agent_version: "6.9.0".into(),
        },
        capabilities: types::Capabilities {
            options: types::ResetOptions::all(),
            expiry: true,
            passwords: types::AcceptedPasswords {
                minimum_pin_length: 4,
                minimum_length: 4,
                maximum_length: 16,
            },
        },
        online: true,
        now: 1_700_000_000_000,
        password: None,
    }
}
