//! Previews, as pages show them.

use super::{frame::sentence, texts::badge};
use maud::{Markup, html};
use mdm_contract::{DevicePreview, Note, Remedy, Verdict};
use mdm_server_core::error::ServerError;

/// A preview, or why there is none.
pub(super) fn view(preview: &Result<DevicePreview, ServerError>) -> Markup {
    match preview {
        Ok(preview) => told(preview),
        Err(error @ ServerError::Revoked(_)) => html! {
            p .verdict { (badge("failed", "⊘", "WOULD BE REFUSED")) " " (sentence(&error.in_public())) }
        },
        Err(error) => html! {
            p { (badge("unknown", "?", "NO PREVIEW")) }
            p { (sentence(&error.in_public())) }
        },
    }
}

fn told(preview: &DevicePreview) -> Markup {
    let (badge, why) = match &preview.verdict {
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
        @if let Some(remedy) = preview.remedy { (what_to_do(remedy)) }
        @if !preview.notes.is_empty() {
            ul .notes {
                @for note in &preview.notes { li { (sentence(&note.to_string())) } }
            }
        }
    }
}

/// The remedy.
pub(super) fn what_to_do(remedy: Remedy) -> Markup {
    html! { p .remedy { strong { "What to do: " } (sentence(remedy.sentence())) } }
}

/// Returns `true` if the preview has the note on the policy override.
pub(super) fn overrides_policy(preview: &Result<DevicePreview, ServerError>) -> bool {
    preview
        .as_ref()
        .is_ok_and(|preview| preview.notes.contains(&Note::OverridesPolicy))
}
