//! The requesters of bulks: a bulk runs only while its requesters have the permission for it.

use super::requests::Bulks;
use crate::{
    access::{DeviceScope, Forbidden, Permission},
    actor::Actor,
    error::ServerError,
    store::{ApiToken, Bulk, BulkState, BulkTransition, User},
};
use mdm_contract::time;

impl Bulks {
    /// Errors if a requester of a bulk was removed or has lost the permission. The bulk is then cancelled, with the
    /// reason in the audit trail.
    pub(super) async fn check_requester(&self, bulk: &Bulk) -> Result<(), ServerError> {
        if self.may_still_ask(bulk).await? {
            return Ok(());
        }
        let withdrawn = Forbidden::Withdrawn {
            requested_by: bulk.requested_by.clone(),
            group: bulk.group.clone(),
        };
        let turn = BulkTransition::new(bulk.state, BulkState::Cancelled, time::now());
        self.end_by(bulk, turn, Some(&withdrawn)).await?;
        tracing::warn!(bulk = bulk.id, error = %withdrawn, "a bulk was cancelled");
        Err(withdrawn.into())
    }

    async fn may_still_ask(&self, bulk: &Bulk) -> Result<bool, ServerError> {
        let by = bulk.caller();
        let user = match by.user() {
            Some(name) => match self.store.user(name).await? {
                Some(user) => Some(user),
                None => return Ok(false),
            },
            // The server's own machine requested it.
            None => None,
        };
        // The requester is the responsible user, or a token of that user.
        let token = match &bulk.requested_by {
            Actor::Token(name) if bulk.requested_by != bulk.principal => {
                let tokens = self.store.api_tokens().await?;
                match tokens.into_iter().find(|token| token.name == *name) {
                    Some(token) => Some(token),
                    None => return Ok(false),
                }
            }
            _ => None,
        };
        Ok(allows(bulk, user.as_ref(), token.as_ref()))
    }
}

/// Returns `true` if every requester of a bulk may change the passwords of its group.
fn allows(bulk: &Bulk, user: Option<&User>, token: Option<&ApiToken>) -> bool {
    let needed = Permission::ChangePassword;
    let may = |permits: bool, scope: &DeviceScope| permits && scope.includes_group(&bulk.group);
    user.is_none_or(|it| may(it.role.permissions().contains(&needed), &it.scope))
        && token.is_none_or(|it| may(it.permissions.contains(&needed), &it.scope))
}
