//! The power is cut at every step, by itself: one application, the right report, and the policy.

use crate::phone::{Phone, policy};
use mdm_agent::{
    apply,
    device::Device,
    error::AgentError,
    state::{Home, Step},
};
use mdm_contract::{Action, DeviceFailure, DeviceOutcome, ManagementMode, ResetOptions};

const STEPS: [Step; 5] = [
    Step::Journal,
    Step::Lift,
    Step::Set,
    Step::Restore,
    Step::Finish,
];

fn phone_with_policy() -> Phone {
    let mut device = Device::new(34, ManagementMode::DeviceOwner, [7; 32]);
    device.policy = Some(policy());
    Phone::new(device, true)
}

/// Carries out until the power is cut at this step. Then the device boots, and nothing else happens yet.
fn cut(phone: &Phone, step: Step) {
    let ended = apply::carry_out_all(&phone.home, Some(step));
    assert!(
        matches!(ended, Err(AgentError::PowerCut(at)) if at == step),
        "{step:?}: {ended:?}"
    );
    phone.home.device.change(Device::reboot).unwrap();
}

/// The agent starts again, from what lies in the folder and nothing else.
fn start_again(phone: &Phone) {
    let home = Home::at(&phone.folder());
    apply::recover(&home).unwrap();
    assert!(home.agent.read().unwrap().journal.is_none());
    apply::carry_out_all(&home, None).unwrap();
}

fn outcomes(phone: &Phone) -> Vec<DeviceOutcome> {
    let reports = phone.agent().unreported;
    reports.into_iter().map(|report| report.outcome).collect()
}

#[test]
fn a_reset_that_is_cut_at_any_step_is_applied_once_and_leaves_the_policy_lifted_and_saved() {
    for step in STEPS {
        let phone = phone_with_policy();
        phone.receives(phone.command("one", Action::Reset, "1234"));
        cut(&phone, step);
        start_again(&phone);
        let (agent, mut device) = (phone.agent(), phone.device());
        assert_eq!(outcomes(&phone), [DeviceOutcome::Success], "{step:?}");
        assert_eq!(device.agent_resets, 1, "{step:?}");
        assert_eq!(
            (&device.policy, agent.lifted_policy),
            (&None, Some(policy())),
            "{step:?}"
        );
        assert!(agent.holding.is_empty(), "{step:?}");
        device.unlock("1234").unwrap();
    }
}

#[test]
fn a_remove_that_is_cut_at_any_step_is_applied_once_and_enforces_the_policy_again() {
    for step in STEPS {
        let phone = phone_with_policy();
        phone.receives(phone.command("one", Action::Reset, "1234"));
        phone.runs(None);
        phone.receives(phone.command("two", Action::Remove, ""));
        cut(&phone, step);
        start_again(&phone);
        let (agent, device) = (phone.agent(), phone.device());
        assert_eq!(
            outcomes(&phone),
            [DeviceOutcome::Success, DeviceOutcome::Success]
        );
        assert_eq!(device.agent_resets, 2, "{step:?}");
        assert!(!device.is_password_set(), "{step:?}");
        assert!(device.is_user_prompted(), "{step:?}");
        assert_eq!(
            (device.policy, agent.lifted_policy),
            (Some(policy()), None),
            "{step:?}"
        );
    }
}

#[test]
fn a_reset_that_android_refuses_against_all_foresight_puts_the_policy_back_also_when_cut() {
    for step in [Step::Journal, Step::Lift, Step::Restore] {
        let phone = phone_with_policy();
        // The device says that its token is active, and it is not the agent's.
        phone
            .home
            .device
            .change(|device| device.set_reset_password_token(&[9; 32]))
            .unwrap();
        phone.receives(phone.command("one", Action::Reset, "1234"));
        cut(&phone, step);
        start_again(&phone);
        let device = phone.device();
        assert_eq!(
            outcomes(&phone),
            [DeviceOutcome::Failed(DeviceFailure::TokenInvalid)],
            "{step:?}"
        );
        assert_eq!(device.agent_resets, 0, "{step:?}");
        assert_eq!(device.policy, Some(policy()), "{step:?}");
        assert_eq!(phone.agent().lifted_policy, None, "{step:?}");
        phone.receives(phone.command("two", Action::Reset, "1234"));
        phone.runs(None);
        assert_eq!(outcomes(&phone)[1], DeviceOutcome::Success, "{step:?}");
    }
}

#[test]
fn a_second_reset_keeps_the_policy_that_the_first_one_lifted() {
    for step in STEPS {
        let phone = phone_with_policy();
        phone.receives(phone.command("one", Action::Reset, "1234"));
        phone.runs(None);
        phone.receives(phone.command("two", Action::Reset, "9753"));
        cut(&phone, step);
        start_again(&phone);
        assert_eq!(phone.device().agent_resets, 2, "{step:?}");
        assert_eq!(phone.agent().lifted_policy, Some(policy()), "{step:?}");
        phone.receives(phone.command("three", Action::Remove, ""));
        phone.runs(None);
        assert_eq!(phone.device().policy, Some(policy()), "{step:?}");
    }
}

#[test]
fn the_options_of_a_reset_take_effect_also_when_it_is_cut() {
    let options = ResetOptions::every();
    for step in STEPS {
        let phone = phone_with_policy();
        phone.receives(phone.command_with("one", Action::Reset, "1234", options));
        cut(&phone, step);
        start_again(&phone);
        let device = phone.device();
        assert!(device.locked && device.entry_required, "{step:?}");
        assert!(!device.credentials_on_boot, "{step:?}");
    }
}

#[test]
fn a_command_whose_time_runs_out_while_the_power_is_off_is_not_carried_out_and_the_policy_is_back()
{
    for step in [Step::Journal, Step::Lift] {
        let phone = phone_with_policy();
        phone.receives(phone.command("one", Action::Remove, ""));
        cut(&phone, step);
        phone
            .home
            .agent
            .change(|agent| agent.holding[0].expires_at = Some(1))
            .unwrap();
        start_again(&phone);
        assert!(
            outcomes(&phone).is_empty(),
            "only the host can say that it expired"
        );
        assert_eq!(
            phone.agent().holding.len(),
            1,
            "until the host withdraws it"
        );
        assert_eq!(phone.device().policy, Some(policy()));
        assert_eq!(phone.device().agent_resets, 0);
    }
}

#[test]
fn a_command_that_has_to_wait_is_held_over_restarts_and_carried_out_after_the_unlock() {
    let mut device = Device::new(34, ManagementMode::DeviceOwner, [7; 32]);
    device.policy = Some(policy());
    let phone = Phone::new(device, false);
    phone
        .home
        .device
        .change(|device| device.user_sets_password("secret8"))
        .unwrap()
        .unwrap();
    phone.home.device.change(Device::reboot).unwrap();
    phone.receives(phone.command("one", Action::Reset, "1234"));
    let before = phone.device();
    start_again(&phone);
    start_again(&phone);
    assert_eq!(phone.device(), before, "it is left alone");
    assert_eq!(phone.agent().holding.len(), 1);
    phone
        .home
        .device
        .change(|device| device.unlock("secret8"))
        .unwrap()
        .unwrap();
    start_again(&phone);
    assert_eq!(outcomes(&phone), [DeviceOutcome::Success]);
}
