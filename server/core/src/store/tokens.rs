//! Tokens: the credentials of programs.

use super::{RequestRecord, StoreError};
use crate::{
    access::{DeviceScope, Permission, Role},
    audit::AuditEntry,
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use std::collections::BTreeSet;

/// A token of a program. The secret is stored as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name.
    pub name: String,
    /// Its permissions.
    pub permissions: BTreeSet<Permission>,
    /// Its device scope.
    pub scope: DeviceScope,
    /// The owner: the token has no more permissions than this user, and ends with the user. `None` if it was made on
    /// the server's own machine, or by a token without an owner.
    pub owner: Option<String>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The expiry. `None` if it is valid until it is revoked.
    pub expires_at: Option<Timestamp>,
}

impl ApiToken {
    /// The same token, restricted to the role and the device scope of its owner.
    pub fn limited_to(mut self, role: Role, scope: &DeviceScope) -> Self {
        let theirs = role.permissions();
        self.permissions.retain(|it| theirs.contains(it));
        self.scope = self.scope.intersection(scope);
        self
    }
}

/// The result of a change of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// It was done.
    Done,
    /// There is no token of this name.
    Unknown,
    /// There is a token of this name already.
    NameTaken,
    /// There is no user of this name to be its owner.
    UnknownOwner,
}

/// Tokens of programs. Every change has its line in the audit trail.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    /// All tokens, by name, with their own permissions.
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Returns a valid token with its current permissions, which are limited by those of its owner.
    async fn api_token(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, StoreError>;

    /// Makes a token.
    async fn add_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError>;

    /// Makes a token that replaces the one of its name, if there is one, in one transaction.
    async fn replace_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        removed: RequestRecord,
        added: RequestRecord,
    ) -> Result<(), StoreError>;

    /// Changes the owner of a token.
    async fn set_token_owner(
        &self,
        name: &str,
        owner: &str,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError>;

    /// Revokes a token. Returns `false` if there is none of this name.
    async fn remove_api_token(&self, name: &str, audit: RequestRecord) -> Result<bool, StoreError>;
}

/// The audit line of a token that ends with its owner.
pub fn token_ended(token: &str, owner: &str, removed: &AuditEntry) -> AuditEntry {
    AuditEntry {
        action: "remove-token".to_owned(),
        detail: Some(format!("{token}: its owner {owner} was removed")),
        ..removed.clone()
    }
}

/// The error for a token whose digest exists: draw another secret.
pub fn not_made(token: &ApiToken) -> StoreError {
    let name = &token.name;
    StoreError::Failed(format!(
        "the token `{name}` was not made: there is one with the same digest"
    ))
}
