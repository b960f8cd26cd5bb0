//! Management of users and their roles.

use super::{
    failed_logins::FailedLogins,
    invitation::{INVITED_FOR, Invitation},
    login_throttle::LoginThrottle,
    password_hasher::PasswordHasher,
};
use crate::{
    access::{Caller, DeviceScope, Role},
    actor::Actor,
    audit::AuditEntry,
    error::ServerError,
    keys::HostKeys,
    public_url::PublicUrl,
    request_checks::{check_name, check_scope},
    store::{Store, User, UserChange},
    stored_responses::StoredResponses,
};
use mdm_contract::time;
use std::{net::IpAddr, sync::Arc};

/// Users with their sessions and invitations, and tokens of programs.
pub struct Identity {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<HostKeys>,
    pub(crate) responses: StoredResponses,
    pub(crate) hasher: PasswordHasher,
    pub(crate) login_throttle: LoginThrottle,
    pub(crate) failed_logins: Arc<FailedLogins>,
    /// Public URL of the server. `None`: the address on which it listens.
    pub(crate) public_url: Option<PublicUrl>,
}

impl Identity {
    /// Public URL of the server. `None`: the address on which it listens.
    pub fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_ref()
    }

    /// A user as a caller from this address.
    pub fn caller(&self, user: &User, address: Option<IpAddr>) -> Caller {
        caller(user, address)
    }

    /// The users that this caller may manage.
    pub async fn users(&self, by: &Caller) -> Result<Vec<User>, ServerError> {
        let mut users = self.store.users().await?;
        users.retain(|it| by.check_grant(&it.role.permissions(), &it.scope).is_ok());
        Ok(users)
    }

    /// Loads a user that this caller may manage.
    pub async fn managed_user(&self, by: &Caller, name: &str) -> Result<User, ServerError> {
        let user = self.user(name).await?;
        by.check_grant(&user.role.permissions(), &user.scope)?;
        Ok(user)
    }

    pub(super) async fn user(&self, name: &str) -> Result<User, ServerError> {
        let unknown = || ServerError::UnknownUser(name.to_owned());
        self.store.user(name).await?.ok_or_else(unknown)
    }

    /// Adds a user, and returns the invitation.
    pub async fn add_user(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        scope: DeviceScope,
    ) -> Result<Invitation, ServerError> {
        check_name(name)?;
        check_scope(&scope)?;
        by.check_grant(&role.permissions(), &scope)?;
        let added = self.add_invited(by, (name, role, scope), INVITED_FOR);
        let made = self.responses.once(by, added).await?;
        Ok(made.at(self.public_url.clone()))
    }

    /// Adds a user with an invitation.
    pub(super) async fn add_invited(
        &self,
        by: &Caller,
        (name, role, scope): (&str, Role, DeviceScope),
        valid_for: u64,
    ) -> Result<Invitation, ServerError> {
        let at = time::now();
        let user = User {
            name: name.to_owned(),
            role,
            scope,
            password: None,
            totp: None,
            created_at: at,
        };
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {}", user.scope)),
            ..AuditEntry::new(at, by, "add-user")
        };
        let made = Invitation::new(name, at, valid_for)?;
        let audit = self.responses.record(by, audit, &made)?;
        let invitation = made.to_be_stored(by, at);
        match self.store.add_user(user, invitation, audit).await? {
            true => Ok(made),
            false => Err(ServerError::NameTaken(name.to_owned())),
        }
    }

    /// Changes the role and scope of a user. The last admin stays one.
    pub async fn change_user(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        scope: DeviceScope,
    ) -> Result<(), ServerError> {
        check_scope(&scope)?;
        by.check_grant(&role.permissions(), &scope)?;
        self.managed_user(by, name).await?;
        self.responses
            .once(by, self.set_role(by, name, role, scope))
            .await
    }

    async fn set_role(
        &self,
        by: &Caller,
        name: &str,
        role: Role,
        scope: DeviceScope,
    ) -> Result<(), ServerError> {
        let audit = AuditEntry {
            detail: Some(format!("{name}: {role}, {scope}")),
            ..AuditEntry::new(time::now(), by, "change-user")
        };
        let audit = self.responses.record(by, audit, &())?;
        let changed_to = self.store.set_role(name, role, scope, audit);
        changed(name, changed_to.await?)
    }

    /// Removes a user, and ends their sessions.
    pub async fn remove_user(&self, by: &Caller, name: &str) -> Result<(), ServerError> {
        self.responses.once(by, self.end_user(by, name)).await
    }

    async fn end_user(&self, by: &Caller, name: &str) -> Result<(), ServerError> {
        self.managed_user(by, name).await?;
        let audit = AuditEntry {
            detail: Some(name.to_owned()),
            ..AuditEntry::new(time::now(), by, "remove-user")
        };
        let audit = self.responses.record(by, audit, &())?;
        changed(name, self.store.remove_user(name, audit).await?)
    }
}

fn changed(name: &str, change: UserChange) -> Result<(), ServerError> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::Unknown => Err(ServerError::UnknownUser(name.to_owned())),
        UserChange::LastAdmin => Err(ServerError::LastAdmin(name.to_owned())),
    }
}

/// A user as a caller from this address.
pub(super) fn caller(user: &User, address: Option<IpAddr>) -> Caller {
    Caller {
        actor: Actor::User(user.name.clone()),
        on_behalf_of: None,
        address,
        permissions: user.role.permissions(),
        scope: user.scope.clone(),
        idempotency_key: None,
    }
}
