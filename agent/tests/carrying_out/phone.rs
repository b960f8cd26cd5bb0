//! A device and its agent, without a host.

use mdm_agent::{
    apply,
    device::Device,
    error::AgentError,
    state::{Agent, Home, Step},
    token,
};
use mdm_wire::{
    sealing::{Binding, PrivateKey},
    sync::SealedCommand,
    words::{Action, Policy, Quality, Requirement, ResetOptions},
};
use std::path::PathBuf;
use tempfile::TempDir;

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
        let (private_key, public_key) = PrivateKey::generate();
        let mut agent = Agent::new(
            "host".into(),
            DEVICE.into(),
            "credential".into(),
            (&private_key, public_key),
        );
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
        let binding = Binding {
            device: DEVICE,
            command: id,
            action,
            options,
            expires_at: None,
        };
        let key = self.home.agent.read().unwrap().public_key;
        let sealed =
            (action == Action::Reset).then(|| key.seal(password.as_bytes(), &binding).unwrap());
        SealedCommand {
            id: id.into(),
            action,
            options,
            expires_at: None,
            sealed,
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

    /// Where its files lie.
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

/// What a password like 1234 does not meet.
pub(crate) fn policy() -> Policy {
    Policy {
        requirement: Requirement::Quality(Quality::Alphabetic),
        minimum_length: 6,
    }
}
