//! Users, and the sessions that they have open.

use super::{RequestRecord, StoreError};
use crate::{
    access::{DeviceScope, Role},
    audit::AuditEntry,
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// A user of the dashboard.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The device scope.
    pub scope: DeviceScope,
    /// The password hash: argon2id, as a PHC string. `None` if the user has not chosen a password yet.
    pub password: Option<String>,
    /// The sealed secret of one-time passwords. `None` if the user has no two-step sign-in.
    pub totp: Option<Vec<u8>>,
    /// The time of creation.
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
    /// Not done: this is the last user with full permissions who can sign in.
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
    /// The time of its last use, to the minute.
    pub last_used_at: Timestamp,
}

/// Users, sessions and invitations. Every change has its line in the audit trail.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// All users, by name.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// One user.
    async fn user(&self, name: &str) -> Result<Option<User>, StoreError>;

    /// Creates a user and an invitation. Returns `false` if the name exists.
    async fn add_user(
        &self,
        user: User,
        invitation: NewInvitation,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Changes the role and the device scope of a user. Sessions stay open.
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

    /// Stores or deletes the secret of a user's one-time passwords. Returns `false` if there is no user of this name.
    async fn set_totp(
        &self,
        name: &str,
        totp: Option<Vec<u8>>,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Records the use of a one-time password by its time step. Returns `false` if this or a later step was used
    /// before.
    async fn use_totp(&self, user: &str, number: u64) -> Result<bool, StoreError>;

    /// Stores an invitation, which replaces earlier ones. Returns `false` if there is no user of this name.
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

    /// The expiry of the user's invitation. `None` if there is none or it has expired.
    async fn invited_until(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Redeems an invitation: sets the user's password, removes the one-time passwords, and ends all sessions. Returns
    /// `false` if the invitation does not exist or has expired.
    async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: String,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Opens a session if the user's password hash is still this one. Returns `false` if it changed, or the user is
    /// gone.
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

    /// Records the use of a session.
    async fn use_session(
        &self,
        token: TokenDigest,
        last_used_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends a session.
    async fn close_session(&self, token: TokenDigest) -> Result<(), StoreError>;

    /// Deletes the sessions that were created or last used before these times.
    async fn forget_sessions(
        &self,
        created_before: Timestamp,
        last_used_before: Timestamp,
    ) -> Result<(), StoreError>;
}

/// The audit line for a user whose one-time passwords were sealed by a replaced key.
pub fn totp_cleared(user: &str, replaced: &AuditEntry) -> AuditEntry {
    AuditEntry {
        action: "clear-one-time-passwords".to_owned(),
        detail: Some(user.to_owned()),
        ..replaced.clone()
    }
}
