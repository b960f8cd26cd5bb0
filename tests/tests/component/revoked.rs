//! A device that is trusted no more.

use crate::fleet::{Fleet, admin, owner, signed_sync};
use mdm_host::service::ServiceError;
use mdm_wire::{
    decisions::Status,
    sync::SyncRequest,
    time,
    words::{Action, Failure},
};
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
    assert!(matches!(known, Err(ServiceError::UnknownAgent)));
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
    };
    let (service, device) = (Arc::clone(&fleet.service), agent.device.clone());
    let waiting = tokio::spawn(async move { service.sync(&device, request).await });
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
