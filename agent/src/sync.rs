//! The sync loop: sends reports to the host, receives commands and the policy, and carries them out.

use crate::{
    apply,
    backoff::Backoff,
    call::{CallError, http_client, is_revoked},
    durable::Version,
    error::AgentError,
    rotation,
    state::{Agent, Home, Step},
    token,
    wake_up::Listener,
};
use mdm_agent_protocol::{
    signature::AGENT,
    sync::{MAX_REPORTS, Problem, SYNC_PATH, SyncRequest, SyncResponse, WakeUpAt},
};
use mdm_contract::TokenState;
use std::time::Duration;

/// The interval at which a waiting agent checks its device for changes. On Android, broadcasts tell it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The drift of the server's clock, in seconds, above which the agent stores the new offset.
const MAX_DRIFT: u64 = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Syncs until the future is dropped. Ends by itself only on a permanent error: the host has signed that the device is
/// revoked, the agent's files are damaged, or the simulated power is cut. Any other error may be temporary, or caused
/// by an attacker, so the loop pauses and tries again.
pub async fn run(home: &Home, wait_seconds: u32, power_cut: Option<Step>) -> Result<(), CallError> {
    let agent = read(home)?;
    let http = http_client(&agent.host, agent.authorities.as_deref(), wait_seconds)?;
    apply::recover(home)?;
    token::provision(home)?;
    let mut seen = act(home, power_cut)?;
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_BACKOFF);
    let mut trouble = None;
    let mut listener = Listener::default();
    // The first sync tells the host at once that the device is back.
    let mut wait = 0;
    loop {
        let synced = tokio::select! {
            synced = next_sync(home, &http, wait, &mut listener) => synced,
            () = device_changes(home, seen) => {
                seen = act(home, power_cut)?;
                wait = 0;
                continue;
            }
        };
        match synced {
            Ok(wake_up_at) => {
                listener.listen(wake_up_at, agent.authorities.as_deref());
                if trouble.take().is_some() {
                    tracing::info!("the server can be reached again");
                }
                backoff.reset();
                seen = act(home, power_cut)?;
                let has_reports = !read(home)?.unreported.is_empty();
                wait = if has_reports { 0 } else { wait_seconds };
            }
            Err(CallError::Refused(problem)) if is_revoked(&problem) => {
                return Err(CallError::Refused(problem));
            }
            Err(CallError::Refused(problem)) if drop_report(home, &problem)? => {}
            Err(error @ CallError::Agent(_)) => return Err(error),
            Err(error) => {
                if matches!(error, CallError::NotKnown { .. }) {
                    // It may be restored from a backup, and know earlier keys.
                    rotation::prove(home).await?;
                }
                let text = error.to_string();
                if trouble.as_ref() != Some(&text) {
                    tracing::warn!("{text}; trying again");
                }
                trouble = Some(text);
                tokio::time::sleep(backoff.pause()).await;
                wait = 0;
            }
        }
    }
}

/// Carries out what is due on the device. Returns the device's version from before: if the user changes the device
/// meanwhile, its version differs, and the loop acts again.
fn act(home: &Home, power_cut: Option<Step>) -> Result<Option<Version>, CallError> {
    let seen = home.device.version();
    provision_if_lost(home)?;
    apply::carry_out_all(home, power_cut)?;
    Ok(seen)
}

/// Waits for the time of the next sync, and syncs: by long poll, unless the agent is subscribed to wake-ups.
async fn next_sync(
    home: &Home,
    http: &reqwest::Client,
    wait: u32,
    listener: &mut Listener,
) -> Result<Option<WakeUpAt>, CallError> {
    let is_told = wait > 0 && listener.is_told().await;
    listener.syncs();
    sync_once(home, http, if is_told { 0 } else { wait }).await
}

/// One sync: sends device info and reports, and stores new commands without carrying them out. Returns the broker of
/// the wake-ups.
pub(crate) async fn sync_once(
    home: &Home,
    http: &reqwest::Client,
    wait: u32,
) -> Result<Option<WakeUpAt>, CallError> {
    rotation::finish(home, None).await?;
    token::note_active(home)?;
    let agent = read(home)?;
    let device = home.device.read().map_err(AgentError::from)?;
    let request = SyncRequest {
        device_info: token::device_info(&agent, &device),
        reports: agent.unreported.iter().take(MAX_REPORTS).cloned().collect(),
        holding: agent.holding.iter().map(|held| held.id.clone()).collect(),
        policy: agent.policy.clone(),
        wait_seconds: wait,
        witness: agent.witness.clone(),
    };
    tracing::trace!(?request, "sync");
    let key = agent.keys.signing_key().map_err(AgentError::from)?;
    let answered = agent
        .caller(&[(AGENT, &key)])
        .post::<SyncResponse>(http, SYNC_PATH, None, &request)
        .await?;
    let response = answered.body;
    tracing::trace!(?response, "synced");
    if answered.host_clock_ahead.abs_diff(agent.host_clock_ahead) > MAX_DRIFT {
        let ahead = answered.host_clock_ahead;
        home.agent
            .change(|agent| agent.host_clock_ahead = ahead)
            .map_err(AgentError::from)?;
    }
    let wake_up_at = response.wake_up.clone();
    take(home, &request, response)?;
    forget_earlier_keys(home, &agent)?;
    Ok(wake_up_at)
}

/// Deletes earlier keys once no command is held. All pending commands are delivered by now, so only held ones can be
/// sealed to earlier keys.
fn forget_earlier_keys(home: &Home, synced: &Agent) -> Result<(), CallError> {
    if synced.earlier_keys.is_empty() || !read(home)?.holding.is_empty() {
        return Ok(());
    }
    let known = synced.earlier_keys.len();
    let change = home.agent.change(|agent| {
        if agent.holding.is_empty() {
            agent
                .earlier_keys
                .drain(..known.min(agent.earlier_keys.len()));
        }
    });
    Ok(change.map_err(AgentError::from)?)
}

/// Takes an answer: first it is made durable, then the policy is enforced or lifted.
pub fn take(home: &Home, request: &SyncRequest, response: SyncResponse) -> Result<(), CallError> {
    let policy = response.policy.clone();
    let change = home.agent.change(|agent| {
        agent
            .unreported
            .retain(|report| !request.reports.contains(report));
        agent
            .holding
            .retain(|held| !response.withdrawn.contains(&held.id));
        for command in response.commands {
            if let Some(outcome) = agent.outcomes.get(&command.id).cloned() {
                // Carried out before: only the report is missing.
                agent.finish(&command.id, outcome);
            } else if agent.holding.iter().all(|held| held.id != command.id) {
                agent.holding.push(command);
            }
        }
        if response.policy.is_some() {
            // The override is over: there is nothing left to put back.
            agent.lifted_policy = None;
        }
        agent.policy = response.policy;
        agent.witness = response.witness.or(agent.witness.take());
    });
    change.map_err(AgentError::from)?;
    let is_news = request.policy != policy;
    let is_enforced = home.device.read().map_err(AgentError::from)?.policy == policy;
    if !is_enforced {
        let text = policy
            .as_ref()
            .map_or("no policy".into(), ToString::to_string);
        if home
            .device
            .change(|device| device.set_policy(policy))
            .map_err(AgentError::from)?
        {
            tracing::info!("enforcing {text}");
        } else if is_news {
            tracing::warn!("this Android version can't enforce {text}: choose a quality");
        }
    }
    Ok(())
}

/// A token that a reboot lost is provisioned again as soon as the agent can. An invalid one waits for
/// the agent's next start, or for a command that fails because of it.
fn provision_if_lost(home: &Home) -> Result<(), CallError> {
    let agent = read(home)?;
    let device = home.device.read().map_err(AgentError::from)?;
    if token::token_state(&agent, &device) == TokenState::Missing {
        token::provision(home)?;
    }
    Ok(())
}

async fn device_changes(home: &Home, seen: Option<Version>) {
    while home.device.version() == seen {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A report on a command that the host does not know is of no use to anyone.
fn drop_report(home: &Home, problem: &Problem) -> Result<bool, CallError> {
    let Some(command) = problem
        .command
        .as_ref()
        .filter(|_| problem.kind == "unknown-command")
    else {
        return Ok(false);
    };
    tracing::warn!("the server does not know command {command}: its report is dropped");
    let change = home.agent.change(|agent| {
        let before = agent.unreported.len();
        agent.unreported.retain(|report| report.command != *command);
        agent.unreported.len() < before
    });
    Ok(change.map_err(AgentError::from)?)
}

fn read(home: &Home) -> Result<Agent, CallError> {
    Ok(home.agent.read().map_err(AgentError::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device::Device, keys::DeviceKeys};
    use mdm_agent_protocol::{
        sealing::{Binding, Payload, PrivateKey},
        signing_key::SigningKey,
        sync::{EnrollResponse, Report, SealedCommand},
    };
    use mdm_contract::{
        Action, Complexity, DeviceOutcome, ManagementMode, Policy, Quality, Requirement,
    };
    use tempfile::TempDir;

    fn home(folder: &TempDir) -> Home {
        let home = Home::at(folder.path());
        let device = Device::new(30, ManagementMode::DeviceOwner, [7; 32]);
        home.create(&device).unwrap();
        let keys = DeviceKeys::generate().unwrap();
        let host = SigningKey::generate().unwrap();
        let enrolled = EnrollResponse {
            device: "device".into(),
            host_key: host.verifying_key().clone(),
            token_key: token_key().public_key(),
        };
        let agent = Agent::new("host".into(), keys, enrolled);
        home.agent.create(&agent).unwrap();
        home
    }

    fn token_key() -> PrivateKey {
        PrivateKey::from_bytes(&[7; 32]).unwrap()
    }

    fn remove(home: &Home, id: &str) -> SealedCommand {
        let binding = Binding {
            device: "device",
            command: id,
            action: Action::Remove,
            options: Default::default(),
            expires_at: None,
        };
        let payload = Payload {
            token_key: token_key(),
            password: Default::default(),
        };
        let key = read(home).unwrap().keys.public_key().unwrap();
        SealedCommand {
            id: id.into(),
            action: Action::Remove,
            options: Default::default(),
            expires_at: None,
            sealed: payload.seal(&key, &binding).unwrap(),
        }
    }

    fn policy(requirement: Requirement) -> Policy {
        Policy {
            requirement,
            minimum_length: 0,
        }
    }

    /// Hands the agent this response to its next sync.
    fn takes(home: &Home, commands: &[&str], withdrawn: &[&str], policy: Option<Policy>) -> Agent {
        let (agent, device) = (home.agent.read().unwrap(), home.device.read().unwrap());
        let request = SyncRequest {
            device_info: token::device_info(&agent, &device),
            reports: agent.unreported,
            holding: Vec::new(),
            policy: agent.policy,
            wait_seconds: 0,
            witness: None,
        };
        let response = SyncResponse {
            commands: commands.iter().map(|id| remove(home, id)).collect(),
            withdrawn: withdrawn.iter().map(|id| (*id).into()).collect(),
            policy,
            wake_up: None,
            witness: None,
        };
        take(home, &request, response).unwrap();
        home.agent.read().unwrap()
    }

    #[test]
    fn a_command_that_comes_again_is_reported_again_and_not_carried_out_again() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        token::provision(&home).unwrap();
        takes(&home, &["one"], &[], None);
        apply::carry_out_all(&home, None).unwrap();
        let report = Report {
            command: "one".into(),
            outcome: DeviceOutcome::Success,
        };
        assert_eq!(
            home.agent.read().unwrap().unreported,
            std::slice::from_ref(&report)
        );
        // The host takes the report, loses it, and sends the command again.
        let agent = takes(&home, &["one"], &[], None);
        assert_eq!(agent.unreported, [report]);
        assert!(agent.holding.is_empty());
        apply::carry_out_all(&home, None).unwrap();
        assert_eq!(home.device.read().unwrap().agent_resets, 1);
        assert!(takes(&home, &[], &[], None).unreported.is_empty());
    }

    #[test]
    fn what_is_held_is_not_taken_twice_and_what_is_withdrawn_is_held_no_more() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        takes(&home, &["one", "two"], &[], None);
        let agent = takes(&home, &["one", "three"], &["two"], None);
        let held: Vec<_> = agent.holding.iter().map(|held| held.id.as_str()).collect();
        assert_eq!(held, ["one", "three"]);
        assert!(agent.unreported.is_empty(), "withdrawing is no outcome");
    }

    #[test]
    fn the_policy_of_the_host_is_enforced_or_lifted_and_one_that_android_does_not_know_is_not() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        let quality = policy(Requirement::Quality(Quality::Numeric));
        let complexity = policy(Requirement::Complexity(Complexity::High));
        let enforced = || home.device.read().unwrap().policy;
        takes(&home, &[], &[], Some(quality.clone()));
        assert_eq!(enforced(), Some(quality.clone()));
        let agent = takes(&home, &[], &[], Some(complexity.clone()));
        assert_eq!(enforced(), Some(quality));
        assert_eq!(agent.policy, Some(complexity), "the host is told what came");
        takes(&home, &[], &[], None);
        assert_eq!(enforced(), None);
    }

    #[test]
    fn once_the_host_enforces_a_policy_again_there_is_none_left_to_put_back() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        let lifted = policy(Requirement::Quality(Quality::Complex));
        home.agent
            .change(|agent| agent.lifted_policy = Some(lifted.clone()))
            .unwrap();
        assert_eq!(takes(&home, &[], &[], None).lifted_policy, Some(lifted));
        let other = policy(Requirement::Quality(Quality::Numeric));
        assert_eq!(takes(&home, &[], &[], Some(other)).lifted_policy, None);
    }

    #[test]
    fn a_report_on_a_command_that_the_host_does_not_know_is_dropped_and_no_other() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        for id in ["one", "two"] {
            home.agent
                .change(|agent| agent.finish(id, DeviceOutcome::Success))
                .unwrap();
        }
        let mut problem = Problem {
            kind: "unknown-command".into(),
            status: 404,
            detail: String::new(),
            command: Some("one".into()),
            refusal: None,
            host_time: None,
        };
        assert!(drop_report(&home, &problem).unwrap());
        assert!(
            !drop_report(&home, &problem).unwrap(),
            "so it tries no faster"
        );
        problem.kind = "conflict".into();
        problem.command = Some("two".into());
        assert!(!drop_report(&home, &problem).unwrap());
        assert_eq!(home.agent.read().unwrap().unreported.len(), 1);
    }

    #[tokio::test]
    async fn what_the_user_does_while_the_agent_acts_or_syncs_is_noticed() {
        let folder = TempDir::new().unwrap();
        let home = home(&folder);
        let noticed = |seen| tokio::time::timeout(POLL_INTERVAL, device_changes(&home, seen));
        let seen = act(&home, None).unwrap();
        assert!(noticed(seen).await.is_ok(), "its own token is a change");
        let seen = act(&home, None).unwrap();
        assert!(noticed(seen).await.is_err(), "nothing is left to do");
        home.device
            .change(|device| device.user_sets_password("1234"))
            .unwrap()
            .unwrap();
        assert!(noticed(seen).await.is_ok());
    }
}
