//! Events for webhooks in PostgreSQL, written with what happened.

use super::{
    connection::{Ask as _, Step, values},
    rows::{self, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use mdm_contract::{decisions::Command, time::Timestamp, words::Policy};
use mdm_server_core::{
    change::Change,
    event::{About, EventKind},
    store::{StoreError, sql::COMMAND_COLUMNS},
};
use uuid::Uuid;

/// Finds a row if there is somebody to be told of events.
pub(super) fn somebody_listens() -> Step {
    let query = "select 1 from webhooks where state = 'active' limit 1";
    Step::new(query, values![])
}

/// Writes an event for each change that is one. The changes are made already.
pub(super) async fn write_events(
    batch: &Batch,
    device: &str,
    at: Timestamp,
    changes: &[Change],
) -> Result<(), StoreError> {
    let events = changes
        .iter()
        .filter_map(|change| Some((EventKind::of(change)?, change)));
    for (kind, change) in events {
        let mut about = about(batch, device).await?;
        match change {
            Change::Send { command, .. } => about.command = Some(command.clone()),
            Change::Settle { command, .. } | Change::KeepLateOutcome { command, .. } => {
                about.command = Some(self::command(batch, device, command).await?);
            }
            Change::SetPolicyOverride(policy_override) => {
                about.policy = policy(batch, device).await?;
                about.policy_override = policy_override.clone();
            }
            _ => {}
        }
        insert_event(batch, kind, at, &about).await?;
    }
    Ok(())
}

/// Writes that a device enrolled, if somebody wants to know.
pub(super) async fn write_enrolled(
    batch: &Batch,
    device: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    if batch.together(vec![somebody_listens()]).await? == [0] {
        return Ok(());
    }
    let about = about(batch, device).await?;
    insert_event(batch, EventKind::DeviceEnrolled, at, &about).await
}

async fn about(batch: &Batch, device: &str) -> Result<About, StoreError> {
    let query = "select name, array(select name from device_groups where device = devices.id order by name) \
                 as groups from devices where id = $1";
    let row = batch.row(query, &[&device]).await?;
    Ok(About {
        device: device.to_owned(),
        name: row.column("name")?,
        groups: row.column("groups")?,
        command: None,
        policy: None,
        policy_override: None,
    })
}

async fn command(batch: &Batch, device: &str, id: &str) -> Result<Command, StoreError> {
    let query = format!("select {COMMAND_COLUMNS} from commands where device = $1 and id = $2");
    rows::command(&batch.row(&query, &[&device, &id]).await?)
}

async fn policy(batch: &Batch, device: &str) -> Result<Option<Policy>, StoreError> {
    let query = "select policy from devices where id = $1";
    rows::optional_json(&batch.row(query, &[&device]).await?, "policy")
}

async fn insert_event(
    batch: &Batch,
    kind: EventKind,
    at: Timestamp,
    about: &About,
) -> Result<(), StoreError> {
    batch
        .write(
            "insert into webhook_events (id, kind, at, about) values ($1, $2, $3, $4)",
            &[
                &format!("msg_{}", Uuid::now_v7().simple()),
                &kind.word(),
                &signed(at),
                &rows::to_json(about)?,
            ],
        )
        .await?;
    batch.tell(|told| told.events = true);
    Ok(())
}
