//! The page of groups: their numbers of devices, and their bulk actions.

use super::{error::PageError, page::Page, session::SignedIn, state::DashboardState};
use maud::{Markup, html};
use mdm_server_core::access::Permission;

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    let groups = dashboard.server.devices.groups(&signed_in.caller).await?;
    let page = Page {
        title: "Groups",
        place: "/groups",
        live: Some("/live".into()),
    };
    let content = html! {
        h1 { "Groups" }
        div #part-groups data-part {
            @if groups.is_empty() {
                p { "No device is in a group: a device’s groups are named when its enrollment token is made." }
            } @else {
                section .card .scroll tabindex="0" aria-label="Groups" {
                    table .stacked {
                        thead { tr { th { "Group" } th { "Devices" } th { "Actions" } } }
                        tbody {
                            @for group in &groups {
                                tr {
                                    td { a href={ "/devices?" (query(&group.name)) } { (group.name) } }
                                    td data-head="Devices" { (group.devices) }
                                    td {
                                        @if signed_in.may(Permission::ChangePassword) {
                                            div .buttons {
                                                (link(&group.name, "reset", "Reset Password"))
                                                (link(&group.name, "remove", "Remove Password"))
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page.with(&signed_in, content))
}

fn link(group: &str, action: &str, text: &str) -> Markup {
    html! {
        a .button href={ (path(group)) "/" (action) } aria-label={ (text) " of group " (group) } { (text) }
    }
}

fn query(group: &str) -> String {
    serde_urlencoded::to_string([("group", group)]).unwrap_or_default()
}

/// The path of a group's pages: its name may have any sign in it.
pub(super) fn path(group: &str) -> String {
    let mut path = String::from("/groups/");
    for byte in group.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => path.push(char::from(byte)),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_group_with_a_slash_in_its_name_has_a_path_too() {
        assert_eq!(path("sales"), "/groups/sales");
        assert_eq!(path("a/b ü"), "/groups/a%2Fb%20%C3%BC");
    }
}
