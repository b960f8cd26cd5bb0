//! The admin's routes about one device, or the devices of a group.

use super::{
    auth::Authenticated,
    body::Body,
    if_match::{IfMatch, Tagged, tagged},
    model::{DeviceView, EnrollmentTokenView, StatusView},
    parts::Path,
    problem::ApiError,
    tags::{DEVICES, PASSWORDS},
};
use axum::{Json, extract::State, http::StatusCode};
use mdm_contract::{DevicePreview, Policy};
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    audit_trail::AuditTrailReader,
    commands::{CommandAnswer, CommandTerms, Commands, PreviewQuery, Reset},
    devices::Devices,
    precondition::etag,
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

type JsonResult<T> = Result<Json<T>, ApiError>;
type Created<T> = Result<(StatusCode, Json<T>), ApiError>;

/// The most lines of the audit trail.
const MAX_LINES: u32 = 500;
/// Default validity of an enrollment token, in seconds.
const ONE_DAY: u64 = 24 * 3600;

async fn device_view(devices: &Devices, by: &Caller, device: &str) -> Tagged<DeviceView> {
    let (snapshot, is_online) = devices.get(by, device).await?;
    Ok(tagged(&etag(&snapshot), (snapshot, is_online).into()))
}

/// A device.
#[utoipa::path(
    get,
    path = "/devices/{device}",
    tag = DEVICES,
    responses((status = 200, body = DeviceView)),
)]
pub(super) async fn device(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    Path(device): Path<String>,
) -> Tagged<DeviceView> {
    device_view(&devices, &by, &device).await
}

/// The audit trail of a device, latest first: at most 500 lines.
#[utoipa::path(
    get,
    path = "/devices/{device}/audit",
    tag = DEVICES,
    responses((status = 200, body = Vec<AuditEntry>)),
)]
pub(super) async fn audit(
    Authenticated(by): Authenticated,
    State(audit_trail): State<Arc<AuditTrailReader>>,
    Path(device): Path<String>,
) -> JsonResult<Vec<AuditEntry>> {
    Ok(Json(audit_trail.of_device(&by, &device, MAX_LINES).await?))
}

/// Applies a policy to a device.
#[utoipa::path(
    put,
    path = "/devices/{device}/policy",
    tag = DEVICES,
    request_body = Policy,
    params(IfMatch),
    responses((status = 200, body = DeviceView)),
)]
pub(super) async fn set_policy(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    Path(device): Path<String>,
    if_match: IfMatch,
    Body(policy): Body<Policy>,
) -> Tagged<DeviceView> {
    devices
        .set_policy(&by, if_match.of(&device), Some(policy))
        .await?;
    device_view(&devices, &by, &device).await
}

/// Clears the policy of a device.
#[utoipa::path(
    delete,
    path = "/devices/{device}/policy",
    tag = DEVICES,
    params(IfMatch),
    responses((status = 200, body = DeviceView)),
)]
pub(super) async fn clear_policy(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    Path(device): Path<String>,
    if_match: IfMatch,
) -> Tagged<DeviceView> {
    devices.set_policy(&by, if_match.of(&device), None).await?;
    device_view(&devices, &by, &device).await
}

/// The options of a revoke.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    /// Why, for the audit trail.
    #[serde(default)]
    reason: Option<String>,
}

/// Trusts a device no more.
///
/// Its agent can no longer sync, a pending command is cancelled, and sealed passwords are deleted.
#[utoipa::path(
    post,
    path = "/devices/{device}/revoke",
    tag = DEVICES,
    request_body = Revocation,
    params(IfMatch),
    responses((status = 200, body = DeviceView)),
)]
pub(super) async fn revoke(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    Path(device): Path<String>,
    if_match: IfMatch,
    Body(revocation): Body<Revocation>,
) -> Tagged<DeviceView> {
    devices
        .revoke(&by, if_match.of(&device), revocation.reason)
        .await?;
    device_view(&devices, &by, &device).await
}

/// The status of a device by the plugin, and its commands, latest first.
#[utoipa::path(
    get,
    path = "/devices/{device}/password/status",
    tag = PASSWORDS,
    responses((status = 200, body = StatusView)),
)]
pub(super) async fn status(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    State(commands): State<Arc<Commands>>,
    Path(device): Path<String>,
) -> Tagged<StatusView> {
    // The tag comes first: if the device changes meanwhile, the tag is too old, and never too new.
    let (snapshot, _) = devices.get(&by, &device).await?;
    let (status, history) = commands.status(&by, &device).await?;
    let view = StatusView {
        password_missing: snapshot.device.lacks_password(&status.policy_state)
            && snapshot.revoked_at.is_none(),
        revoked_at: snapshot.revoked_at,
        status,
        history,
    };
    Ok(tagged(&etag(&snapshot), view))
}

/// Previews a reset or a remove. It changes nothing.
#[utoipa::path(
    post,
    path = "/devices/{device}/password/preview",
    tag = PASSWORDS,
    request_body = PreviewQuery,
    responses((status = 200, body = DevicePreview)),
)]
pub(super) async fn preview(
    Authenticated(by): Authenticated,
    State(commands): State<Arc<Commands>>,
    Path(device): Path<String>,
    Body(request): Body<PreviewQuery>,
) -> JsonResult<DevicePreview> {
    Ok(Json(commands.preview(&by, &device, request).await?))
}

/// Resets the password of a device.
///
/// The command is pending until the device has reported on it.
#[utoipa::path(
    post,
    path = "/devices/{device}/password/reset",
    tag = PASSWORDS,
    request_body = Reset,
    params(IfMatch),
    responses((status = 201, body = CommandAnswer)),
)]
pub(super) async fn reset(
    Authenticated(by): Authenticated,
    State(commands): State<Arc<Commands>>,
    Path(device): Path<String>,
    if_match: IfMatch,
    Body(reset): Body<Reset>,
) -> Created<CommandAnswer> {
    Ok((
        StatusCode::CREATED,
        Json(commands.reset(&by, if_match.of(&device), &reset).await?),
    ))
}

/// Removes the password of a device.
///
/// An applied policy is enforced again once the device has done it.
#[utoipa::path(
    post,
    path = "/devices/{device}/password/remove",
    tag = PASSWORDS,
    request_body = CommandTerms,
    params(IfMatch),
    responses((status = 201, body = CommandAnswer)),
)]
pub(super) async fn remove(
    Authenticated(by): Authenticated,
    State(commands): State<Arc<Commands>>,
    Path(device): Path<String>,
    if_match: IfMatch,
    Body(terms): Body<CommandTerms>,
) -> Created<CommandAnswer> {
    Ok((
        StatusCode::CREATED,
        Json(
            commands
                .remove(&by, if_match.of(&device), terms, None)
                .await?,
        ),
    ))
}

/// Cancels a pending command.
#[utoipa::path(
    post,
    path = "/devices/{device}/commands/{command}/cancel",
    tag = PASSWORDS,
    responses((status = 200, body = CommandAnswer)),
)]
pub(super) async fn cancel(
    Authenticated(by): Authenticated,
    State(commands): State<Arc<Commands>>,
    Path((device, command)): Path<(String, String)>,
) -> JsonResult<CommandAnswer> {
    Ok(Json(commands.cancel(&by, &device, &command).await?))
}

/// A token to enroll with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// The groups that the device will be in.
    #[serde(default)]
    groups: Vec<String>,
    /// Validity in seconds: a day by default.
    valid_for: Option<u64>,
}

/// Makes a token that one device can enroll with, once.
#[utoipa::path(
    post,
    path = "/enrollment-tokens",
    tag = DEVICES,
    request_body = NewToken,
    responses((status = 201, body = EnrollmentTokenView)),
)]
pub(super) async fn enrollment_token(
    Authenticated(by): Authenticated,
    State(devices): State<Arc<Devices>>,
    Body(new): Body<NewToken>,
) -> Created<EnrollmentTokenView> {
    let made = devices
        .add_enrollment_token(&by, new.groups, new.valid_for.unwrap_or(ONE_DAY))
        .await?;
    let view = EnrollmentTokenView {
        token: made.token.to_string(),
        expires_at: made.expires_at,
    };
    Ok((StatusCode::CREATED, Json(view)))
}
