//! The admin's routes.

use super::{
    auth::By,
    body::Body,
    model::{DeviceList, DeviceView, EnrollmentTokenView, GroupAnswer, StatusView},
    problem::ApiError,
};
use crate::{
    audit::AuditEntry,
    service::{Request, Reset, Service},
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use mdm_wire::{
    decisions::{Command, DeviceOutlook, Terms},
    words::Policy,
};
use serde::Deserialize;
use std::sync::Arc;

type Host = State<Arc<Service>>;
type Answer<T> = Result<Json<T>, ApiError>;
type Created<T> = Result<(StatusCode, Json<T>), ApiError>;

/// The most devices on a page.
const MOST: u32 = 500;
/// An enrollment token's validity unless told otherwise, in seconds.
const ONE_DAY: u64 = 24 * 3600;

#[derive(Deserialize)]
pub(super) struct Page {
    group: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn devices(By(by): By, host: Host, page: Query<Page>) -> Answer<DeviceList> {
    let Query(Page {
        group,
        after,
        limit,
    }) = page;
    let limit = limit.unwrap_or(100).clamp(1, MOST);
    let page = host
        .devices(&by, group.as_deref(), after.as_deref(), limit)
        .await?;
    let devices = page.devices.into_iter().map(DeviceView::from).collect();
    Ok(Json(DeviceList {
        devices,
        next: page.next,
    }))
}

pub(super) async fn device(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
) -> Answer<DeviceView> {
    Ok(Json(host.device(&by, &device).await?.into()))
}

pub(super) async fn audit(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
) -> Answer<Vec<AuditEntry>> {
    Ok(Json(host.device_audit(&by, &device, MOST).await?))
}

pub(super) async fn set_policy(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
    Body(policy): Body<Policy>,
) -> Answer<DeviceView> {
    host.set_policy(&by, &device, Some(policy)).await?;
    Ok(Json(host.device(&by, &device).await?.into()))
}

pub(super) async fn clear_policy(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
) -> Answer<DeviceView> {
    host.set_policy(&by, &device, None).await?;
    Ok(Json(host.device(&by, &device).await?.into()))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    #[serde(default)]
    reason: Option<String>,
}

pub(super) async fn revoke(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
    Body(revocation): Body<Revocation>,
) -> Answer<DeviceView> {
    host.revoke(&by, &device, revocation.reason).await?;
    Ok(Json(host.device(&by, &device).await?.into()))
}

pub(super) async fn status(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
) -> Answer<StatusView> {
    let (status, history) = host.status(&by, &device).await?;
    Ok(Json(StatusView { status, history }))
}

pub(super) async fn outlook(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
    Body(request): Body<Request>,
) -> Answer<DeviceOutlook> {
    Ok(Json(host.outlook(&by, &device, request).await?))
}

pub(super) async fn reset(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
    Body(reset): Body<Reset>,
) -> Created<Command> {
    Ok((
        StatusCode::CREATED,
        Json(host.reset(&by, &device, &reset).await?),
    ))
}

pub(super) async fn reset_group(
    By(by): By,
    host: Host,
    Path(group): Path<String>,
    Body(reset): Body<Reset>,
) -> Answer<Vec<GroupAnswer>> {
    let answers = host.reset_group(&by, &group, &reset).await?;
    let answers = answers.into_iter().map(|(snapshot, answer)| {
        let (command, problem) = match answer {
            Ok(command) => (Some(command), None),
            Err(error) => (None, Some(ApiError::from(error).problem())),
        };
        GroupAnswer {
            device: snapshot.device.id,
            name: snapshot.name,
            command,
            problem,
        }
    });
    Ok(Json(answers.collect()))
}

pub(super) async fn remove(
    By(by): By,
    host: Host,
    Path(device): Path<String>,
    Body(terms): Body<Terms>,
) -> Created<Command> {
    Ok((
        StatusCode::CREATED,
        Json(host.remove(&by, &device, terms, None).await?),
    ))
}

pub(super) async fn cancel(
    By(by): By,
    host: Host,
    Path((device, command)): Path<(String, String)>,
) -> Answer<Command> {
    Ok(Json(host.cancel(&by, &device, &command).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    #[serde(default)]
    groups: Vec<String>,
    valid_for: Option<u64>,
}

pub(super) async fn enrollment_token(
    By(by): By,
    host: Host,
    Body(new): Body<NewToken>,
) -> Created<EnrollmentTokenView> {
    let made = host
        .enrollment_token(&by, new.groups, new.valid_for.unwrap_or(ONE_DAY))
        .await?;
    let view = EnrollmentTokenView {
        token: made.token.to_string(),
        expires_at: made.expires_at,
    };
    Ok((StatusCode::CREATED, Json(view)))
}
