//! The requests of admins to a host.

use crate::password::Password;
use mdm_contract::{Action, Command, Request};

/// A reset.
#[derive(Clone)]
pub struct ResetRequest {
    /// The new password.
    pub password: Password,
    /// The options, the validity, the reason, and the command that this one replaces.
    pub request: Request,
    /// Replaces any command that is pending at the time of the decision. `request.replaces` is then ignored.
    pub replaces_pending: bool,
}

impl ResetRequest {
    /// A reset to this password, without options.
    pub fn new(password: Password) -> Self {
        Self {
            password,
            request: Request::default(),
            replaces_pending: false,
        }
    }
}

/// A remove.
#[derive(Clone, Debug, Default)]
pub struct RemoveRequest {
    /// The validity, the reason, and the command that this one replaces.
    pub request: Request,
    /// Replaces any command that is pending at the time of the decision. `request.replaces` is then ignored.
    pub replaces_pending: bool,
}

/// A request that is not made yet.
#[derive(Clone)]
pub struct PreviewRequest {
    /// Reset or remove.
    pub action: Action,
    /// The new password of a reset, if it is known yet.
    pub password: Option<Password>,
    /// The options, the validity, the reason, and the command that this one replaces.
    pub request: Request,
    /// Replaces any command that is pending at the time of the preview. `request.replaces` is then ignored.
    pub replaces_pending: bool,
}

/// The request, once the pending command is known.
pub(crate) fn resolved(
    request: &Request,
    replaces_pending: bool,
    pending: Option<&Command>,
) -> Request {
    let mut request = request.clone();
    if replaces_pending {
        request.replaces = pending.map(|it| it.id.clone());
    }
    request
}
