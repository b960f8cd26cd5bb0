//! Users: who signs in, and what for.

use super::{Invitation, Service, ServiceError, callers::caller, invitations::INVITED_FOR};
use crate::{
    access::{Caller, Reach, Role},
    audit::AuditEntry,
    bounds::{MAX_SCOPE_GROUPS, check_group},
    store::{User, UserChange},
};
use mdm_contract::time;
use std::net::IpAddr;

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
        let added = self.add_invited(by, (name, role, reach), INVITED_FOR);
        let made = self.once(by, added).await?;
        Ok(self.reached_at(made))
    }

    /// Adds a user with an invitation.
    pub(super) async fn add_invited(
        &self,
        by: &Caller,
        (name, role, reach): (&str, Role, Reach),
        valid_for: u64,
    ) -> Result<Invitation, ServiceError> {
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
        let made = Invitation::new(name, at, valid_for)?;
        let audit = self.record(by, audit, &made)?;
        let invitation = made.to_be_stored(by, at);
        match self.store.add_user(user, invitation, audit).await? {
            true => Ok(made),
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
        self.once(by, self.set_role(by, name, role, reach)).await
    }

    async fn set_role(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        reach: Reach,
    ) -> Result<(), ServiceError> {
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {reach}")),
            ..AuditEntry::new(time::now(), by, "change-user")
        };
        let audit = self.record(by, audit, &())?;
        let changed_to = self.store.set_role(name, role, reach, audit);
        changed(name, changed_to.await?)
    }

    /// Removes a user; their sessions end.
    pub async fn remove_user(&self, by: &Caller, name: &str) -> Result<(), ServiceError> {
        self.once(by, self.end_user(by, name)).await
    }

    async fn end_user(&self, by: &Caller, name: &str) -> Result<(), ServiceError> {
        self.managed_user(by, name).await?;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, "remove-user")
        };
        let audit = self.record(by, audit, &())?;
        changed(name, self.store.remove_user(name, audit).await?)
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
    groups.iter().try_for_each(|group| check_group(group))?;
    match (1..=MAX_SCOPE_GROUPS).contains(&groups.len()) {
        true => Ok(()),
        false => Err(ServiceError::BadRequest(format!(
            "name 1 to {MAX_SCOPE_GROUPS} groups, or say that it is all devices"
        ))),
    }
}
