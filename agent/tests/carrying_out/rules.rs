//! Commands that are not carried out, and commands that are not repeated.

use crate::phone::{Phone, token_key};
use mdm_agent::{device::Device, keys::DeviceKeys, state::Agent, token};
use mdm_agent_protocol::sealing::PrivateKey;
use mdm_contract::{
    Action, DeviceFailure, DeviceOutcome, ManagementMode, ResetOptions, TokenState,
};

#[test]
fn a_command_whose_time_is_over_is_not_carried_out() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let mut command = phone.command("late", Action::Reset, "1234");
    command.expires_at = Some(1);
    phone.receives(command);
    phone.runs(None);
    assert!(
        phone.agent().unreported.is_empty(),
        "only the host can say that it expired"
    );
    assert_eq!(
        phone.agent().holding.len(),
        1,
        "until the host withdraws it"
    );
    assert_eq!(phone.device().agent_resets, 0);
}

#[test]
fn a_password_that_was_sealed_for_another_command_is_not_set() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let mut command = phone.command("one", Action::Reset, "1234");
    command.id = "another".into();
    phone.receives(command);
    let mut locking = phone.command("locking", Action::Reset, "1234");
    locking.options = ResetOptions::LOCK_NOW;
    phone.receives(locking);
    phone.receives(phone.command("bare", Action::Reset, ""));
    phone.receives(phone.command("laden", Action::Remove, "1234"));
    let mut relabelled = phone.command("relabelled", Action::Reset, "1234");
    relabelled.action = Action::Remove;
    phone.receives(relabelled);
    phone.runs(None);
    for report in phone.agent().unreported {
        assert_eq!(
            report.outcome,
            DeviceOutcome::Failed(DeviceFailure::PasswordUnreadable),
            "{report:?}"
        );
    }
    assert_eq!(phone.device().agent_resets, 0);
}

#[test]
fn the_reset_token_opens_only_with_the_key_that_the_host_sends_and_is_made_anew_if_it_does_not() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let before = phone.agent().token;
    let keys = phone.agent().keys;
    let everything_on_the_device = [keys.private_key().unwrap(), PrivateKey::generate().0];
    for key in everything_on_the_device {
        assert!(token::unwrap_token(&phone.agent(), &key).is_err());
    }
    let (other, _) = PrivateKey::generate();
    let options = ResetOptions::default();
    phone.receives(phone.sealed_with(other, "one", Action::Reset, "1234", options));
    phone.runs(None);
    assert_eq!(
        phone.agent().unreported[0].outcome,
        DeviceOutcome::Failed(DeviceFailure::TokenInvalid)
    );
    assert_eq!(phone.device().agent_resets, 0);
    assert_ne!(phone.agent().token, before, "it was made anew");
    phone.receives(phone.command("two", Action::Reset, "1234"));
    phone.runs(None);
    assert_eq!(phone.agent().unreported[1].outcome, DeviceOutcome::Success);
}

#[test]
fn a_command_that_was_sealed_to_earlier_keys_is_carried_out_for_as_long_as_they_are_kept() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    phone.receives(phone.command("one", Action::Reset, "1234"));
    let rotate = |agent: &mut Agent| {
        let before = std::mem::replace(&mut agent.keys, DeviceKeys::generate().unwrap());
        agent.earlier_keys.push(before);
    };
    phone.home.agent.change(rotate).unwrap();
    phone.home.agent.change(rotate).unwrap();
    phone.receives(phone.command("two", Action::Reset, "4321"));
    let forgotten = phone.command("three", Action::Reset, "1111");
    phone.home.agent.change(rotate).unwrap();
    phone.runs(None);
    phone
        .home
        .agent
        .change(|agent| agent.earlier_keys.clear())
        .unwrap();
    phone.receives(forgotten);
    phone.runs(None);
    let outcomes: Vec<DeviceOutcome> = phone
        .agent()
        .unreported
        .into_iter()
        .map(|report| report.outcome)
        .collect();
    let unreadable = DeviceOutcome::Failed(DeviceFailure::PasswordUnreadable);
    assert_eq!(
        outcomes,
        [DeviceOutcome::Success, DeviceOutcome::Success, unreadable]
    );
}

#[test]
fn a_token_that_works_or_will_is_not_set_again_at_every_start() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let before = phone.device();
    token::provision(&phone.home).unwrap();
    assert_eq!(phone.device(), before, "it is active");

    let mut with_password = Device::new(34, ManagementMode::DeviceOwner, [7; 32]);
    with_password.user_sets_password("8642").unwrap();
    let phone = Phone::new(with_password, true);
    let before = phone.device();
    token::provision(&phone.home).unwrap();
    assert_eq!(phone.device(), before, "it waits for the user");
    phone.home.device.change(Device::reboot).unwrap();
    phone
        .home
        .device
        .change(|device| device.unlock("8642"))
        .unwrap()
        .unwrap();
    token::provision(&phone.home).unwrap();
    assert_eq!(
        phone.device().is_reset_password_token_active(),
        Some(false),
        "a reboot lost it"
    );
}

#[test]
fn a_token_whose_copy_is_lost_is_told_as_invalid_and_is_provisioned_anew() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    for _ in 0..2 {
        phone
            .home
            .agent
            .change(mdm_agent::state::Agent::lose_token)
            .unwrap();
        assert_eq!(
            token::token_state(&phone.agent(), &phone.device()),
            TokenState::Invalid
        );
    }
    phone.receives(phone.command("one", Action::Reset, "1234"));
    phone.runs(None);
    assert_eq!(
        phone.agent().unreported[0].outcome,
        DeviceOutcome::Failed(DeviceFailure::TokenInvalid)
    );
    assert_eq!(
        token::token_state(&phone.agent(), &phone.device()),
        TokenState::Active
    );
    phone.receives(phone.command("two", Action::Reset, "1234"));
    phone.runs(None);
    assert_eq!(phone.agent().unreported[1].outcome, DeviceOutcome::Success);
}

#[test]
fn a_user_who_removes_the_password_confirms_the_token_so_that_a_reset_succeeds() {
    let mut device = Device::new(34, ManagementMode::DeviceOwner, [7; 32]);
    device.user_sets_password("8642").unwrap();
    let phone = Phone::new(device, true);
    phone
        .home
        .device
        .change(Device::user_removes_password)
        .unwrap()
        .unwrap();
    phone.receives(phone.command("one", Action::Reset, "1234"));
    phone.runs(None);
    assert_eq!(phone.agent().unreported[0].outcome, DeviceOutcome::Success);
}

#[test]
fn a_device_has_one_agent_at_a_time() {
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let first = phone.home.start_agent().unwrap();
    let second = phone.home.start_agent().unwrap_err();
    assert!(second.to_string().contains("already"), "{second}");
    drop(first);
    assert!(phone.home.start_agent().is_ok());
}

#[test]
fn state_is_readable_by_its_owner_only_and_holds_neither_password_nor_token_in_plaintext() {
    use std::os::unix::fs::PermissionsExt as _;
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    phone.receives(phone.command("one", Action::Reset, "zebra7QUARTZ"));
    phone.runs(None);
    assert!(phone.device().is_password_set());
    let token = token::unwrap_token(&phone.agent(), &token_key()).unwrap();
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    let token = BASE64.encode(&*token);
    for file in std::fs::read_dir(phone.folder()).unwrap() {
        let file = file.unwrap().path();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        let text = std::fs::read_to_string(&file).unwrap();
        for secret in ["zebra7QUARTZ", &token] {
            assert!(!text.contains(secret), "{}", file.display());
        }
    }
}

#[test]
fn a_command_has_expired_at_its_end_and_not_before_whatever_the_devices_clock_says() {
    const TEN_YEARS: i64 = 10 * 365 * 24 * 3600;
    let phone = Phone::new(Device::new(34, ManagementMode::DeviceOwner, [7; 32]), true);
    let mut agent = phone.agent();
    let mut command = phone.command("one", Action::Reset, "1234");
    let end = 1_800_000_000_000;
    assert!(!command.has_expired(end), "it has no end");
    command.expires_at = Some(end);
    for ahead in [-TEN_YEARS, 0, TEN_YEARS] {
        agent.host_clock_ahead = ahead;
        let own = end.saturating_add_signed(-ahead * 1000);
        assert!(
            !command.has_expired(agent.host_time(own - 1)),
            "{ahead} s ahead"
        );
        assert!(command.has_expired(agent.host_time(own)), "{ahead} s ahead");
    }
}
