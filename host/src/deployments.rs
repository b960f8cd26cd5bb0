//! Deployments: the active plugin and the previous one. A swap takes effect between two calls. A new plugin is a
//! canary: it is promoted after a number of calls, or rolled back if too many of them fail.

use super::{Function, Plugin, PluginError};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The limits of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CanaryTerms {
    /// The number of failed calls, of all functions, that ends the canary.
    pub failures: u32,
    /// The number of calls that promotes the plugin. Queries don't count: agents make a hundred of them in a second.
    pub calls: u32,
}

impl Default for CanaryTerms {
    fn default() -> Self {
        Self {
            failures: 3,
            calls: 100,
        }
    }
}

/// The progress of the canary of a new plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Canary {
    /// Decided requests so far.
    pub calls: u32,
    /// Failed calls so far.
    pub failures: u32,
}

/// The end of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryEnd {
    /// The plugin stays.
    Promoted,
    /// Too many of its calls failed: the previous plugin must be made active again.
    RolledBack,
}

/// The end of a canary.
pub struct CanaryEnded {
    /// The plugin that was the canary.
    pub plugin: Arc<Plugin>,
    /// Promoted, or rolled back.
    pub end: CanaryEnd,
    /// The last failure of a canary that is rolled back.
    pub failure: Option<String>,
}

/// A plugin in the slot.
#[derive(Clone)]
pub struct Deployment {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// The plugin that the host was built with: no admin chose it.
    pub is_default: bool,
    /// Promoted, or exempt from a canary. Otherwise it is a canary whenever it is active.
    pub is_promoted: bool,
}

/// The plugins in the slot at one moment.
#[derive(Clone)]
pub struct Deployments {
    /// The plugin that decides.
    pub active: Deployment,
    /// The target of a roll back. While the active plugin is a canary, this one is promoted.
    pub previous: Option<Deployment>,
}

impl Deployments {
    /// The deployments with this plugin active and the replaced one as the target of a roll back. A canary that is
    /// replaced is no such target: a canary must fall back on a promoted plugin.
    pub fn with(&self, plugin: Deployment) -> Self {
        let is_previous = |it: &&Deployment| it.plugin.identity() == plugin.plugin.identity();
        if self.previous.as_ref().filter(is_previous).is_some() {
            return self.rolled_back().unwrap_or_else(|| self.clone());
        }
        let previous = match self.active.is_promoted {
            true => Some(self.active.clone()),
            false => self.previous.clone(),
        };
        Self {
            active: plugin,
            previous,
        }
    }

    /// The deployments after a roll back. `None` if there is no previous plugin.
    pub fn rolled_back(&self) -> Option<Self> {
        Some(Self {
            active: self.previous.clone()?,
            previous: Some(self.active.clone()),
        })
    }

    /// The deployments once the active plugin was promoted.
    pub fn promoted(&self) -> Self {
        let mut deployments = self.clone();
        deployments.active.is_promoted = true;
        deployments
    }

    /// The plugin that takes a call on which the canary failed.
    pub fn substitute(&self) -> Option<Arc<Plugin>> {
        let proven = self.previous.as_ref().filter(|it| it.is_promoted)?;
        (!self.active.is_promoted).then(|| Arc::clone(&proven.plugin))
    }

    /// The deployments after the end of a canary. `None` if it is no longer active: another call may have ended it, or
    /// an admin may have chosen another plugin.
    pub fn after(&self, ended: &CanaryEnded) -> Option<Self> {
        match ended.end {
            _ if !self.is_canary(&ended.plugin) => None,
            CanaryEnd::Promoted => Some(self.promoted()),
            CanaryEnd::RolledBack => self.rolled_back(),
        }
    }

    /// Returns `true` if this plugin is the active one and a canary.
    pub fn is_canary(&self, plugin: &Arc<Plugin>) -> bool {
        !self.active.is_promoted && Arc::ptr_eq(&self.active.plugin, plugin)
    }
}

/// The place of the active plugin.
pub(crate) struct Slot {
    terms: CanaryTerms,
    content: Mutex<(Deployments, Canary)>,
}

impl Slot {
    /// A slot that begins with these deployments.
    pub(crate) fn new(deployments: Deployments, terms: CanaryTerms) -> Self {
        Self {
            terms,
            content: Mutex::new((deployments, Canary::default())),
        }
    }

    /// The current deployments.
    pub(crate) fn deployments(&self) -> Deployments {
        self.lock().0.clone()
    }

    /// The canary of the active plugin. `None` if it is promoted.
    pub(crate) fn canary(&self) -> Option<Canary> {
        let (deployments, canary) = &*self.lock();
        (!deployments.active.is_promoted).then_some(*canary)
    }

    /// The limits of a canary.
    pub(crate) fn terms(&self) -> CanaryTerms {
        self.terms
    }

    /// Replaces the deployments. A canary's counts begin at zero.
    pub(crate) fn put(&self, deployments: Deployments) {
        *self.lock() = (deployments, Canary::default());
    }

    /// Records the result of a call of this plugin. Returns the end of its canary, if this call ended it; the caller
    /// stores the choice and then puts the following deployments in.
    pub(crate) fn note(
        &self,
        plugin: &Arc<Plugin>,
        function: Function,
        failure: Option<&PluginError>,
    ) -> Option<CanaryEnd> {
        let (deployments, canary) = &mut *self.lock();
        if !deployments.is_canary(plugin) {
            return None;
        }
        canary.calls += u32::from(function.decides());
        canary.failures += u32::from(failure.is_some_and(PluginError::is_the_plugins_fault));
        if canary.failures >= self.terms.failures {
            Some(CanaryEnd::RolledBack)
        } else if canary.calls >= self.terms.calls {
            Some(CanaryEnd::Promoted)
        } else {
            None
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Deployments, Canary)> {
        self.content.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Runtime};
    use mdm_password_component::REFERENCE;

    /// Two deployments of one build differ by their address in memory.
    fn plugin(is_promoted: bool) -> Deployment {
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        let plugin = Runtime::new(limits).unwrap().load(REFERENCE, None).unwrap();
        Deployment {
            plugin: Arc::new(plugin),
            is_default: false,
            is_promoted,
        }
    }

    fn canary_progress(failures: u32, calls: u32) -> (Slot, Deployment, Deployment) {
        let (old, new) = (plugin(true), plugin(false));
        let deployments = Deployments {
            active: new.clone(),
            previous: Some(old.clone()),
        };
        (
            Slot::new(deployments, CanaryTerms { failures, calls }),
            old,
            new,
        )
    }

    fn is(deployments: &Deployment, plugin: &Deployment) -> bool {
        Arc::ptr_eq(&deployments.plugin, &plugin.plugin)
    }

    fn crash() -> PluginError {
        PluginError::Crashed("unreachable".into())
    }

    #[test]
    fn too_many_failures_of_whatever_function_end_a_trial() {
        let (slot, old, new) = canary_progress(2, 10);
        let crash = crash();
        let note = |function, failure| slot.note(&new.plugin, function, failure);
        assert_eq!(note(Function::Status, Some(&crash)), None);
        assert_eq!(note(Function::Reset, None), None);
        let not_its_fault = PluginError::BreakerOpen(Function::Reset);
        assert_eq!(note(Function::Reset, Some(&not_its_fault)), None);
        assert_eq!(
            note(Function::Report, Some(&crash)),
            Some(CanaryEnd::RolledBack)
        );
        slot.put(slot.deployments().rolled_back().unwrap());
        assert!(is(&slot.deployments().active, &old));
        assert_eq!(
            slot.note(&new.plugin, Function::Reset, Some(&crash)),
            None,
            "a call that was under way says nothing of the plugin that is back"
        );
        assert_eq!(slot.canary(), None);
    }

    #[test]
    fn calls_that_only_ask_pass_no_trial() {
        let (slot, _, new) = canary_progress(1, 2);
        for _ in 0..1000 {
            assert_eq!(slot.note(&new.plugin, Function::PolicyOverride, None), None);
        }
        assert_eq!(slot.note(&new.plugin, Function::Reset, None), None);
        assert_eq!(
            slot.note(&new.plugin, Function::Report, None),
            Some(CanaryEnd::Promoted)
        );
        slot.put(slot.deployments().promoted());
        assert_eq!(slot.canary(), None);
        assert_eq!(
            slot.note(&new.plugin, Function::Reset, Some(&crash())),
            None,
            "it stays, whatever happens"
        );
    }

    #[test]
    fn a_plugin_that_is_a_canary_falls_back_on_a_proven_one_and_on_no_other() {
        let (slot, old, _) = canary_progress(1, 2);
        let mut newer = plugin(false);
        // Of the same build as the others: `with` would take it for the previous one.
        let deployments = slot.deployments();
        assert!(Arc::ptr_eq(&deployments.substitute().unwrap(), &old.plugin));
        newer.is_default = true;
        let back = deployments.with(newer);
        assert!(
            is(&back.active, &old),
            "the previous one was chosen by name"
        );
        assert!(back.substitute().is_none(), "a proven one needs none");
        let again = back.rolled_back().unwrap();
        assert!(
            !again.active.is_promoted,
            "a plugin that never was promoted is a canary again"
        );
    }
}
