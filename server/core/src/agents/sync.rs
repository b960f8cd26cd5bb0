//! Syncs: an agent sends device info and reports, and gets new commands.

use super::{
    enrollment::{Agents, check},
    keys::AuthenticatedAgent,
};
use crate::{
    access::Caller,
    change::Change,
    error::ServerError,
    metrics::Counted,
    platform::{DeviceRecord, RequestContext},
    precondition::check_trusted,
    store::{Delivery, Snapshot},
    transport::BETWEEN_SYNCS,
};
use mdm_agent_protocol::sync::{
    DeviceInfo, MAX_REPORTS, MAX_WAIT, Report, SealedCommand, SyncRequest, SyncResponse, WakeUpAt,
};
use mdm_contract::{DeviceFailure, DeviceOutcome, Policy, PolicyState, text::storable, time};
use mdm_password_host::{DeviceState, PluginError};
use std::{mem, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

/// A sync without news is noted only if the last one is older than this, in milliseconds, so that an idle fleet writes
/// little.
const NOTE_INTERVAL: u64 = 30_000;

/// A device and its outbox.
type DeviceWithOutbox = (Snapshot, Vec<Delivery>);

impl Agents {
    /// Takes device info and reports, and returns the news for the device. If there is none, waits for it as long as
    /// the agent asks.
    ///
    /// Takes every report even if one is refused. That refusal is then the response, and the agent syncs again without
    /// the report.
    pub async fn sync(
        self: &Arc<Self>,
        agent: &AuthenticatedAgent,
        request: SyncRequest,
    ) -> Result<SyncResponse, ServerError> {
        self.metrics.syncs.inc();
        let device = agent.device.as_str();
        if let Some(witness) = &request.witness {
            // On the heap, because most syncs show nothing new.
            Box::pin(self.history.check_witness(witness)).await?;
        }
        let wait = Duration::from_secs(request.wait_seconds.min(MAX_WAIT).into());
        let mut contact = self.records.transport.sync.contact(device, !wait.is_zero());
        let mut standing = self.standing(agent).await?;
        let has_news = !request.reports.is_empty() || !is_noted(&request.device_info, &standing.0);
        let request = Arc::new(request);
        if !wait.is_zero() {
            self.note_presence(device, wait);
        }
        if has_news {
            // A separate task, so that it completes even if the agent disconnects.
            let taken = tokio::spawn({
                let (service, device) = (Arc::clone(self), device.to_owned());
                let request = Arc::clone(&request);
                async move { service.take(&device, &request).await }.in_current_span()
            });
            taken
                .await
                .map_err(|error| PluginError::HostFailed(error.to_string()))??;
            standing = self.standing(agent).await?;
        }
        let deadline = Instant::now() + wait;
        let closing = &self.closing;
        let _waiting = Counted::new(&self.metrics.syncs_waiting);
        loop {
            // On the heap, so that a waiting sync holds no memory for it.
            let response = Box::pin(self.news(standing, &request)).await?;
            let is_over = Instant::now() >= deadline || closing.is_cancelled();
            if is_over || is_news(&response, &request) {
                for command in &response.commands {
                    tracing::debug_span!("deliver", device, command = command.id)
                        .in_scope(|| tracing::debug!("delivered to the agent"));
                }
                contact.answered();
                return Ok(response);
            }
            tokio::select! {
                () = contact.news() => {}
                () = sleep_until(deadline) => {}
                () = closing.cancelled() => {}
            }
            standing = self.standing(agent).await?;
        }
    }

    /// Tells other replicas that the device is online. If its agent disconnects early, they count it as online until
    /// the wait ends.
    fn note_presence(self: &Arc<Self>, device: &str, wait: Duration) {
        let Some(replicas) = self.replicas.clone() else {
            return;
        };
        let until = time::now() + u64::try_from((wait + BETWEEN_SYNCS).as_millis()).unwrap_or(0);
        let device = device.to_owned();
        tokio::spawn(async move {
            if let Err(error) = replicas.note_presence(&device, until).await {
                tracing::warn!(device, %error, "the presence of a device was not shared with other replicas");
            }
        });
    }

    /// Loads an agent's device. Errors if the agent has changed its keys since it was authenticated, so that a holder
    /// of the earlier keys gets nothing.
    async fn standing(&self, agent: &AuthenticatedAgent) -> Result<DeviceWithOutbox, ServerError> {
        let device = &agent.device;
        let unknown = || ServerError::UnknownDevice(device.clone());
        let standing = self.store.snapshot_with_outbox(device).await?;
        let standing = standing.ok_or_else(unknown)?;
        match standing.0.signing_key == agent.key {
            true => Ok(standing),
            false => Err(ServerError::KeysRotated(device.clone())),
        }
    }

    async fn take(&self, device: &str, request: &SyncRequest) -> Result<(), ServerError> {
        check(&request.device_info)?;
        if request.reports.len() > MAX_REPORTS {
            return Err(ServerError::BadRequest(format!(
                "a sync has {MAX_REPORTS} reports at most: hand the others over with the next"
            )));
        }
        self.note_device_info(device, &request.device_info).await?;
        let mut refused = None;
        for report in &request.reports {
            let Err(error) = self.report(device, report).await else {
                continue;
            };
            let is_unknown = matches!(error, ServerError::UnknownCommand { .. });
            match is_unknown.then(|| self.rates.unknown_report(device)) {
                // The agent sends the rest at the next sync. Each of them would cost a lookup, too.
                Some(Err(too_many)) => return Err(refused.unwrap_or(too_many)),
                _ => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Stores the device info if it is new.
    async fn note_device_info(
        &self,
        device: &str,
        device_info: &DeviceInfo,
    ) -> Result<(), ServerError> {
        let change = |snapshot: &Snapshot, _| {
            Ok((!is_noted(device_info, snapshot))
                .then(|| Change::SetDeviceInfo(device_info.clone())))
        };
        self.records
            .change(&Caller::agent(), device, change, None)
            .await
    }

    #[tracing::instrument(level = "debug", skip_all, fields(device = device, command = report.command))]
    async fn report(&self, device: &str, report: &Report) -> Result<(), ServerError> {
        let outcome = shortened(report.outcome.clone());
        let context = RequestContext {
            detail: Some(outcome.to_string()),
            ..RequestContext::new(&Caller::agent())
        };
        let command = &report.command;
        let reported = self
            .host
            .report(device, command, outcome.clone(), &context)
            .await?;
        let effect = reported.returned;
        tracing::info!(device, command = report.command, %outcome, %effect, "report");
        Ok(())
    }

    fn wake_up_address(&self, device: &str) -> Option<WakeUpAt> {
        let wake_ups = self.records.transport.wake_ups.as_ref()?;
        Some(wake_ups.address(device))
    }

    async fn news(
        &self,
        (snapshot, outbox): DeviceWithOutbox,
        request: &SyncRequest,
    ) -> Result<SyncResponse, ServerError> {
        // An admin may have revoked the device during the wait.
        check_trusted(&snapshot)?;
        let state = DeviceState::from(snapshot);
        let now = time::now();
        let is_due = |delivery: &Delivery| delivery.command.expires_at.is_none_or(|end| now < end);
        // A held command is given back. It comes again if an admin releases it.
        let is_pending = |id: &String| {
            let mut pending = outbox.iter().filter(|delivery| !delivery.is_held);
            pending.any(|delivery| delivery.command.id == *id)
        };
        let withdrawn = request
            .holding
            .iter()
            .filter(|id| !is_pending(id))
            .cloned()
            .collect();
        // A failing plugin must not block the delivery of commands: the agent keeps its policy.
        let policy = match self.enforced_policy(&state).await {
            Err(ServerError::Plugin(_)) => request.policy.clone(),
            policy => policy?,
        };
        let commands = outbox
            .into_iter()
            .filter(|delivery| !delivery.is_held && is_due(delivery))
            .filter(|delivery| !request.holding.contains(&delivery.command.id))
            .filter_map(
                |Delivery {
                     command, sealed, ..
                 }| {
                    Some(SealedCommand {
                        id: command.id,
                        action: command.action,
                        options: command.options,
                        expires_at: command.expires_at,
                        sealed: sealed?,
                    })
                },
            )
            .collect();
        Ok(SyncResponse {
            commands,
            withdrawn,
            policy,
            wake_up: self.wake_up_address(&state.device.id),
            witness: self.history.witness(),
        })
    }

    /// The policy that the device has to enforce. The plugin decides if it is overridden.
    async fn enforced_policy(
        &self,
        state: &DeviceState<DeviceRecord>,
    ) -> Result<Option<Policy>, ServerError> {
        let Some(policy) = &state.device.policy else {
            return Ok(None);
        };
        let context = RequestContext::new(&Caller::agent());
        let policy_state = self.host.policy_override(state, &context).await?;
        Ok(matches!(policy_state, PolicyState::Enforced).then(|| policy.clone()))
    }
}

/// Truncates the agent's texts in the outcome to the limit, so that a long system message doesn't lose the report.
fn shortened(mut outcome: DeviceOutcome) -> DeviceOutcome {
    if let DeviceOutcome::Failed(DeviceFailure::Other(text)) = &mut outcome {
        *text = storable(mem::take(text));
        text.truncate(text.floor_char_boundary(DeviceFailure::MAX_TEXT_BYTES));
    }
    outcome
}

/// Returns `true` if the device info is stored already.
fn is_noted(device_info: &DeviceInfo, snapshot: &Snapshot) -> bool {
    let device = &snapshot.device;
    let is_recent = time::now() < device.last_sync + NOTE_INTERVAL;
    is_recent
        && device_info.api_level == device.api_level
        && device_info.agent_version == device.agent_version
        && device_info.management_mode == device.management_mode
        && device_info.managed_profile == device.managed_profile
        && device_info.ownership == device.ownership
        && device_info.capabilities == snapshot.capabilities
        && device_info.condition == device.condition
}

fn is_news(response: &SyncResponse, request: &SyncRequest) -> bool {
    !response.commands.is_empty()
        || !response.withdrawn.is_empty()
        || response.policy != request.policy
}
