//! A device that is trusted no more.

use crate::test_host::{TestHost, admin, owner, signed_sync};
use mdm_agent_protocol::sync::SyncRequest;
use mdm_contract::{Action, DeviceOutcome, Failure, Status, time};
use mdm_server_core::{
    error::ServerError,
    store::{DeviceFilter, FleetSummary, StatusKind},
};
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_revoked_device_gets_in_no_more_and_what_waits_for_it_is_destroyed() {
    let fleet = TestHost::new().await;
    let (stolen, other) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    let reset = fleet.reset(&stolen, "1234").await.unwrap();
    let reason = Some("stolen in Lyon".to_owned());
    fleet
        .server
        .devices
        .revoke(&admin(), &stolen.device, reason.clone())
        .await
        .unwrap();
    fleet
        .server
        .devices
        .revoke(&admin(), &stolen.device, None)
        .await
        .unwrap();

    let now = time::now() / 1000 + 1;
    let headers = stolen.sign(b"{}", now, "n");
    let known = fleet
        .server
        .agents
        .authenticate(&signed_sync(b"{}"), &headers)
        .await;
    assert!(matches!(known, Err(ServerError::Revoked(_))));
    assert_eq!(
        fleet.command(&stolen, &reset).await.status,
        Status::Failed(Failure::Cancelled)
    );
    let audit = fleet
        .server
        .audit_trail
        .of_device(&admin(), &stolen.device, 10)
        .await
        .unwrap();
    let lines: Vec<_> = audit.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(lines, ["cancel", "revoke", "reset", "enroll"], "once");
    assert_eq!(audit[1].detail, reason);

    let is_revoked = |error| matches!(error, ServerError::Revoked(_));
    assert!(is_revoked(fleet.reset(&stolen, "1234").await.unwrap_err()));
    assert!(is_revoked(fleet.remove(&stolen).await.unwrap_err()));
    assert!(is_revoked(
        fleet.try_sync(&stolen, vec![]).await.unwrap_err()
    ));
    fleet.reset(&other, "1234").await.unwrap();
    fleet.preview(&other, Action::Reset).await;
}

#[tokio::test]
async fn a_sync_that_waits_ends_when_its_device_is_revoked() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let request = SyncRequest {
        device_info: agent.device_info.clone(),
        reports: vec![],
        holding: vec![],
        policy: None,
        wait_seconds: 60,
        witness: None,
    };
    let (server, caller) = (Arc::clone(&fleet.server), agent.authenticated());
    let waiting = tokio::spawn(async move { server.agents.sync(&caller, request).await });
    while !fleet
        .server
        .devices
        .get(&admin(), &agent.device)
        .await
        .unwrap()
        .1
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fleet
        .server
        .devices
        .revoke(&admin(), &agent.device, None)
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(matches!(
        ended.unwrap().unwrap(),
        Err(ServerError::Revoked(_))
    ));
}

#[tokio::test]
async fn a_revoked_device_counts_as_that_alone_whatever_becomes_of_its_commands() {
    let fleet = TestHost::new().await;
    let (done, busy) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    let reset = fleet.reset(&done, "1234").await.unwrap();
    fleet.report(&done, &reset, DeviceOutcome::Success).await;
    fleet.reset(&busy, "1234").await.unwrap();
    let summary = async || {
        let all = DeviceFilter::default();
        fleet.server.devices.summary(&admin(), &all).await.unwrap()
    };
    let before = FleetSummary {
        devices: 2,
        success: 1,
        pending: 1,
        overridden: 1,
        ..FleetSummary::default()
    };
    assert_eq!(summary().await, before);
    for agent in [&done, &busy] {
        let device = agent.device.as_str();
        fleet
            .server
            .devices
            .revoke(&admin(), device, None)
            .await
            .unwrap();
        let (snapshot, _) = fleet.server.devices.get(&admin(), device).await.unwrap();
        assert_eq!(snapshot.status(), StatusKind::Revoked);
        let (status, _) = fleet
            .server
            .commands
            .status(&admin(), device)
            .await
            .unwrap();
        assert!(!status.remove_offered);
        let policy = fleet
            .server
            .devices
            .set_policy(&admin(), device, None)
            .await;
        assert!(matches!(policy, Err(ServerError::Revoked(_))));
    }
    let after = FleetSummary {
        devices: 2,
        revoked: 2,
        ..FleetSummary::default()
    };
    assert_eq!(summary().await, after);
}
