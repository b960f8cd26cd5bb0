//! Users, and the sessions that they have open.

use super::{RequestRecord, StoreError};
use crate::{
    access::{DeviceScope, Role},
    audit::AuditEntry,
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The device scope.
    pub scope: DeviceScope,
    /// The password hash: argon2id, as a PHC string. `None` if they have not chosen a password yet.
    pub password: Option<String>,
    /// The secret of their one-time passwords, sealed by the server. `None` if they sign in without.
    pub totp: Option<Vec<u8>>,
    /// Since when there is this user.
    pub created_at: Timestamp,
}

/// The link with which a new user chooses a password.
pub struct NewInvitation {
    /// The digest of its token.
    pub token: TokenDigest,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Its line in the audit trail.
    pub audit: AuditEntry,
}

/// The result of a change of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// It was done.
    Done,
    /// There is no user of this name.
    Unknown,
    /// Nobody else who can sign in may do everything, so it was not done.
    LastAdmin,
}

impl From<bool> for UserChange {
    fn from(is_done: bool) -> Self {
        match is_done {
            true => Self::Done,
            false => Self::Unknown,
        }
    }
}

/// A session that is open.
#[derive(Clone)]
pub struct Session {
    /// The user.
    pub user: User,
    /// The start of the session.
    pub created_at: Timestamp,
    /// When something was done in it the last time, within a minute.
    pub last_used_at: Timestamp,
}

/// Users, sessions and invitations. Every change has its line in the audit trail.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// All users, by name.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// One user.
    async fn user(&self, name: &str) -> Result<Option<User>, StoreError>;

    /// Makes a user, and the link with which they choose a password. Returns `false` if there is one of this name.
    async fn add_user(
        &self,
        user: User,
        invitation: NewInvitation,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Says anew what a user is there for. Sessions stay open.
    async fn set_role(
        &self,
        name: &str,
        role: Role,
        scope: DeviceScope,
        audit: RequestRecord,
    ) -> Result<UserChange, StoreError>;

    /// Removes a user, with their sessions, invitations and tokens. Each token has its own line in the audit trail.
    async fn remove_user(&self, name: &str, audit: RequestRecord)
    -> Result<UserChange, StoreError>;

    /// Keeps the secret of a user's one-time passwords, or forgets it. False: there is no user of this name.
    async fn set_totp(
        &self,
        name: &str,
        totp: Option<Vec<u8>>,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Notes that a one-time password was used, by the number of its time. False: it, or a later one, was used
    /// before.
    async fn use_totp(&self, user: &str, number: u64) -> Result<bool, StoreError>;

    /// Notes a link with which a user chooses a password, once; links before it count no more. False: there is no
    /// user of this name.
    async fn add_invitation(
        &self,
        token: TokenDigest,
        user: &str,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Returns the user of an invitation that has not expired.
    async fn invitation(
        &self,
        token: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError>;

    /// Until when this user has an invitation. Returns `None` if they have none, or its time is over.
    async fn invited_until(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Spends an invitation: its user has this password from now on, no one-time passwords, and no session open.
    /// False: there is no such invitation any more.
    async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: String,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Opens a session of a user whose password this is still. False: they have another one by now, or are gone.
    async fn open_session(
        &self,
        token: TokenDigest,
        user: &str,
        password: &str,
        created_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// A session that is open.
    async fn session(&self, token: TokenDigest) -> Result<Option<Session>, StoreError>;

    /// Notes that something was done in a session.
    async fn use_session(
        &self,
        token: TokenDigest,
        last_used_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends a session.
    async fn close_session(&self, token: TokenDigest) -> Result<(), StoreError>;

    /// Forgets the sessions that began before, or were not used since.
    async fn forget_sessions(
        &self,
        created_before: Timestamp,
        last_used_before: Timestamp,
    ) -> Result<(), StoreError>;
}

/// The line in the audit trail of a user whose one-time passwords were sealed by a key that was replaced.
pub fn totp_cleared(user: &str, replaced: &AuditEntry) -> AuditEntry {
    AuditEntry {
        action: "clear-one-time-passwords".to_owned(),
        detail: Some(user.to_owned()),
        ..replaced.clone()
    }
}
