//! The page with the form of a reset.

use super::{
    form::{Number, filled},
    frame::sentence,
    page::{Page, form_token},
    preview,
    session::SignedIn,
    texts,
};
use maud::{Markup, html};
use mdm_contract::{Action, Characters, Command, DevicePreview, PasswordRule, ResetOptions};
use mdm_password_host::password::Password;
use mdm_server_core::{
    commands::{CommandTerms, PreviewQuery, Reset},
    error::ServerError,
    store::Snapshot,
};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The form as it is sent. A box that is not ticked sends nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ResetForm {
    pub(super) seen: String,
    password: Zeroizing<String>,
    pub(super) reason: String,
    lock_now: Option<String>,
    require_entry: Option<String>,
    pub(super) replaces: Option<String>,
    pub(super) valid_for: Number,
}

impl ResetForm {
    /// The options that were ticked.
    pub(super) fn options(&self) -> ResetOptions {
        ResetOptions::LOCK_NOW.when(self.lock_now.is_some())
            | ResetOptions::REQUIRE_ENTRY.when(self.require_entry.is_some())
    }

    fn terms(&self) -> CommandTerms {
        CommandTerms {
            replaces: self.replaces.clone(),
            valid_for: self.valid_for.0,
        }
    }

    fn password(&self) -> Password {
        Password::new(self.password.clone())
    }

    /// The reset that it asks for.
    pub(super) fn reset(&self) -> Reset {
        Reset {
            password: self.password(),
            options: self.options(),
            terms: self.terms(),
            reason: filled(&self.reason).map(str::to_owned),
        }
    }

    /// The request that the form describes, for its preview.
    pub(super) fn request(&self) -> PreviewQuery {
        PreviewQuery {
            action: Action::Reset,
            password: (!self.password.is_empty()).then(|| self.password()),
            options: self.options(),
            terms: self.terms(),
            reason: filled(&self.reason).map(str::to_owned),
        }
    }
}

/// The contents of the page.
pub(super) struct Screen<'a> {
    /// The version of the device that the admin sees.
    pub(super) seen: String,
    /// The preview of the form.
    pub(super) preview: Result<DevicePreview, ServerError>,
    /// The deployment's password rule.
    pub(super) rule: &'a PasswordRule,
    /// The device.
    pub(super) snapshot: &'a Snapshot,
    /// The form as it was filled in.
    pub(super) form: &'a ResetForm,
    /// The errors of the form.
    pub(super) faults: &'a [Fault],
}

/// An error of a form, by field.
#[derive(PartialEq)]
pub(super) enum Fault {
    /// The password.
    Password(String),
    /// The reason.
    Reason(String),
    /// The validity.
    Validity(String),
    /// Another command is pending.
    Pending(String),
    /// The request as a whole.
    Whole(String),
    /// Nothing is wrong with it, but the device has changed.
    Changed,
}

/// The choices of validity, in seconds.
pub(super) const VALIDITIES: [(&str, &str); 5] = [
    ("", "until the device carries it out"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
];

/// The screen.
pub(super) fn view(signed_in: &SignedIn, screen: &Screen<'_>) -> Markup {
    let (id, name) = (&screen.snapshot.device.id, &screen.snapshot.name);
    let page = Page {
        title: &format!("Reset Password · {name}"),
        place: "/devices",
        live: Some(format!("/live?device={id}")),
    };
    page.with(
        signed_in,
        html! {
            p .trail { a href="/devices" { "Devices" } " / " a href={ "/devices/" (id) } { (name) } }
            h1 { "Reset Password" }
            (faults(screen, |fault| match fault {
                Fault::Whole(text) => Some(text.clone()),
                Fault::Changed => Some(CHANGED.to_owned()),
                _ => None,
            }))
            form #reset .card method="post" action={ "/devices/" (id) "/reset" }
                data-preview={ "/devices/" (id) "/reset/preview" } {
                (form_token(signed_in))
                input type="hidden" name="seen" value=(screen.seen);
                (password(screen))
                (reason(screen))
                (options(screen))
                section .preview aria-labelledby="preview-title" {
                    h2 #preview-title { "Preview for " (name) }
                    div #preview aria-live="polite" { (preview::view(&screen.preview)) }
                }
                @if !preview::overrides_policy(&screen.preview) {
                    p { "After a success, no policy is enforced on the device until Remove Password is used." }
                }
                div .buttons {
                    button .primary type="submit" { "CONFIRM" }
                    a .button href={ "/devices/" (id) } { "Back" }
                }
            }
        },
    )
}

const CHANGED: &str = "the device has changed since you opened this page: look at the preview again, type the \
                       password again, and confirm if you still want to";

/// The rule stands above the field, before anything is typed.
fn password(screen: &Screen<'_>) -> Markup {
    let PasswordRule {
        characters,
        minimum_length,
        maximum_length,
    } = screen.rule;
    let is_digits = *characters == Characters::Digits;
    let fault = faults(screen, |fault| match fault {
        Fault::Password(text) => Some(text.clone()),
        _ => None,
    });
    let is_wrong = screen
        .faults
        .iter()
        .any(|it| matches!(it, Fault::Password(_)));
    html! {
        label for="password" { "New password" }
        p #password-rule .help { "The password has to be " strong { (screen.rule) } "." }
        div .with-buttons {
            input #password type="password" name="password" required autocomplete="off" autocapitalize="off"
                spellcheck="false" minlength=(minimum_length) maxlength=(maximum_length)
                inputmode=(if is_digits { "numeric" } else { "text" })
                pattern=[is_digits.then_some("[0-9]*")]
                title=[is_digits.then_some("Digits only")]
                aria-describedby="password-rule password-fault" aria-invalid=[is_wrong.then_some("true")];
            button #show type="button" aria-pressed="false" aria-controls="password" hidden { "Show" }
            button #generate type="button" hidden data-characters=(characters) data-length=(minimum_length) {
                "Generate"
            }
        }
        div #password-fault { (fault) }
        p #generated .help role="status" hidden {
            "Tell it to the user in a safe way: it is not shown again after CONFIRM."
        }
    }
}

fn reason(screen: &Screen<'_>) -> Markup {
    html! {
        label for="reason" { "Reason " span .quiet { "(optional, for the audit trail)" } }
        input #reason type="text" name="reason" maxlength="200" value=(screen.form.reason)
            aria-describedby="reason-fault";
        div #reason-fault {
            (faults(screen, |fault| match fault {
                Fault::Reason(text) => Some(text.clone()),
                _ => None,
            }))
        }
    }
}

fn options(screen: &Screen<'_>) -> Markup {
    let options = screen.form.options();
    html! {
        fieldset {
            legend { "Options" }
            label .check {
                input type="checkbox" name="lock_now" checked[options.contains(ResetOptions::LOCK_NOW)];
                span { "Lock now" small { "The device’s screen is locked at once." } }
            }
            label .check {
                input type="checkbox" name="require_entry" checked[options.contains(ResetOptions::REQUIRE_ENTRY)];
                span {
                    "Require entry"
                    small { "No other admin may change the password until the user has entered it." }
                }
            }
            @if let Some(pending) = &screen.snapshot.pending { (replaces(screen, pending)) }
            label for="valid-for" { "The command is valid" }
            select #valid-for name="valid_for" {
                @for (seconds, text) in VALIDITIES {
                    option value=(seconds) selected[screen.form.valid_for.is(seconds)] { (text) }
                }
            }
            (faults(screen, |fault| match fault {
                Fault::Validity(text) => Some(text.clone()),
                _ => None,
            }))
        }
    }
}

fn replaces(screen: &Screen<'_>, pending: &Command) -> Markup {
    let is_ticked = screen.form.replaces.as_ref() == Some(&pending.id);
    html! {
        label .check {
            input type="checkbox" name="replaces" value=(pending.id) checked[is_ticked];
            span {
                "Replace the pending command"
                small {
                    (texts::action(pending.action)) ", asked for " (texts::time(pending.requested_at))
                    ". One command can be pending on a device."
                }
            }
        }
        (faults(screen, |fault| match fault {
            Fault::Pending(text) => Some(text.clone()),
            _ => None,
        }))
    }
}

fn faults(screen: &Screen<'_>, of: impl Fn(&Fault) -> Option<String>) -> Markup {
    html! {
        @for fault in screen.faults.iter().filter_map(of) {
            p .fault role="alert" { (sentence(&fault)) }
        }
    }
}
