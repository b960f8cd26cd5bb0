//! A platform in memory: a store with one device, and a transport.

use crate::{requests::Content, wrong::Wrong};
use mdm_agent_protocol::sealing::{Binding, Payload, PrivateKey, PublicKey, SealingError};
use mdm_contract::{Capabilities, Command, CommandId, Status};
use mdm_password_host::{
    Commit, Decision, DeviceState, DeviceStore, Effect, Transport, password::Password,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

/// The store of the platform.
#[derive(Clone)]
pub(crate) struct Memory {
    stored: Arc<Mutex<Stored>>,
    wrong: Option<Wrong>,
}

/// The content of the store.
pub(crate) struct Stored {
    pub(crate) content: Content,
    /// The sealed passwords of pending commands.
    pub(crate) sealed: BTreeMap<CommandId, Vec<u8>>,
    version: i64,
    /// The content that another writer commits before the next commit.
    meanwhile: Option<Content>,
}

impl Memory {
    pub(crate) fn new(content: Content, wrong: Option<Wrong>) -> Self {
        let stored = Stored {
            content,
            sealed: BTreeMap::new(),
            version: 0,
            meanwhile: None,
        };
        Self {
            stored: Arc::new(Mutex::new(stored)),
            wrong,
        }
    }

    /// Reads the store.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&Stored) -> R) -> R {
        read(&self.stored.lock())
    }

    /// Lets another writer commit this before the next commit.
    pub(crate) fn meanwhile(&self, content: Option<Content>) {
        self.stored.lock().meanwhile = content;
    }
}

impl DeviceStore for Memory {
    type Extra = Content;
    type Context = ();
    type Error = Infallible;

    async fn load(
        &self,
        device: &str,
        (): &(),
    ) -> Result<Option<DeviceState<Content>>, Infallible> {
        Ok(self.read(|stored| {
            let content = &stored.content;
            let pending = |it: &&Command| it.status == Status::Pending;
            (content.device.id == device).then(|| DeviceState {
                device: content.device.clone(),
                pending: content.commands.iter().find(pending).cloned(),
                latest: content.commands.last().cloned(),
                version: stored.version,
                extra: content.clone(),
            })
        }))
    }

    async fn command(&self, _: &str, command: &str) -> Result<Option<Command>, Infallible> {
        Ok(self.read(|stored| {
            let mut commands = stored.content.commands.iter();
            commands.find(|it| it.id == command).cloned()
        }))
    }

    async fn commit(&self, commit: Commit<'_, Content>, (): &()) -> Result<bool, Infallible> {
        let mut stored = self.stored.lock();
        if let Some(other) = stored.meanwhile.take() {
            stored.content = other;
            stored.version += 1;
        }
        if stored.version != commit.before.version {
            if self.wrong != Some(Wrong::IgnoresVersions) {
                return Ok(false);
            }
            stored.content = commit.before.extra.clone();
        }
        let mut content = stored.content.clone();
        for effect in commit.effects {
            match (&effect, &commit.sealed) {
                (Effect::Send(command), Some(sealed)) => {
                    stored.sealed.insert(command.id.clone(), sealed.clone());
                }
                (Effect::Complete { command, .. }, _) if self.wrong != Some(Wrong::KeepsSealed) => {
                    stored.sealed.remove(command);
                }
                _ => {}
            }
            effect.apply(&mut content.device, &mut content.commands, commit.at);
        }
        stored.content = content;
        stored.version += 1;
        Ok(true)
    }
}

/// The transport: it seals, and delivers nothing.
pub(crate) struct Channel {
    pub(crate) key: PublicKey,
    pub(crate) wrong: Option<Wrong>,
}

impl Transport<Content> for Channel {
    type Error = SealingError;

    fn capabilities(&self, state: &DeviceState<Content>) -> Capabilities {
        state.extra.capabilities
    }

    fn is_online(&self, state: &DeviceState<Content>) -> bool {
        state.extra.online
    }

    fn seal(
        &self,
        state: &DeviceState<Content>,
        command: &Command,
        password: Option<&Password>,
    ) -> Result<Vec<u8>, SealingError> {
        let password = Vec::from(password.map_or("", Password::expose));
        if self.wrong == Some(Wrong::StoresPlaintext) {
            return Ok(password);
        }
        let payload = Payload {
            token_key: PrivateKey::generate().0,
            password: password.into(),
        };
        let binding = Binding::of(&state.device.id, command);
        Ok(payload.seal(&self.key, &binding)?.to_bytes())
    }

    fn notify(&self, _: &DeviceState<Content>, _: &Decision) {}
}
