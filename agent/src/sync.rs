//! The sync loop: reports go to the host, commands and the policy come from it, and whatever came is
//! carried out.

use crate::{
    apply,
    error::AgentError,
    state::{Agent, Home, Step},
    token,
};
use mdm_wire::sync::{Problem, SYNC_PATH, SyncRequest, SyncResponse};
use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// How often a waiting agent looks whether its device has changed. On Android, broadcasts tell it.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why a sync, or an enrollment, came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The host is not there.
    #[error("the host at {0} can't be reached: is it running, and is the network up?")]
    Unreachable(String),
    /// The host refused.
    #[error("the host refused: {}", .0.detail)]
    Refused(Box<Problem>),
    /// The host said something else.
    #[error("the host at {0} gave an answer that this agent doesn't understand ({1})")]
    NotUnderstood(String, String),
    /// The agent itself can't go on.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Syncs until told to stop by dropping the future. Ends by itself only when nothing can help: the host
/// no longer knows the agent, the agent's files are damaged, or the simulated power is cut.
pub async fn run(home: &Home, wait_seconds: u32, power_cut: Option<Step>) -> Result<(), SyncError> {
    let http = http_client(wait_seconds)?;
    apply::recover(home)?;
    token::provision(home)?;
    apply::carry_out_all(home, power_cut)?;
    let mut pause = FIRST_PAUSE;
    let mut trouble = None;
    // The first sync tells the host at once that the device is back.
    let mut wait = 0;
    loop {
        let version = home.device.version();
        let synced = tokio::select! {
            synced = sync_once(home, &http, wait) => synced,
            () = device_changes(home, version) => {
                provision_if_lost(home)?;
                apply::carry_out_all(home, power_cut)?;
                wait = 0;
                continue;
            }
        };
        match synced {
            Ok(()) => {
                if trouble.take().is_some() {
                    tracing::info!("the host is there again");
                }
                pause = FIRST_PAUSE;
                apply::carry_out_all(home, power_cut)?;
                let has_reports = !read(home)?.unreported.is_empty();
                wait = if has_reports { 0 } else { wait_seconds };
            }
            Err(SyncError::Refused(problem)) if is_final(&problem) => {
                return Err(SyncError::Refused(problem));
            }
            Err(SyncError::Refused(problem)) if drop_report(home, &problem)? => {}
            Err(error @ SyncError::Agent(_)) => return Err(error),
            Err(error) => {
                let text = error.to_string();
                if trouble.as_ref() != Some(&text) {
                    tracing::warn!("{text}; trying again");
                }
                trouble = Some(text);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait = 0;
            }
        }
    }
}

/// One sync: tells, reports, and takes what is new. Nothing is carried out yet.
pub(crate) async fn sync_once(
    home: &Home,
    http: &reqwest::Client,
    wait: u32,
) -> Result<(), SyncError> {
    token::note_active(home)?;
    let agent = read(home)?;
    let device = home.device.read().map_err(AgentError::from)?;
    let request = SyncRequest {
        told: token::told(&agent, &device),
        reports: agent.unreported,
        holding: agent.holding.iter().map(|held| held.id.clone()).collect(),
        policy: agent.policy,
        wait_seconds: wait,
    };
    let url = format!("{}{SYNC_PATH}", agent.host);
    tracing::trace!(?request, "sync");
    let response: SyncResponse = post(http, &url, &agent.credential, &request).await?;
    tracing::trace!(?response, "synced");
    take(home, &request, response)
}

/// Takes an answer: first it is made durable, then the policy is enforced or lifted.
fn take(home: &Home, request: &SyncRequest, response: SyncResponse) -> Result<(), SyncError> {
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
        agent.policy = response.policy;
    });
    change.map_err(AgentError::from)?;
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
        } else {
            tracing::warn!("this Android version can't enforce {text}: choose a quality");
        }
    }
    Ok(())
}

/// A token that a reboot lost is provisioned again as soon as the agent can. An invalid one waits for
/// the agent's next start, or for a command that fails because of it.
fn provision_if_lost(home: &Home) -> Result<(), SyncError> {
    let agent = read(home)?;
    let device = home.device.read().map_err(AgentError::from)?;
    if token::token_state(&agent, &device) == mdm_wire::words::TokenState::Missing {
        token::provision(home)?;
    }
    Ok(())
}

async fn device_changes(home: &Home, version: Option<(u64, i64, i64)>) {
    while home.device.version() == version {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The host does not know this agent any more.
fn is_final(problem: &Problem) -> bool {
    problem.status == StatusCode::UNAUTHORIZED.as_u16()
}

/// A report on a command that the host does not know is of no use to anyone.
fn drop_report(home: &Home, problem: &Problem) -> Result<bool, SyncError> {
    let Some(command) = problem
        .command
        .as_ref()
        .filter(|_| problem.kind == "unknown-command")
    else {
        return Ok(false);
    };
    tracing::warn!("the host knows no command {command}: its report is dropped");
    let change = home.agent.change(|agent| {
        let before = agent.unreported.len();
        agent.unreported.retain(|report| report.command != *command);
        agent.unreported.len() < before
    });
    Ok(change.map_err(AgentError::from)?)
}

fn read(home: &Home) -> Result<Agent, SyncError> {
    Ok(home.agent.read().map_err(AgentError::from)?)
}

/// A client for a host that lets a sync wait this long.
pub(crate) fn http_client(wait_seconds: u32) -> Result<reqwest::Client, SyncError> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(u64::from(wait_seconds) + 10))
        .build()
        .map_err(|error| SyncError::Unreachable(error.to_string()))
}

pub(crate) async fn post<T: DeserializeOwned>(
    http: &reqwest::Client,
    url: &str,
    credential: &str,
    body: &impl Serialize,
) -> Result<T, SyncError> {
    let unreachable = |_| SyncError::Unreachable(url.to_owned());
    let request = http.post(url).bearer_auth(credential).json(body);
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(unreachable)?;
    let not_understood = || SyncError::NotUnderstood(url.to_owned(), status.to_string());
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|_| not_understood());
    }
    let problem = serde_json::from_slice(&bytes).map_err(|_| not_understood())?;
    Err(SyncError::Refused(problem))
}
