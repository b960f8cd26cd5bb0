//! Signing in, and what a session or a token may do from then on.

use super::{
    Service, ServiceError, credentials,
    users::{caller, check_name},
};
use crate::{
    access::Caller,
    audit::AuditEntry,
    limiter::Limiter,
    store::User,
    token::{self, TokenDigest},
};
use governor::Quota;
use mdm_wire::time::{self, Timestamp};
use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use zeroize::Zeroizing;

/// How long a session lasts that nothing is done in, in milliseconds.
const IDLE: u64 = 30 * 60_000;

/// How long a session lasts, in milliseconds.
const LONGEST: u64 = 12 * 3_600_000;

/// How exactly it is noted when a session was used, in milliseconds: a click alone writes nothing.
const NOTED_EVERY: u64 = 60_000;

/// How often a minute somebody may try to sign in by one name from one address. Who guesses passwords is slowed down
/// by it; who has forgotten theirs is not, nor can others keep them out from elsewhere.
const TRIES: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// How often a minute somebody may try from one address, by whatever names.
const TRIES_OF_AN_ADDRESS: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// How long somebody waits for their turn, before they are told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many passwords are compared at once: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;

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
    Failed(#[from] ServiceError),
}

/// Who tries to sign in.
pub(super) struct SignIns {
    pub(super) tries: Arc<Limiter>,
    pub(super) addresses: Arc<Limiter>,
    places: Semaphore,
}

impl Default for SignIns {
    fn default() -> Self {
        let limit = |name, tries| Arc::new(Limiter::new(name, Quota::per_minute(tries)));
        Self {
            tries: limit("sign-in", TRIES),
            addresses: limit("sign-in-address", TRIES_OF_AN_ADDRESS),
            places: Semaphore::new(AT_ONCE),
        }
    }
}

impl SignIns {
    fn check(&self, name: &str, address: Option<IpAddr>) -> Result<(), SignInError> {
        let address = address.map(|it| it.to_string()).unwrap_or_default();
        let by_address = self.addresses.check(&address);
        let by_name = self.tries.check(&format!("{address} {name}"));
        match by_address.and(by_name) {
            Some(_) => Ok(()),
            None => Err(SignInError::TooOften),
        }
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, ServiceError> {
        match timeout(PATIENCE, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(ServiceError::BusySigningIn),
        }
    }
}

impl Service {
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
        check_name(&name).map_err(|_| SignInError::Wrong)?;
        self.sign_ins.check(&name, address)?;
        let user = self.store.user(&name).await.map_err(ServiceError::from)?;
        let hash = user.as_ref().and_then(|user| user.password.clone());
        if !self.is_password(password, hash.clone()).await? {
            tracing::info!(user = name, ?address, "was not let in");
            return Err(SignInError::Wrong);
        }
        let (user, hash) = user.zip(hash).ok_or(SignInError::Wrong)?;
        if let Some(sealed) = &user.totp {
            let code = code.ok_or(SignInError::CodeMissing)?;
            let secret = credentials::open_totp(&self.keys, &name, sealed)?;
            let number = credentials::check_totp(&name, &secret, &code)?;
            let number = number.ok_or(SignInError::CodeWrong)?;
            let used = self.store.use_totp(&name, number).await;
            if !used.map_err(ServiceError::from)? {
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
    ) -> Result<Option<Zeroizing<String>>, ServiceError> {
        let token = token::new_token("session")?;
        let now = time::now();
        let (began_before, used_before) = oldest(now);
        self.store
            .forget_sessions(began_before, used_before)
            .await?;
        let audit = AuditEntry::new(now, &caller(user, address), "sign-in");
        let is_open = self
            .store
            .open_session(token::digest(&token), &user.name, password, now, audit)
            .await?;
        Ok(is_open.then_some(token))
    }

    /// Whose session this is, if it is open.
    pub async fn session(&self, token: TokenDigest) -> Result<Option<User>, ServiceError> {
        let now = time::now();
        let (began_before, used_before) = oldest(now);
        let session = self.store.session(token).await?;
        let session = session.filter(|it| it.began >= began_before && it.used >= used_before);
        let Some(session) = session else {
            return Ok(None);
        };
        if now > session.used + NOTED_EVERY {
            self.store.use_session(token, now).await?;
        }
        Ok(Some(session.user))
    }

    /// Ends a session.
    pub async fn sign_out(&self, token: TokenDigest) -> Result<(), ServiceError> {
        Ok(self.store.close_session(token).await?)
    }

    /// Who calls with this token of a program, if it counts.
    pub async fn program(
        &self,
        token: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, ServiceError> {
        let found = self.store.api_token(token, time::now()).await?;
        Ok(found.map(|token| Caller {
            name: format!("token {}", token.name),
            behind: Some(token.made_by),
            address,
            permissions: token.permissions,
            reach: token.reach,
        }))
    }

    /// Whether a password is the one that a hash was made of. Without a hash it takes as long.
    pub(super) async fn is_password(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, ServiceError> {
        let _place = self.sign_ins.place().await?;
        let compared =
            tokio::task::spawn_blocking(move || credentials::is_password(&password, hash));
        Ok(compared.await.unwrap_or(false))
    }

    /// What is kept of a new password.
    pub(super) async fn hash(&self, password: Zeroizing<String>) -> Result<String, ServiceError> {
        let _place = self.sign_ins.place().await?;
        let hashed = tokio::task::spawn_blocking(move || credentials::hash(&password));
        hashed
            .await
            .map_err(|error| ServiceError::Credentials(error.to_string()))?
    }
}

/// When a session has to have begun, and to have been used, to be open still.
fn oldest(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.saturating_sub(LONGEST), now.saturating_sub(IDLE))
}
