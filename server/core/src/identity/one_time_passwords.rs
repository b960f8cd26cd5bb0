//! Setup and removal of users' one-time passwords.

use super::{credentials, failed_logins::Secret, users::Identity};
use crate::{access::Caller, audit::AuditEntry, error::ServerError};
use mdm_contract::time;
use zeroize::Zeroizing;

/// A new secret for one-time passwords, during setup.
pub struct NewTotp {
    /// The sealed secret, which comes back with the first code.
    pub sealed: Vec<u8>,
    /// URL for authenticator apps.
    pub url: Zeroizing<String>,
}

impl Identity {
    /// Makes a secret for one-time passwords. It becomes active with its first code.
    pub fn new_totp(&self, user: &str) -> Result<NewTotp, ServerError> {
        let secret = credentials::new_totp()?;
        Ok(NewTotp {
            url: credentials::totp_url(user, &secret)?,
            sealed: credentials::seal_totp(&self.keys, user, &secret)?,
        })
    }

    /// The URL for authenticator apps of a secret in setup.
    pub fn totp_url(&self, user: &str, sealed: &[u8]) -> Result<Zeroizing<String>, ServerError> {
        let secret = self.offered_totp(user, sealed)?;
        credentials::totp_url(user, &secret)
    }

    /// Opens a secret that comes back with its first code. The client may have changed it.
    fn offered_totp(&self, user: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, ServerError> {
        credentials::open_totp(&self.keys, user, sealed).map_err(|_| {
            let text = "this secret was not made for you by this host, or it was changed: load the page again";
            ServerError::BadRequest(text.into())
        })
    }

    /// Activates one-time passwords for a user. It requires the password, so that an open session alone is not enough.
    pub async fn set_totp(
        &self,
        by: &Caller,
        user: &str,
        sealed: Vec<u8>,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), ServerError> {
        self.responses
            .once(by, self.prove_totp(by, user, sealed, code, password))
            .await
    }

    async fn prove_totp(
        &self,
        by: &Caller,
        user: &str,
        sealed: Vec<u8>,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), ServerError> {
        self.check_guesses(user, by)?;
        let kept = self.user(user).await?;
        let secret = self.offered_totp(user, &sealed)?;
        let number = credentials::check_totp(user, &secret, code)?;
        let is_theirs = self.hasher.verify(password, kept.password).await?;
        let (true, Some(number), None) = (is_theirs, number, kept.totp) else {
            let wrong = if is_theirs {
                Secret::Code
            } else {
                Secret::Password
            };
            self.refused_confirmation(user, by, wrong);
            return Err(ServerError::NotProven);
        };
        self.keep_totp(by, user, Some(sealed)).await?;
        self.store.use_totp(user, number).await?;
        Ok(())
    }

    /// Removes a user's one-time passwords. It requires a current code.
    pub async fn clear_totp(&self, by: &Caller, user: &str, code: &str) -> Result<(), ServerError> {
        self.responses.once(by, self.end_totp(by, user, code)).await
    }

    async fn end_totp(&self, by: &Caller, user: &str, code: &str) -> Result<(), ServerError> {
        let kept = self.user(user).await?;
        let Some(sealed) = &kept.totp else {
            return Ok(());
        };
        self.check_guesses(user, by)?;
        let secret = credentials::open_totp(&self.keys, user, sealed)?;
        let is_right = match credentials::check_totp(user, &secret, code)? {
            Some(number) => self.store.use_totp(user, number).await?,
            None => false,
        };
        if !is_right {
            self.refused_confirmation(user, by, Secret::Code);
            return Err(ServerError::NotProven);
        }
        self.keep_totp(by, user, None).await
    }

    async fn keep_totp(
        &self,
        by: &Caller,
        name: &str,
        totp: Option<Vec<u8>>,
    ) -> Result<(), ServerError> {
        let action = match &totp {
            Some(_) => "set-one-time-passwords",
            None => "clear-one-time-passwords",
        };
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, action)
        };
        let audit = self.responses.record(by, audit, &())?;
        match self.store.set_totp(name, totp, audit).await? {
            true => Ok(()),
            false => Err(ServerError::UnknownUser(name.to_owned())),
        }
    }
}
