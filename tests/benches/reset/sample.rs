//! A reset as any host has many: a device that will do, and a password that meets the rule.

use mdm_contract::{
    Capabilities, CommandId, Condition, Deployment, Device, ManagementMode, Ownership, Request,
    Situation, TokenState,
};
use mdm_password_component::REFERENCE;
use mdm_password_host::{CallContext, CallOutcome, Limits, Plugin, Runtime, password::Password};
use zeroize::Zeroizing;

/// The reference plugin.
pub(crate) fn plugin() -> Plugin {
    let runtime = Runtime::new(Limits::default()).expect("an engine");
    runtime.load(REFERENCE, None).expect("the reference plugin")
}

/// The password of the reset.
pub(crate) fn password() -> Password {
    Password::new(Zeroizing::new("1234".into()))
}

/// A reset on a fresh instance, as in the server.
pub(crate) fn fresh(plugin: &Plugin, context: CallContext) -> CallOutcome<CommandId> {
    let mut instance = plugin.instance().expect("an instance");
    let decided = instance.reset(context, &Request::default());
    let outcome = decided.expect("a decision");
    assert!(matches!(outcome, CallOutcome::Accepted { .. }));
    outcome
}

/// The context of the call.
pub(crate) fn context() -> CallContext {
    let situation = Situation {
        device: Device {
            id: "0198c1de-0000-7000-8000-000000000001".into(),
            api_level: 34,
            agent_version: "6.9.0".into(),
            management_mode: ManagementMode::DeviceOwner,
            managed_profile: false,
            ownership: Ownership::Company,
            groups: vec!["sales".into()],
            condition: Condition {
                password_set: true,
                token: TokenState::Active,
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
        deployment: Deployment::default(),
        capabilities: Capabilities::android(),
        online: true,
        now: 1_700_000_000_000,
        password: None,
    };
    CallContext::new(situation, None, Some(password()))
}
