//! The steps of a random sequence: their generation, their text for people, and their calls.

use super::{
    call::Call,
    model::{OLD_AGENT, World},
    situation::{Situation, password},
};
use mdm_contract::{
    Action, DeviceFailure, DeviceOutcome, Policy, Quality, Request, Requirement, ResetOptions,
};
use proptest::prelude::*;
use std::fmt;

/// The next event of the device.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Reset {
        too_short: bool,
        options: ResetOptions,
        replaces: Replaces,
        valid_for: Option<u64>,
    },
    Remove {
        replaces: Replaces,
        valid_for: Option<u64>,
    },
    Preview {
        action: Action,
        options: ResetOptions,
        replaces: Replaces,
        valid_for: Option<u64>,
    },
    Status,
    PolicyOverride,
    /// A call about one of the commands so far, counted from the latest.
    Report(usize, DeviceOutcome),
    Cancel(usize),
    Expire(usize),
    /// No calls: the device, the connection or the time changes.
    SecondsPass(u64),
    PolicyIsApplied(bool),
    AgentIsOld(bool),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = |back: &usize| match back {
            0 => "the latest command".to_owned(),
            1 => "the command before the latest".to_owned(),
            _ => format!("the command {back} before the latest"),
        };
        match self {
            Self::Reset {
                too_short,
                options,
                replaces,
                valid_for,
            } => {
                f.write_str("a reset")?;
                if *too_short {
                    f.write_str(" to a password that is too short")?;
                }
                write!(
                    f,
                    "{}{}",
                    With(*options),
                    RequestText(*replaces, *valid_for)
                )
            }
            Self::Remove {
                replaces,
                valid_for,
            } => write!(f, "a remove{}", RequestText(*replaces, *valid_for)),
            Self::Preview {
                action,
                options,
                replaces,
                valid_for,
            } => {
                let (with, asked) = (With(*options), RequestText(*replaces, *valid_for));
                write!(f, "the preview of a {action}{with}{asked}")
            }
            Self::Status => f.write_str("the status"),
            Self::PolicyOverride => f.write_str("the policy override"),
            Self::Report(back, outcome) => write!(f, "the report of {}: {outcome}", which(back)),
            Self::Cancel(back) => write!(f, "a cancel of {}", which(back)),
            Self::Expire(back) => write!(f, "an expire of {}", which(back)),
            Self::SecondsPass(seconds) => write!(f, "{seconds} s pass"),
            Self::PolicyIsApplied(true) => f.write_str("a policy is applied"),
            Self::PolicyIsApplied(false) => f.write_str("the policy is cleared"),
            Self::AgentIsOld(true) => write!(f, "the agent is {OLD_AGENT}"),
            Self::AgentIsOld(false) => f.write_str("the agent is updated"),
        }
    }
}

/// The options of a reset, in words.
struct With(ResetOptions);

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.0.names() {
            write!(f, " with {name}")?;
        }
        Ok(())
    }
}

/// The command that a request replaces, and its validity, in words.
struct RequestText(Replaces, Option<u64>);

impl fmt::Display for RequestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Replaces::Nothing => {}
            Replaces::Pending => f.write_str(" that replaces the pending command")?,
            Replaces::Another => f.write_str(" that replaces an unknown command")?,
        }
        match self.1 {
            Some(seconds) => write!(f, " valid for {seconds} s"),
            None => Ok(()),
        }
    }
}

/// The command that a request claims to replace.
#[derive(Clone, Copy, Debug)]
pub(super) enum Replaces {
    Nothing,
    Pending,
    Another,
}

/// Generates any step; realistic steps are more frequent.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let replaces = || {
        prop_oneof![
            8 => Just(Replaces::Nothing),
            3 => Just(Replaces::Pending),
            1 => Just(Replaces::Another),
        ]
    };
    let valid_for = || {
        prop_oneof![
            8 => Just(None),
            4 => Just(Some(60)),
            1 => Just(Some(0)),
            1 => Just(Some(u64::MAX)),
        ]
    };
    let outcome = prop_oneof![
        3 => Just(DeviceOutcome::Success),
        1 => Just(DeviceOutcome::Failed(DeviceFailure::TokenInvalid)),
        1 => Just(DeviceOutcome::Failed(DeviceFailure::ExistingPassword)),
    ];
    let options = || {
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| {
            ResetOptions::LOCK_NOW.when(a)
                | ResetOptions::REQUIRE_ENTRY.when(b)
                | ResetOptions::NO_CREDENTIALS_ON_BOOT.when(c)
        })
    };
    let action = prop_oneof![Just(Action::Reset), Just(Action::Remove)];
    prop_oneof![
        5 => (prop::bool::weighted(0.1), options(), replaces(), valid_for()).prop_map(
            |(too_short, options, replaces, valid_for)| Step::Reset {
                too_short,
                options,
                replaces,
                valid_for,
            }
        ),
        3 => (replaces(), valid_for())
            .prop_map(|(replaces, valid_for)| Step::Remove { replaces, valid_for }),
        8 => (0..2usize, outcome).prop_map(|(which, outcome)| Step::Report(which, outcome)),
        2 => (0..3usize).prop_map(Step::Cancel),
        2 => (0..3usize).prop_map(Step::Expire),
        2 => (action, options(), replaces(), valid_for()).prop_map(
            |(action, options, replaces, valid_for)| Step::Preview {
                action,
                options,
                replaces,
                valid_for,
            }
        ),
        1 => Just(Step::Status),
        1 => Just(Step::PolicyOverride),
        2 => prop_oneof![Just(1), Just(61)].prop_map(Step::SecondsPass),
        1 => any::<bool>().prop_map(Step::PolicyIsApplied),
        1 => any::<bool>().prop_map(Step::AgentIsOld),
    ]
}

/// Prepares the situation of the step's call. Returns `None` if the step is no call, or its command does not exist.
pub(super) fn prepare(world: &mut World, start: &Situation, step: &Step) -> Option<Call> {
    let request = |world: &World, options, replaces: Replaces, valid_for| Request {
        options,
        replaces: match replaces {
            Replaces::Nothing => None,
            Replaces::Pending => world.pending().map(|command| command.id.clone()),
            Replaces::Another => Some("0198c1de-0000-7000-8000-00000000dead".to_owned()),
        },
        valid_for,
        ..world.base.clone()
    };
    let about = |world: &World, which: usize| {
        let count = world.commands.len();
        let index = count.checked_sub(1 + which)?;
        world.commands.get(index).cloned()
    };
    world.situation.command = None;
    world.situation.password = start.password.clone();
    world.is_too_short = false;
    let call = match step.clone() {
        Step::Reset {
            too_short,
            options,
            replaces,
            valid_for,
        } => {
            if too_short {
                let shorter = world.situation.deployment.password_rule.minimum_length - 1;
                world.situation.password = Some(password(&"7294186350417293"[..shorter as usize]));
                world.is_too_short = true;
            }
            let request = request(world, options, replaces, valid_for);
            Call::Reset { request }
        }
        Step::Remove {
            replaces,
            valid_for,
        } => Call::Remove {
            request: request(world, ResetOptions::default(), replaces, valid_for),
        },
        Step::Preview {
            action,
            options,
            replaces,
            valid_for,
        } => Call::Preview {
            action,
            request: request(world, options, replaces, valid_for),
        },
        Step::Status => Call::Status,
        Step::PolicyOverride => Call::PolicyOverride,
        Step::Report(which, outcome) => {
            world.situation.command = Some(about(world, which)?);
            Call::Report { outcome }
        }
        Step::Cancel(which) => {
            world.situation.command = Some(about(world, which)?);
            Call::Cancel
        }
        Step::Expire(which) => {
            world.situation.command = Some(about(world, which)?);
            Call::Expire
        }
        Step::SecondsPass(seconds) => {
            world.situation.now += seconds * 1000;
            return None;
        }
        Step::PolicyIsApplied(is_applied) => {
            world.situation.device.policy = is_applied.then_some(Policy {
                requirement: Requirement::Quality(Quality::NumericComplex),
                minimum_length: 6,
            });
            return None;
        }
        Step::AgentIsOld(is_old) => {
            let version = if is_old { OLD_AGENT } else { "2.5.3" };
            world.situation.device.agent_version = version.to_owned();
            return None;
        }
    };
    world.situation.pending = world.pending().cloned();
    world.situation.latest = world.commands.last().cloned();
    Some(call)
}
