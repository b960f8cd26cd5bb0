//! Stand-ins: another plugin than the active one decides a call, where that one failed on trial or is out of service.
//! Whoever reads the answer, the audit trail or the log is told.

use mdm_password_host::{Function, PluginError};
use std::fmt;

/// What the host does when the plugin on trial fails in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenTrialFails {
    /// The plugin before it decides, and whoever asked is told.
    #[default]
    Previous,
    /// The call fails, and changes nothing.
    Refuse,
}

/// Which plugin decided a call.
pub(super) struct Decider {
    /// Its digest.
    pub(super) plugin: String,
    /// `None` if it is the active one.
    pub(super) stand_in: Option<StandIn>,
}

/// Why a plugin decided in place of the active one.
pub(super) struct StandIn {
    /// The function that was called.
    pub(super) function: Function,
    /// The digest of the active plugin.
    pub(super) plugin: String,
    /// The digest of the one that decided.
    pub(super) decided_by: String,
    /// How the active plugin failed; `None` if its function is out of service.
    pub(super) failure: Option<&'static str>,
}

impl StandIn {
    pub(super) fn new(
        function: Function,
        plugin: String,
        decided_by: String,
        failure: &PluginError,
    ) -> Self {
        let is_out = matches!(failure, PluginError::OutOfService(_));
        Self {
            function,
            plugin,
            decided_by,
            failure: (!is_out).then(|| failure.kind()),
        }
    }
}

impl fmt::Display for StandIn {
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
                "plugin {plugin} is on trial and failed in {function} ({failure}): plugin {decided_by}, which was \
                 active before it, decided"
            ),
            None => write!(
                f,
                "{function} of plugin {plugin} is out of service: plugin {decided_by} decided in its place"
            ),
        }
    }
}

impl Decider {
    /// What the audit trail keeps: the reason that came with the request, and who stood in.
    pub(super) fn detail(&self, reason: Option<&str>) -> Option<String> {
        match (reason, &self.stand_in) {
            (Some(reason), Some(stand_in)) => Some(format!("{reason} ({stand_in})")),
            (None, Some(stand_in)) => Some(stand_in.to_string()),
            (reason, None) => reason.map(str::to_owned),
        }
    }

    /// What the answer says of it.
    pub(super) fn notice(&self) -> Option<String> {
        self.stand_in.as_ref().map(ToString::to_string)
    }
}
