//! A device that is trusted no more.

use crate::fleet::{Fleet, admin, owner, signed_sync};
use mdm_server_core::{service::ServiceError, store::{DeviceFilter, FleetSummary, StatusWord}};
use mdm_agent_protocol::sync::SyncRequest;
use mdm_contract::{decisions::Status, time, words::{Action, Failure, Outcome}};
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_revoked_device_gets_in_no_more_and_what_waits_for_it_is_destroyed() {
    let fleet = Fleet::new().await;
    let (stolen, other) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    let reset = fleet.reset(&stolen, "1234").await.unwrap();
    let reason = Some("stolen in Lyon".to_owned());
    fleet
        .service
        .revoke(&admin(), &stolen.device, reason.clone())
        .await
        .unwrap();
    fleet
        .service
        .revoke(&admin(), &stolen.device, None)
        .await
        .unwrap();

    let now = time::now() / 1000 + 1;
    let headers = stolen.sign(b"{}", now, "n");
    let known = fleet
        .service
        .authenticate_agent(&signed_sync(b"{}"), &headers)
        .await;
    assert!(matches!(known, Err(ServiceError::Revoked(_))));
    assert_eq!(
        fleet.command(&stolen, &reset).await.status,
        Status::Failed(Failure::Cancelled)
    );
    let audit = fleet
        .service
        .device_audit(&admin(), &stolen.device, 10)
        .await
        .unwrap();
    let lines: Vec<_> = audit.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(lines, ["cancel", "revoke", "reset", "enroll"], "once");
    assert_eq!(audit[1].detail, reason);

    let is_revoked = |error| matches!(error, ServiceError::Revoked(_));
    assert!(is_revoked(fleet.reset(&stolen, "1234").await.unwrap_err()));
    assert!(is_revoked(fleet.remove(&stolen).await.unwrap_err()));
    assert!(is_revoked(
        fleet.try_sync(&stolen, vec![]).await.unwrap_err()
    ));
    fleet.reset(&other, "1234").await.unwrap();
    fleet.outlook(&other, Action::Reset).await;
}

#[tokio::test]
async fn a_sync_that_waits_ends_when_its_device_is_revoked() {
    let fleet = Fleet::new().await;
    let agent = fleet.enroll(owner()).await;
    let request = SyncRequest {
        told: agent.told.clone(),
        reports: vec![],
        holding: vec![],
        policy: None,
        wait_seconds: 60,
        witness: None,
    };
    let (service, caller) = (Arc::clone(&fleet.service), agent.authenticated());
    let waiting = tokio::spawn(async move { service.sync(&caller, request).await });
    while !fleet
        .service
        .device(&admin(), &agent.device)
        .await
        .unwrap()
        .1
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fleet
        .service
        .revoke(&admin(), &agent.device, None)
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(matches!(
        ended.unwrap().unwrap(),
        Err(ServiceError::Revoked(_))
    ));
}

#[tokio::test]
async fn a_revoked_device_counts_as_that_alone_whatever_becomes_of_its_commands() {
    let fleet = Fleet::new().await;
    let (done, busy) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    let reset = fleet.reset(&done, "1234").await.unwrap();
    fleet.report(&done, &reset, Outcome::Success).await;
    fleet.reset(&busy, "1234").await.unwrap();
    let summary = async || {
        let all = DeviceFilter::default();
        fleet.service.summary(&admin(), &all).await.unwrap()
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
        fleet.service.revoke(&admin(), device, None).await.unwrap();
        let (snapshot, _) = fleet.service.device(&admin(), device).await.unwrap();
        assert_eq!(snapshot.status(), StatusWord::Revoked);
        let (status, _) = fleet.service.status(&admin(), device).await.unwrap();
        assert!(!status.remove_offered);
        let policy = fleet.service.set_policy(&admin(), device, None).await;
        assert!(matches!(policy, Err(ServiceError::Revoked(_))));
    }
    let after = FleetSummary {
        devices: 2,
        revoked: 2,
        ..FleetSummary::default()
    };
    assert_eq!(summary().await, after);
}
