//! Writes decisions.

use super::{
    connection::{Executor as _, Step, values},
    engine::Transaction,
    rows::{to_i64, to_json, to_optional_i64},
    writer::Batch,
};
use mdm_agent_protocol::sync::DeviceInfo;
use mdm_contract::{Command, Outcome, PolicyOverride, Status, time::Timestamp};
use mdm_server_core::{
    change::Change,
    store::{
        Commit, FIRST_PAUSE, StatusKind, StoreError,
        sql::{
            Dialect,
            events::{ACTIVE_WEBHOOK, write_events},
        },
    },
};
use std::sync::Arc;

/// Compares the device's version and sets the next one, and writes the changes. All of it travels together: if one
/// statement does not come to what it has to, the whole job is rolled back.
pub(super) async fn commit(batch: &Arc<Batch>, commit: Commit) -> Result<(), StoreError> {
    let Commit {
        device,
        version,
        at,
        changes,
        bulk,
        audit,
    } = commit;
    let mut steps = vec![
        Step::new(
            "update devices set version = version + 1 where id = $1 and version = $2",
            values![device.clone(), version],
        )
        .or(StoreError::Conflict),
    ];
    // A bulk that was cancelled makes no more commands.
    steps.extend(bulk.clone().map(|bulk| {
        Step::new(
            "select 1 from bulks where id = $1 and state = 'running'",
            values![bulk],
        )
        .or(StoreError::BulkOver)
    }));
    for change in &changes {
        apply(&mut steps, &device, at, bulk.as_deref(), change)?;
    }
    steps.extend(audit.into_iter().flat_map(|record| batch.record(record)));
    steps.push(Step::new(ACTIVE_WEBHOOK, values![]));
    let rows = batch.together(steps).await?;
    if rows.last() == Some(&1) {
        let mut tx = Transaction(Arc::clone(batch));
        write_events(&mut tx, Dialect::Postgres, &device, at, &changes).await?;
    }
    batch.tell(|device_info| {
        device_info.devices.insert(device);
        device_info.bulks.extend(bulk);
    });
    Ok(())
}

fn apply(
    steps: &mut Vec<Step>,
    device: &str,
    at: Timestamp,
    bulk: Option<&str>,
    change: &Change,
) -> Result<(), StoreError> {
    let id = device.to_owned();
    match change {
        Change::Send { command, sealed } => {
            insert_command(steps, device, command, bulk)?;
            let sealed = sealed.as_ref().map(to_json).transpose()?;
            steps.push(Step::new(
                "insert into outbox (command, device, sealed, wake_at) values ($1, $2, $3, $4)",
                values![command.id.clone(), id, sealed, to_i64(at + FIRST_PAUSE)],
            ));
        }
        Change::Complete { command, outcome } => complete(steps, device, at, command, outcome)?,
        Change::KeepLateOutcome { command, outcome } => steps.push(Step::new(
            "update commands set late_outcome = $1 where id = $2 and device = $3",
            values![to_json(outcome)?, command.clone(), id],
        )),
        Change::SetPolicyOverride(policy_override) => {
            let (by, since) = match policy_override {
                Some(PolicyOverride { command, since }) => (Some(command.clone()), Some(*since)),
                None => (None, None),
            };
            steps.push(Step::new(
                "update devices set policy_override_command = $1, policy_override_since = $2 where id = $3",
                values![by, to_optional_i64(since), id],
            ));
        }
        Change::SetPolicy(policy) => {
            let policy = policy.as_ref().map(to_json).transpose()?;
            steps.push(Step::new(
                "update devices set policy = $1 where id = $2",
                values![policy, id],
            ));
        }
        Change::RotateKeys {
            public_key,
            signing_key,
        } => steps.push(Step::new(
            "update devices set public_key = $1, signing_key = $2 where id = $3",
            values![
                public_key.to_bytes().to_vec(),
                signing_key.to_bytes().to_vec(),
                id
            ],
        )),
        Change::Revoke => {
            steps.push(Step::new(
                "update devices set revoked_at = $1, status = 'revoked' where id = $2",
                values![to_i64(at), id.clone()],
            ));
            steps.push(Step::new(
                "update outbox set sealed = null where device = $1",
                values![id],
            ));
        }
        Change::SetDeviceInfo(device_info) => steps.push(tell(device, at, device_info)?),
    }
    Ok(())
}

fn insert_command(
    steps: &mut Vec<Step>,
    device: &str,
    command: &Command,
    bulk: Option<&str>,
) -> Result<(), StoreError> {
    steps.push(
        Step::new(
            "insert into commands (id, device, action, options, status, is_pending, requested_at, expires_at, \
             bulk) values ($1, $2, $3, $4, $5, true, $6, $7, $8)",
            values![
                command.id.clone(),
                device.to_owned(),
                command.action.as_str(),
                to_json(&command.options)?,
                to_json(&command.status)?,
                to_i64(command.requested_at),
                to_optional_i64(command.expires_at),
                bulk.map(str::to_owned),
            ],
        )
        .or_if_in(
            "commands_pending",
            StoreError::CommandPending(device.to_owned()),
        )
        .or_if_in("commands_by_bulk", StoreError::BulkAnswered),
    );
    // The latest is that with the greatest id, also if a clock went back in between.
    steps.push(Step::new(
        "update devices set latest_command = $1, status = $2 \
         where id = $3 and (latest_command is null or latest_command < $1)",
        values![
            command.id.clone(),
            StatusKind::from(&command.status).as_str(),
            device.to_owned()
        ],
    ));
    Ok(())
}

/// An outcome is final: only a pending command gets one.
fn complete(
    steps: &mut Vec<Step>,
    device: &str,
    at: Timestamp,
    command: &str,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let status = Status::from(outcome.clone());
    let (device, command) = (device.to_owned(), command.to_owned());
    steps.push(
        Step::new(
            "update commands set status = $1, is_pending = false, completed_at = $2 \
             where id = $3 and device = $4 and is_pending",
            values![
                to_json(&status)?,
                to_i64(at),
                command.clone(),
                device.clone()
            ],
        )
        .or(StoreError::Conflict),
    );
    // A device has the status of its latest command, and this may be an earlier one; or it is revoked.
    steps.push(Step::new(
        "update devices set status = $1 where id = $2 and latest_command = $3 and revoked_at is null",
        values![StatusKind::from(&status).as_str(), device, command.clone()],
    ));
    steps.push(Step::new(
        "delete from outbox where command = $1",
        values![command],
    ));
    Ok(())
}

fn tell(device: &str, at: Timestamp, device_info: &DeviceInfo) -> Result<Step, StoreError> {
    Ok(Step::new(
        "update devices set api_level = $1, agent_version = $2, management_mode = $3, managed_profile = $4, \
         ownership = $5, capabilities = $6, condition = $7, last_sync = $8 where id = $9",
        values![
            i64::from(device_info.api_level),
            device_info.agent_version.clone(),
            device_info.management_mode.as_str(),
            device_info.managed_profile,
            device_info.ownership.as_str(),
            to_json(&device_info.capabilities)?,
            to_json(&device_info.condition)?,
            to_i64(at),
            device.to_owned(),
        ],
    ))
}
