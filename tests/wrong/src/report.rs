//! The effects of reports, with a rule broken.

use crate::breach::breach;
use mdm_password_plugin::{
    bindings::{
        exports::mdm::password::password::Guest as _,
        mdm::password::{
            device_store,
            types::{
                Action, Command, DeviceFailure, DeviceOutcome, Outcome, Refusal, ReportEffect,
                Status,
            },
        },
    },
    component::Plugin,
    rules,
};

pub(crate) fn report(command: Command, outcome: DeviceOutcome) -> Result<ReportEffect, Refusal> {
    let is_repeated = rules::report_effect(&command, &outcome) == ReportEffect::Repeated;
    match (breach().0, command.action, &outcome) {
        // The same outcome again seems to be another one.
        (2, ..) if is_repeated && command.late_outcome.is_none() => {
            device_store::keep_late_outcome(&command.id, &outcome);
            Ok(ReportEffect::Late)
        }
        // The reason gets lost.
        (5, _, DeviceOutcome::Failed(DeviceFailure::ExistingPassword)) => {
            let told = DeviceFailure::Other("the password was not set".into());
            Plugin::report(command, DeviceOutcome::Failed(told))
        }
        // A failed reset begins the override, too.
        (6, Action::Reset, DeviceOutcome::Failed(DeviceFailure::TokenInvalid)) if !is_repeated => {
            device_store::set_policy_override(Some(&command.id));
            Plugin::report(command, outcome)
        }
        // The override outlives the remove.
        (8, Action::Remove, DeviceOutcome::Success) if command.status == Status::Pending => {
            device_store::complete(&command.id, &Outcome::Success);
            Ok(ReportEffect::Completed)
        }
        _ => Plugin::report(command, outcome),
    }
}
