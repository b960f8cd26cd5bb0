//! The platform's store, in SQLite with tables of its own, and its transport.

use mdm_agent_protocol::sealing::{Binding, Payload, PrivateKey, PublicKey, SealingError};
use mdm_contract::{Capabilities, Command, Device, Status};
use mdm_password_host::{
    Commit, Decision, DeviceState, DeviceStore, Function, Transport, password::Password,
};
use parking_lot::Mutex;
use rusqlite::{Connection, Error, OptionalExtension as _, Result, Row, params, types::Type};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

/// The stored state of a phone, as JSON in a row.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Phone {
    pub device: Device,
    pub commands: Vec<Command>,
    /// The sealed password of the pending command.
    pub sealed: Option<Vec<u8>>,
    pub public_key: PublicKey,
}

impl Phone {
    fn pending(&self) -> Option<&Command> {
        let mut commands = self.commands.iter();
        commands.find(|it| it.status == Status::Pending)
    }
}

/// The phones with their versions, and the audit trail.
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
        self.0
            .lock()
            .execute("insert into phones values (?, 0, ?)", row)?;
        Ok(())
    }

    pub(crate) fn get(&self, id: &str) -> Result<Option<(Phone, i64)>> {
        let select = "select phone, version from phones where id = ?";
        let read = |row: &Row<'_>| {
            let phone = serde_json::from_str(&row.get::<_, String>(0)?);
            let phone = phone
                .map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, error.into()))?;
            Ok((phone, row.get(1)?))
        };
        self.0.lock().query_row(select, [id], read).optional()
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
            pending: phone.pending().cloned(),
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
        if commit.sealed.is_some() {
            phone.sealed = commit.sealed;
        }
        for effect in commit.effects {
            effect.apply(&mut phone.device, &mut phone.commands, commit.at);
        }
        let update =
            "update phones set version = version + 1, phone = ? where id = ? and version = ?";
        let row = params![json(&phone)?, phone.device.id, before.version];
        let line = params![actor, decision.function.to_string(), decision.plugin];
        let mut connection = self.0.lock();
        let transaction = connection.transaction()?;
        let is_current = transaction.execute(update, row)? == 1;
        if is_current {
            transaction.execute("insert into audit values (?, ?, ?)", line)?;
            transaction.commit()?;
        }
        Ok(is_current)
    }
}

/// The transport: a channel within the process.
pub(crate) struct Radio(pub(crate) UnboundedSender<String>);

impl Transport<Phone> for Radio {
    type Error = SealingError;

    fn capabilities(&self, _: &DeviceState<Phone>) -> Capabilities {
        Capabilities::android()
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
            password: Vec::from(password.map_or("", Password::expose)).into(),
        };
        // Binds the sealed password to this command.
        let binding = Binding::of(&state.device.id, command);
        Ok(payload.seal(&state.extra.public_key, &binding)?.to_bytes())
    }

    fn notify(&self, state: &DeviceState<Phone>, decision: &Decision) {
        if decision.function != Function::Report {
            let _ = self.0.send(state.device.id.clone());
        }
    }
}

fn json(phone: &Phone) -> Result<String> {
    serde_json::to_string(phone).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}
