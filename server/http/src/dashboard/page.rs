//! The pages of a signed-in admin: navigation, notices, and the fields that every form has.

use super::{
    form::{KEY_FIELD, TOKEN_FIELD},
    frame::{document, logo},
    session::SignedIn,
};
use maud::{Markup, html};
use mdm_server_core::access::Permission;
use uuid::Uuid;

/// A page for a signed-in user.
pub(super) struct Page<'a> {
    /// Its title.
    pub(super) title: &'a str,
    /// The part of the navigation that it belongs to.
    pub(super) place: &'a str,
    /// The stream that tells the page to reload. `None` if it never changes.
    pub(super) live: Option<String>,
}

/// The parts of the dashboard, with the permissions to see them.
const PLACES: [(&str, &str, Permission); 8] = [
    ("/devices", "Devices", Permission::See),
    ("/groups", "Groups", Permission::See),
    ("/bulks", "Bulks", Permission::See),
    ("/audit", "Audit", Permission::SeeAudit),
    ("/plugin", "Plugin", Permission::See),
    ("/users", "Users", Permission::ManageUsers),
    ("/tokens", "Tokens", Permission::ManageUsers),
    ("/webhooks", "Webhooks", Permission::ManageWebhooks),
];

impl Page<'_> {
    /// The page with this content.
    pub(super) fn with(&self, signed_in: &SignedIn, content: Markup) -> Markup {
        document(
            self.title,
            self.live.as_deref(),
            html! {
                header .bar {
                    a .brand href="/devices" { (logo()) "Lock screens" }
                    nav aria-label="Main" {
                        @for (path, name, _) in PLACES.into_iter().filter(|it| signed_in.may(it.2)) {
                            a href=(path) aria-current=[(path == self.place).then_some("page")] { (name) }
                        }
                    }
                    a .who href="/account" aria-current=[(self.place == "/account").then_some("page")] {
                        (signed_in.user.name)
                    }
                    form method="post" action="/sign-out" {
                        (form_token(signed_in))
                        button .quiet type="submit" { "Sign out" }
                    }
                }
                main #main tabindex="-1" { (undecided_restore(signed_in)) (content) }
            },
        )
    }
}

/// The fields that every form has: the session's token, and an idempotency key.
pub(super) fn form_token(signed_in: &SignedIn) -> Markup {
    html! {
        input type="hidden" name=(TOKEN_FIELD) value=(signed_in.form_token());
        input type="hidden" name=(KEY_FIELD) value=(Uuid::now_v7());
    }
}

/// The notice that commands from before a restore are held, for users with the permission to decide about them.
fn undecided_restore(signed_in: &SignedIn) -> Markup {
    let Some(state) = &signed_in.undecided_restore else {
        return html! {};
    };
    if !signed_in.may(Permission::ManageDevices) {
        return html! {};
    }
    html! {
        section .notice aria-label="Restored database" {
            p {
                "The database was replaced by an older one. Pending commands from before (" (state.held)
                ") are held: no device gets them until you decide. Each may have been cancelled, replaced or carried \
                 out since."
            }
            form method="post" action="/held-commands/release" {
                (form_token(signed_in))
                button type="submit" { "Release them" }
            }
            form method="post" action="/held-commands/cancel" {
                (form_token(signed_in))
                button .danger type="submit" { "Cancel them" }
            }
        }
    }
}
