//! Access control. A user has a role, a token has its own permissions, and a device scope may limit both. Requests of
//! either are checked against a [`Caller`].

use crate::{actor::Actor, idempotency::IdempotencyKey};
use mdm_contract::{Device, Requester};
use serde::{Deserialize, Deserializer, Serialize};
use std::{collections::BTreeSet, fmt, net::IpAddr};
use utoipa::ToSchema;

mdm_contract::text_enum! {
    /// One permission of a caller.
    #[derive(utoipa::ToSchema)]
    Permission {
        /// See devices, their status, their history and previews.
        See = "see",
        /// Reset and remove passwords, and cancel pending commands.
        ChangePassword = "change-password",
        /// Approve requests of other users.
        Approve = "approve",
        /// Enroll and revoke devices, and apply policies.
        ManageDevices = "manage-devices",
        /// Read the whole audit trail.
        SeeAudit = "see-audit",
        /// Read the metrics.
        SeeMetrics = "see-metrics",
        /// Choose the active plugin.
        ManagePlugins = "manage-plugins",
        /// Manage webhooks.
        ManageWebhooks = "manage-webhooks",
        /// Manage users and tokens.
        ManageUsers = "manage-users",
    }
}

mdm_contract::text_enum! {
    /// The role of a user.
    #[derive(utoipa::ToSchema)]
    Role {
        /// Only sees.
        Viewer = "viewer",
        /// Sees, and resets and removes passwords.
        Helpdesk = "helpdesk",
        /// Has every permission.
        Admin = "admin",
    }
}

impl Permission {
    /// The permission in plain words, to follow "may".
    pub fn meaning(self) -> &'static str {
        match self {
            Self::See => "see devices, their status and their history",
            Self::ChangePassword => "reset and remove passwords, and cancel pending commands",
            Self::Approve => "approve what somebody else has asked for",
            Self::ManageDevices => "enroll and revoke devices, and apply policies",
            Self::SeeAudit => "read the whole audit trail",
            Self::SeeMetrics => "read the metrics",
            Self::ManagePlugins => "choose which plugin decides",
            Self::ManageWebhooks => "say who is told of changes",
            Self::ManageUsers => "say who may call: users and tokens",
        }
    }
}

impl Role {
    /// The role in plain words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Viewer => "sees devices and their history, and changes nothing",
            Self::Helpdesk => "resets and removes passwords",
            Self::Admin => "may do everything",
        }
    }

    /// The permissions of the role.
    pub fn permissions(self) -> BTreeSet<Permission> {
        match self {
            Self::Viewer => [Permission::See].into(),
            Self::Helpdesk => [Permission::See, Permission::ChangePassword].into(),
            Self::Admin => Permission::ALL.into(),
        }
    }
}

/// Device scope: the devices that a caller is responsible for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct DeviceScope(
    /// The devices in any of these groups. `None` means all devices.
    pub Option<BTreeSet<String>>,
);

impl DeviceScope {
    /// For `#[serde(deserialize_with = "DeviceScope::present")]`. `null` means all devices and must be explicit, so
    /// that a forgotten field grants nothing.
    pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    /// All devices.
    pub const ALL: Self = Self(None);

    /// The devices that are in both scopes, by their groups.
    pub fn intersection(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(ours), Some(theirs)) => Self(Some(ours & theirs)),
        }
    }

    /// Returns `true` if a device in these groups is in the scope.
    pub fn includes(&self, groups: &[String]) -> bool {
        match &self.0 {
            None => true,
            Some(ours) => groups.iter().any(|group| ours.contains(group)),
        }
    }

    /// Returns `true` if all devices of this group are in the scope.
    pub fn includes_group(&self, group: &str) -> bool {
        self.0.as_ref().is_none_or(|ours| ours.contains(group))
    }
}

impl fmt::Display for DeviceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("all devices"),
            Some(groups) if groups.is_empty() => f.write_str("no devices"),
            Some(groups) => {
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                f.write_str(&groups.join(", "))
            }
        }
    }
}

/// The authenticated caller, with its address, permissions and scope.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The authenticated actor.
    pub actor: Actor,
    /// The owner of a token. `None` if the caller acts for themselves.
    pub on_behalf_of: Option<Actor>,
    /// The network address of the request, if there is one.
    pub address: Option<IpAddr>,
    /// Permissions of the caller.
    pub permissions: BTreeSet<Permission>,
    /// Devices to which the permissions apply.
    pub scope: DeviceScope,
    /// The idempotency key of the request, if it has one.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Reason why a request is forbidden.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The caller lacks the permission.
    #[error("{who} may not {}: this needs the permission `{needed}`", needed.meaning())]
    Permission {
        /// The caller.
        who: Actor,
        /// The missing permission.
        needed: Permission,
    },
    /// The caller has the permission, but not for this device.
    #[error("{who} is not responsible for {what}, only for: {scope}")]
    DeviceScope {
        /// The caller.
        who: Actor,
        /// The device, the group or all devices.
        what: String,
        /// Device scope of the caller.
        scope: DeviceScope,
    },
    /// A caller can't grant more than its own permissions and scope.
    #[error("{0} can grant or revoke only their own permissions, and only for their own devices")]
    Grant(Actor),
    /// A user can't approve their own request.
    #[error("{0} requested this, or owns the token that did: another user has to approve it")]
    OwnRequest(Actor),
    /// Only users approve, not programs.
    #[error("{0} is not a user: a user has to approve it, on the bulk's page of the dashboard")]
    NoUser(Actor),
    /// The requester has lost the permission since.
    #[error(
        "{requested_by} requested this, and may no longer change passwords in group {group}: the user or token was \
         removed, or has fewer permissions now"
    )]
    Withdrawn {
        /// The requester.
        requested_by: Actor,
        /// Group of the devices.
        group: String,
    },
    /// Only the requester may do this.
    #[error("only {requested_by}, who requested this, may do that, not {who}")]
    OthersRequest {
        /// The caller.
        who: Actor,
        /// The requester.
        requested_by: Actor,
    },
}

impl Caller {
    /// The server itself, for work that a timer starts.
    pub fn host() -> Self {
        Self::all_powerful(Actor::System)
    }

    /// An agent on its own device. The agent's key decides what it may do.
    pub fn agent() -> Self {
        Self::all_powerful(Actor::Agent)
    }

    fn all_powerful(actor: Actor) -> Self {
        Self {
            actor,
            on_behalf_of: None,
            address: None,
            permissions: Permission::ALL.into(),
            scope: DeviceScope::ALL,
            idempotency_key: None,
        }
    }

    /// The same caller without its idempotency key, for commits of a use case beside its one transaction.
    pub fn without_key(&self) -> Self {
        Self {
            idempotency_key: None,
            ..self.clone()
        }
    }

    /// The principal: the owner of a token, otherwise the actor itself.
    pub fn principal(&self) -> &Actor {
        self.on_behalf_of.as_ref().unwrap_or(&self.actor)
    }

    /// The user who calls, or who owns the token. Returns `None` if the principal is not a user.
    pub fn user(&self) -> Option<&str> {
        self.principal().user()
    }

    /// The requester, as a plugin sees it: the greatest role whose permissions the caller has, and the actor's text.
    pub fn requester(&self) -> Requester {
        let has = |role: &&Role| role.permissions().is_subset(&self.permissions);
        let role = Role::ALL.iter().rev().find(has);
        Requester {
            role: role.map_or("none", |it| it.as_str()).to_owned(),
            id: self.actor.to_string(),
        }
    }

    /// Checks that the caller is a user other than the principal of the request.
    pub fn check_approval(&self, principal: &Actor) -> Result<(), Forbidden> {
        match &self.actor {
            Actor::User(_) if self.actor == *principal => {
                Err(Forbidden::OwnRequest(self.actor.clone()))
            }
            Actor::User(_) => Ok(()),
            Actor::Token(_) | Actor::Agent | Actor::System | Actor::Stranger => {
                Err(Forbidden::NoUser(self.actor.clone()))
            }
        }
    }

    /// Returns `true` if the caller has this permission, in any scope.
    pub fn may(&self, needed: Permission) -> bool {
        self.permissions.contains(&needed)
    }

    /// Errors if the caller lacks this permission.
    pub fn check(&self, needed: Permission) -> Result<(), Forbidden> {
        match self.may(needed) {
            true => Ok(()),
            false => Err(Forbidden::Permission {
                who: self.actor.clone(),
                needed,
            }),
        }
    }

    /// Errors if this device is out of the caller's scope.
    pub fn check_device(&self, device: &Device) -> Result<(), Forbidden> {
        match self.scope.includes(&device.groups) {
            true => Ok(()),
            false => Err(self.out_of_reach(format!("device {}", device.id))),
        }
    }

    /// Errors if the caller's scope does not include all devices of this group.
    pub fn check_group(&self, group: &str) -> Result<(), Forbidden> {
        match self.scope.includes_group(group) {
            true => Ok(()),
            false => Err(self.out_of_reach(format!("group {group}"))),
        }
    }

    /// Errors if the caller's scope does not include all devices.
    pub fn check_all(&self) -> Result<(), Forbidden> {
        match self.scope {
            DeviceScope(None) => Ok(()),
            DeviceScope(Some(_)) => Err(self.out_of_reach("all devices".into())),
        }
    }

    /// Errors if the permissions or the scope to grant or withdraw exceed the caller's own.
    pub fn check_grant(
        &self,
        permissions: &BTreeSet<Permission>,
        scope: &DeviceScope,
    ) -> Result<(), Forbidden> {
        let is_within = match (&self.scope.0, &scope.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => theirs.is_subset(ours),
        };
        match is_within && permissions.is_subset(&self.permissions) {
            true => Ok(()),
            false => Err(Forbidden::Grant(self.actor.clone())),
        }
    }

    fn out_of_reach(&self, what: String) -> Forbidden {
        Forbidden::DeviceScope {
            who: self.actor.clone(),
            what,
            scope: self.scope.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_a_lesser_one_may_and_more() {
        for roles in Role::ALL.windows(2) {
            let (less, more) = (roles[0].permissions(), roles[1].permissions());
            assert!(less.is_subset(&more) && less != more, "{roles:?}");
        }
        assert_eq!(Role::Admin.permissions(), Permission::ALL.into());
    }

    #[test]
    fn a_word_is_written_as_json_has_it() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
            let json = serde_json::to_value(permission).unwrap();
            assert_eq!(json, permission.as_str());
        }
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn nobody_can_give_more_than_they_have() {
        let groups =
            |names: &[&str]| DeviceScope(Some(names.iter().map(|it| (*it).into()).collect()));
        let by = Caller {
            permissions: [Permission::See, Permission::ManageUsers].into(),
            scope: groups(&["a", "b"]),
            ..Caller::host()
        };
        let see = [Permission::See].into();
        assert!(by.check_grant(&see, &groups(&["a"])).is_ok());
        assert!(by.check_grant(&see, &groups(&["c"])).is_err());
        assert!(by.check_grant(&see, &DeviceScope::ALL).is_err());
        let reset = [Permission::ChangePassword].into();
        assert!(by.check_grant(&reset, &groups(&["a"])).is_err());
    }

    #[test]
    fn a_caller_reaches_the_devices_of_its_groups_and_no_others() {
        let groups = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let scope = DeviceScope(Some(["sales".to_owned()].into()));
        assert!(scope.includes(&groups(&["it", "sales"])));
        assert!(!scope.includes(&groups(&["it"])) && !scope.includes(&[]));
        assert!(scope.includes_group("sales") && !scope.includes_group("it"));
        assert!(DeviceScope::ALL.includes(&[]) && DeviceScope::ALL.includes_group("it"));
        assert!(!DeviceScope(Some(BTreeSet::new())).includes(&groups(&["sales"])));
    }

    #[test]
    fn what_two_may_reach_together_is_what_each_of_them_may() {
        let scope =
            |names: &[&str]| DeviceScope(Some(names.iter().map(|it| (*it).into()).collect()));
        let two = scope(&["sales", "it"]);
        assert_eq!(DeviceScope::ALL.intersection(&two), two);
        assert_eq!(two.intersection(&DeviceScope::ALL), two);
        assert_eq!(two.intersection(&scope(&["it", "hr"])), scope(&["it"]));
        assert_eq!(two.intersection(&scope(&["hr"])), scope(&[]), "no device");
    }
}
