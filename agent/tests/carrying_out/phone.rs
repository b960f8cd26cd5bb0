//! A device and its agent, without a host.

use mdm_agent::{
    apply,
    device::Device,
    error::AgentError,
    keys::DeviceKeys,
    state::{Agent, Home, Step},
    token,
};
use mdm_agent_protocol::{
    sealing::{Binding, Payload, PrivateKey},
    signing_key::SigningKey,
    sync::{EnrollResponse, SealedCommand},
};
use mdm_contract::{Action, Policy, Quality, Requirement, ResetOptions};
use std::path::PathBuf;
use tempfile::TempDir;
use zeroize::Zeroizing;

const DEVICE: &str = "0198c1de-0000-7000-8000-000000000001";

/// A device in a folder of its own, and its agent.
pub(crate) struct Phone {
    pub(crate) home: Home,
    folder: TempDir,
}

impl Phone {
    pub(crate) fn new(device: Device, direct_boot_aware: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let home = Home::at(&folder.path().join("phone"));
        home.create(&device).unwrap();
        let enrolled = EnrollResponse {
            device: DEVICE.into(),
            host_key: SigningKey::generate().unwrap().verifying_key().clone(),
            token_key: token_key().public_key(),
        };
        let keys = DeviceKeys::generate().unwrap();
        let mut agent = Agent::new("host".into(), keys, enrolled);
        agent.direct_boot_aware = direct_boot_aware;
        home.agent.create(&agent).unwrap();
        token::provision(&home).unwrap();
        Self { home, folder }
    }

    pub(crate) fn command(&self, id: &str, action: Action, password: &str) -> SealedCommand {
        self.command_with(id, action, password, ResetOptions::default())
    }

    pub(crate) fn command_with(
        &self,
        id: &str,
        action: Action,
        password: &str,
        options: ResetOptions,
    ) -> SealedCommand {
        let token_key = token_key();
        self.sealed_with(token_key, id, action, password, options)
    }

    /// A command from a host that has this key to the device's reset token.
    pub(crate) fn sealed_with(
        &self,
        token_key: PrivateKey,
        id: &str,
        action: Action,
        password: &str,
        options: ResetOptions,
    ) -> SealedCommand {
        let binding = Binding {
            device: DEVICE,
            command: id,
            action,
            options,
            expires_at: None,
        };
        let payload = Payload {
            token_key,
            password: Zeroizing::new(password.as_bytes().to_vec()),
        };
        let key = self.agent().keys.public_key().unwrap();
        SealedCommand {
            id: id.into(),
            action,
            options,
            expires_at: None,
            sealed: payload.seal(&key, &binding).unwrap(),
        }
    }

    pub(crate) fn receives(&self, command: SealedCommand) {
        self.home
            .agent
            .change(|agent| agent.holding.push(command))
            .unwrap();
    }

    /// The agent runs; if its power is cut, it starts again.
    pub(crate) fn runs(&self, power_cut: Option<Step>) {
        self.runs_with(power_cut, &|_| ());
    }

    /// The same; this is what happens on the device before the agent starts again.
    pub(crate) fn runs_with(&self, power_cut: Option<Step>, meanwhile: &dyn Fn(&mut Device)) {
        match apply::carry_out_all(&self.home, power_cut) {
            Ok(()) => {}
            Err(AgentError::PowerCut(_)) => {
                self.home.device.change(meanwhile).unwrap();
                apply::recover(&self.home).unwrap();
                apply::carry_out_all(&self.home, None).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("phone")
    }

    pub(crate) fn device(&self) -> Device {
        self.home.device.read().unwrap()
    }

    pub(crate) fn agent(&self) -> Agent {
        self.home.agent.read().unwrap()
    }
}

/// The key that opens the device's reset token. Only the server has it.
pub(crate) fn token_key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

/// A policy that a password like 1234 does not meet.
pub(crate) fn policy() -> Policy {
    Policy {
        requirement: Requirement::Quality(Quality::Alphabetic),
        minimum_length: 6,
    }
}
