//! A reset by the rules of the reference plugin, as a plugin of Extism.

mod facts;

use extism_pdk::{FnResult, Json, plugin_fn};
use facts::{Asked, Decision};
use mdm_password_plugin::rules::{self, Ending, types};

/// Decides on a reset.
#[plugin_fn]
pub fn reset(Json(asked): Json<Asked>) -> FnResult<Json<Decision>> {
    let request = types::Request {
        options: options(asked.options),
        replaces: asked.terms.replaces,
        valid_for: asked.terms.valid_for,
        reason: None,
        requester: None,
    };
    let situation = types::Situation {
        device: device(asked.device),
        pending: asked.pending.map(pending),
        latest: None,
        deployment: types::Deployment {
            password_rule: types::PasswordRule {
                characters: types::Characters::Digits,
                minimum_length: asked.password_rule.minimum_length,
                maximum_length: asked.password_rule.maximum_length,
            },
            minimum_agent_version: asked.minimum_agent_version,
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
        now: asked.now,
        password: Some(metrics(&asked.password)),
    };
    let decision = match rules::reset(&situation, &request) {
        Err(refusal) => Decision::Refuse(format!("{refusal:?}")),
        Ok(sending) => {
            let (expired, superseded) = match sending.ends {
                None => (None, None),
                Some(Ending::Expired(id)) => (Some(id), None),
                Some(Ending::Superseded(id)) => (None, Some(id)),
            };
            Decision::Send {
                options: asked.options,
                expires_at: sending.command.expires_at,
                expired,
                superseded,
            }
        }
    };
    Ok(Json(decision))
}

fn options(told: facts::ResetOptions) -> types::ResetOptions {
    let mut options = types::ResetOptions::empty();
    options.set(types::ResetOptions::LOCK_NOW, told.lock_now);
    options.set(types::ResetOptions::REQUIRE_ENTRY, told.require_entry);
    let at_boot = types::ResetOptions::NO_CREDENTIALS_ON_BOOT;
    options.set(at_boot, told.no_credentials_on_boot);
    options
}

fn device(told: facts::Device) -> types::Device {
    types::Device {
        id: told.id,
        api_level: told.api_level,
        agent_version: told.agent_version,
        management_mode: match told.management_mode {
            facts::ManagementMode::DeviceOwner => types::ManagementMode::DeviceOwner,
            facts::ManagementMode::ProfileOwner => types::ManagementMode::ProfileOwner,
            facts::ManagementMode::DeviceAdmin => types::ManagementMode::DeviceAdmin,
        },
        managed_profile: told.managed_profile,
        ownership: types::Ownership::Company,
        groups: told.groups,
        condition: types::Condition {
            password_set: told.condition.password_set,
            token: match told.condition.token {
                facts::TokenState::Missing => types::TokenState::Missing,
                facts::TokenState::Unconfirmed => types::TokenState::Unconfirmed,
                facts::TokenState::Active => types::TokenState::Active,
                facts::TokenState::Invalid => types::TokenState::Invalid,
                facts::TokenState::Unsupported => types::TokenState::Unsupported,
            },
            unlocked_since_boot: told.condition.unlocked_since_boot,
            direct_boot_aware: told.condition.direct_boot_aware,
            secure_lock_screen: told.condition.secure_lock_screen,
            other_admin_entry_pending: told.condition.other_admin_entry_pending,
            other_admin_policy: None,
        },
        last_sync: told.last_sync,
        policy: None,
        policy_override: None,
    }
}

fn pending(told: facts::Pending) -> types::Command {
    types::Command {
        id: told.id,
        action: types::Action::Reset,
        options: types::ResetOptions::empty(),
        status: types::Status::Pending,
        requested_at: told.requested_at,
        completed_at: None,
        expires_at: told.expires_at,
        late_outcome: None,
    }
}

fn metrics(told: &facts::PasswordMetrics) -> types::PasswordMetrics {
    types::PasswordMetrics {
        length: told.length,
        digits: told.digits,
        lower_case: told.lower_case,
        upper_case: told.upper_case,
        symbols: told.symbols,
        others: told.others,
        longest_sequence: told.longest_sequence,
        longest_repeat: told.longest_repeat,
        distinct: told.distinct,
    }
}
