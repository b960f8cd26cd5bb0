//! The command of one device of a bulk, and the end of a bulk.

use super::requests::Bulks;
use crate::{
    access::{Caller, Forbidden},
    error::ServerError,
    platform::RequestContext,
    precondition::{Precondition, check_trusted},
    store::{Bulk, BulkState, BulkTransition, DeviceError, Snapshot},
};
use mdm_contract::{Action, CommandId, text::storable, time};
use mdm_password_host::{DeviceState, RemoveRequest, ResetRequest, password::Password};

impl Bulks {
    /// Makes the command of one device, or records the reason why it gets none. Errors if neither was stored now: the
    /// failure is transient, or the device had its result before.
    pub(super) async fn make_one(
        &self,
        bulk: &Bulk,
        password: Option<&Password>,
        snapshot: Snapshot,
    ) -> Result<Result<CommandId, DeviceError>, ServerError> {
        let by = bulk.caller();
        let device = snapshot.device.id.clone();
        let detail = match &bulk.reason {
            Some(reason) => format!("bulk {}: {reason}", bulk.id),
            None => format!("bulk {}", bulk.id),
        };
        let snapshot = Precondition::from(&device).check(&by, snapshot)?;
        check_trusted(&snapshot)?;
        let context = RequestContext {
            detail: Some(detail),
            bulk: Some(bulk.id.clone()),
            ..RequestContext::new(&by).sends((&device).into())
        };
        let state = DeviceState::from(snapshot);
        let replaces_pending = bulk.terms.replace_pending;
        let request = bulk.terms.request(&by, bulk.options, bulk.reason.clone());
        let made = match (bulk.action, password) {
            (Action::Reset, Some(password)) => {
                let request = ResetRequest {
                    password: password.clone(),
                    request,
                    replaces_pending,
                };
                self.host.reset(&state, request, &context).await
            }
            (Action::Reset, None) => return Err(ServerError::NotSealed),
            (Action::Remove, _) => {
                let request = RemoveRequest {
                    request,
                    replaces_pending,
                };
                self.host.remove(&state, request, &context).await
            }
        };
        let made = made.map_err(ServerError::from);
        let error = match made {
            Ok(decided) => return Ok(Ok(decided.returned)),
            Err(error) if is_answer(&error) => error,
            Err(error) => return Err(error),
        };
        let why = DeviceError {
            kind: error.kind().to_owned(),
            detail: storable(error.to_string()),
        };
        self.store
            .add_device_error(&bulk.id, &device, why.clone())
            .await?;
        self.commits.changes.changed(&bulk.id);
        Ok(Err(why))
    }

    /// Moves a bulk on to a state in which no more commands are made, unless another task has moved it already.
    pub(super) async fn end(&self, bulk: &Bulk, to: BulkState) -> Result<(), ServerError> {
        self.end_by(bulk, BulkTransition::new(bulk.state, to, time::now()), None)
            .await
    }

    /// The same by this transition, with an optional reason. If a download broke off, passwords of some commands may
    /// never have been delivered, so all pending commands are cancelled.
    pub(super) async fn end_by(
        &self,
        bulk: &Bulk,
        turn: BulkTransition,
        why: Option<&Forbidden>,
    ) -> Result<(), ServerError> {
        let words = match turn.to {
            BulkState::WaitingForDevices => ("send-bulk", "sent"),
            BulkState::Done => ("end-bulk", "ended"),
            _ => ("cancel-bulk", "cancelled"),
        };
        let breaks_off = turn.from == BulkState::Running
            && turn.to == BulkState::Cancelled
            && bulk.unique_passwords;
        let turn = BulkTransition {
            cancel_requested_by: breaks_off.then(|| bulk.requested_by.clone()),
            ..turn
        };
        let by = Caller::host();
        match self.turn_because(&by, bulk, turn, words, why).await {
            Ok(_) | Err(ServerError::BulkState { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Returns `true` if an error is final for the device. Other errors are transient, such as an open breaker or a full
/// disk.
pub(super) fn is_answer(error: &ServerError) -> bool {
    matches!(
        error,
        ServerError::Refused(_)
            | ServerError::Revoked(_)
            | ServerError::Forbidden(_)
            | ServerError::BadRequest(_)
            | ServerError::UnknownDevice(_)
            | ServerError::UnknownCommand { .. }
            | ServerError::Sealing(_)
    )
}
