//! The page with the form of a new bulk.

use super::{
    form::{Number, filled},
    frame::sentence,
    groups,
    page::{Page, form_token},
    preview::what_to_do,
    reset_view::VALIDITIES,
    session::SignedIn,
    texts,
};
use maud::{Markup, html};
use mdm_contract::{Action, Characters, PasswordRule, ResetOptions};
use mdm_password_host::password::Password;
use mdm_server_core::{
    bulks::{BulkPreview, BulkRequest, BulkVerdict},
    store::BulkTerms,
};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The form as it is sent. A box that is not ticked sends nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BulkForm {
    /// The number of devices in the group that the admin saw.
    devices: String,
    /// `different` or `one`.
    passwords: String,
    password: Zeroizing<String>,
    pub(super) reason: String,
    lock_now: Option<String>,
    require_entry: Option<String>,
    replace_pending: Option<String>,
    pub(super) valid_for: Number,
}

impl BulkForm {
    /// The form before it is filled in.
    pub(super) fn new() -> Self {
        Self {
            passwords: "different".into(),
            ..Self::default()
        }
    }

    /// Returns `true` if each device gets a password of its own.
    pub(super) fn unique_passwords(&self) -> bool {
        self.passwords != "one"
    }

    /// The options that were ticked.
    pub(super) fn options(&self) -> ResetOptions {
        ResetOptions::LOCK_NOW.when(self.lock_now.is_some())
            | ResetOptions::REQUIRE_ENTRY.when(self.require_entry.is_some())
    }

    /// The terms that were chosen.
    pub(super) fn terms(&self) -> BulkTerms {
        BulkTerms {
            replace_pending: self.replace_pending.is_some(),
            valid_for: self.valid_for.0,
        }
    }

    /// The request that the form describes.
    pub(super) fn request(&self, group: &str, action: Action) -> BulkRequest {
        let is_reset = action == Action::Reset;
        let unique_passwords = is_reset && self.unique_passwords();
        let has_one = is_reset && !unique_passwords && !self.password.is_empty();
        BulkRequest {
            action,
            group: group.to_owned(),
            password: has_one.then(|| Password::new(self.password.clone())),
            unique_passwords,
            options: if is_reset {
                self.options()
            } else {
                ResetOptions::default()
            },
            terms: self.terms(),
            reason: filled(&self.reason).map(str::to_owned),
            // A form without the number is none of a page's: no group has so many.
            expected_devices: Some(self.devices.parse().unwrap_or(u64::MAX)),
        }
    }
}

/// The contents of the page.
pub(super) struct Screen<'a> {
    /// The group.
    pub(super) group: &'a str,
    /// Reset or remove.
    pub(super) action: Action,
    /// The preview of the form.
    pub(super) preview: &'a BulkPreview,
    /// The deployment's password rule.
    pub(super) rule: &'a PasswordRule,
    /// The form as it was filled in.
    pub(super) form: &'a BulkForm,
    /// The error of the form.
    pub(super) fault: Option<&'a str>,
}

/// The screen.
pub(super) fn view(signed_in: &SignedIn, screen: &Screen<'_>) -> Markup {
    let (group, action) = (screen.group, screen.action);
    let title = texts::action(action);
    let path = format!("{}/{action}", groups::path(group));
    let is_reset = action == Action::Reset;
    let page = Page {
        title: &format!("{title} · {group}"),
        place: "/groups",
        live: None,
    };
    page.with(
        signed_in,
        html! {
            p .trail { a href="/groups" { "Groups" } " / " (group) }
            h1 { (title) " of " (screen.preview.devices) " devices" }
            @if let Some(fault) = screen.fault { p .fault role="alert" { (sentence(fault)) } }
            form id=[is_reset.then_some("reset")] .card method="post" action=(path) data-preview={ (path) "/preview" } {
                (form_token(signed_in))
                input type="hidden" name="devices" value=(screen.preview.devices);
                @if is_reset { (passwords(screen)) } @else {
                    p {
                        "The password on each device is cleared. The override of its policy ends: an applied policy is "
                        "enforced again, and the user is asked to set a password that meets it."
                    }
                }
                label for="reason" { "Reason " span .quiet { "(optional, for the audit trail)" } }
                input #reason type="text" name="reason" maxlength="200" value=(screen.form.reason);
                (options(screen, is_reset))
                section .preview aria-labelledby="preview-title" {
                    h2 #preview-title { "Preview" }
                    div #preview aria-live="polite" { (preview(screen.preview)) }
                }
                div .buttons {
                    button .primary type="submit" { "CONFIRM" }
                    a .button href="/groups" { "Back" }
                }
            }
        },
    )
}

/// The rule stands above the field, before anything is typed.
fn passwords(screen: &Screen<'_>) -> Markup {
    let PasswordRule {
        characters,
        minimum_length,
        maximum_length,
    } = screen.rule;
    let is_digits = *characters == Characters::Digits;
    let is_different = screen.form.unique_passwords();
    html! {
        fieldset {
            legend { "New passwords" }
            p #password-rule .help { "A password has to be " strong { (screen.rule) } "." }
            label .check {
                input type="radio" name="passwords" value="different" checked[is_different];
                span {
                    "A different password for each device (recommended)"
                    small { "Random passwords, in a table that can be downloaded once." }
                }
            }
            label .check {
                input type="radio" name="passwords" value="one" checked[!is_different];
                span {
                    "One password for all devices"
                    small { "Each of the users could unlock the devices of all others." }
                }
            }
            div .one-password {
                label for="password" { "The one password" }
                div .with-buttons {
                    input #password type="password" name="password" autocomplete="off" autocapitalize="off"
                        spellcheck="false" minlength=(minimum_length) maxlength=(maximum_length)
                        inputmode=(if is_digits { "numeric" } else { "text" })
                        pattern=[is_digits.then_some("[0-9]*")]
                        title=[is_digits.then_some("Digits only")] aria-describedby="password-rule";
                    button #show type="button" aria-pressed="false" aria-controls="password" hidden { "Show" }
                    button #generate type="button" hidden data-characters=(characters) data-length=(minimum_length) {
                        "Generate"
                    }
                }
                p #generated .help role="status" hidden {
                    "Tell it to the users in a safe way: it is not shown again after CONFIRM."
                }
            }
        }
    }
}

fn options(screen: &Screen<'_>, is_reset: bool) -> Markup {
    let (options, terms) = (screen.form.options(), screen.form.terms());
    html! {
        fieldset {
            legend { "Options" }
            @if is_reset {
                label .check {
                    input type="checkbox" name="lock_now" checked[options.contains(ResetOptions::LOCK_NOW)];
                    span { "Lock now" small { "The devices’ screens are locked at once." } }
                }
                label .check {
                    input type="checkbox" name="require_entry" checked[options.contains(ResetOptions::REQUIRE_ENTRY)];
                    span {
                        "Require entry"
                        small { "No other admin may change a password until its user has entered it." }
                    }
                }
            }
            label .check {
                input type="checkbox" name="replace_pending" checked[terms.replace_pending];
                span {
                    "Replace pending commands"
                    small { "Otherwise a device with a pending command gets no new one." }
                }
            }
            label for="valid-for" { "The commands are valid" }
            select #valid-for name="valid_for" {
                @for (seconds, text) in VALIDITIES {
                    option value=(seconds) selected[screen.form.valid_for.is(seconds)] { (text) }
                }
            }
        }
    }
}

/// The preview, with the number of devices by verdict.
pub(super) fn preview(preview: &BulkPreview) -> Markup {
    html! {
        @if preview.asked < preview.devices {
            p { "Of the first " (preview.asked) " of " (preview.devices) " devices:" }
        }
        @for told in &preview.verdicts { (verdict(told)) }
        @if !preview.notes.is_empty() {
            ul .notes {
                @for (note, devices) in &preview.notes { li { (devices) (if *devices == 1 { " device: " } else { " devices: " }) (sentence(note)) } }
            }
        }
        @if preview.needs_approval {
            p .alert { "Another user has to approve it, because it has many devices." }
        }
    }
}

fn verdict(told: &BulkVerdict) -> Markup {
    let badge = match told.verdict.as_str() {
        "will-succeed" => texts::badge("success", "✓", "WILL SUCCEED"),
        "will-wait" => texts::badge("pending", "◔", "WILL WAIT"),
        "will-fail" => texts::badge("failed", "✕", "WILL FAIL"),
        "would-be-refused" => texts::badge("failed", "⊘", "WOULD BE REFUSED"),
        _ => texts::badge("unknown", "?", "NO PREVIEW"),
    };
    html! {
        p .verdict {
            strong { (told.devices) } " " (badge)
            @if let Some(why) = &told.why { " " (sentence(why)) }
            small {
                "Such as "
                @for (number, (id, name)) in told.such_as.iter().enumerate() {
                    @if number > 0 { ", " }
                    a href={ "/devices/" (id) } { (name) }
                }
            }
        }
        @if let Some(remedy) = told.remedy { (what_to_do(remedy)) }
    }
}
