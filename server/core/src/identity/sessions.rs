//! Signing in, and what a session or a token may do from then on.

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

/// How long a session lasts that nothing is done in, in milliseconds.
const IDLE_TIMEOUT: u64 = 30 * 60_000;

/// How long a session lasts, in milliseconds.
const MAX_SESSION: u64 = 12 * 3_600_000;

/// How exactly it is noted when a session was used, in milliseconds: a click alone writes nothing.
const NOTE_INTERVAL: u64 = 60_000;

/// What somebody signs in with.
pub struct SignIn {
    /// Their name.
    pub name: String,
    /// Their password.
    pub password: Zeroizing<String>,
    /// A one-time password, if they have set that up.
    pub code: Option<String>,
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such user, or the password is not theirs: which of both, nobody is told.
    #[error("this name and this password do not belong together")]
    Wrong,
    /// A one-time password is missing.
    #[error("type the code that your authenticator app shows")]
    CodeMissing,
    /// The one-time password is wrong, or was used before.
    #[error("this code is wrong, or was used before: wait for the next one")]
    CodeWrong,
    /// There were too many tries.
    #[error("there were too many tries with this name: wait a minute")]
    TooOften,
    /// The host failed.
    #[error(transparent)]
    Failed(#[from] ServerError),
}

impl Identity {
    /// Lets somebody in, and gives the token of their session.
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
            // The name that was typed may be a password, unless a user has it.
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
        // The password may have been replaced while it was compared.
        let opened = self.open_session(&user, &hash, address).await?;
        opened.ok_or(SignInError::Wrong)
    }

    /// Opens a session of a user whose password is still the one of this hash; none: it is not.
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

    /// Whose session this is, if it is open. Notes that it was used.
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

    /// Whose session this is, if it is still open: for an answer that goes on after its request, and is no use of the
    /// session by itself.
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

    /// Who calls with this token of a program, if it counts: it may do no more than its owner at this moment.
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

    /// Counts a guess of a secret in a session of this user. Errors with `TooManyGuesses` if it is one too many.
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

/// When a session has to have begun, and to have been used, to be open still.
fn oldest(now: Timestamp) -> (Timestamp, Timestamp) {
    (
        now.saturating_sub(MAX_SESSION),
        now.saturating_sub(IDLE_TIMEOUT),
    )
}
