//! The requests of a platform.

use crate::password::Password;
use mdm_contract::{
    decisions::{Command, Terms},
    types::{Action, ResetOptions},
};

/// A reset.
#[derive(Clone)]
pub struct ResetRequest {
    /// The new password.
    pub password: Password,
    /// The options.
    pub options: ResetOptions,
    /// The validity, and the command that this one replaces.
    pub terms: Terms,
    /// Replaces any command that is pending at the time of the decision. `terms.replaces` is then ignored.
    pub replaces_pending: bool,
}

impl ResetRequest {
    /// A reset to this password without options or terms.
    pub fn new(password: Password) -> Self {
        Self {
            password,
            options: ResetOptions::default(),
            terms: Terms::default(),
            replaces_pending: false,
        }
    }
}

/// A remove.
#[derive(Clone, Debug, Default)]
pub struct RemoveRequest {
    /// The validity, and the command that this one replaces.
    pub terms: Terms,
    /// Replaces any command that is pending at the time of the decision. `terms.replaces` is then ignored.
    pub replaces_pending: bool,
}

impl RemoveRequest {
    /// A remove on these terms.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            replaces_pending: false,
        }
    }
}

/// A request that is not made yet.
#[derive(Clone)]
pub struct PreviewRequest {
    /// Reset or remove.
    pub action: Action,
    /// The new password of a reset, if it is known yet.
    pub password: Option<Password>,
    /// The options of a reset.
    pub options: ResetOptions,
    /// The validity, and the command that this one replaces.
    pub terms: Terms,
    /// Replaces any command that is pending at the time of the preview. `terms.replaces` is then ignored.
    pub replaces_pending: bool,
}

/// The terms of a request, once the pending command is known.
pub(crate) fn terms(terms: &Terms, replaces_pending: bool, pending: Option<&Command>) -> Terms {
    let replaces = match replaces_pending {
        true => pending.map(|it| it.id.clone()),
        false => terms.replaces.clone(),
    };
    Terms {
        replaces,
        ..terms.clone()
    }
}
