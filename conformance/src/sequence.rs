//! Random sequences of calls on one device, which keeps the effects of earlier calls. Each call is compared with the
//! model. A failing sequence is shrunk to a short one.

use super::{
    call::{Answer, Call, SENT},
    judge::{self, Breach, matches, refusal},
    model::{Facts, World, name},
    own_rule,
    situation::Situation,
    step::{Step, prepare, step},
    thoroughness::Thoroughness,
};
use mdm_contract::{Action, Command, DeviceFailure, Failure, Outcome, Request, Status};
use mdm_password_host::Plugin;
use proptest::{
    collection,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use serde_json::{Value, json};
use std::cell::RefCell;

/// Maximum number of steps in a sequence.
const MAX_STEPS: usize = 24;

/// A sequence whose last step breaks the rules.
#[derive(Clone, Debug)]
pub(super) struct Mismatch {
    /// The number of the rule.
    pub(super) rule: u8,
    /// The steps. The last one failed.
    pub(super) steps: Vec<String>,
    /// The prediction for the last step.
    pub(super) expected: Value,
    /// The answer of the plugin.
    pub(super) got: Value,
}

/// Time limit of shrinking, in milliseconds: with calls that time out, it would take hours.
const SHRINKING_TIMEOUT: u32 = 20_000;

/// Runs sequences from a situation whose password the plugin accepts.
pub(super) fn find_mismatch(
    plugin: &Plugin,
    (start, base): (&Situation, &Request),
    thoroughness: &Thoroughness,
) -> Option<Mismatch> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&thoroughness.seed.to_le_bytes());
    let config = Config {
        cases: thoroughness.sequences,
        // The default stops shrinking early, and prints a line.
        max_shrink_iters: if thoroughness.shrink { 10_000 } else { 0 },
        max_shrink_time: SHRINKING_TIMEOUT,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let latest: RefCell<Option<Mismatch>> = RefCell::new(None);
    let run = |steps: Vec<Step>| match run(plugin, (start, base), &steps) {
        None => Ok(()),
        Some(mismatch) => {
            latest.replace(Some(mismatch));
            Err(TestCaseError::fail("mismatch"))
        }
    };
    match runner.run(&collection::vec(step(), 1..=MAX_STEPS), run) {
        Err(TestError::Fail(_, steps)) => {
            self::run(plugin, (start, base), &steps).or(latest.into_inner())
        }
        _ => None,
    }
}

fn run(plugin: &Plugin, (start, base): (&Situation, &Request), steps: &[Step]) -> Option<Mismatch> {
    let mut world = World {
        situation: start.clone(),
        base: base.clone(),
        commands: Vec::new(),
        is_too_short: false,
    };
    let mut told = Vec::new();
    for step in steps {
        told.push(step.to_string());
        let Some(call) = prepare(&mut world, start, step) else {
            continue;
        };
        match make(plugin, &world, &call) {
            Ok(after) => world = after,
            Err(mismatch) => {
                let mismatch = *mismatch;
                return Some(Mismatch {
                    steps: told,
                    ..mismatch
                });
            }
        }
    }
    None
}

/// Makes a call, and returns the device's state after it. Errors with the difference from the model.
fn make(plugin: &Plugin, world: &World, call: &Call) -> Result<World, Box<Mismatch>> {
    let predicted = world.predict(call);
    let may_return = predicted.returns();
    let must_return = may_return.first().cloned().unwrap_or_default();
    let mismatch = |rule: u8, expected: Value, got: Value| {
        Box::new(Mismatch {
            rule,
            steps: Vec::new(),
            expected,
            got,
        })
    };
    let answer = call.run(plugin, &world.situation).map_err(|error| {
        let of_call = rule_of_call(world, call);
        match judge::broken_invariant(&error) {
            Some(breach) => mismatch(breach.rule.unwrap_or(of_call), breach.expected, breach.got),
            None => mismatch(
                of_call,
                json!({ "returns": must_return }),
                json!(error.to_string()),
            ),
        }
    })?;
    let breach = |it: Breach| mismatch(it.rule.unwrap_or(12), it.expected, it.got);
    if own_rule::is_applied(plugin, &world.situation, call, &answer, false).map_err(breach)? {
        return Ok(world.clone());
    }
    let is_refused = refusal(&must_return).is_some();
    let after = applied(world, &answer);
    let returned = after.with_names(&as_sent(&answer, &after));
    if !may_return.iter().any(|it| matches(it, &returned)) {
        let rule = if is_refused {
            rule_of_refusal(&must_return)
        } else if refusal(&returned).is_some() {
            rule_of_refusal(&returned)
        } else {
            rule_of_call(world, call)
        };
        let (expected, got) = (
            json!({"returns": must_return}),
            json!({"returns": returned}),
        );
        return Err(mismatch(rule, expected, got));
    }
    // `None` if one of the accepted states fits.
    let differences: Option<Vec<(Facts, Facts)>> = predicted
        .may_be
        .iter()
        .map(|may_be| difference(may_be, &after, world.commands.len(), call))
        .collect();
    let Some((expected, got)) = differences.and_then(|all| all.into_iter().next()) else {
        return Ok(after);
    };
    let old = |facts: &Facts| facts.keys().any(|of| world.facts().contains_key(of));
    let rule = match call {
        Call::Report { .. } if expected.contains_key("override") => rule_of_override(world),
        Call::Reset { .. } | Call::Remove { .. } if old(&expected) => 11,
        Call::Reset { .. } | Call::Remove { .. } => 10,
        _ => rule_of_call(world, call),
    };
    Err(mismatch(
        rule,
        json!({"device afterwards": expected}),
        json!({"device afterwards": got}),
    ))
}

/// The returned value, with the new command's id of the world after the call.
fn as_sent(answer: &Answer, after: &World) -> Value {
    let id = after.commands.last().map_or("", |command| &command.id);
    let text = answer.returned.to_string().replace(SENT, id);
    serde_json::from_str(&text).unwrap_or_default()
}

/// The expected facts that a device does not have after a call, and those that it has instead.
fn difference(may_be: &World, is: &World, before: usize, call: &Call) -> Option<(Facts, Facts)> {
    let (mut expected, mut got) = (may_be.facts(), is.facts());
    let is_known = |of: &String| may_be.facts().contains_key(of);
    free_expiry(&mut expected, &got, before, call);
    expected.retain(|of, fact| got.get(of) != Some(fact));
    got.retain(|of, _| expected.contains_key(of) || !is_known(of));
    (!expected.is_empty() || !got.is_empty()).then_some((expected, got))
}

/// Ignores the expiry of commands without a validity: it is the plugin's choice.
fn free_expiry(expected: &mut Facts, got: &Facts, before: usize, call: &Call) {
    let (Call::Reset { request } | Call::Remove { request }) = call else {
        return;
    };
    let of = name(before);
    if request.valid_for.is_none()
        && let (Some(new), Some(chosen)) = (expected.get_mut(&of), got.get(&of))
    {
        new["expires_at"] = chosen["expires_at"].clone();
    }
}

/// The device's state after the effects of a call, as a host's store would keep it.
fn applied(world: &World, answer: &Answer) -> World {
    let mut after = world.clone();
    let now = world.situation.now;
    for effect in &answer.changes {
        let device = &mut after.situation.device;
        effect.clone().apply(device, &mut after.commands, now);
    }
    after
}

fn rule_of_refusal(returned: &Value) -> u8 {
    let word = match refusal(returned) {
        Some(Value::String(word)) => word.as_str(),
        Some(Value::Object(case)) => case.keys().next().map_or("", String::as_str),
        _ => "",
    };
    match word {
        "password-refused" => 1,
        "agent-too-old" => 3,
        "nothing-to-remove" => 7,
        "bad-validity" => 10,
        _ => 11,
    }
}

fn rule_of_override(world: &World) -> u8 {
    let is_remove = |command: &Command| command.action == Action::Remove;
    match world.situation.command.as_ref().is_some_and(is_remove) {
        true => 8,
        false => 6,
    }
}

fn rule_of_call(world: &World, call: &Call) -> u8 {
    let subject = world.situation.command.as_ref();
    match call {
        Call::Reset { .. } | Call::Remove { .. } => 2,
        Call::Preview { .. } => 12,
        Call::Status => 9,
        Call::PolicyOverride => 6,
        Call::Report { outcome } => {
            let told = Status::from(Outcome::from(outcome.clone()));
            let existing = Failure::Device(DeviceFailure::ExistingPassword);
            match subject.map(|command| &command.status) {
                Some(Status::Pending) if told == Status::Failed(existing) => 5,
                Some(status) if *status != Status::Pending && *status != told => 11,
                _ => 2,
            }
        }
        Call::Cancel | Call::Expire => 11,
    }
}
