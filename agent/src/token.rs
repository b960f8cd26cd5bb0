//! The reset token of Android 8.0 and later. It is as powerful as the password, so the agent stores it wrapped: sealed
//! to a public key of the server. Only the server has the private key, and it sends that key with each command. The
//! token can't be extracted from the device alone. The agent sets a token only if none is active, because each new
//! token wears out a slot of the lock hardware.

use crate::{
    device::Device,
    error::AgentError,
    state::{Agent, Home},
};
use mdm_agent_protocol::{
    sealing::{Binding, PrivateKey, Sealed, SealingError},
    sync::DeviceInfo,
};
use mdm_contract::{Action, Capabilities, Condition, ResetOptions, TokenState};
use zeroize::Zeroizing;

/// The token's length in bytes: the minimum that Android accepts.
const LENGTH: usize = 32;
/// Its length when it is wrapped.
const WRAPPED_LENGTH: usize = LENGTH + 16;

/// The device info for a sync.
pub fn device_info(agent: &Agent, device: &Device) -> DeviceInfo {
    let mut device_info =
        device_info_before_enrollment(device, agent.agent_version.clone(), agent.direct_boot_aware);
    device_info.condition.token = token_state(agent, device);
    device_info
}

/// The device info for the enrollment, when there is no reset token yet.
pub fn device_info_before_enrollment(
    device: &Device,
    agent_version: String,
    direct_boot_aware: bool,
) -> DeviceInfo {
    DeviceInfo {
        api_level: device.api_level,
        agent_version,
        management_mode: device.management_mode,
        managed_profile: device.managed_profile,
        ownership: device.ownership,
        capabilities: Capabilities::android(),
        condition: Condition {
            password_set: device.is_password_set(),
            token: TokenState::Missing,
            unlocked_since_boot: device.unlocked_since_boot,
            direct_boot_aware,
            secure_lock_screen: device.secure_lock_screen,
            other_admin_entry_pending: device.other_admin_entry_pending,
            other_admin_policy: device.other_admin_policy.clone(),
        },
    }
}

/// The state of the reset token.
pub fn token_state(agent: &Agent, device: &Device) -> TokenState {
    if device.has_reset_tokens() && !device.escrow_tokens {
        return TokenState::Unsupported;
    }
    if !device.has_reset_tokens() || agent.token.is_none() {
        return TokenState::Missing;
    }
    let is_whole = |wrapped: &Sealed| wrapped.ciphertext.len() == WRAPPED_LENGTH;
    let is_unreadable =
        can_reach_token(agent, device) && !agent.token.as_ref().is_some_and(is_whole);
    if is_unreadable || agent.token_was_refused {
        return TokenState::Invalid;
    }
    match device.is_reset_password_token_active() {
        Some(true) => TokenState::Active,
        Some(false) => TokenState::Unconfirmed,
        None if agent.token_was_active => TokenState::Invalid,
        None => TokenState::Missing,
    }
}

/// Returns `true` if the agent can read its stored token: before the first unlock after a boot, only a direct-boot
/// aware agent can read its files.
pub fn can_reach_token(agent: &Agent, device: &Device) -> bool {
    device.unlocked_since_boot || agent.direct_boot_aware
}

/// Unwraps the reset token. Its key, `token_key`, arrives only with a command. Errors if there is no token, or if the
/// key does not open it.
pub fn unwrap_token(
    agent: &Agent,
    token_key: &PrivateKey,
) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    match &agent.token {
        Some(wrapped) => token_key.open(wrapped, &binding(&agent.device)),
        None => Err(SealingError::DoesNotOpen),
    }
}

/// Records that the token was active. If Android reports no token later, its state is then `Invalid`, not `Missing`.
pub fn note_active(home: &Home) -> Result<(), AgentError> {
    let agent = home.agent.read()?;
    let is_active = token_state(&agent, &home.device.read()?) == TokenState::Active;
    if is_active && !agent.token_was_active {
        home.agent.change(|agent| agent.token_was_active = true)?;
    }
    Ok(())
}

/// Sets a new token if the device supports tokens and its token is missing or invalid. Does nothing while the agent
/// can't read its files.
pub fn provision(home: &Home) -> Result<(), AgentError> {
    let (agent, device) = (home.agent.read()?, home.device.read()?);
    let state = token_state(&agent, &device);
    let is_needed = matches!(state, TokenState::Missing | TokenState::Invalid);
    if !device.has_reset_tokens() || !is_needed || !can_reach_token(&agent, &device) {
        return Ok(());
    }
    let mut token = Zeroizing::new([0u8; LENGTH]);
    getrandom::fill(token.as_mut()).map_err(AgentError::NoRandom)?;
    let wrapped = agent
        .token_key
        .seal(token.as_ref(), &binding(&agent.device))?;
    // The agent's copy comes first: the agent can't use a token of which it has no copy.
    home.agent.change(|agent| {
        agent.token = Some(wrapped);
        agent.token_was_active = false;
        agent.token_was_refused = false;
    })?;
    home.device
        .change(|device| device.set_reset_password_token(token.as_ref()))?;
    tracing::info!("a reset token was provisioned");
    note_active(home)
}

/// The binding of the wrapped token. Its command id is a fixed text, which no real command has, so a wrapped token and
/// a sealed password can't replace each other.
fn binding(device: &str) -> Binding<'_> {
    Binding {
        device,
        command: "the device's own reset token",
        action: Action::Reset,
        options: ResetOptions::default(),
        expires_at: None,
    }
}
