//! Routes of users and tokens.

use super::{
    auth::Authenticated,
    body::Body,
    components::Components,
    model::{ApiTokenView, InvitationView, NewApiTokenView, UserView},
    parts::Path,
    problem::ApiError,
    tags::USERS,
};
use axum::{Json, extract::State, http::StatusCode};
use mdm_server_core::{
    access::{DeviceScope, Permission, Role},
    identity::Identity,
};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

type IdentityState = State<Arc<Identity>>;
type JsonResult<T> = Result<Json<T>, ApiError>;
type Created<T> = Result<(StatusCode, Json<T>), ApiError>;

pub(super) fn router() -> OpenApiRouter<Components> {
    OpenApiRouter::new()
        .routes(routes!(users, add_user))
        .routes(routes!(change_user, remove_user))
        .routes(routes!(invite_again))
        .routes(routes!(tokens, add_token))
        .routes(routes!(remove_token))
        .routes(routes!(hand_over_token))
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// The name to sign in with.
    name: String,
    /// The role.
    role: Role,
    /// The device scope: names of groups. Without any, all devices.
    #[serde(deserialize_with = "DeviceScope::present")]
    #[schema(required = true)]
    groups: DeviceScope,
}

/// The role and the device scope of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Task {
    /// The role.
    role: Role,
    /// The device scope: names of groups. Without any, all devices.
    #[serde(deserialize_with = "DeviceScope::present")]
    #[schema(required = true)]
    groups: DeviceScope,
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewApiToken {
    /// Its name.
    name: String,
    /// Its permissions.
    permissions: BTreeSet<Permission>,
    /// The device scope: names of groups. Without any, all devices.
    #[serde(deserialize_with = "DeviceScope::present")]
    #[schema(required = true)]
    groups: DeviceScope,
    /// The validity in seconds. Without it, the token is valid until it is revoked.
    valid_for: Option<u64>,
}

/// The new owner of a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOwner {
    /// The name of a user.
    owner: String,
}

/// The users.
#[utoipa::path(
    get,
    path = "/users",
    tag = USERS,
    responses((status = 200, body = Vec<UserView>)),
)]
async fn users(
    Authenticated(by): Authenticated,
    identity: IdentityState,
) -> JsonResult<Vec<UserView>> {
    let users = identity.users(&by).await?;
    Ok(Json(users.into_iter().map(UserView::from).collect()))
}

/// Adds a user. The response has the link by which the user chooses a password.
#[utoipa::path(
    post,
    path = "/users",
    tag = USERS,
    request_body = NewUser,
    responses((status = 201, body = InvitationView)),
)]
async fn add_user(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Body(new): Body<NewUser>,
) -> Created<InvitationView> {
    let made = identity
        .add_user(&by, &new.name, new.role, new.groups)
        .await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Changes the role and the device scope of a user.
#[utoipa::path(
    put,
    path = "/users/{user}",
    tag = USERS,
    request_body = Task,
    responses((status = 200, body = UserView)),
)]
async fn change_user(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Path(user): Path<String>,
    Body(Task { role, groups }): Body<Task>,
) -> JsonResult<UserView> {
    identity.change_user(&by, &user, role, groups).await?;
    Ok(Json(identity.managed_user(&by, &user).await?.into()))
}

/// Removes a user, and the tokens that act for them.
#[utoipa::path(
    delete,
    path = "/users/{user}",
    tag = USERS,
    responses((status = 204)),
)]
async fn remove_user(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Path(user): Path<String>,
) -> Result<StatusCode, ApiError> {
    identity.remove_user(&by, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a user choose a password anew.
#[utoipa::path(
    post,
    path = "/users/{user}/invitation",
    tag = USERS,
    responses((status = 201, body = InvitationView)),
)]
async fn invite_again(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Path(user): Path<String>,
) -> Created<InvitationView> {
    let made = identity.invite_again(&by, &user).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// The tokens with their permissions, without their secrets.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = USERS,
    responses((status = 200, body = Vec<ApiTokenView>)),
)]
async fn tokens(
    Authenticated(by): Authenticated,
    identity: IdentityState,
) -> JsonResult<Vec<ApiTokenView>> {
    let tokens = identity.tokens(&by).await?;
    Ok(Json(tokens.into_iter().map(ApiTokenView::from).collect()))
}

/// Makes a token. It is shown only once.
///
/// Its owner is the calling user: the token has no more permissions than the owner, and ends with the owner.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = USERS,
    request_body = NewApiToken,
    responses((status = 201, body = NewApiTokenView)),
)]
async fn add_token(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Body(new): Body<NewApiToken>,
) -> Created<NewApiTokenView> {
    let token = identity
        .add_token(&by, &new.name, new.permissions, new.groups, new.valid_for)
        .await?;
    let view = NewApiTokenView {
        token: token.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Hands a token over to another user.
///
/// From then on it acts for them: it does no more than they may, and ends with them.
#[utoipa::path(
    put,
    path = "/tokens/{name}/owner",
    tag = USERS,
    request_body = NewOwner,
    responses((status = 200, body = ApiTokenView)),
)]
async fn hand_over_token(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Path(token): Path<String>,
    Body(NewOwner { owner }): Body<NewOwner>,
) -> JsonResult<ApiTokenView> {
    Ok(Json(
        identity.hand_over_token(&by, &token, &owner).await?.into(),
    ))
}

/// Takes a token back.
#[utoipa::path(
    delete,
    path = "/tokens/{name}",
    tag = USERS,
    responses((status = 204)),
)]
async fn remove_token(
    Authenticated(by): Authenticated,
    identity: IdentityState,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    identity.remove_token(&by, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
