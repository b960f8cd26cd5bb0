//! Users as callers.

use crate::{access::Caller, actor::Actor, store::User};
use std::net::IpAddr;

/// The caller that a user is, from this address.
pub(super) fn caller(user: &User, address: Option<IpAddr>) -> Caller {
    Caller {
        actor: Actor::User(user.name.clone()),
        on_behalf_of: None,
        address,
        permissions: user.role.permissions(),
        reach: user.reach.clone(),
        idempotency_key: None,
    }
}
