//! Sign-in and permissions.

use crate::{
    database,
    test_host::{TestHost, admin, owner, password},
};
use mdm_server_core::{
    access::{Caller, DeviceScope, Permission, Role},
    actor::Actor,
    error::ServerError,
    identity::{Invitation, SignIn, SignInError},
    store::AuditFilter,
    token,
};
use totp_rs::Totp;
use zeroize::Zeroizing;

const PASSWORD: &str = "tulip-anvil-rainy-42";

fn groups(names: &[&str]) -> DeviceScope {
    DeviceScope(Some(names.iter().map(|it| (*it).to_owned()).collect()))
}

async fn accepted(fleet: &TestHost, invitation: &Invitation) -> Zeroizing<String> {
    let token = token::digest(&invitation.token);
    fleet
        .server
        .identity
        .accept_invitation(token, password(PASSWORD), None)
        .await
        .unwrap()
}

async fn sign_in(
    fleet: &TestHost,
    name: &str,
    password: &str,
    code: Option<&str>,
) -> Result<Zeroizing<String>, SignInError> {
    let sign_in = SignIn {
        name: name.into(),
        password: Zeroizing::new(password.into()),
        code: code.map(str::to_owned),
    };
    fleet.server.identity.sign_in(sign_in, None).await
}

/// The caller whose session this is.
async fn caller(fleet: &TestHost, session: &str) -> Option<Caller> {
    let user = fleet
        .server
        .identity
        .session(token::digest(session))
        .await
        .unwrap();
    user.map(|user| fleet.server.identity.caller(&user, None))
}

async fn user(fleet: &TestHost, name: &str, role: Role, scope: DeviceScope) -> Caller {
    let made = fleet
        .server
        .identity
        .add_user(&admin(), name, role, scope)
        .await;
    let session = accepted(fleet, &made.unwrap()).await;
    caller(fleet, &session).await.unwrap()
}

#[tokio::test]
async fn an_invitation_gives_a_password_once_and_lets_its_user_in() {
    let fleet = TestHost::new().await;
    let made = fleet.server.identity.first_admin().await.unwrap().unwrap();
    let weak = fleet
        .server
        .identity
        .accept_invitation(
            token::digest(&made.token),
            password("passwordpassword"),
            None,
        )
        .await;
    assert!(matches!(weak, Err(ServerError::BadPassword(_))));
    let session = accepted(&fleet, &made).await;
    let by = caller(&fleet, &session).await.unwrap();
    assert_eq!(by.actor, Actor::User("admin".into()));
    assert!(by.may(Permission::ManageUsers));
    let again = fleet
        .server
        .identity
        .accept_invitation(
            token::digest(&made.token),
            password("another-anvil-rainy-42"),
            None,
        )
        .await;
    assert!(matches!(again, Err(ServerError::BadInvitation)));
    assert!(
        fleet.server.identity.first_admin().await.unwrap().is_none(),
        "there is one who can sign in"
    );
}

#[tokio::test]
async fn the_first_admin_is_invited_for_an_hour_and_not_twice_within_it() {
    let fleet = TestHost::new().await;
    let made = fleet.server.identity.first_admin().await.unwrap().unwrap();
    let left = made.expires_at.saturating_sub(mdm_contract::time::now());
    assert!((3_500_000..=3_600_000).contains(&left), "{left} ms");
    assert!(fleet.server.identity.first_admin().await.unwrap().is_none());
    let session = accepted(&fleet, &made).await;
    assert!(caller(&fleet, &session).await.is_some());
}

#[tokio::test]
async fn who_has_the_password_gets_in_and_nobody_is_told_what_was_wrong() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    assert!(sign_in(&fleet, "alice", PASSWORD, None).await.is_ok());
    for (name, password) in [
        ("alice", "tulip-anvil-rainy-43"),
        ("bob", PASSWORD),
        ("", ""),
    ] {
        let refused = sign_in(&fleet, name, password, None).await;
        assert!(matches!(refused, Err(SignInError::Wrong)), "{name}");
    }
}

#[tokio::test]
async fn who_guesses_passwords_is_told_to_wait() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let mut refused = None;
    for _ in 0..30 {
        refused = sign_in(&fleet, "alice", "a guess", None).await.err();
        if matches!(refused, Some(SignInError::TooOften)) {
            break;
        }
    }
    assert!(matches!(refused, Some(SignInError::TooOften)));
    let right = sign_in(&fleet, "alice", PASSWORD, None).await;
    assert!(
        matches!(right, Err(SignInError::TooOften)),
        "the right one must not show, either"
    );
}

#[tokio::test]
async fn a_one_time_password_counts_once() {
    let fleet = TestHost::new().await;
    let by = user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let new = fleet.server.identity.new_totp("alice").unwrap();
    let totp = Totp::from_url(new.url.as_str()).unwrap();
    // The codes of three time steps of 30 s are valid at one time. The test needs all of them, so it begins in the
    // first half of a step.
    let now = loop {
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        if now % 30 < 15 {
            break now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    };
    let [before, current, next] = [now - 30, now, now + 30].map(|at| totp.generate(at).to_string());
    let set = |code: String, password: &str| {
        let (server, by, sealed) = (&fleet.server, &by, new.sealed.clone());
        let password = Zeroizing::new(password.to_owned());
        async move {
            server
                .identity
                .set_totp(by, "alice", sealed, &code, password)
                .await
        }
    };
    let wrong = set("000000".into(), PASSWORD).await.is_err()
        || set("000001".into(), PASSWORD).await.is_err();
    assert!(wrong, "a wrong code");
    let found_open = set(before.clone(), "a guess").await;
    assert!(matches!(found_open, Err(ServerError::NotProven)));
    set(before.clone(), PASSWORD).await.unwrap();
    let replaced = set(current.clone(), PASSWORD).await;
    assert!(
        matches!(replaced, Err(ServerError::NotProven)),
        "one is set"
    );
    let missing = sign_in(&fleet, "alice", PASSWORD, None).await;
    assert!(matches!(missing, Err(SignInError::CodeMissing)));
    let used = sign_in(&fleet, "alice", PASSWORD, Some(&before)).await;
    assert!(matches!(used, Err(SignInError::CodeWrong)));
    assert!(
        sign_in(&fleet, "alice", PASSWORD, Some(&current))
            .await
            .is_ok()
    );
    let used = sign_in(&fleet, "alice", PASSWORD, Some(&current)).await;
    assert!(matches!(used, Err(SignInError::CodeWrong)));
    assert!(
        sign_in(&fleet, "alice", PASSWORD, Some(&next))
            .await
            .is_ok()
    );
    let wrong_password = sign_in(&fleet, "alice", "wrong", Some(&next)).await;
    assert!(matches!(wrong_password, Err(SignInError::Wrong)));
    let used = fleet.server.identity.clear_totp(&by, "alice", &next).await;
    assert!(matches!(used, Err(ServerError::NotProven)));
    let cleared = fleet
        .server
        .identity
        .invite_again(&admin(), "alice")
        .await
        .unwrap();
    accepted(&fleet, &cleared).await;
    assert!(sign_in(&fleet, "alice", PASSWORD, None).await.is_ok());
}

#[tokio::test]
async fn a_session_ends_with_its_user_with_a_new_password_and_when_they_sign_out() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let session = sign_in(&fleet, "alice", PASSWORD, None).await.unwrap();
    fleet
        .server
        .identity
        .sign_out(token::digest(&session))
        .await
        .unwrap();
    assert!(caller(&fleet, &session).await.is_none());

    let session = sign_in(&fleet, "alice", PASSWORD, None).await.unwrap();
    let fleet = fleet.restarted().await;
    assert!(
        caller(&fleet, &session).await.is_some(),
        "it outlives the host"
    );
    let link = fleet
        .server
        .identity
        .invite_again(&admin(), "alice")
        .await
        .unwrap();
    assert!(
        caller(&fleet, &session).await.is_some(),
        "a link alone changes nothing"
    );
    let newer = accepted(&fleet, &link).await;
    assert!(caller(&fleet, &session).await.is_none());
    fleet
        .server
        .identity
        .remove_user(&admin(), "alice")
        .await
        .unwrap();
    assert!(caller(&fleet, &newer).await.is_none());
}

#[tokio::test]
async fn a_changed_role_counts_at_once() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Admin, DeviceScope::ALL).await;
    user(&fleet, "bob", Role::Admin, DeviceScope::ALL).await;
    let session = sign_in(&fleet, "alice", PASSWORD, None).await.unwrap();
    fleet
        .server
        .identity
        .change_user(&admin(), "alice", Role::Viewer, groups(&["sales"]))
        .await
        .unwrap();
    let by = caller(&fleet, &session).await.unwrap();
    assert!(!by.may(Permission::ChangePassword));
    assert_eq!(by.scope, groups(&["sales"]));
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Admin, DeviceScope::ALL).await;
    let invited = fleet
        .server
        .identity
        .add_user(&admin(), "bob", Role::Admin, DeviceScope::ALL)
        .await;
    invited.unwrap();
    for refused in [
        fleet.server.identity.remove_user(&admin(), "alice").await,
        fleet
            .server
            .identity
            .change_user(&admin(), "alice", Role::Helpdesk, DeviceScope::ALL)
            .await,
        fleet
            .server
            .identity
            .change_user(&admin(), "alice", Role::Admin, groups(&["it"]))
            .await,
    ] {
        assert!(
            matches!(refused, Err(ServerError::LastAdmin(_))),
            "bob can't sign in yet"
        );
    }
}

#[tokio::test]
async fn helpdesk_reaches_the_devices_of_its_groups_and_no_others() {
    let fleet = TestHost::new().await;
    let theirs = fleet.enroll_in(owner(), &["sales"]).await;
    let others = fleet.enroll_in(owner(), &["it"]).await;
    let by = user(&fleet, "alice", Role::Helpdesk, groups(&["sales"])).await;
    assert!(fleet.server.devices.get(&by, &theirs.device).await.is_ok());
    for refused in [
        fleet.server.devices.get(&by, &others.device).await.err(),
        fleet
            .server
            .commands
            .status(&by, &others.device)
            .await
            .err(),
        fleet
            .server
            .commands
            .history(&by, &others.device)
            .await
            .err(),
        fleet
            .server
            .audit_trail
            .of_device(&by, &others.device, 1)
            .await
            .err(),
        fleet
            .server
            .devices
            .set_policy(&by, &others.device, None)
            .await
            .err(),
        fleet
            .server
            .devices
            .revoke(&by, &others.device, None)
            .await
            .err(),
        fleet
            .server
            .commands
            .cancel(&by, &others.device, &"x".to_owned())
            .await
            .err(),
        fleet
            .server
            .devices
            .add_enrollment_token(&by, vec!["it".into()], 60)
            .await
            .err(),
        fleet
            .server
            .devices
            .add_enrollment_token(&by, Vec::new(), 60)
            .await
            .err(),
    ] {
        assert!(
            matches!(refused, Some(ServerError::Forbidden(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_token_may_do_what_it_was_made_for_until_it_ends() {
    let fleet = TestHost::new().await;
    let see = [Permission::See].into();
    let token = fleet
        .server
        .identity
        .add_token(&admin(), "reports", see, groups(&["sales"]), None)
        .await
        .unwrap();
    let by = fleet
        .server
        .identity
        .program(token::digest(&token), None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(by.actor, Actor::Token("reports".into()));
    assert!(by.may(Permission::See) && !by.may(Permission::ChangePassword));
    assert_eq!(by.scope, groups(&["sales"]));
    let taken = fleet
        .server
        .identity
        .add_token(
            &admin(),
            "reports",
            [Permission::See].into(),
            DeviceScope::ALL,
            None,
        )
        .await;
    assert!(matches!(taken, Err(ServerError::NameTaken(_))));
    fleet
        .server
        .identity
        .remove_token(&admin(), "reports")
        .await
        .unwrap();
    assert!(
        fleet
            .server
            .identity
            .program(token::digest(&token), None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_token_may_no_more_than_its_owner_at_that_moment_and_ends_with_them() {
    let fleet = TestHost::new().await;
    let alice = user(&fleet, "alice", Role::Admin, DeviceScope::ALL).await;
    user(&fleet, "bob", Role::Admin, DeviceScope::ALL).await;
    let server = &fleet.server;
    let made = server
        .identity
        .add_token(
            &alice,
            "ci",
            Permission::ALL.into(),
            groups(&["it", "sales"]),
            None,
        )
        .await;
    let token = token::digest(&made.unwrap());
    let program = async || server.identity.program(token, None).await.unwrap();
    let by = program().await.unwrap();
    assert_eq!(
        (by.principal(), by.user()),
        (&Actor::User("alice".into()), Some("alice"))
    );
    assert!(by.may(Permission::ManageUsers));

    let anyone = admin();
    let limited =
        server
            .identity
            .change_user(&anyone, "alice", Role::Helpdesk, groups(&["sales", "hr"]));
    limited.await.unwrap();
    let by = program().await.unwrap();
    assert_eq!(by.permissions, Role::Helpdesk.permissions());
    assert_eq!(by.scope, groups(&["sales"]), "of both");
    let as_made = &server.identity.tokens(&admin()).await.unwrap()[0];
    assert_eq!(as_made.permissions, Permission::ALL.into());

    let handed = server.identity.hand_over_token(&by, "ci", "bob").await;
    assert!(matches!(handed, Err(ServerError::Forbidden(_))));
    let unknown = server
        .identity
        .hand_over_token(&admin(), "ci", "nobody")
        .await;
    assert!(matches!(unknown, Err(ServerError::UnknownUser(_))));
    let unknown = server
        .identity
        .hand_over_token(&admin(), "none", "bob")
        .await;
    assert!(matches!(unknown, Err(ServerError::UnknownToken(_))));
    server
        .identity
        .hand_over_token(&admin(), "ci", "bob")
        .await
        .unwrap();
    server
        .identity
        .remove_user(&admin(), "alice")
        .await
        .unwrap();
    let by = program().await.unwrap();
    assert_eq!(
        (by.user(), &by.scope),
        (Some("bob"), &groups(&["it", "sales"]))
    );
    user(&fleet, "carol", Role::Admin, DeviceScope::ALL).await;
    server.identity.remove_user(&admin(), "bob").await.unwrap();
    assert!(program().await.is_none());
    // A user who is removed while making a token leaves no token.
    let late = server.identity.add_token(
        &alice,
        "late",
        Permission::ALL.into(),
        DeviceScope::ALL,
        None,
    );
    assert!(matches!(late.await, Err(ServerError::UnknownUser(_))));

    let all = mdm_server_core::store::AuditFilter::default();
    let lines = server
        .audit_trail
        .list(&admin(), &all, None, 100)
        .await
        .unwrap();
    let told = lines.iter().rev().filter_map(|line| {
        let is_it = line.entry.action.ends_with("-token");
        is_it.then(|| {
            format!(
                "{} {}",
                line.entry.action,
                line.entry.detail.as_ref().unwrap()
            )
        })
    });
    let told: Vec<_> = told.skip(1).collect();
    assert_eq!(
        told,
        [
            "hand-over-token ci: from alice to bob",
            "remove-token ci: its owner bob was removed"
        ]
    );
}

#[tokio::test]
async fn failed_logins_are_counted_in_the_audit_trail_and_what_nobody_is_called_is_not_in_it() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    for _ in 0..13 {
        for name in ["alice", "my-password", "Not a Name"] {
            sign_in(&fleet, name, "a guess", None).await.unwrap_err();
        }
    }
    let server = std::sync::Arc::clone(&fleet.server);
    let telling =
        tokio::spawn(async move { server.tasks.failed_logins.run(server.closing()).await });
    let refused = async || {
        let filter = mdm_server_core::store::AuditFilter {
            actions: vec!["sign-in-refused".into()],
            ..Default::default()
        };
        let lines = fleet
            .server
            .audit_trail
            .list(&admin(), &filter, None, 100)
            .await;
        let lines = lines.unwrap().into_iter();
        lines
            .map(|line| line.entry.detail.unwrap())
            .collect::<Vec<_>>()
    };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while refused().await.len() < 2 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{:?}",
            refused().await
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut lines = refused().await;
    lines.sort();
    let told = [
        "a name that no user has: 26 failed tries",
        "user alice: 13 failed tries",
    ];
    assert_eq!(lines, told);
    // Uses counted since then are written when the host stops.
    sign_in(&fleet, "alice", "a guess", None).await.unwrap_err();
    fleet.server.close();
    telling.await.unwrap();
    fleet.server.tasks.failed_logins.write_last().await;
    let last = refused().await.into_iter();
    let last: Vec<_> = last
        .filter(|line| line.contains(", after the first of "))
        .collect();
    assert!(
        last.len() == 1 && last[0].starts_with("user alice: 1 failed try,"),
        "{last:?}"
    );
}

#[tokio::test]
async fn guesses_in_a_session_are_limited_and_told_in_the_audit_trail() {
    let fleet = TestHost::new().await;
    let by = user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let server = &fleet.server;
    let new = server.identity.new_totp("alice").unwrap();
    let guess = async || {
        let password = Zeroizing::new("a guess".to_owned());
        server
            .identity
            .set_totp(&by, "alice", new.sealed.clone(), "123456", password)
            .await
    };
    for _ in 0..10 {
        assert!(matches!(guess().await, Err(ServerError::NotProven)));
    }
    for _ in 0..5 {
        assert!(matches!(guess().await, Err(ServerError::TooManyGuesses)));
    }
    assert!(sign_in(&fleet, "alice", PASSWORD, None).await.is_ok());
    server.close();
    server.tasks.failed_logins.write_last().await;
    let all = mdm_server_core::store::AuditFilter::default();
    let lines = server
        .audit_trail
        .list(&admin(), &all, None, 1)
        .await
        .unwrap();
    let entry = &lines[0].entry;
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("user alice", "confirmation-refused")
    );
    assert_eq!(entry.detail.as_deref(), Some("user alice: 15 failed tries"));
}

#[tokio::test]
async fn nobody_makes_a_user_or_a_token_that_may_more_than_they() {
    let fleet = TestHost::new().await;
    let by = Caller {
        permissions: [Permission::See, Permission::ManageUsers].into(),
        scope: groups(&["sales"]),
        ..admin()
    };
    user(&fleet, "alice", Role::Admin, DeviceScope::ALL).await;
    let reset = [Permission::ChangePassword].into();
    let see = [Permission::See].into();
    fleet
        .server
        .identity
        .add_token(&admin(), "other", see, DeviceScope::ALL, None)
        .await
        .unwrap();
    assert!(fleet.server.identity.tokens(&by).await.unwrap().is_empty());
    assert!(fleet.server.identity.users(&by).await.unwrap().is_empty());
    for refused in [
        fleet
            .server
            .identity
            .add_user(&by, "bob", Role::Viewer, DeviceScope::ALL)
            .await
            .err(),
        fleet
            .server
            .identity
            .add_user(&by, "bob", Role::Helpdesk, groups(&["sales"]))
            .await
            .err(),
        fleet.server.identity.invite_again(&by, "alice").await.err(),
        fleet.server.identity.remove_user(&by, "alice").await.err(),
        fleet.server.identity.remove_token(&by, "other").await.err(),
        fleet
            .server
            .identity
            .add_token(&by, "t", reset, groups(&["sales"]), None)
            .await
            .err(),
    ] {
        assert!(
            matches!(refused, Some(ServerError::Forbidden(_))),
            "{refused:?}"
        );
    }
    let allowed = fleet
        .server
        .identity
        .add_user(&by, "bob", Role::Viewer, groups(&["sales"]))
        .await;
    assert!(allowed.is_ok());
}

#[tokio::test]
async fn whoever_changes_who_may_call_has_a_line_in_the_audit_trail() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let see = [Permission::See].into();
    let token = fleet
        .server
        .identity
        .add_token(&admin(), "reports", see, DeviceScope::ALL, None)
        .await
        .unwrap();
    let lines = fleet
        .server
        .audit_trail
        .list(
            &admin(),
            &mdm_server_core::store::AuditFilter::default(),
            None,
            10,
        )
        .await
        .unwrap();
    let told: Vec<String> = lines
        .iter()
        .rev()
        .map(|line| format!("{} {}", line.entry.actor, line.entry.action))
        .collect();
    assert_eq!(
        told,
        [
            "token admin add-user",
            "token admin invite-user",
            "user alice choose-password",
            "user alice sign-in",
            "token admin add-token",
        ]
    );
    let text = format!("{lines:?}");
    assert!(!text.contains(token.as_str()) && !text.contains(PASSWORD));
}

#[tokio::test]
async fn who_is_responsible_for_a_group_does_not_choose_the_plugin_of_all_devices() {
    let fleet = TestHost::new().await;
    let by = Caller {
        scope: groups(&["sales"]),
        ..admin()
    };
    let file = || mdm_server_core::store::PluginFile {
        bytes: Vec::new(),
        signature: None,
    };
    for refused in [
        fleet
            .server
            .plugins
            .use_plugin(&by, file(), None)
            .await
            .err(),
        fleet.server.plugins.use_default(&by).await.err(),
        fleet.server.plugins.roll_back(&by).await.err(),
        fleet
            .server
            .plugins
            .start_shadow(&by, file(), None)
            .await
            .err(),
        fleet.server.plugins.stop_shadow(&by).err(),
    ] {
        assert!(
            matches!(refused, Some(ServerError::Forbidden(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn of_two_admins_who_remove_each_other_at_once_one_stays() {
    let fleet = TestHost::new().await;
    let alice = user(&fleet, "alice", Role::Admin, DeviceScope::ALL).await;
    let bob = user(&fleet, "bob", Role::Admin, DeviceScope::ALL).await;
    let (one, two) = tokio::join!(
        fleet.server.identity.remove_user(&alice, "bob"),
        fleet.server.identity.remove_user(&bob, "alice"),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(
        fleet.server.identity.users(&admin()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_login_that_fails_while_the_host_stops_is_in_the_audit_trail() {
    let fleet = TestHost::new().await;
    user(&fleet, "alice", Role::Helpdesk, DeviceScope::ALL).await;
    let lines = async || {
        let store = database::open(fleet.folder()).await;
        let lines = store.audit(&AuditFilter::default(), None, 100).await;
        let lines = lines.unwrap().into_iter().map(|it| it.entry);
        lines
            .filter(|it| it.action == "sign-in-refused")
            .map(|it| it.detail.unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let wrong = async || sign_in(&fleet, "alice", "a guess", None).await.is_err();
    let server = std::sync::Arc::clone(&fleet.server);
    let task = tokio::spawn(async move { server.tasks.failed_logins.run(server.closing()).await });
    assert!(wrong().await);
    while lines().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // A call that is being served when the background tasks end.
    fleet.server.close();
    task.await.unwrap();
    assert!(wrong().await && wrong().await);
    fleet.server.close_store().await;
    let told = lines().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("user alice: 2 failed tries"),
        "{told:?}"
    );
}
