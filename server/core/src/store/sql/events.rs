//! Events for webhooks in SQL, written in the transaction of their change.

use super::{COMMAND_COLUMNS, Dialect, Tx, Value, records};
use crate::{
    change::Change,
    event::{About, EventKind},
    store::{Changes, StoreError},
};
use mdm_contract::{Command, time::Timestamp};
use uuid::Uuid;

/// Finds a row if there is an active webhook.
pub const ACTIVE_WEBHOOK: &str = "select 1 from webhooks where state = 'active' limit 1";

/// Writes the webhook events of these changes. Call it after the changes are written, because it reads their rows, and
/// only if [`ACTIVE_WEBHOOK`] finds a row.
pub async fn write_events(
    tx: &mut dyn Tx,
    dialect: Dialect,
    device: &str,
    at: Timestamp,
    changes: &[Change],
) -> Result<(), StoreError> {
    let events = changes
        .iter()
        .filter_map(|change| Some((EventKind::of(change)?, change)));
    for (kind, change) in events {
        let mut about = about(tx, dialect, device).await?;
        match change {
            Change::Send { command, .. } => about.command = Some(command.clone()),
            Change::Complete { command, .. } | Change::KeepLateOutcome { command, .. } => {
                about.command = Some(self::command(tx, device, command).await?);
            }
            Change::SetPolicyOverride(policy_override) => {
                let sql = "select policy from devices where id = $1";
                let row = tx.row(sql, &[device.into()]).await?;
                about.policy = row.ok_or_else(gone)?.optional_json("policy")?;
                about.policy_override = policy_override.clone();
            }
            _ => {}
        }
        insert(tx, kind, at, &about).await?;
    }
    Ok(())
}

/// Writes the event of an enrollment, if there is an active webhook.
pub(super) async fn write_enrolled(
    tx: &mut dyn Tx,
    dialect: Dialect,
    device: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !tx.exists(ACTIVE_WEBHOOK, &[]).await? {
        return Ok(());
    }
    let about = about(tx, dialect, device).await?;
    insert(tx, EventKind::DeviceEnrolled, at, &about).await
}

async fn about(tx: &mut dyn Tx, dialect: Dialect, device: &str) -> Result<About, StoreError> {
    let groups = dialect.choose(
        "json_group_array(name)",
        "coalesce(json_agg(name order by name), '[]')::text",
    );
    let sql = format!(
        "select name, (select {groups} from device_groups where device = devices.id) as groups \
         from devices where id = $1"
    );
    let row = tx.row(&sql, &[device.into()]).await?.ok_or_else(gone)?;
    Ok(About {
        device: device.to_owned(),
        name: row.get("name")?,
        groups: row.json("groups")?,
        command: None,
        policy: None,
        policy_override: None,
    })
}

async fn command(tx: &mut dyn Tx, device: &str, id: &str) -> Result<Command, StoreError> {
    let sql = format!("select {COMMAND_COLUMNS} from commands where device = $1 and id = $2");
    let row = tx.row(&sql, &[device.into(), id.into()]).await?;
    records::command(&row.ok_or_else(gone)?)
}

async fn insert(
    tx: &mut dyn Tx,
    kind: EventKind,
    at: Timestamp,
    about: &About,
) -> Result<(), StoreError> {
    let sql = "insert into webhook_events (id, kind, at, about) values ($1, $2, $3, $4)";
    let id = format!("msg_{}", Uuid::now_v7().simple());
    let values = [
        id.into(),
        kind.as_str().into(),
        at.into(),
        Value::json(about)?,
    ];
    tx.execute(sql, &values).await?;
    tx.tell(Changes {
        events: true,
        ..Changes::default()
    });
    Ok(())
}

fn gone() -> StoreError {
    StoreError::Failed("the device or the command of an event is not in the database".into())
}
