//! Invitations: links by which users choose a password.

use super::{
    credentials,
    invitation::{INVITED_FOR, Invitation, invited},
    users::{Identity, caller},
};
use crate::{
    access::{Caller, DeviceScope, Role},
    audit::AuditEntry,
    error::ServerError,
    token::{self, TokenDigest},
};
use mdm_contract::time::{self, Timestamp};
use mdm_password_host::password::Password;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Validity of the first admin's invitation, in milliseconds. It is short because its link is in a terminal or a file.
const FIRST_INVITED_FOR: u64 = 3_600_000;

/// Name of the first admin.
const FIRST_ADMIN: &str = "admin";

/// Access of the first admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    /// A user can sign in.
    SignsIn,
    /// An earlier invitation is valid until then.
    InvitedUntil(Timestamp),
    /// No user can sign in, and no invitation is valid.
    Missing,
}

impl Identity {
    /// Makes a new invitation for a user with a lost password or phone.
    pub async fn invite_again(&self, by: &Caller, name: &str) -> Result<Invitation, ServerError> {
        self.managed_user(by, name).await?;
        let made = self
            .responses
            .once(by, self.invite(by, name, INVITED_FOR))
            .await?;
        Ok(made.at(self.public_url.clone()))
    }

    /// Access of the first admin.
    pub async fn first_admin_status(&self) -> Result<FirstAdmin, ServerError> {
        let users = self.store.users().await?;
        if users.iter().any(|user| user.password.is_some()) {
            return Ok(FirstAdmin::SignsIn);
        }
        let until = self.store.invited_until(FIRST_ADMIN, time::now()).await?;
        Ok(until.map_or(FirstAdmin::Missing, FirstAdmin::InvitedUntil))
    }

    /// The first admin's invitation, valid for an hour. Returns `None` if a user can sign in, or if an earlier
    /// invitation is still valid.
    pub async fn first_admin(&self) -> Result<Option<Invitation>, ServerError> {
        if self.first_admin_status().await? != FirstAdmin::Missing {
            return Ok(None);
        }
        let by = Caller::host();
        let admin = (FIRST_ADMIN, Role::Admin, DeviceScope::ALL);
        let made = match self.add_invited(&by, admin, FIRST_INVITED_FOR).await {
            // The user exists, or another replica has just added it.
            Err(ServerError::NameTaken(_)) => {
                self.invite(&by, FIRST_ADMIN, FIRST_INVITED_FOR).await?
            }
            made => made?,
        };
        Ok(Some(made.at(self.public_url.clone())))
    }

    /// Makes an invitation for a user. Earlier ones become void.
    async fn invite(
        &self,
        by: &Caller,
        name: &str,
        valid_for: u64,
    ) -> Result<Invitation, ServerError> {
        let at = time::now();
        let made = Invitation::new(name, at, valid_for)?;
        let audit = self.responses.record(by, invited(by, name, at), &made)?;
        let digest = token::digest(&made.token);
        match self
            .store
            .add_invitation(digest, name, made.expires_at, audit)
            .await?
        {
            true => Ok(made),
            false => Err(ServerError::UnknownUser(name.to_owned())),
        }
    }

    /// The user of an invitation.
    pub async fn invited(&self, token: TokenDigest) -> Result<String, ServerError> {
        let user = self.store.invitation(token, time::now()).await?;
        user.ok_or(ServerError::BadInvitation)
    }

    /// Sets the password of an invited user, and opens a session.
    pub async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<Zeroizing<String>, ServerError> {
        let name = self.invited(token).await?;
        credentials::check_password(&password)?;
        let user = self.user(&name).await?;
        let chosen = Zeroizing::new(password.expose().to_owned());
        let hash = self.hasher.hash(chosen).await?;
        let audit = AuditEntry::new(time::now(), &caller(&user, address), "choose-password");
        let accepted = self
            .store
            .accept_invitation(token, hash.clone(), audit.into());
        if !accepted.await? {
            return Err(ServerError::BadInvitation);
        }
        // A later invitation may have changed the password in the meantime.
        let opened = self.open_session(&user, &hash, address).await?;
        opened.ok_or(ServerError::BadInvitation)
    }
}
