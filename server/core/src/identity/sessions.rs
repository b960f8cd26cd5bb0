//! Logins, sessions, and the authentication of tokens.

use super::{
    credentials,
    failed_logins::{FailedLogin, Secret},
    users::{Identity, caller},
};
use crate::{
    access::Caller,
    actor::Actor,
    audit::AuditEntry,
    error::ServerError,
    request_checks::check_name,
    store::{Session, User},
    token::{self, TokenDigest},
};
use mdm_contract::time::{self, Timestamp};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Idle timeout of a session, in milliseconds.
const IDLE_TIMEOUT: u64 = 30 * 60_000;

/// Maximum lifetime of a session, in milliseconds.
const MAX_SESSION: u64 = 12 * 3_600_000;

/// Precision of the last use of a session, in milliseconds. It saves a write for each click.
const NOTE_INTERVAL: u64 = 60_000;

/// Credentials of a login.
pub struct SignIn {
    /// Name of the user.
    pub name: String,
    /// Password of the user.
    pub password: Zeroizing<String>,
    /// One-time password, if the user has set that up.
    pub code: Option<String>,
}

/// Reason why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The user is unknown, or the password is wrong. The caller can't tell which.
    #[error("wrong name or password")]
    Wrong,
    /// A one-time password is missing.
    #[error("type the code that your authenticator app shows")]
    CodeMissing,
    /// The one-time password is wrong, or was already used.
    #[error("this code is wrong, or was used before: wait for the next one")]
    CodeWrong,
    /// There were too many attempts.
    #[error("there were too many tries with this name: wait a minute")]
    TooOften,
    /// The server failed.
    #[error(transparent)]
    Failed(#[from] ServerError),
}

impl Identity {
    /// Checks a login, and returns the token of the new session.
    pub async fn sign_in(
        &self,
        sign_in: SignIn,
        address: Option<IpAddr>,
    ) -> Result<Zeroizing<String>, SignInError> {
        let SignIn {
            name,
            password,
            code,
        } = sign_in;
        let failed = |user: Option<&str>, secret| {
            self.failed_logins.count(FailedLogin {
                user: user.map(str::to_owned),
                address,
                secret,
                in_session: false,
            });
        };
        if !self.login_throttle.allows_login(&name, address) {
            self.failed_logins.count_throttled(&name, address);
            return Err(SignInError::TooOften);
        }
        if check_name(&name).is_err() {
            failed(None, Secret::Password);
            return Err(SignInError::Wrong);
        }
        let user = self.store.user(&name).await.map_err(ServerError::from)?;
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let is_right = self.hasher.verify(password, hash.clone()).await?;
        let Some((user, hash)) = user.clone().zip(hash).filter(|_| is_right) else {
            // The typed name is logged only if a user has it: it may be a password.
            let user = user.map(|user| user.name);
            tracing::info!(user = user.as_deref(), ?address, "a login failed");
            failed(user.as_deref(), Secret::Password);
            return Err(SignInError::Wrong);
        };
        if let Some(sealed) = &user.totp {
            let code = code.ok_or(SignInError::CodeMissing)?;
            let secret = credentials::open_totp(&self.keys, &name, sealed)?;
            let is_right = match credentials::check_totp(&name, &secret, &code)? {
                Some(number) => {
                    let used = self.store.use_totp(&name, number).await;
                    used.map_err(ServerError::from)?
                }
                None => false,
            };
            if !is_right {
                failed(Some(&name), Secret::Code);
                return Err(SignInError::CodeWrong);
            }
        }
        // The password may have changed during the comparison.
        let opened = self.open_session(&user, &hash, address).await?;
        opened.ok_or(SignInError::Wrong)
    }

    /// Opens a session if the user's password hash is still this one. Returns `None` otherwise.
    pub(super) async fn open_session(
        &self,
        user: &User,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<Option<Zeroizing<String>>, ServerError> {
        let token = token::new_token("session")?;
        let now = time::now();
        let (created_before, last_used_before) = oldest(now);
        self.store
            .forget_sessions(created_before, last_used_before)
            .await?;
        let audit = AuditEntry::new(now, &caller(user, address), "sign-in");
        let is_open = self
            .store
            .open_session(
                token::digest(&token),
                &user.name,
                password,
                now,
                audit.into(),
            )
            .await?;
        Ok(is_open.then_some(token))
    }

    /// The user of an open session. Records its use.
    pub async fn session(&self, token: TokenDigest) -> Result<Option<User>, ServerError> {
        let Some(session) = self.open_session_of(token).await? else {
            return Ok(None);
        };
        let now = time::now();
        if now > session.last_used_at + NOTE_INTERVAL {
            self.store.use_session(token, now).await?;
        }
        Ok(Some(session.user))
    }

    /// The user of an open session, without recording a use: for a response that goes on after its request.
    pub async fn session_user(&self, token: TokenDigest) -> Result<Option<User>, ServerError> {
        let session = self.open_session_of(token).await?;
        Ok(session.map(|session| session.user))
    }

    async fn open_session_of(&self, token: TokenDigest) -> Result<Option<Session>, ServerError> {
        let (created_before, last_used_before) = oldest(time::now());
        let session = self.store.session(token).await?;
        Ok(session
            .filter(|it| it.created_at >= created_before && it.last_used_at >= last_used_before))
    }

    /// Ends a session.
    pub async fn sign_out(&self, token: TokenDigest) -> Result<(), ServerError> {
        Ok(self.store.close_session(token).await?)
    }

    /// The caller for a program's token, if the token is valid. Its permissions are limited to those of its owner at
    /// this moment.
    pub async fn program(
        &self,
        token: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, ServerError> {
        let found = self.store.api_token(token, time::now()).await?;
        Ok(found.map(|token| Caller {
            actor: Actor::Token(token.name),
            on_behalf_of: Some(token.owner.map_or(Actor::System, Actor::User)),
            address,
            permissions: token.permissions,
            scope: token.scope,
            idempotency_key: None,
        }))
    }

    /// Counts an attempt to confirm a secret in a session of this user. Errors with `TooManyGuesses` above the limit.
    pub(super) fn check_guesses(&self, user: &str, by: &Caller) -> Result<(), ServerError> {
        match self.login_throttle.allows_confirmation(user, by.address) {
            true => Ok(()),
            false => {
                self.refused_confirmation(user, by, Secret::Password);
                Err(ServerError::TooManyGuesses)
            }
        }
    }

    /// Counts a wrong secret in a session of this user.
    pub(super) fn refused_confirmation(&self, user: &str, by: &Caller, secret: Secret) {
        self.failed_logins.count(FailedLogin {
            user: Some(user.to_owned()),
            address: by.address,
            secret,
            in_session: true,
        });
    }
}

/// The earliest creation and the earliest last use of a session that is still open.
fn oldest(now: Timestamp) -> (Timestamp, Timestamp) {
    (
        now.saturating_sub(MAX_SESSION),
        now.saturating_sub(IDLE_TIMEOUT),
    )
}
