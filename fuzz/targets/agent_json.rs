//! Requests of an agent: an enrollment or a sync, of a device in the situation that the first byte selects.

#![no_main]

use axum::http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use mdm_agent_protocol::sync::{
    ENROLL_PATH, EnrollRequest, EnrollResponse, SYNC_PATH, SyncRequest, SyncResponse,
};
use mdm_contract::{Command, DeviceOutcome, Status};
use mdm_fuzz::{Answer, DEVICE, Host, SIGNING_KEY, Situation};
use mdm_password_component::REFERENCE;
use mdm_password_host::Trust;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::LazyLock;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(REFERENCE, Trust::default()));

fuzz_target!(|bytes: &[u8]| {
    let Some((situation, body)) = bytes.split_first() else {
        return;
    };
    let situation = Situation::new(*situation);
    let is_revoked = situation.snapshot.revoked_at.is_some();
    HOST.store().begin(situation);
    if let Some(request) = stays_the_same::<EnrollRequest>(body) {
        let enrolled = HOST.call(Method::POST, ENROLL_PATH, body);
        assert!(!enrolled.status.is_server_error(), "{enrolled:?}");
        let is_ours = request.signing_key == *SIGNING_KEY.verifying_key();
        if is_ours {
            assert_ne!(enrolled.status, StatusCode::UNAUTHORIZED, "{enrolled:?}");
        }
        if enrolled.status.is_success() {
            assert!(is_ours, "it enrolled a key that it doesn't have");
            let response: EnrollResponse = enrolled.read();
            assert_ne!(response.device, request.name);
        }
    }
    let Some(request) = stays_the_same::<SyncRequest>(body) else {
        // Signing costs more than parsing invalid JSON.
        if body.len().is_multiple_of(64) {
            HOST.call(Method::POST, SYNC_PATH, body);
        }
        return;
    };
    let synced = HOST.call(Method::POST, SYNC_PATH, body);
    assert!(!synced.status.is_server_error(), "{synced:?}");
    let is_refused = synced.status == StatusCode::CONFLICT;
    assert_eq!(is_refused, is_revoked, "{synced:?}");
    if is_refused {
        return;
    }
    if synced.status.is_success() {
        check(&request, &synced);
    }
    let after_one = outcomes();
    HOST.call(Method::POST, SYNC_PATH, body);
    assert_eq!(outcomes(), after_one, "law 6: a report that comes twice");
    // No report of an agent may make its device unreadable for admins.
    for path in ["", "/password/status", "/audit"] {
        let path = format!("/api/v1/devices/{DEVICE}{path}");
        let shown = HOST.call(Method::GET, &path, &[]);
        assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    }
});

/// Asserts that an agent gets the pending command unless it holds it, and drops commands that are not pending.
fn check(request: &SyncRequest, answer: &Answer) {
    let response: SyncResponse = answer.read();
    let commands = HOST.store().commands();
    let is_pending = |id: &String| {
        let mut pending = commands.iter().filter(|it| it.status == Status::Pending);
        pending.any(|it| it.id == *id)
    };
    for command in &response.commands {
        assert!(is_pending(&command.id) && !request.holding.contains(&command.id));
    }
    for id in &response.withdrawn {
        assert!(!is_pending(id) && request.holding.contains(id));
    }
}

fn outcomes() -> Vec<(Status, Option<u64>, Option<DeviceOutcome>)> {
    let outcome = |it: Command| (it.status, it.completed_at, it.late_outcome);
    HOST.store().commands().into_iter().map(outcome).collect()
}

/// Asserts that a value survives serialization.
fn stays_the_same<T: Serialize + DeserializeOwned>(body: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(body).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    let written_again = serde_json::to_vec(&again).expect("it can be written again");
    assert_eq!(written, written_again);
    Some(read)
}
