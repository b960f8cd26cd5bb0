//! Tokens: what programs call with.

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
    /// The user for whom it acts: it can do no more than they may, and ends with them. None: the host's own machine
    /// made it, or a token without a user did.
    pub owner: Option<String>,
    /// Since when there is this token.
    pub created_at: Timestamp,
    /// The expiry. `None` if it is valid until it is revoked.
    pub expires_at: Option<Timestamp>,
}

impl ApiToken {
    /// The same token, as far as a user of this role and reach may do what it can.
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
    /// There is no such user, who was to be its owner.
    UnknownOwner,
}

/// Tokens of programs. Every change has its line in the audit trail.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    /// All tokens, by name, with what they were made for.
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Returns a valid token with its permissions at this moment: no more than those of its owner.
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

    /// Makes a token in place of the one of its name, if there is one. Either both happen, or neither.
    async fn replace_api_token(
        &self,
        token: TokenDigest,
        about: ApiToken,
        removed: RequestRecord,
        added: RequestRecord,
    ) -> Result<(), StoreError>;

    /// Gives a token another owner.
    async fn set_token_owner(
        &self,
        name: &str,
        owner: &str,
        audit: RequestRecord,
    ) -> Result<TokenChange, StoreError>;

    /// Takes a token back. Returns `false` if there is none of this name.
    async fn remove_api_token(&self, name: &str, audit: RequestRecord) -> Result<bool, StoreError>;
}

/// The line in the audit trail of a token that ends with its owner.
pub fn token_ended(token: &str, owner: &str, removed: &AuditEntry) -> AuditEntry {
    AuditEntry {
        action: "remove-token".to_owned(),
        detail: Some(format!("{token}: its owner {owner} was removed")),
        ..removed.clone()
    }
}

/// A token whose digest another one has: its maker has to draw another.
pub fn not_made(token: &ApiToken) -> StoreError {
    let name = &token.name;
    StoreError::Failed(format!(
        "the token `{name}` was not made: there is one with the same digest"
    ))
}
