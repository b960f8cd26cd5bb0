//! Substitutes: the plugin before a canary decides a call on which the canary failed. The response, the audit trail and
//! the log say so.

use crate::{Function, PluginError};
use std::fmt;

/// The behaviour for a call that fails on a canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenCanaryFails {
    /// The previous plugin decides, and the response has a notice.
    #[default]
    Previous,
    /// The call fails, and changes nothing.
    Refuse,
}

/// The plugin that decided a call.
pub(crate) struct Decider {
    /// Its digest.
    pub(crate) plugin: String,
    /// `None` if it is the active one.
    pub(crate) substitute: Option<Substitute>,
}

/// The reason why a substitute decided in place of the active plugin.
pub(crate) struct Substitute {
    /// The function that was called.
    pub(crate) function: Function,
    /// The digest of the active plugin.
    pub(crate) plugin: String,
    /// The digest of the substitute.
    pub(crate) decided_by: String,
    /// The failure of the active plugin. `None` if the breaker of its function is open.
    pub(crate) failure: Option<&'static str>,
}

impl Substitute {
    pub(crate) fn new(
        function: Function,
        plugin: String,
        decided_by: String,
        failure: &PluginError,
    ) -> Self {
        let is_out = matches!(failure, PluginError::BreakerOpen(_));
        Self {
            function,
            plugin,
            decided_by,
            failure: (!is_out).then(|| failure.kind()),
        }
    }
}

impl fmt::Display for Substitute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            function,
            plugin,
            decided_by,
            failure,
        } = self;
        match failure {
            Some(failure) => write!(
                f,
                "plugin {plugin} is a canary and failed in {function} ({failure}): plugin {decided_by}, which was \
                 active before it, decided"
            ),
            None => write!(
                f,
                "the circuit breaker of {function} of plugin {plugin} is open: plugin {decided_by} decided in its place"
            ),
        }
    }
}

impl Decider {
    /// The notice in the response.
    pub(crate) fn notice(&self) -> Option<String> {
        self.substitute.as_ref().map(ToString::to_string)
    }
}
