//! Which devices a list has: those that fit the filter, of those that the caller reaches, and no others.

use crate::{
    database,
    test_host::{TestHost, admin, owner},
};
use mdm_agent_protocol::{sealing::PrivateKey, signing_key::SigningKey, sync::DeviceInfo};
use mdm_contract::{
    Action, Command, DeviceFailure, Failure, ManagementMode, Outcome, PolicyOverride, ResetOptions,
    Status,
};
use mdm_server_core::{
    access::{Caller, DeviceScope},
    audit::AuditEntry,
    change::Change,
    store::{Commit, DeviceFilter, FleetSummary, Group, NewDevice, Snapshot, StatusKind, Store},
    token,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{collections::BTreeSet, sync::Arc};
use tempfile::TempDir;

const GROUPS: [&str; 3] = ["it", "sales", "board"];

/// A device, and what became of its commands, oldest first.
#[derive(Clone, Debug)]
struct Made {
    name: &'static str,
    groups: Vec<&'static str>,
    mode: ManagementMode,
    synced: u64,
    commands: Vec<Option<Outcome>>,
    is_overridden: bool,
    is_revoked: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let outcome = option::of(select(vec![
        Outcome::Success,
        Outcome::Failed(DeviceFailure::UserLocked.into()),
        Outcome::Failed(Failure::Cancelled),
        Outcome::Failed(Failure::Expired),
        Outcome::Failed(Failure::Superseded("another".into())),
    ]));
    (
        select(vec![
            "Anna’s phone",
            "MÜLLER",
            "müller 2",
            "till 100%",
            "till_1",
        ]),
        vec(select(&GROUPS[..]), 0..3),
        select(&ManagementMode::ALL[..]),
        1..6_u64,
        vec(outcome, 0..3),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(name, groups, mode, synced, commands, is_overridden, is_revoked)| Made {
                name,
                groups,
                mode,
                synced,
                commands,
                is_overridden,
                is_revoked,
            },
        )
}

fn filter() -> impl Strategy<Value = DeviceFilter> {
    (
        option::weighted(
            0.3,
            select(vec!["müller", "PHONE", "%", "_", "-0003", "nobody", "l"]),
        ),
        option::weighted(0.3, select(&StatusKind::ALL[..])),
        option::weighted(0.3, any::<bool>()),
        option::weighted(0.3, select(vec!["it", "sales", "board", "none"])),
        option::weighted(0.3, select(&ManagementMode::ALL[..])),
        option::weighted(0.3, 0..6_u64),
        option::weighted(0.3, 0..6_u64),
        option::weighted(0.3, any::<bool>()),
    )
        .prop_map(
            |(search, status, is_overridden, group, mode, since, before, is_revoked)| {
                DeviceFilter {
                    search: search.map(str::to_owned),
                    status,
                    is_overridden,
                    group: group.map(str::to_owned),
                    management_mode: mode,
                    synced_since: since,
                    synced_before: before,
                    is_revoked,
                }
            },
        )
}

fn scope() -> impl Strategy<Value = DeviceScope> {
    let groups = vec(select(&GROUPS[..]), 0..3);
    option::of(groups).prop_map(|groups| match groups {
        None => DeviceScope::ALL,
        Some(groups) => to(&groups),
    })
}

fn to(groups: &[&str]) -> DeviceScope {
    DeviceScope(Some(groups.iter().map(|it| (*it).to_owned()).collect()))
}

async fn empty() -> (Arc<dyn Store>, TempDir) {
    let folder = TempDir::new().unwrap();
    (database::open(folder.path()).await, folder)
}

async fn add(store: &Arc<dyn Store>, number: usize, made: &Made) -> String {
    let id = format!("device-{number:04}");
    let groups = made.groups.iter().map(|it| (*it).to_owned()).collect();
    let audit = AuditEntry::new(1, &admin(), "add-enrollment-token");
    let digest = token::digest(&id);
    store
        .add_enrollment_token(digest, groups, 1000, audit.into())
        .await
        .unwrap();
    let device = NewDevice {
        id: id.clone(),
        name: made.name.into(),
        public_key: PrivateKey::generate().1,
        signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
        device_info: DeviceInfo {
            management_mode: made.mode,
            ..owner()
        },
        at: made.synced,
    };
    assert!(store.enroll(digest, device).await.unwrap());
    for (at, outcome) in made.commands.iter().enumerate() {
        let command = format!("{id} command {at}");
        // A device has one pending command at most.
        if at > 0 && made.commands[at - 1].is_none() {
            let before = format!("{id} command {}", at - 1);
            let cancelled = Outcome::Failed(Failure::Cancelled);
            commit(store, &id, complete(&before, cancelled)).await;
        }
        commit(store, &id, send(&command)).await;
        if let Some(outcome) = outcome.clone() {
            commit(store, &id, Change::Complete { command, outcome }).await;
        }
    }
    if made.is_overridden {
        let command = "a reset".to_owned();
        let by = PolicyOverride { command, since: 1 };
        commit(store, &id, Change::SetPolicyOverride(Some(by))).await;
    }
    if made.is_revoked {
        commit(store, &id, Change::Revoke).await;
    }
    id
}

async fn commit(store: &Arc<dyn Store>, device: &str, change: Change) {
    let version = store.snapshot(device).await.unwrap().unwrap().version;
    let commit = Commit {
        device: device.into(),
        version,
        at: 7,
        changes: vec![change],
        audit: None,
        bulk: None,
    };
    store.commit(commit).await.unwrap();
}

fn send(id: &str) -> Change {
    let command = Command {
        id: id.into(),
        action: Action::Reset,
        options: ResetOptions::default(),
        status: Status::Pending,
        requested_at: 5,
        completed_at: None,
        expires_at: None,
        late_outcome: None,
    };
    Change::Send {
        command,
        sealed: None,
    }
}

fn complete(command: &str, outcome: Outcome) -> Change {
    Change::Complete {
        command: command.into(),
        outcome,
    }
}

/// The filter again, on one device.
fn fits(filter: &DeviceFilter, scope: &DeviceScope, device: &Snapshot) -> bool {
    let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
    let told = &device.device;
    let text = format!("{} {}", device.name, told.id).to_lowercase();
    let search = filter.search.as_ref().map(|it| it.to_lowercase());
    scope.includes(&told.groups)
        && search.is_none_or(|it| text.contains(&it))
        && filter.status.is_none_or(|it| it == status(device))
        && is(filter.is_overridden, is_overridden(device))
        && filter
            .group
            .as_ref()
            .is_none_or(|it| told.groups.contains(it))
        && filter
            .management_mode
            .is_none_or(|it| it == told.management_mode)
        && filter.synced_since.is_none_or(|it| told.last_sync >= it)
        && filter.synced_before.is_none_or(|it| told.last_sync < it)
        && is(filter.is_revoked, device.revoked_at.is_some())
}

fn status(device: &Snapshot) -> StatusKind {
    if device.revoked_at.is_some() {
        return StatusKind::Revoked;
    }
    let latest = device.latest.as_ref();
    latest.map_or(StatusKind::None, |it| StatusKind::from(&it.status))
}

fn is_overridden(device: &Snapshot) -> bool {
    device.device.policy_override.is_some() && device.revoked_at.is_none()
}

/// All pages, read one by one.
async fn list(
    store: &Arc<dyn Store>,
    scope: &DeviceScope,
    filter: &DeviceFilter,
    page: u32,
) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    loop {
        let after = ids.last().map(String::as_str);
        let devices = store.devices(scope, filter, after, page).await.unwrap();
        let is_last = devices.len() < page as usize;
        ids.extend(devices.into_iter().map(|it| it.device.id));
        if is_last {
            return ids;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_list_and_its_numbers_have_the_devices_that_fit_and_no_others(
        fleet in vec(made(), 0..12),
        asked in vec((scope(), filter(), 1..4_u32), 60),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (store, _folder) = empty().await;
            let mut devices = Vec::new();
            for (number, made) in fleet.iter().enumerate() {
                let id = add(&store, number, made).await;
                devices.push(store.snapshot(&id).await.unwrap().unwrap());
            }
            for (scope, filter, page) in asked {
                let (mut ids, mut summary) = (Vec::new(), FleetSummary::default());
                for device in devices.iter().filter(|it| fits(&filter, &scope, it)) {
                    ids.push(device.device.id.clone());
                    assert_eq!(device.status(), status(device));
                    summary.add(status(device), is_overridden(device), 1);
                }
                assert_eq!(list(&store, &scope, &filter, page).await, ids, "{scope} {filter:?}");
                let counted = store.summary(&scope, &filter).await.unwrap();
                assert_eq!(counted, summary, "{scope} {filter:?}");
            }
        });
    }
}

fn plain(groups: &[&'static str]) -> Made {
    Made {
        name: "phone",
        groups: groups.to_vec(),
        mode: ManagementMode::DeviceOwner,
        synced: 1,
        commands: Vec::new(),
        is_overridden: false,
        is_revoked: false,
    }
}

#[tokio::test]
async fn devices_come_page_by_page_in_the_order_of_their_ids() {
    let (store, _folder) = empty().await;
    for number in (0..5).rev() {
        add(&store, number, &plain(&["all"])).await;
    }
    let all = DeviceFilter::default();
    let page = |after: Option<&'static str>, most| {
        let (store, all) = (Arc::clone(&store), all.clone());
        async move {
            let devices = store.devices(&DeviceScope::ALL, &all, after, most).await;
            let ids = devices.unwrap().into_iter().map(|it| it.device.id);
            ids.collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None, 2).await, ["device-0000", "device-0001"]);
    assert_eq!(page(Some("device-0003"), 9).await, ["device-0004"]);
    assert_eq!(page(Some("device-0004"), 9).await, [""; 0]);
}

#[tokio::test]
async fn the_outcome_of_an_earlier_command_is_not_the_status_of_the_device() {
    let (store, _folder) = empty().await;
    let id = add(&store, 0, &plain(&[])).await;
    let is = |status| DeviceFilter {
        status: Some(status),
        ..DeviceFilter::default()
    };
    let is_failed = async || {
        let failed = list(&store, &DeviceScope::ALL, &is(StatusKind::Failed), 9).await;
        assert_eq!(failed, std::slice::from_ref(&id));
    };
    // The command with the greater id is the later one, even if the clocks of the hosts differ.
    commit(&store, &id, send("2 the second")).await;
    let pending = list(&store, &DeviceScope::ALL, &is(StatusKind::Pending), 9).await;
    assert_eq!(pending, std::slice::from_ref(&id));
    let late = Outcome::Failed(DeviceFailure::UserLocked.into());
    commit(&store, &id, complete("2 the second", late)).await;
    is_failed().await;
    commit(&store, &id, send("1 the first")).await;
    is_failed().await;
    commit(&store, &id, complete("1 the first", Outcome::Success)).await;
    is_failed().await;
    let all = DeviceFilter::default();
    let summary = store.summary(&DeviceScope::ALL, &all).await.unwrap();
    assert_eq!((summary.devices, summary.failed), (1, 1));
}

#[tokio::test]
async fn a_group_says_how_many_devices_are_in_it_to_whom_it_concerns() {
    let (store, _folder) = empty().await;
    for (number, groups) in [&["it", "it"][..], &["it", "sales"], &[]]
        .iter()
        .enumerate()
    {
        add(&store, number, &plain(groups)).await;
    }
    let group = |name: &str, devices| Group {
        name: name.into(),
        devices,
    };
    let all = store.groups(&DeviceScope::ALL).await.unwrap();
    assert_eq!(all, [group("it", 2), group("sales", 1)]);
    let ours = store.groups(&to(&["sales", "board"])).await.unwrap();
    assert_eq!(ours, [group("sales", 1)]);
    assert!(store.groups(&to(&[])).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_is_limited_to_a_group_gets_no_device_of_another_by_any_filter() {
    let fleet = TestHost::new().await;
    let mine = fleet.enroll_in(owner(), &["sales"]).await;
    let both = fleet.enroll_in(owner(), &["it", "sales"]).await;
    let theirs = fleet.enroll_in(owner(), &["it"]).await;
    fleet.reset(&theirs, "7394").await.unwrap();
    let by = Caller {
        scope: to(&["sales"]),
        ..admin()
    };
    let filters = [
        DeviceFilter::default(),
        DeviceFilter {
            group: Some("it".into()),
            ..DeviceFilter::default()
        },
        DeviceFilter {
            search: Some(theirs.device.clone()),
            ..DeviceFilter::default()
        },
        DeviceFilter {
            status: Some(StatusKind::Pending),
            ..DeviceFilter::default()
        },
    ];
    let expected = [
        vec![&mine.device, &both.device],
        vec![&both.device],
        vec![],
        vec![],
    ];
    for (filter, expected) in filters.iter().zip(expected) {
        let page = fleet
            .server
            .devices
            .list(&by, filter, None, 10)
            .await
            .unwrap();
        let found: BTreeSet<_> = page.devices.iter().map(|(it, _)| &it.device.id).collect();
        assert_eq!(found, expected.iter().copied().collect(), "{filter:?}");
        let summary = fleet.server.devices.summary(&by, filter).await.unwrap();
        assert_eq!(summary.devices, expected.len() as u64, "{filter:?}");
    }
    let groups = fleet.server.devices.groups(&by).await.unwrap();
    assert_eq!(groups.len(), 1, "{groups:?}");
}

#[tokio::test]
async fn a_page_names_the_next_one_only_if_there_is_one() {
    let fleet = TestHost::new().await;
    for _ in 0..4 {
        fleet.enroll(owner()).await;
    }
    let all = DeviceFilter::default();
    let page = async |after: Option<String>, most| {
        let after = after.as_deref();
        let by = admin();
        let page = fleet.server.devices.list(&by, &all, after, most).await;
        page.unwrap()
    };
    let first = page(None, 2).await;
    assert_eq!(first.devices.len(), 2);
    let second = page(first.next, 2).await;
    assert_eq!((second.devices.len(), second.next), (2, None));
}
