//! Users: who signs in, what for, and how they get in at first.

use super::{Service, ServiceError, credentials};
use crate::{
    access::{Caller, Reach, Role},
    audit::AuditEntry,
    password::Password,
    store::User,
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

    /// All users.
    pub async fn users(&self) -> Result<Vec<User>, ServiceError> {
        Ok(self.store.users().await?)
    }

    /// One user.
    pub async fn user(&self, name: &str) -> Result<User, ServiceError> {
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
            true => self.invite(name, at).await,
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
        let user = self.user(name).await?;
        by.check_grant(&user.role.permissions(), &user.reach)?;
        if (role, &reach) != (Role::Admin, &Reach::ALL) {
            self.check_not_last(&user).await?;
        }
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {reach}")),
            ..AuditEntry::new(time::now(), by, "change-user")
        };
        let user = User {
            role,
            reach,
            ..user
        };
        self.must(name, self.store.change_user(user, audit).await?)
    }

    /// Removes a user; their sessions end.
    pub async fn remove_user(&self, by: &Caller, name: &str) -> Result<(), ServiceError> {
        let user = self.user(name).await?;
        by.check_grant(&user.role.permissions(), &user.reach)?;
        self.check_not_last(&user).await?;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, "remove-user")
        };
        self.must(name, self.store.remove_user(name, audit).await?)
    }

    /// Makes another link with which a user chooses a new password: they have lost theirs, or their phone.
    pub async fn invite_again(&self, by: &Caller, name: &str) -> Result<Invitation, ServiceError> {
        let user = self.user(name).await?;
        by.check_grant(&user.role.permissions(), &user.reach)?;
        let at = time::now();
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(at, by, "invite-user")
        };
        self.must(name, self.store.change_user(user, audit).await?)?;
        self.invite(name, at).await
    }

    /// The link of the first admin, where there is no user who could sign in yet.
    pub async fn first_admin(&self) -> Result<Option<Invitation>, ServiceError> {
        const NAME: &str = "admin";
        let users = self.store.users().await?;
        if users.iter().any(|user| user.password.is_some()) {
            return Ok(None);
        }
        match users.iter().any(|user| user.name == NAME) {
            true => self.invite(NAME, time::now()).await.map(Some),
            false => self
                .add_user(&Caller::host(), NAME, Role::Admin, Reach::ALL)
                .await
                .map(Some),
        }
    }

    async fn invite(&self, name: &str, at: Timestamp) -> Result<Invitation, ServiceError> {
        let token = token::new_token("invitation")?;
        let expires_at = at + INVITED_FOR;
        self.store
            .add_invitation(token::digest(&token), name, expires_at)
            .await?;
        Ok(Invitation {
            user: name.to_owned(),
            token,
            expires_at,
        })
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
        match self.store.accept_invitation(token, hash, audit).await? {
            true => self.open_session(&user, address).await,
            false => Err(ServiceError::BadInvitation),
        }
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

    /// From now on, this user signs in with one-time passwords, too. False: the code is not of this secret.
    pub async fn set_totp(
        &self,
        by: &Caller,
        user: &str,
        sealed: Vec<u8>,
        code: &str,
    ) -> Result<bool, ServiceError> {
        let secret = credentials::open_totp(&self.keys, user, &sealed)?;
        let Some(number) = credentials::check_totp(user, &secret, code)? else {
            return Ok(false);
        };
        self.keep_totp(by, user, Some(sealed)).await?;
        self.store.use_totp(user, number).await?;
        Ok(true)
    }

    /// From now on, this user signs in without one-time passwords.
    pub async fn clear_totp(&self, by: &Caller, user: &str) -> Result<(), ServiceError> {
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
        let user = User {
            totp,
            ..self.user(name).await?
        };
        self.must(name, self.store.change_user(user, audit).await?)
    }

    fn must(&self, user: &str, done: bool) -> Result<(), ServiceError> {
        match done {
            true => Ok(()),
            false => Err(ServiceError::UnknownUser(user.to_owned())),
        }
    }

    /// Somebody has to be able to let others in.
    async fn check_not_last(&self, user: &User) -> Result<(), ServiceError> {
        let is_full = |it: &User| it.role == Role::Admin && it.reach == Reach::ALL;
        let users = self.store.users().await?;
        let others = users
            .iter()
            .filter(|it| it.name != user.name && it.password.is_some() && is_full(it));
        match is_full(user) && others.count() == 0 {
            true => Err(ServiceError::LastAdmin(user.name.clone())),
            false => Ok(()),
        }
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
            "name 1 to 100 groups, each with 1 to 64 bytes, or none for all devices".into(),
        )),
    }
}
