//! The requests of admins about a device: reset, remove, preview, status, cancel.

use crate::{
    access::Caller,
    device_records::DeviceRecords,
    error::ServerError,
    object,
    platform::{PasswordHost, RequestContext, StoredDecision},
    precondition::{Precondition, check_trusted},
    request_checks::{check_reason, check_validity},
    store::Store,
};
use mdm_contract::{
    Action, Command, CommandId, DevicePreview, DeviceStatus, PasswordRule, Request, ResetOptions,
};
use mdm_password_host::{
    DeviceState, PreviewRequest, RemoveRequest, ResetRequest, password::Password,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Maximum number of commands in a device's history.
const MAX_HISTORY: u32 = 50;

/// The validity of a command, and the pending command that it replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandTerms {
    /// The pending command that this one replaces.
    pub replaces: Option<CommandId>,
    /// In seconds: after that, a command that was not carried out has expired.
    pub valid_for: Option<u64>,
}

impl CommandTerms {
    /// The request of this caller on these terms.
    pub(crate) fn request(
        self,
        by: &Caller,
        options: ResetOptions,
        reason: Option<String>,
    ) -> Request {
        Request {
            options,
            replaces: self.replaces,
            valid_for: self.valid_for,
            reason,
            requester: Some(by.requester()),
        }
    }
}

/// A reset as an admin asks for it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The new password.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
    /// The options.
    #[serde(default)]
    pub options: ResetOptions,
    /// The validity, and the pending command that this one replaces.
    #[serde(default, deserialize_with = "object::only")]
    pub terms: CommandTerms,
    /// The reason, for the audit trail and the plugin.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A command, as the response to the request that made or cancelled it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandAnswer {
    /// The command.
    #[serde(flatten)]
    pub command: Command,
    /// A notice that another plugin than the active one decided, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// The request of a preview.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewQuery {
    /// Reset or remove.
    pub action: Action,
    /// The new password of a reset, if it is known yet.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Password>,
    /// The options of a reset.
    #[serde(default)]
    pub options: ResetOptions,
    /// The validity, and the pending command that this one replaces.
    #[serde(default, deserialize_with = "object::only")]
    pub terms: CommandTerms,
    /// The reason, which the plugin may require.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The commands to devices.
pub struct Commands {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) records: DeviceRecords,
}

impl Commands {
    /// The password rule of the deployment.
    pub fn password_rule(&self) -> &PasswordRule {
        &self.host.deployment().password_rule
    }

    /// Requests a reset of one device.
    pub async fn reset(
        &self,
        by: &Caller,
        device: impl Into<Precondition<'_>>,
        reset: &Reset,
    ) -> Result<CommandAnswer, ServerError> {
        let seen = device.into();
        let Reset { options, terms, .. } = reset.clone();
        check_validity(terms.valid_for)?;
        check_reason(reset.reason.as_deref(), Some(&reset.password))?;
        let context = RequestContext {
            detail: reset.reason.clone(),
            ..RequestContext::new(by).sends(seen)
        };
        let request = ResetRequest {
            request: terms.request(by, options, reset.reason.clone()),
            ..ResetRequest::new(reset.password.clone())
        };
        let reset = async {
            let reset = self.host.reset(seen.device, request, &context).await?;
            Ok(StoredDecision::from(reset))
        };
        let decided = self.records.once(by, seen.device, reset).await?;
        self.answer(seen.device, decided).await
    }

    /// Requests a remove of the password of one device. The reason goes into the audit trail.
    pub async fn remove(
        &self,
        by: &Caller,
        device: impl Into<Precondition<'_>>,
        terms: CommandTerms,
        reason: Option<String>,
    ) -> Result<CommandAnswer, ServerError> {
        let seen = device.into();
        check_reason(reason.as_deref(), None)?;
        check_validity(terms.valid_for)?;
        let request = RemoveRequest {
            request: terms.request(by, ResetOptions::default(), reason.clone()),
            replaces_pending: false,
        };
        let context = RequestContext {
            detail: reason,
            ..RequestContext::new(by).sends(seen)
        };
        let remove = async {
            let remove = self.host.remove(seen.device, request, &context).await?;
            Ok(StoredDecision::from(remove))
        };
        let decided = self.records.once(by, seen.device, remove).await?;
        self.answer(seen.device, decided).await
    }

    /// Previews a request. Nothing changes.
    pub async fn preview(
        &self,
        by: &Caller,
        device: &str,
        preview: PreviewQuery,
    ) -> Result<DevicePreview, ServerError> {
        let snapshot = self.records.load(by, device).await?;
        check_trusted(&snapshot)?;
        let PreviewQuery {
            action,
            password,
            options,
            terms,
            reason,
        } = preview;
        check_validity(terms.valid_for)?;
        check_reason(reason.as_deref(), password.as_ref())?;
        let request = PreviewRequest {
            action,
            password,
            request: terms.request(by, options, reason),
            replaces_pending: false,
        };
        let context = RequestContext::new(by);
        let state = DeviceState::from(snapshot);
        Ok(self.host.preview(&state, request, &context).await?)
    }

    /// The status of a device by the plugin, with its latest commands.
    pub async fn status(
        &self,
        by: &Caller,
        device: &str,
    ) -> Result<(DeviceStatus, Vec<Command>), ServerError> {
        let snapshot = self.records.load(by, device).await?;
        let is_trusted = snapshot.revoked_at.is_none();
        let (state, context) = (DeviceState::from(snapshot), RequestContext::new(by));
        let mut status = self.host.status(&state, &context).await?;
        // Plugins do not know of revocation: nothing reaches a revoked device.
        status.remove_offered &= is_trusted;
        Ok((status, self.store.history(device, MAX_HISTORY).await?))
    }

    /// A device's latest commands, latest first.
    pub async fn history(&self, by: &Caller, device: &str) -> Result<Vec<Command>, ServerError> {
        self.records.load(by, device).await?;
        Ok(self.store.history(device, MAX_HISTORY).await?)
    }

    /// Cancels a pending command.
    pub async fn cancel(
        &self,
        by: &Caller,
        device: &str,
        command: &CommandId,
    ) -> Result<CommandAnswer, ServerError> {
        let context = RequestContext::new(by);
        let cancel = async {
            let cancel = self.host.cancel(device, command, &context).await?;
            Ok(StoredDecision {
                command: command.clone(),
                notice: cancel.notice,
            })
        };
        let StoredDecision { notice, .. } = self.records.once(by, device, cancel).await?;
        let command = self.command(device, command).await?;
        Ok(CommandAnswer { command, notice })
    }

    async fn answer(
        &self,
        device: &str,
        StoredDecision { command, notice }: StoredDecision,
    ) -> Result<CommandAnswer, ServerError> {
        let command = self.command(device, &command).await?;
        Ok(CommandAnswer { command, notice })
    }

    pub(crate) async fn command(
        &self,
        device: &str,
        id: &CommandId,
    ) -> Result<Command, ServerError> {
        let unknown = || ServerError::UnknownCommand {
            device: device.to_owned(),
            command: id.clone(),
        };
        // An agent may say anything, and not every store can be asked for this.
        if id.contains('\0') {
            return Err(unknown());
        }
        self.store.command(device, id).await?.ok_or_else(unknown)
    }
}
