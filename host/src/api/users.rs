//! Users and tokens: who may call.

use super::{
    auth::By,
    body::Body,
    model::{ApiTokenView, InvitationView, NewApiTokenView, UserView},
    problem::ApiError,
};
use crate::{
    access::{Permission, Reach, Role},
    service::Service,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get, post, put},
};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};

type Host = State<Arc<Service>>;
type Answer<T> = Result<Json<T>, ApiError>;
type Created<T> = Result<(StatusCode, Json<T>), ApiError>;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/users", get(users).post(add_user))
        .route("/users/{user}", put(change_user).delete(remove_user))
        .route("/users/{user}/invitation", post(invite_again))
        .route("/tokens", get(tokens).post(add_token))
        .route("/tokens/{token}", delete(remove_token))
}

/// A new user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    role: Role,
    /// Names of groups; none: all devices.
    groups: Reach,
}

/// What a user is there for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    role: Role,
    /// Names of groups; none: all devices.
    groups: Reach,
}

/// A new token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApiToken {
    name: String,
    permissions: BTreeSet<Permission>,
    /// Names of groups; none: all devices.
    groups: Reach,
    /// In seconds; none: until it is taken back.
    valid_for: Option<u64>,
}

async fn users(_: By, host: Host) -> Answer<Vec<UserView>> {
    let users = host.users().await?;
    Ok(Json(users.into_iter().map(UserView::from).collect()))
}

async fn add_user(By(by): By, host: Host, Body(new): Body<NewUser>) -> Created<InvitationView> {
    let made = host.add_user(&by, &new.name, new.role, new.groups).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn change_user(
    By(by): By,
    host: Host,
    Path(user): Path<String>,
    Body(Task { role, groups }): Body<Task>,
) -> Answer<UserView> {
    host.change_user(&by, &user, role, groups).await?;
    Ok(Json(host.user(&user).await?.into()))
}

async fn remove_user(
    By(by): By,
    host: Host,
    Path(user): Path<String>,
) -> Result<StatusCode, ApiError> {
    host.remove_user(&by, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invite_again(By(by): By, host: Host, Path(user): Path<String>) -> Created<InvitationView> {
    let made = host.invite_again(&by, &user).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn tokens(_: By, host: Host) -> Answer<Vec<ApiTokenView>> {
    let tokens = host.tokens().await?;
    Ok(Json(tokens.into_iter().map(ApiTokenView::from).collect()))
}

async fn add_token(
    By(by): By,
    host: Host,
    Body(new): Body<NewApiToken>,
) -> Created<NewApiTokenView> {
    let token = host
        .add_token(&by, &new.name, new.permissions, new.groups, new.valid_for)
        .await?;
    let view = NewApiTokenView {
        token: token.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

async fn remove_token(
    By(by): By,
    host: Host,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    host.remove_token(&by, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
