//! The durable state of the agent, in a folder beside the simulated device.

use crate::{
    device::Device,
    durable::{Durable, DurableError, private},
    keys::DeviceKeys,
};
use clap::ValueEnum;
use mdm_agent_protocol::{
    sealing::{Payload, PublicKey, Sealed, SealingError},
    signing_key::VerifyingKey,
    succession::{MAX_SUCCESSIONS, Succession},
    sync::{EnrollResponse, Report, SealedCommand},
};
use mdm_contract::{CommandId, DeviceOutcome, Policy, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// The number of outcomes that are kept, latest first. A server sends a command again only until it has the outcome.
const MAX_OUTCOMES: usize = 1000;

/// The state of the agent.
#[derive(Clone, Serialize, Deserialize)]
pub struct Agent {
    /// The host's address.
    pub host: String,
    /// The certificates of the server's authority, in PEM. `None` if the system trusts it.
    #[serde(default)]
    pub authorities: Option<String>,
    /// The host's id of this device.
    pub device: String,
    /// The server's key, which verifies its responses.
    pub host_key: VerifyingKey,
    /// The offset of the server's clock to this device's, in seconds. Expiry is decided by the server's clock.
    pub host_clock_ahead: i64,
    /// The device's keys.
    pub keys: DeviceKeys,
    /// Those that it is changing to.
    pub next_keys: Option<DeviceKeys>,
    /// Those that it had before, for as long as there may be a command that was sealed to them.
    pub earlier_keys: Vec<DeviceKeys>,
    /// The chain of its key rotations, the latest [`MAX_SUCCESSIONS`]. It proves the current keys to a server that was
    /// restored from a backup.
    #[serde(default)]
    pub successions: Vec<Succession>,
    /// The latest witness from the server.
    #[serde(default)]
    pub witness: Option<String>,
    /// The public key that wraps the reset token. The server has the private key.
    pub token_key: PublicKey,
    /// The agent's version.
    pub agent_version: String,
    /// It can use its reset token before the first unlock after a boot.
    pub direct_boot_aware: bool,
    /// The reset token, wrapped: it is as powerful as the password.
    pub token: Option<Sealed>,
    /// The device has reported the token as active before.
    pub token_was_active: bool,
    /// The device has refused the token although it reported it as active.
    pub token_was_refused: bool,
    /// Commands that are not carried out yet, oldest first.
    pub holding: Vec<SealedCommand>,
    /// The command that is being carried out.
    pub journal: Option<Journal>,
    /// The outcomes of the commands that were carried out.
    pub outcomes: BTreeMap<CommandId, DeviceOutcome>,
    /// The reports that the server has not accepted yet, in their order.
    pub unreported: Vec<Report>,
    /// The policy that a sync last gave the agent to enforce.
    pub policy: Option<Policy>,
    /// The policy that a reset lifted. A remove puts it back.
    pub lifted_policy: Option<Policy>,
}

/// Written before a command touches the device, gone when it has an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Which command.
    pub command: CommandId,
    /// The policy to put back if the device refuses.
    pub policy: Option<Policy>,
    /// The number of changes of the password by then.
    pub password_changes: u64,
}

/// The steps of a command. Each is durable before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// The journal is written.
    Journal,
    /// The policy is lifted.
    Lift,
    /// The password is set.
    Set,
    /// The policy of a remove, or of a reset that failed, is enforced again.
    Restore,
    /// The outcome is remembered.
    Finish,
}

/// The steps of a key rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RotationStep {
    /// The next keys are durable.
    Prepare,
    /// The host knows them.
    Tell,
}

impl Agent {
    /// A freshly enrolled agent.
    pub fn new(host: String, keys: DeviceKeys, enrolled: EnrollResponse) -> Self {
        Self {
            host,
            authorities: None,
            device: enrolled.device,
            host_key: enrolled.host_key,
            host_clock_ahead: 0,
            keys,
            next_keys: None,
            earlier_keys: Vec::new(),
            successions: Vec::new(),
            witness: None,
            token_key: enrolled.token_key,
            agent_version: String::new(),
            direct_boot_aware: true,
            token: None,
            token_was_active: false,
            token_was_refused: false,
            holding: Vec::new(),
            journal: None,
            outcomes: BTreeMap::new(),
            unreported: Vec::new(),
            policy: None,
            lifted_policy: None,
        }
    }

    /// Opens what was sealed for this device: to its keys of today, or to those that it had before.
    pub fn open(&self, command: &SealedCommand) -> Result<Payload, SealingError> {
        let binding = command.binding(&self.device);
        let keys = std::iter::once(&self.keys).chain(self.earlier_keys.iter().rev());
        let mut opened = Err(SealingError::DoesNotOpen);
        for keys in keys {
            opened = Payload::open(&command.sealed, &keys.private_key()?, &binding);
            if opened.is_ok() {
                break;
            }
        }
        opened
    }

    /// Converts a time of the device's clock to the server's clock, by the difference that the last sync measured.
    pub fn host_time(&self, own: Timestamp) -> Timestamp {
        own.saturating_add_signed(self.host_clock_ahead.saturating_mul(1000))
    }

    /// The agent's copy of its reset token becomes unreadable, as when the keystore loses its key.
    pub fn lose_token(&mut self) {
        if let Some(token) = &mut self.token {
            token.ciphertext.clear();
        }
    }

    /// The device uses these keys from now on; its former ones state that they follow.
    pub fn change_keys(&mut self, next: DeviceKeys, succession: Succession) {
        self.successions.push(succession);
        let too_many = self.successions.len().saturating_sub(MAX_SUCCESSIONS);
        self.successions.drain(..too_many);
        self.next_keys = None;
        let before = std::mem::replace(&mut self.keys, next);
        self.earlier_keys.push(before);
    }

    /// A command has its outcome: it is remembered, to be reported, and nothing is left to do.
    pub fn finish(&mut self, command: &str, outcome: DeviceOutcome) {
        self.holding.retain(|held| held.id != command);
        self.journal = None;
        self.unreported.push(Report {
            command: command.to_owned(),
            outcome: outcome.clone(),
        });
        self.outcomes.insert(command.to_owned(), outcome);
        while self.outcomes.len() > MAX_OUTCOMES {
            self.outcomes.pop_first();
        }
    }
}

/// The folder of a simulated device and its agent.
pub struct Home {
    folder: PathBuf,
    /// The device.
    pub device: Durable<Device>,
    /// Its agent.
    pub agent: Durable<Agent>,
}

/// The errors of an agent's folder.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is no device.
    #[error("there is no device in {0}: `mdm-agent create --state {0} …` makes one")]
    NoDevice(String),
    /// There is one already.
    #[error("there is a device in {0} already: choose another folder")]
    DeviceExists(String),
    /// Its agent is not enrolled.
    #[error("the device in {0} is not enrolled: `mdm-agent enroll --state {0} …` enrolls it")]
    NotEnrolled(String),
    /// Its agent is enrolled.
    #[error("the device in {0} is enrolled already, as {1}")]
    AlreadyEnrolled(String, String),
    /// Another process is its agent.
    #[error("an agent runs on the device in {0} already: stop that one first")]
    AgentRuns(String),
    /// The lock file of the running agent can't be opened or locked.
    #[error("{0}: {1}")]
    RunLock(String, io::Error),
    /// The folder can't be made.
    #[error("the folder {0} can't be made: {1}")]
    Folder(String, io::Error),
    /// A file in it is unreadable.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

impl Home {
    /// The folder at this path. Its contents are not checked.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            device: Durable::at(folder.join("device.json")),
            agent: Durable::at(folder.join("agent.json")),
        }
    }

    /// Puts a new device there.
    pub fn create(&self, device: &Device) -> Result<(), HomeError> {
        if self.device.exists() {
            return Err(HomeError::DeviceExists(self.name()));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| HomeError::Folder(self.name(), error))?;
        Ok(self.device.create(device)?)
    }

    /// The folder, if it holds a device.
    pub fn with_device(self) -> Result<Self, HomeError> {
        if self.device.exists() {
            Ok(self)
        } else {
            Err(HomeError::NoDevice(self.name()))
        }
    }

    /// The folder, if its device is enrolled.
    pub fn enrolled(self) -> Result<Self, HomeError> {
        let home = self.with_device()?;
        if home.agent.exists() {
            Ok(home)
        } else {
            Err(HomeError::NotEnrolled(home.name()))
        }
    }

    /// The folder, if its device is not enrolled yet.
    pub fn not_enrolled(self) -> Result<Self, HomeError> {
        let home = self.with_device()?;
        if home.agent.exists() {
            return Err(HomeError::AlreadyEnrolled(
                home.name(),
                home.agent.read()?.device,
            ));
        }
        Ok(home)
    }

    /// Makes this process the device's agent for as long as it keeps the file: two agents at once would
    /// carry out the same command twice.
    pub fn start_agent(&self) -> Result<File, HomeError> {
        let path = self.folder.join("run.lock");
        let trouble = |error| HomeError::RunLock(path.display().to_string(), error);
        let file = private(&path).map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(HomeError::AgentRuns(self.name())),
            Err(TryLockError::Error(error)) => Err(trouble(error)),
        }
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }
}
