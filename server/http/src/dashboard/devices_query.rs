//! The query of the list of devices, as in the page's URL.

use super::form::filled;
use mdm_contract::time::Timestamp;
use mdm_server_core::store::{DeviceFilter, StatusKind};
use serde::{Deserialize, Serialize};

const DAY: Timestamp = 24 * 3600 * 1000;

/// The filter of the list, in the words of the form. An empty or unknown word filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct DevicesQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) search: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) policy: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) mode: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) synced: String,
    /// The page is the one after this id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) after: String,
}

impl DevicesQuery {
    /// The path of the page.
    pub(super) fn path(&self) -> String {
        match serde_urlencoded::to_string(self) {
            Ok(query) if !query.is_empty() => format!("/devices?{query}"),
            _ => "/devices".to_owned(),
        }
    }

    /// The first page of the same.
    pub(super) fn first(&self) -> Self {
        Self {
            after: String::new(),
            ..self.clone()
        }
    }

    /// Returns `true` if a filter is set.
    pub(super) fn is_filtered(&self) -> bool {
        self.first() != Self::default()
    }

    /// The filter of the store, at this time.
    pub(super) fn filter(&self, now: Timestamp) -> DeviceFilter {
        let week = now.saturating_sub(7 * DAY);
        let (synced_since, synced_before) = match self.synced.as_str() {
            "day" => (Some(now.saturating_sub(DAY)), None),
            "week" => (Some(week), None),
            "longer" => (None, Some(week)),
            _ => (None, None),
        };
        DeviceFilter {
            search: filled(&self.search).map(str::to_owned),
            status: self.status.parse().ok(),
            is_overridden: match self.policy.as_str() {
                "overridden" => Some(true),
                "not-overridden" => Some(false),
                _ => None,
            },
            group: filled(&self.group).map(str::to_owned),
            management_mode: self.mode.parse().ok(),
            synced_since,
            synced_before,
            is_revoked: None,
        }
    }

    /// The same with this status, or without it if it has it already.
    pub(super) fn toggled(&self, status: StatusKind) -> Self {
        let is_chosen = self.status == status.as_str();
        Self {
            status: if is_chosen { "" } else { status.as_str() }.to_owned(),
            ..self.first()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> DevicesQuery {
        serde_urlencoded::from_str(query).unwrap()
    }

    #[test]
    fn the_address_of_a_page_says_what_it_shows() {
        let it = asked("search=a%26b&status=failed&policy=&synced=day");
        assert_eq!(it.path(), "/devices?search=a%26b&status=failed&synced=day");
        assert!(it.is_filtered());
        let filter = it.filter(2 * DAY);
        assert_eq!(filter.search.as_deref(), Some("a&b"));
        assert_eq!(filter.status, Some(StatusKind::Failed));
        assert_eq!(
            (filter.synced_since, filter.synced_before),
            (Some(DAY), None)
        );
    }

    #[test]
    fn what_is_left_empty_or_unknown_leaves_nothing_out() {
        let it = asked("search=+&status=&policy=none&mode=all&synced=never&after=");
        assert_eq!(it.filter(0), DeviceFilter::default());
        assert_eq!(DevicesQuery::default().path(), "/devices");
        assert!(!asked("after=x").is_filtered());
    }

    #[test]
    fn a_status_is_chosen_and_let_go_on_the_first_page() {
        let chosen = asked("group=it&after=x").toggled(StatusKind::Pending);
        assert_eq!(chosen.path(), "/devices?status=pending&group=it");
        assert_eq!(
            chosen.toggled(StatusKind::Pending).path(),
            "/devices?group=it"
        );
    }
}
