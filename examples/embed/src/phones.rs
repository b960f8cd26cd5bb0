//! The platform's store, in SQLite with tables of its own, and its transport.

use mdm_agent_protocol::sealing::{Binding, Payload, PrivateKey, PublicKey, SealingError};
use mdm_contract::decisions::{Capabilities, Command, Device, Status};
use mdm_password_host::{
    Commit, Decision, DeviceState, DeviceStore, Effect, Function, Transport, password::Password,
};
use parking_lot::Mutex;
use rusqlite::{Connection, Error, OptionalExtension as _, Result, params};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

/// All that this platform knows of a phone: a row has it as JSON.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Phone {
    pub device: Device,
    pub commands: Vec<Command>,
    /// What was sealed for the pending command.
    pub sealed: Option<Vec<u8>>,
    pub public_key: PublicKey,
}

/// The phones, with a version each, and who did what.
pub(crate) struct Phones(Mutex<Connection>);

impl Phones {
    pub(crate) fn open_in_memory() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "create table phones (id text primary key, version integer, phone text);
             create table audit (actor text, function text, plugin text);",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    pub(crate) fn add(&self, phone: &Phone) -> Result<()> {
        let row = params![phone.device.id, json(phone)?];
        self.with(|it| it.execute("insert into phones values (?, 0, ?)", row))?;
        Ok(())
    }

    pub(crate) fn get(&self, id: &str) -> Result<Option<(Phone, i64)>> {
        let select = "select phone, version from phones where id = ?";
        let row = self.with(|it| {
            let row = it.query_row(select, [id], |row| Ok((row.get(0)?, row.get(1)?)));
            row.optional()
        })?;
        let read = |(json, version): (String, i64)| {
            let phone = serde_json::from_str(&json);
            Ok((
                phone.map_err(|error| Error::InvalidParameterName(error.to_string()))?,
                version,
            ))
        };
        row.map(read).transpose()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.0.lock())
    }
}

impl DeviceStore for Phones {
    type Extra = Phone;
    /// The actor, for the audit trail.
    type Context = String;
    type Error = Error;

    async fn load(&self, id: &str, _: &String) -> Result<Option<DeviceState<Phone>>> {
        Ok(self.get(id)?.map(|(phone, version)| DeviceState {
            device: phone.device.clone(),
            pending: phone
                .commands
                .iter()
                .find(|it| it.status == Status::Pending)
                .cloned(),
            latest: phone.commands.last().cloned(),
            version,
            extra: phone,
        }))
    }

    async fn command(&self, id: &str, command: &str) -> Result<Option<Command>> {
        let commands = self.get(id)?.map(|(phone, _)| phone.commands);
        Ok(commands.into_iter().flatten().find(|it| it.id == command))
    }

    async fn commit(&self, commit: Commit<'_, Phone>, actor: &String) -> Result<bool> {
        let (before, decision) = (commit.before, commit.decision);
        let mut phone = before.extra.clone();
        let of = |id: &str, commands: &[Command]| commands.iter().position(|it| it.id == id);
        for effect in commit.effects {
            match effect {
                Effect::Send(command) => {
                    phone.commands.push(command);
                    phone.sealed.clone_from(&commit.sealed);
                }
                Effect::Complete { command, outcome } => {
                    if let Some(it) = of(&command, &phone.commands) {
                        phone.commands[it].status = outcome.into();
                        phone.commands[it].completed_at = Some(commit.at);
                    }
                }
                Effect::KeepLateOutcome { command, outcome } => {
                    if let Some(it) = of(&command, &phone.commands) {
                        phone.commands[it].late_outcome = Some(outcome);
                    }
                }
                Effect::SetPolicyOverride(to) => phone.device.policy_override = to,
            }
        }
        let update =
            "update phones set version = version + 1, phone = ? where id = ? and version = ?";
        let row = params![json(&phone)?, phone.device.id, before.version];
        let line = params![actor, decision.function.to_string(), decision.plugin];
        self.with(|it| {
            let transaction = it.transaction()?;
            let is_current = transaction.execute(update, row)? == 1;
            if is_current {
                transaction.execute("insert into audit values (?, ?, ?)", line)?;
                transaction.commit()?;
            }
            Ok(is_current)
        })
    }
}

/// The way to phones: a channel within the process.
pub(crate) struct Radio(pub(crate) UnboundedSender<String>);

impl Transport<Phone> for Radio {
    type Error = SealingError;

    fn capabilities(&self, _: &DeviceState<Phone>) -> Capabilities {
        Capabilities {
            lock_now: true,
            require_entry: true,
            no_credentials_on_boot: true,
            expiry: true,
        }
    }

    fn is_online(&self, _: &DeviceState<Phone>) -> bool {
        true
    }

    fn seal(
        &self,
        state: &DeviceState<Phone>,
        command: &Command,
        password: Option<&Password>,
    ) -> Result<Vec<u8>, SealingError> {
        let payload = Payload {
            // It opens a reset token that the platform has provisioned; this one has none.
            token_key: PrivateKey::generate().0,
            password: password
                .map_or("", Password::expose)
                .as_bytes()
                .to_vec()
                .into(),
        };
        let binding = binding(&state.device.id, command);
        Ok(payload.seal(&state.extra.public_key, &binding)?.to_bytes())
    }

    fn notify(&self, state: &DeviceState<Phone>, decision: &Decision) {
        if decision.function != Function::Report {
            let _ = self.0.send(state.device.id.clone());
        }
    }
}

/// What is sealed opens for this command only.
pub(crate) fn binding<'a>(device: &'a str, command: &'a Command) -> Binding<'a> {
    Binding {
        device,
        command: &command.id,
        action: command.action,
        options: command.options,
        expires_at: command.expires_at,
    }
}

fn json(phone: &Phone) -> Result<String> {
    serde_json::to_string(phone).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}
