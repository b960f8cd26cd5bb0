//! The situations of a device that input can be about.

use mdm_agent_protocol::{sealing::PublicKey, signing_key::SigningKey};
use mdm_contract::{
    Action, Capabilities, Command, Condition, Device, ManagementMode, Ownership, Policy,
    PolicyOverride, Quality, Requirement, ResetOptions, Status, TokenState, time,
};
use mdm_server_core::store::Snapshot;
use std::sync::LazyLock;

/// The device's id.
pub const DEVICE: &str = "0198c1de-0000-7000-8000-000000000001";
/// The group that it is in.
pub const GROUP: &str = "sales";
/// Its reset that has succeeded.
pub const COMPLETED: &str = "0198c1de-0000-7000-8000-0000000000c1";
/// Its reset that is pending, if one is.
pub const PENDING: &str = "0198c1de-0000-7000-8000-0000000000c2";

static PUBLIC_KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let text = r#""BP6MGc4JBRkevCmKkkV5JTHybwzs4kYGOei8Oct/cGqCanebTPlpuKDlOcf2L7PTCtaqj4DjDx0Siq/WiiznLqA=""#;
    serde_json::from_str(text).expect("a point on P-256")
});

/// The signing key of the device's agent.
pub static SIGNING_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_bytes(&[7; 32]).expect("a scalar of P-256"));

/// A device with its commands, oldest first.
#[derive(Clone)]
pub struct Situation {
    /// The device; its commands are those below.
    pub snapshot: Snapshot,
    /// Its commands.
    pub commands: Vec<Command>,
}

impl Situation {
    /// A situation selected by the bits of this byte.
    pub fn new(bits: u8) -> Self {
        let is = |bit: u8| bits & (1 << bit) != 0;
        let now = time::now();
        let policy = Policy {
            requirement: Requirement::Quality(Quality::Numeric),
            minimum_length: 6,
        };
        let policy_override = PolicyOverride {
            command: COMPLETED.into(),
            since: now - 2000,
        };
        let mut commands = vec![reset(COMPLETED, Status::Success, now - 3000)];
        if is(0) {
            commands.push(Command {
                // An expiry in the past, and one in the future.
                expires_at: is(1).then_some(if is(2) { now - 1 } else { now + 60_000 }),
                ..reset(PENDING, Status::Pending, now - 1000)
            });
        }
        let (api_level, management_mode) = match is(3) {
            false => (34, ManagementMode::DeviceOwner),
            true => (23, ManagementMode::DeviceAdmin),
        };
        Self {
            snapshot: Snapshot {
                device: Device {
                    id: DEVICE.into(),
                    api_level,
                    agent_version: if is(4) { "6.8.9" } else { "6.9.4" }.into(),
                    management_mode,
                    managed_profile: false,
                    ownership: Ownership::Company,
                    groups: vec![GROUP.into()],
                    condition: Condition {
                        password_set: true,
                        token: TokenState::Active,
                        unlocked_since_boot: true,
                        direct_boot_aware: true,
                        secure_lock_screen: true,
                        other_admin_entry_pending: false,
                        other_admin_policy: None,
                    },
                    last_sync: now - 500,
                    policy: is(5).then_some(policy),
                    policy_override: is(6).then_some(policy_override),
                },
                capabilities: Capabilities::android(),
                name: "phone".into(),
                public_key: PUBLIC_KEY.clone(),
                signing_key: SIGNING_KEY.verifying_key().clone(),
                enrolled_at: now - 10_000,
                revoked_at: is(7).then_some(now - 100),
                version: 0,
                online_until: None,
                pending: None,
                latest: None,
            },
            commands,
        }
    }
}

fn reset(id: &str, status: Status, requested_at: u64) -> Command {
    Command {
        id: id.into(),
        action: Action::Reset,
        options: ResetOptions::default(),
        completed_at: (status != Status::Pending).then_some(requested_at + 500),
        status,
        requested_at,
        expires_at: None,
        late_outcome: None,
    }
}
