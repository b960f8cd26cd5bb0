//! The page "Apply policy": sets the password rules that a device must enforce.

use super::{
    device,
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    session::SignedIn,
    state::DashboardState,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use mdm_contract::{Complexity, Policy, Quality, Requirement};
use mdm_server_core::error::ServerError;
use serde::Deserialize;

/// The submitted form. `requirement` is `quality numeric`, `complexity high`, or empty to clear the policy.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PolicyForm {
    requirement: String,
    minimum_length: String,
}

impl PolicyForm {
    fn of(policy: Option<&Policy>) -> Self {
        let Some(policy) = policy else {
            return Self::default();
        };
        let requirement = match policy.requirement {
            Requirement::Quality(quality) => format!("quality {quality}"),
            Requirement::Complexity(complexity) => format!("complexity {complexity}"),
        };
        Self {
            requirement,
            minimum_length: policy.minimum_length.to_string(),
        }
    }

    /// The submitted policy. Returns `None` if the policy is to be cleared. Errors with a text for the admin.
    fn policy(&self) -> Result<Option<Policy>, String> {
        let requirement = match self.requirement.split_once(' ') {
            Some(("quality", word)) => word.parse().map(Requirement::Quality),
            Some(("complexity", word)) => word.parse().map(Requirement::Complexity),
            _ if self.requirement.is_empty() => return Ok(None),
            _ => return Err("choose one of the requirements".into()),
        };
        let minimum_length = match self.minimum_length.trim() {
            "" => Ok(0),
            text => text.parse(),
        };
        Ok(Some(Policy {
            requirement: requirement.map_err(|error| error.to_string())?,
            minimum_length: minimum_length
                .map_err(|_| "the minimum length has to be a number".to_owned())?,
        }))
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    let snapshot = dashboard
        .server
        .devices
        .trusted(&signed_in.caller, &device)
        .await?;
    let form = PolicyForm::of(snapshot.device.policy.as_ref());
    screen(&dashboard, &signed_in, &device, &form, None).await
}

pub(super) async fn apply(
    dashboard: DashboardState,
    Path(device): Path<String>,
    Form(signed_in, form): Form<PolicyForm>,
) -> Result<Response, PageError> {
    let fault = match form.policy() {
        Err(text) => text,
        Ok(policy) => match dashboard
            .server
            .devices
            .set_policy(&signed_in.caller, &device, policy)
            .await
        {
            Ok(()) => return Ok(device::to(&device).into_response()),
            Err(ServerError::BadRequest(text)) => text,
            Err(error) => return Err(error.into()),
        },
    };
    let again = screen(&dashboard, &signed_in, &device, &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

async fn screen(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    device: &str,
    form: &PolicyForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let snapshot = dashboard
        .server
        .devices
        .trusted(&signed_in.caller, device)
        .await?;
    let (id, name) = (&snapshot.device.id, &snapshot.name);
    let choice = |kind: &str, word: &str| {
        let value = format!("{kind} {word}");
        html! { option value=(value) selected[form.requirement == value] { (word) } }
    };
    let page = Page {
        title: &format!("Apply policy · {name}"),
        place: "/devices",
        live: None,
    };
    let content = html! {
        p .trail { a href="/devices" { "Devices" } " / " a href={ "/devices/" (id) } { (name) } }
        h1 { "Apply policy" }
        form .card method="post" action={ "/devices/" (id) "/policy" } {
            (form_token(signed_in))
            @if snapshot.device.policy_override.is_some() {
                p .alert { "The policy is overridden on this device: what is applied now is enforced once Remove \
                    Password has succeeded." }
            }
            label for="requirement" { "Requirement" }
            select #requirement name="requirement" aria-describedby="policy-fault" {
                option value="" { "No policy" }
                optgroup label="Quality" {
                    @for quality in Quality::ALL { (choice("quality", quality.as_str())) }
                }
                optgroup label="Complexity (Android 12 and later)" {
                    @for complexity in Complexity::ALL { (choice("complexity", complexity.as_str())) }
                }
            }
            label for="minimum-length" { "Minimum length " span .quiet { "(only with quality numeric or higher)" } }
            input #minimum-length type="number" name="minimum_length" min="0" max="16" inputmode="numeric"
                value=(form.minimum_length) aria-describedby="policy-fault";
            div #policy-fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            div .buttons {
                button .primary type="submit" { "Apply policy" }
                a .button href={ "/devices/" (id) } { "Back" }
            }
        }
    };
    Ok(page.with(signed_in, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(requirement: &str) -> Result<Option<Policy>, String> {
        PolicyForm {
            requirement: requirement.into(),
            minimum_length: "6".into(),
        }
        .policy()
    }

    #[test]
    fn only_an_empty_requirement_clears_the_policy() {
        assert_eq!(policy(""), Ok(None));
        assert!(policy("quality numeric").unwrap().is_some());
        for unknown in ["quality", "none", "quality  numeric", "length 6"] {
            assert!(policy(unknown).is_err(), "{unknown}");
        }
    }
}
