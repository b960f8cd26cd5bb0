//! Users: who signs in, what for, and how they get in at first.

use super::{Service, ServiceError, credentials};
use crate::{
    access::{Caller, Reach, Role},
    audit::AuditEntry,
    password::Password,
    store::{User, UserChange},
    token::{self, TokenDigest},
};
use mdm_wire::time::{self, Timestamp};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// How long an invitation is valid, in milliseconds.
const INVITED_FOR: u64 = 3 * 24 * 3_600_000;

/// A link with which a user chooses a password, once.
pub struct Invitation {
    /// Whose it is.
    pub user: String,
    /// The token of the link. It is told once.
    pub token: Zeroizing<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// The path of the page where the password is chosen, on this host.
    pub fn path(&self) -> String {
        format!("/invitation/{}", self.token.as_str())
    }
}

/// The secret of a user's one-time passwords, while they set it up.
pub struct NewTotp {
    /// Sealed by the host: it comes back with the first code.
    pub sealed: Vec<u8>,
    /// Where an authenticator app reads it from.
    pub url: Zeroizing<String>,
}

/// What a user may do.
pub(super) fn caller(user: &User, address: Option<IpAddr>) -> Caller {
    Caller {
        name: format!("user {}", user.name),
        behind: None,
        address,
        permissions: user.role.permissions(),
        reach: user.reach.clone(),
    }
}

impl Service {
    /// What this user may do, calling from this address.
    pub fn user_as_caller(&self, user: &User, address: Option<IpAddr>) -> Caller {
        caller(user, address)
    }

    /// The users that this caller could have made.
    pub async fn users(&self, by: &Caller) -> Result<Vec<User>, ServiceError> {
        let mut users = self.store.users().await?;
        users.retain(|it| by.check_grant(&it.role.permissions(), &it.reach).is_ok());
        Ok(users)
    }

    /// One user that this caller could have made.
    pub async fn managed_user(&self, by: &Caller, name: &str) -> Result<User, ServiceError> {
        let user = self.user(name).await?;
        by.check_grant(&user.role.permissions(), &user.reach)?;
        Ok(user)
    }

    pub(super) async fn user(&self, name: &str) -> Result<User, ServiceError> {
        let unknown = || ServiceError::UnknownUser(name.to_owned());
        self.store.user(name).await?.ok_or_else(unknown)
    }

    /// Makes a user, and the link with which they choose a password.
    pub async fn add_user(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        reach: Reach,
    ) -> Result<Invitation, ServiceError> {
        check_name(name)?;
        check_reach(&reach)?;
        by.check_grant(&role.permissions(), &reach)?;
        let at = time::now();
        let user = User {
            name: name.to_owned(),
            role,
            reach,
            password: None,
            totp: None,
            created_at: at,
        };
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {}", user.reach)),
            ..AuditEntry::new(at, by, "add-user")
        };
        match self.store.add_user(user, audit).await? {
            true => self.invite(by, name).await,
            false => Err(ServiceError::NameTaken(name.to_owned())),
        }
    }

    /// Says anew what a user is there for. The last admin stays one.
    pub async fn change_user(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        reach: Reach,
    ) -> Result<(), ServiceError> {
        check_reach(&reach)?;
        by.check_grant(&role.permissions(), &reach)?;
        self.managed_user(by, name).await?;
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {reach}")),
            ..AuditEntry::new(time::now(), by, "change-user")
        };
        changed(name, self.store.set_role(name, role, reach, audit).await?)
    }

    /// Removes a user; their sessions end.
    pub async fn remove_user(&self, by: &Caller, name: &str) -> Result<(), ServiceError> {
        self.managed_user(by, name).await?;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, "remove-user")
        };
        changed(name, self.store.remove_user(name, audit).await?)
    }

    /// Makes another link with which a user chooses a new password: they have lost theirs, or their phone.
    pub async fn invite_again(&self, by: &Caller, name: &str) -> Result<Invitation, ServiceError> {
        self.managed_user(by, name).await?;
        self.invite(by, name).await
    }

    /// The link of the first admin, where there is no user who could sign in yet.
    pub async fn first_admin(&self) -> Result<Option<Invitation>, ServiceError> {
        const NAME: &str = "admin";
        let users = self.store.users().await?;
        if users.iter().any(|user| user.password.is_some()) {
            return Ok(None);
        }
        match users.iter().any(|user| user.name == NAME) {
            true => self.invite(&Caller::host(), NAME).await.map(Some),
            false => self
                .add_user(&Caller::host(), NAME, Role::Admin, Reach::ALL)
                .await
                .map(Some),
        }
    }

    async fn invite(&self, by: &Caller, name: &str) -> Result<Invitation, ServiceError> {
        let token = token::new_token("invitation")?;
        let at = time::now();
        let expires_at = at + INVITED_FOR;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(at, by, "invite-user")
        };
        let digest = token::digest(&token);
        match self
            .store
            .add_invitation(digest, name, expires_at, audit)
            .await?
        {
            true => Ok(Invitation {
                user: name.to_owned(),
                token,
                expires_at,
            }),
            false => Err(ServiceError::UnknownUser(name.to_owned())),
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
        let hash = self
            .hash(Zeroizing::new(password.expose().to_owned()))
            .await?;
        let audit = AuditEntry::new(time::now(), &caller(&user, address), "choose-password");
        let accepted = self.store.accept_invitation(token, hash.clone(), audit);
        if !accepted.await? {
            return Err(ServiceError::BadInvitation);
        }
        // By a later invitation they may have chosen another one since.
        let opened = self.open_session(&user, &hash, address).await?;
        opened.ok_or(ServiceError::BadInvitation)
    }

    /// A new secret of one-time passwords for a user. It counts once the user has shown a code of it.
    pub fn new_totp(&self, user: &str) -> Result<NewTotp, ServiceError> {
        let secret = credentials::new_totp()?;
        Ok(NewTotp {
            url: credentials::totp_url(user, &secret)?,
            sealed: credentials::seal_totp(&self.keys, user, &secret)?,
        })
    }

    /// Where an authenticator app reads a secret from that was made just now.
    pub fn totp_url(&self, user: &str, sealed: &[u8]) -> Result<Zeroizing<String>, ServiceError> {
        let secret = credentials::open_totp(&self.keys, user, sealed)?;
        credentials::totp_url(user, &secret)
    }

    /// From now on, this user signs in with one-time passwords, too. Who has only found their session open can't do
    /// that: it needs their password.
    pub async fn set_totp(
        &self,
        by: &Caller,
        user: &str,
        sealed: Vec<u8>,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), ServiceError> {
        let kept = self.user(user).await?;
        let secret = credentials::open_totp(&self.keys, user, &sealed)?;
        let number = credentials::check_totp(user, &secret, code)?;
        let is_theirs = self.is_password(password, kept.password).await?;
        let (true, Some(number), None) = (is_theirs, number, kept.totp) else {
            return Err(ServiceError::NotProven);
        };
        self.keep_totp(by, user, Some(sealed)).await?;
        self.store.use_totp(user, number).await?;
        Ok(())
    }

    /// From now on, this user signs in without one-time passwords. It needs one more of them.
    pub async fn clear_totp(
        &self,
        by: &Caller,
        user: &str,
        code: &str,
    ) -> Result<(), ServiceError> {
        let kept = self.user(user).await?;
        let Some(sealed) = &kept.totp else {
            return Ok(());
        };
        let secret = credentials::open_totp(&self.keys, user, sealed)?;
        let number = credentials::check_totp(user, &secret, code)?;
        let number = number.ok_or(ServiceError::NotProven)?;
        if !self.store.use_totp(user, number).await? {
            return Err(ServiceError::NotProven);
        }
        self.keep_totp(by, user, None).await
    }

    async fn keep_totp(
        &self,
        by: &Caller,
        name: &str,
        totp: Option<Vec<u8>>,
    ) -> Result<(), ServiceError> {
        let action = match &totp {
            Some(_) => "set-one-time-passwords",
            None => "clear-one-time-passwords",
        };
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, action)
        };
        match self.store.set_totp(name, totp, audit).await? {
            true => Ok(()),
            false => Err(ServiceError::UnknownUser(name.to_owned())),
        }
    }
}

fn changed(name: &str, change: UserChange) -> Result<(), ServiceError> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::Unknown => Err(ServiceError::UnknownUser(name.to_owned())),
        UserChange::LastAdmin => Err(ServiceError::LastAdmin(name.to_owned())),
    }
}

/// A name is a word, so that nobody's looks like another's.
pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_word = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || ".-_@".contains(it);
    match (1..=64).contains(&name.len()) && name.chars().all(is_word) {
        true => Ok(()),
        false => Err(ServiceError::BadName(name.to_owned())),
    }
}

pub(super) fn check_reach(reach: &Reach) -> Result<(), ServiceError> {
    let Some(groups) = &reach.0 else {
        return Ok(());
    };
    let is_name = |it: &String| (1..=64).contains(&it.len());
    match !groups.is_empty() && groups.len() <= 100 && groups.iter().all(is_name) {
        true => Ok(()),
        false => Err(ServiceError::BadRequest(
            "name 1 to 100 groups, each with 1 to 64 bytes, or say that it is all devices".into(),
        )),
    }
}
