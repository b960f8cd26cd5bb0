//! Invitations: links with which users choose a password.

use super::{Service, ServiceError, callers::caller, credentials};
use crate::{
    access::{Caller, Reach, Role},
    audit::AuditEntry,
    public_url::PublicUrl,
    store::NewInvitation,
    token::{self, TokenDigest},
};
use mdm_contract::time::{self, Timestamp};
use mdm_password_host::password::Password;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The validity of an invitation, in milliseconds.
pub(super) const INVITED_FOR: u64 = 3 * 24 * 3_600_000;

/// The validity of the first admin's invitation, in milliseconds: its link is in a terminal or a file.
const FIRST_INVITED_FOR: u64 = 3_600_000;

/// The name of the first admin.
const FIRST_ADMIN: &str = "admin";

/// A link with which a user chooses a password, once.
#[derive(Serialize, Deserialize)]
pub struct Invitation {
    /// Whose it is.
    pub user: String,
    /// The token of the link. It is told once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// Where the host is reached, if it knows.
    #[serde(skip)]
    host: Option<PublicUrl>,
}

impl Invitation {
    /// A new link for a user, valid for so many milliseconds from now on.
    pub(super) fn new(user: &str, at: Timestamp, valid_for: u64) -> Result<Self, ServiceError> {
        Ok(Self {
            user: user.to_owned(),
            token: token::new_token("invitation")?,
            expires_at: at + valid_for,
            host: None,
        })
    }

    /// The link of a new user, as the store gets it.
    pub(super) fn to_be_stored(&self, by: &Caller, at: Timestamp) -> NewInvitation {
        NewInvitation {
            token: token::digest(&self.token),
            expires_at: self.expires_at,
            audit: invited(by, &self.user, at),
        }
    }

    /// The URL of the page where the password is chosen, if the host knows its own.
    pub fn url(&self) -> Option<String> {
        let host = self.host.as_ref()?;
        Some(format!("{host}{}", self.path()))
    }

    /// The path of the page where the password is chosen, on this host.
    pub fn path(&self) -> String {
        format!("/invitation/{}", self.token.as_str())
    }
}

/// How the first admin gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdmin {
    /// There is a user who can sign in.
    SignsIn,
    /// By a link that was made before, until then.
    InvitedUntil(Timestamp),
    /// By a link that is yet to be made.
    Missing,
}

impl Service {
    /// Makes another link with which a user chooses a new password: they have lost theirs, or their phone.
    pub async fn invite_again(&self, by: &Caller, name: &str) -> Result<Invitation, ServiceError> {
        self.managed_user(by, name).await?;
        let made = self.once(by, self.invite(by, name, INVITED_FOR)).await?;
        Ok(self.reached_at(made))
    }

    /// How the first admin gets in.
    pub async fn first_admin_status(&self) -> Result<FirstAdmin, ServiceError> {
        let users = self.store.users().await?;
        if users.iter().any(|user| user.password.is_some()) {
            return Ok(FirstAdmin::SignsIn);
        }
        let until = self.store.invited_until(FIRST_ADMIN, time::now()).await?;
        Ok(until.map_or(FirstAdmin::Missing, FirstAdmin::InvitedUntil))
    }

    /// The link of the first admin, valid for an hour. Returns `None` if a user can sign in, or if an earlier link is
    /// still valid.
    pub async fn first_admin(&self) -> Result<Option<Invitation>, ServiceError> {
        if self.first_admin_status().await? != FirstAdmin::Missing {
            return Ok(None);
        }
        let by = Caller::host();
        let admin = (FIRST_ADMIN, Role::Admin, Reach::ALL);
        let made = match self.add_invited(&by, admin, FIRST_INVITED_FOR).await {
            // The user is there already, or a replica has added it at the same moment.
            Err(ServiceError::NameTaken(_)) => {
                self.invite(&by, FIRST_ADMIN, FIRST_INVITED_FOR).await?
            }
            made => made?,
        };
        Ok(Some(self.reached_at(made)))
    }

    /// Makes a link for a user. The links before it are void.
    async fn invite(
        &self,
        by: &Caller,
        name: &str,
        valid_for: u64,
    ) -> Result<Invitation, ServiceError> {
        let at = time::now();
        let made = Invitation::new(name, at, valid_for)?;
        let audit = self.record(by, invited(by, name, at), &made)?;
        let digest = token::digest(&made.token);
        match self
            .store
            .add_invitation(digest, name, made.expires_at, audit)
            .await?
        {
            true => Ok(made),
            false => Err(ServiceError::UnknownUser(name.to_owned())),
        }
    }

    /// The link at this host.
    pub(super) fn reached_at(&self, made: Invitation) -> Invitation {
        Invitation {
            host: self.public_url.clone(),
            ..made
        }
    }

    /// Whose invitation this is.
    pub async fn invited(&self, token: TokenDigest) -> Result<String, ServiceError> {
        let user = self.store.invitation(token, time::now()).await?;
        user.ok_or(ServiceError::BadInvitation)
    }

    /// Gives an invited user a password, and lets them in.
    pub async fn accept_invitation(
        &self,
        token: TokenDigest,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<Zeroizing<String>, ServiceError> {
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
            return Err(ServiceError::BadInvitation);
        }
        // By a later invitation they may have chosen another one since.
        let opened = self.open_session(&user, &hash, address).await?;
        opened.ok_or(ServiceError::BadInvitation)
    }
}

/// The line of an invitation in the audit trail.
fn invited(by: &Caller, name: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        detail: Some(name.to_owned()),
        ..AuditEntry::new(at, by, "invite-user")
    }
}
