//! The authentication of agents, and commands across a key rotation.

use crate::test_host::{TestHost, admin, owner, signed_sync};
use mdm_agent_protocol::signature::{Headers, MAX_AGE, MAX_AHEAD, SignatureError};
use mdm_contract::{DeviceOutcome, TokenState, time};
use mdm_server_core::error::ServerError;

async fn authenticate(fleet: &TestHost, headers: &Headers, body: &[u8]) -> Result<String, String> {
    let known = fleet
        .server
        .agents
        .authenticate(&signed_sync(body), headers)
        .await;
    known
        .map(|agent| agent.device)
        .map_err(|error| match error {
            ServerError::NotSigned(error) => format!("{error:?}"),
            other => format!("{other:?}"),
        })
}

/// A time at which a host that has just started takes signatures.
fn soon() -> u64 {
    time::now() / 1000 + 1
}

#[tokio::test]
async fn a_sync_is_taken_from_the_owner_of_the_devices_key_and_only_once() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let headers = agent.sign(b"{}", soon(), "n");
    assert_eq!(
        authenticate(&fleet, &headers, b"{}").await,
        Ok(agent.device.clone())
    );
    assert_eq!(
        authenticate(&fleet, &headers, b"{}").await,
        Err("Replayed".into())
    );
    let again = agent.sign(b"{}", soon(), "m");
    assert!(authenticate(&fleet, &again, b"{}").await.is_ok());
    // After a restart, nothing is remembered, so nothing from before it is taken.
    let fleet = fleet.restarted().await;
    let now = time::now() / 1000;
    let before = agent.sign(b"{}", now, "from before the start");
    let error = authenticate(&fleet, &before, b"{}").await.unwrap_err();
    assert!(error.starts_with("NotFresh"), "{error}");
}

#[tokio::test]
async fn a_forged_signature_another_body_and_another_devices_key_are_refused() {
    let fleet = TestHost::new().await;
    let (ours, theirs) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    let forged = Err(format!("{:?}", SignatureError::Forged));
    let mut as_them = ours;
    as_them.device.clone_from(&theirs.device);
    let headers = as_them.sign(b"{}", soon(), "n");
    assert_eq!(authenticate(&fleet, &headers, b"{}").await, forged);
    let headers = theirs.sign(b"{}", soon(), "n");
    assert_eq!(
        authenticate(&fleet, &headers, b"[]").await,
        Err(format!("{:?}", SignatureError::OtherBody))
    );
    // The nonce of a refused request is not stored: the genuine request is still accepted.
    assert!(authenticate(&fleet, &headers, b"{}").await.is_ok());
}

#[tokio::test]
async fn a_signature_by_a_clock_that_is_off_is_refused_and_the_answer_says_when_to_sign() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let now = time::now() / 1000;
    let ten_years = 10 * 365 * 24 * 3600;
    for created in [
        now - ten_years,
        now - MAX_AGE - 1,
        now + MAX_AHEAD + 10,
        now + ten_years,
    ] {
        let headers = agent.sign(b"{}", created, "n");
        let known = fleet
            .server
            .agents
            .authenticate(&signed_sync(b"{}"), &headers)
            .await;
        let Err(ServerError::NotFresh { sign_at, .. }) = known else {
            panic!("signed at {created}: {known:?}");
        };
        let headers = agent.sign(b"{}", sign_at, &created.to_string());
        assert!(authenticate(&fleet, &headers, b"{}").await.is_ok());
    }
}

#[tokio::test]
async fn after_a_rotation_the_old_key_counts_for_nothing_and_a_pending_command_stays_pending() {
    let fleet = TestHost::new().await;
    let mut agent = fleet.enroll(owner()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    let old = agent.sign(b"{}", soon(), "old");
    let pending = fleet.sync(&agent).await.commands.remove(0);
    assert_eq!(agent.open(&pending), "1234");

    agent.rotates_keys(&fleet).await;
    assert_eq!(
        authenticate(&fleet, &old, b"{}").await,
        Err(format!("{:?}", SignatureError::Forged))
    );
    let new = agent.sign(b"{}", soon(), "new");
    assert!(authenticate(&fleet, &new, b"{}").await.is_ok());
    assert_eq!(
        fleet.sync(&agent).await.commands,
        [pending],
        "it is the same"
    );
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;

    let next = fleet.reset(&agent, "4321").await.unwrap();
    let sealed = fleet.sync(&agent).await.commands.remove(0);
    assert_eq!((&sealed.id, &*agent.open(&sealed)), (&next.id, "4321"));
    let audit = fleet
        .server
        .audit_trail
        .of_device(&admin(), &agent.device, 10)
        .await
        .unwrap();
    let rotations = audit.iter().filter(|line| line.action == "rotate-keys");
    assert_eq!(rotations.count(), 1);
}

#[tokio::test]
async fn each_command_brings_the_key_to_the_reset_token_of_its_device_and_of_no_other() {
    let fleet = TestHost::new().await;
    let told = || {
        let mut told = owner();
        told.condition.token = TokenState::Active;
        told
    };
    let mut keys = Vec::new();
    for _ in 0..2 {
        let agent = fleet.enroll(told()).await;
        let reset = fleet.reset(&agent, "1234").await.unwrap();
        let sealed = fleet.sync(&agent).await.commands.remove(0);
        let first = agent.payload(&sealed).token_key.public_key();
        fleet.report(&agent, &reset, DeviceOutcome::Success).await;
        fleet.remove(&agent).await.unwrap();
        let sealed = fleet.sync(&agent).await.commands.remove(0);
        assert_eq!(agent.payload(&sealed).token_key.public_key(), first);
        assert_eq!(first, agent.token_key);
        keys.push(first);
    }
    assert_ne!(keys[0], keys[1]);
}
