//! What the plugin foretells, as pages show it.

use super::{frame::sentence, texts::badge};
use maud::{Markup, html};
use mdm_contract::decisions::{DeviceOutlook, Note, Remedy, Verdict};
use mdm_server_core::error::ServerError;

/// An outlook, or why there is none.
pub(super) fn view(outlook: &Result<DeviceOutlook, ServerError>) -> Markup {
    match outlook {
        Ok(outlook) => told(outlook),
        Err(error @ ServerError::Revoked(_)) => html! {
            p .verdict { (badge("failed", "⊘", "WOULD BE REFUSED")) " " (sentence(&error.in_public())) }
        },
        Err(error) => html! {
            p { (badge("unknown", "?", "NO OUTLOOK")) }
            p { (sentence(&error.in_public())) }
        },
    }
}

fn told(outlook: &DeviceOutlook) -> Markup {
    let (badge, why) = match &outlook.verdict {
        Verdict::WillSucceed => (badge("success", "✓", "WILL SUCCEED"), None),
        Verdict::WillWait(wait) => (badge("pending", "◔", "WILL WAIT"), Some(wait.to_string())),
        Verdict::WillFail(failure) => {
            (badge("failed", "✕", "WILL FAIL"), Some(failure.to_string()))
        }
        Verdict::WouldBeRefused(refusal) => (
            badge("failed", "⊘", "WOULD BE REFUSED"),
            Some(refusal.to_string()),
        ),
    };
    html! {
        p .verdict { (badge) @if let Some(why) = why { " " (sentence(&why)) } }
        @if let Some(remedy) = outlook.remedy { (what_to_do(remedy)) }
        @if !outlook.notes.is_empty() {
            ul .notes {
                @for note in &outlook.notes { li { (sentence(&note.to_string())) } }
            }
        }
    }
}

/// What to do about it.
pub(super) fn what_to_do(remedy: Remedy) -> Markup {
    html! { p .remedy { strong { "What to do: " } (sentence(remedy.sentence())) } }
}

/// Whether an outlook says that the policy will not be enforced after this.
pub(super) fn overrides_policy(outlook: &Result<DeviceOutlook, ServerError>) -> bool {
    outlook
        .as_ref()
        .is_ok_and(|outlook| outlook.notes.contains(&Note::OverridesPolicy))
}
