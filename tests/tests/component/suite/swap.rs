//! Other plugins at work: swapped between two calls, taken out again when they fail, and tried in the
//! shadow of the active one.

use crate::{
    database,
    test_host::{Agent, TestHost, admin, owner, reference, small, wired},
};
use mdm_contract::{
    Action, DeviceOutcome, PasswordRule, Policy, Quality, Requirement, ResetOptions, Status,
};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Artifacts, Canary, Comparisons, Runtime, ShadowReport};
use mdm_server_core::{
    audit::AuditEntry,
    commands::CommandTerms,
    error::ServerError,
    plugins::{ChosenPlugins, PluginOptions},
    server::ServerSettings,
    store::{ChosenPlugin, PluginChoice, PluginFile},
};
use mdm_tests::plugins::{CORPORATE, CRASHES, NEXT, breaking};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// A rule for passwords that the corporate plugin and the reference both accept.
const BOTH_TAKE: PasswordRule = PasswordRule {
    characters: mdm_contract::Characters::Alphanumeric,
    minimum_length: 8,
    maximum_length: 16,
};
const GOOD: &str = "vE9#kq0LzP2w!xT7";

fn unsigned(component: impl AsRef<[u8]>) -> PluginFile {
    PluginFile {
        bytes: component.as_ref().to_vec(),
        signature: None,
    }
}

fn active(fleet: &TestHost) -> String {
    fleet.server.plugins.deployments().0.active.plugin.digest()
}

fn digest_of(component: &[u8]) -> String {
    mdm_password_host::inspect(component).unwrap().digest
}

#[tokio::test]
async fn another_plugin_decides_from_the_next_call_on_and_commands_in_flight_survive() {
    let fleet = TestHost::with_rule(BOTH_TAKE).await;
    let agent = fleet.enroll(owner()).await;
    let guessable = "password1";
    let reset = fleet.reset(&agent, guessable).await.unwrap();
    assert_eq!(reset.expires_at, None);

    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(CORPORATE), None)
        .await
        .unwrap();
    assert_eq!(active(&fleet), digest_of(CORPORATE));
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    assert_eq!(fleet.command(&agent, &reset).await.status, Status::Success);
    assert!(fleet.reset(&agent, guessable).await.is_err());
    let reset = fleet.reset(&agent, GOOD).await.unwrap();
    assert_eq!(
        reset.expires_at,
        Some(reset.requested_at + 24 * 3600 * 1000),
        "the corporate rule"
    );

    fleet.server.plugins.use_default(&admin()).await.unwrap();
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    fleet.reset(&agent, guessable).await.unwrap();
}

#[tokio::test]
async fn what_was_chosen_is_active_after_a_restart_and_so_is_what_a_roll_back_put_back() {
    let fleet = TestHost::new().await;
    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(CORPORATE), None)
        .await
        .unwrap();
    let fleet = fleet.restarted().await;
    assert_eq!(active(&fleet), digest_of(CORPORATE));
    fleet.server.plugins.roll_back(&admin()).await.unwrap();
    let fleet = fleet.restarted().await;
    assert_eq!(active(&fleet), digest_of(REFERENCE));
    fleet.server.plugins.roll_back(&admin()).await.unwrap();
    assert_eq!(active(&fleet), digest_of(CORPORATE));
    fleet.server.plugins.use_default(&admin()).await.unwrap();
    let fleet = fleet.restarted().await;
    assert_eq!(active(&fleet), digest_of(REFERENCE));
    let told: Vec<_> = fleet
        .server
        .plugins
        .history(10)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.action, entry.plugin.unwrap()))
        .collect();
    let line = |action: &str, of: &[u8]| (action.to_owned(), digest_of(of));
    assert_eq!(
        told,
        [
            line("use-plugin", REFERENCE),
            line("roll-back-plugin", CORPORATE),
            line("roll-back-plugin", REFERENCE),
            line("use-plugin", CORPORATE),
        ],
        "who changed it, latest first"
    );
}

#[tokio::test]
async fn what_is_no_plugin_or_does_not_conform_is_refused_and_the_active_one_stays() {
    let fleet = TestHost::new().await;
    let refused = fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(b"no plugin"), None)
        .await;
    assert!(matches!(refused, Err(ServerError::NoPlugin(_))));
    let refused = fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(breaking(8)), None)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("the success of a remove ends the override"),
        "it names what failed: {text}"
    );
    let refused = fleet
        .server
        .plugins
        .start_shadow(&admin(), unsigned(breaking(8)), None)
        .await;
    assert!(matches!(refused, Err(ServerError::DoesNotConform { .. })));
    assert_eq!(active(&fleet), digest_of(REFERENCE));
    let nothing = fleet.server.plugins.roll_back(&admin()).await;
    assert!(matches!(nothing, Err(ServerError::NothingToRollBack)));
    assert_eq!(fleet.server.plugins.history(10).await.unwrap(), []);
}

#[tokio::test]
async fn a_new_plugin_that_crashes_is_taken_out_again_and_not_one_request_fails() {
    let fleet = TestHost::new().await;
    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(breaking(CRASHES)), None)
        .await
        .unwrap();
    let mut agents = Vec::new();
    for _ in 0..5 {
        agents.push(fleet.enroll_in(owner(), &["minefield"]).await);
    }
    for (number, agent) in agents.iter().enumerate() {
        fleet.reset(agent, "1234").await.unwrap();
        let is_out = number >= 2;
        let expected = if is_out {
            digest_of(REFERENCE)
        } else {
            digest_of(&breaking(CRASHES))
        };
        assert_eq!(active(&fleet), expected, "after {} failures", number + 1);
    }
    let audit = fleet.server.plugins.history(10).await.unwrap();
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].action.as_str()),
        ("host", "roll-back-plugin")
    );
    let detail = audit[0].detail.clone().unwrap();
    assert!(
        detail.contains("failed 3 times as a canary") && detail.contains("crashed"),
        "{detail}"
    );
    let fleet = fleet.restarted().await;
    assert_eq!(active(&fleet), digest_of(REFERENCE), "and stays out");
}

#[tokio::test]
async fn a_plugin_is_that_is_a_canary_until_it_has_decided_enough_also_over_a_restart() {
    let fleet = TestHost::new().await;
    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(CORPORATE), None)
        .await
        .unwrap();
    let is_canary = |fleet: &TestHost| fleet.server.plugins.deployments().1.is_some();
    let fleet = fleet.restarted().await;
    assert!(is_canary(&fleet), "a restart proves nothing");
    let agent = fleet.enroll(owner()).await;
    for _ in 0..100 {
        fleet.preview(&agent, Action::Remove).await;
    }
    assert!(is_canary(&fleet), "nothing was decided yet");
    for _ in 0..100 {
        // It decides, if only to refuse.
        fleet.reset(&agent, "1").await.unwrap_err();
    }
    assert!(!is_canary(&fleet));
    let audit = fleet.server.plugins.history(1).await.unwrap();
    assert_eq!(audit[0].action, "keep-plugin");
    let fleet = fleet.restarted().await;
    assert!(!is_canary(&fleet), "it stays proven");
    assert_eq!(active(&fleet), digest_of(CORPORATE));
}

#[tokio::test]
async fn a_second_new_plugin_falls_back_on_the_last_one_that_was_proven() {
    let fleet = TestHost::new().await;
    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(CORPORATE), None)
        .await
        .unwrap();
    fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(breaking(CRASHES)), None)
        .await
        .unwrap();
    let minefield = fleet.enroll_in(owner(), &["minefield"]).await;
    let reset = fleet.reset(&minefield, "1234").await.unwrap();
    let audit = fleet
        .server
        .audit_trail
        .of_device(&admin(), &minefield.device, 1)
        .await
        .unwrap();
    assert_eq!(audit[0].command, Some(reset.id));
    assert_eq!(audit[0].plugin, Some(digest_of(REFERENCE)));
    for _ in 0..2 {
        fleet.reset(&minefield, "1234").await.unwrap_err();
    }
    assert_eq!(active(&fleet), digest_of(REFERENCE));
    fleet.server.plugins.roll_back(&admin()).await.unwrap();
    assert_eq!(active(&fleet), digest_of(&breaking(CRASHES)));
    let (_, canary, _) = fleet.server.plugins.deployments();
    assert_eq!(
        canary,
        Some(Canary::default()),
        "one that has failed before is a canary again"
    );
}

#[tokio::test]
async fn plugins_are_checked_one_at_a_time() {
    let fleet = TestHost::new().await;
    let by = admin();
    let (first, second) = tokio::join!(
        fleet
            .server
            .plugins
            .use_plugin(&by, unsigned(CORPORATE), None),
        fleet.server.plugins.start_shadow(&by, unsigned(NEXT), None),
    );
    first.unwrap();
    assert!(matches!(second, Err(ServerError::BusyChecking)));
    fleet
        .server
        .plugins
        .start_shadow(&admin(), unsigned(NEXT), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_compiled_plugin_that_was_chosen_is_compiled_again_by_a_host_that_can_not_load_it() {
    let folder = TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    let start = async |artifacts: Option<Artifacts>| {
        let settings = PluginOptions {
            artifacts,
            ..PluginOptions::from(reference())
        };
        let plugins = ChosenPlugins::open(Arc::clone(&store), settings).await?;
        wired(Arc::clone(&store), plugins, ServerSettings::default())
    };
    let artifacts = |key| Artifacts::open(&folder.path().join("compiled"), key).unwrap();
    let runtime = Runtime::new(small()).unwrap();
    let compiled = runtime
        .compile_ahead(CORPORATE, &artifacts([1; 32]))
        .unwrap();
    let server = start(Some(artifacts([1; 32]))).await.unwrap();
    server
        .plugins
        .use_plugin(&admin(), unsigned(compiled), None)
        .await
        .unwrap();
    drop(server);
    for with in [Some(artifacts([2; 32])), None] {
        let server = start(with).await.unwrap();
        assert_eq!(
            server.plugins.deployments().0.active.plugin.digest(),
            digest_of(CORPORATE)
        );
    }
    let choice = PluginChoice {
        number: 2,
        active: ChosenPlugin {
            digest: Some(digest_of(CORPORATE)),
            settings: None,
            is_promoted: true,
        },
        previous: ChosenPlugin::DEFAULT,
    };
    let audit = AuditEntry::new(1, &admin(), "use-plugin");
    let file = Some(unsigned(NEXT));
    store
        .choose_plugin(choice, file, audit.into())
        .await
        .unwrap();
    let refused = start(None).await.map(|_| ()).unwrap_err();
    assert!(
        refused.to_string().contains("is that of another one"),
        "{refused}"
    );
}

/// The report once the candidate has decided so many calls of a function.
async fn report_of(fleet: &TestHost, function: &str, calls: u64) -> ShadowReport {
    for _ in 0..500 {
        let report = fleet.server.plugins.shadow().unwrap();
        let done = |it: &Comparisons| it.same + it.different + it.failed + it.skipped;
        if report.functions.get(function).map_or(0, done) >= calls {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{calls} calls of {function} were not compared");
}

#[tokio::test]
async fn a_candidate_in_the_shadow_decides_the_same_calls_without_effect_and_differences_are_told()
{
    let fleet = TestHost::with_rule(BOTH_TAKE).await;
    let agent = fleet.enroll(owner()).await;
    fleet
        .server
        .plugins
        .start_shadow(&admin(), unsigned(CORPORATE), None)
        .await
        .unwrap();
    let terms = CommandTerms {
        replaces: None,
        valid_for: Some(60),
    };
    let reset = fleet
        .reset_on(&agent, GOOD, ResetOptions::default(), terms.clone())
        .await
        .unwrap();
    report_of(&fleet, "reset", 1).await;
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    report_of(&fleet, "report", 1).await;
    let guessable = fleet
        .reset_on(&agent, "password1", ResetOptions::default(), terms)
        .await
        .unwrap();
    let report = report_of(&fleet, "reset", 2).await;
    let once = Comparisons {
        same: 1,
        different: 1,
        ..Comparisons::default()
    };
    assert_eq!(report.functions["reset"], once, "{report:#?}");
    let [difference] = &report.differences[..] else {
        panic!("not one difference: {report:#?}");
    };
    assert_eq!(difference.device, agent.device);
    assert_eq!(difference.active["returns"]["ok"], "the new command");
    assert_eq!(
        difference.candidate["returns"]["err"]["password-refused"][0],
        "guessable"
    );
    assert!(!format!("{report:?}").contains("password1"));
    assert_eq!(
        fleet.command(&agent, &guessable).await.status,
        Status::Pending,
        "the active plugin's decision stands"
    );
    fleet.server.plugins.stop_shadow(&admin()).unwrap();
    assert!(matches!(
        fleet.server.plugins.shadow(),
        Err(ServerError::NoShadow)
    ));
}

#[tokio::test]
async fn a_candidate_that_crashes_in_the_shadow_harms_nobody() {
    let fleet = TestHost::new().await;
    fleet
        .server
        .plugins
        .start_shadow(&admin(), unsigned(breaking(CRASHES)), None)
        .await
        .unwrap();
    let agent = fleet.enroll_in(owner(), &["minefield"]).await;
    fleet.reset(&agent, "1234").await.unwrap();
    let report = report_of(&fleet, "reset", 1).await;
    assert_eq!(report.functions["reset"].failed, 1);
    let told = report.differences[0].candidate.as_str().unwrap();
    assert!(told.contains("the plugin crashed"), "{told}");
}

#[tokio::test]
async fn a_compiled_plugin_is_used_by_the_host_that_compiled_it_and_by_no_other() {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new(small()).unwrap();
    let ours = Artifacts::open(folder.path(), [1; 32]).unwrap();
    let theirs = Artifacts::open(folder.path(), [2; 32]).unwrap();
    let compiled = runtime.compile_ahead(CORPORATE, &ours).unwrap();
    let plugin = runtime.load(&compiled, Some(&ours)).unwrap();
    assert_eq!(plugin.digest(), digest_of(CORPORATE));
    let refusal = |compiled: &[u8], by: &Artifacts| match runtime.load(compiled, Some(by)) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    };
    assert!(refusal(&compiled, &theirs).contains("another host made it"));
    for place in [20, 40, 70, compiled.len() - 1] {
        let mut altered = compiled.clone();
        altered[place] ^= 1;
        let text = refusal(&altered, &ours);
        assert!(text.contains("was altered"), "{text}");
    }
    for length in [16, 50, 90, compiled.len() - 1] {
        let text = refusal(&compiled[..length], &ours);
        assert!(text.contains("was altered"), "{text}");
    }
    let fleet = TestHost::new().await;
    let unknown = fleet
        .server
        .plugins
        .use_plugin(&admin(), unsigned(compiled), None)
        .await
        .unwrap_err();
    assert!(
        unknown.to_string().contains("compile it ahead of time"),
        "{unknown}"
    );
}

#[tokio::test]
async fn one_host_serves_plugins_of_contract_1_0_and_of_a_draft_1_1() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let policy = Policy {
        requirement: Requirement::Quality(Quality::Numeric),
        minimum_length: 6,
    };
    for (component, contract) in [(REFERENCE, "1.0.0"), (NEXT, "1.1.0"), (REFERENCE, "1.0.0")] {
        fleet
            .server
            .plugins
            .use_plugin(&admin(), unsigned(component), None)
            .await
            .unwrap();
        assert_eq!(
            fleet
                .server
                .plugins
                .deployments()
                .0
                .active
                .plugin
                .contract(),
            contract
        );
        whole_story(&fleet, &agent, &policy).await;
    }
}

async fn whole_story(fleet: &TestHost, agent: &Agent, policy: &Policy) {
    fleet.apply_policy(agent, policy).await;
    let reset = fleet.reset(agent, "1234").await.unwrap();
    fleet.report(agent, &reset, DeviceOutcome::Success).await;
    assert_eq!(fleet.sync(agent).await.policy, None, "overridden");
    fleet.preview(agent, Action::Remove).await;
    let remove = fleet.remove(agent).await.unwrap();
    fleet.report(agent, &remove, DeviceOutcome::Success).await;
    assert_eq!(fleet.sync(agent).await.policy.as_ref(), Some(policy));
}

#[test]
fn a_function_that_a_later_contract_adds_is_called_where_a_plugin_has_it() {
    let runtime = Runtime::new(small()).unwrap();
    let help = |component: &[u8]| {
        let plugin = runtime.load(component, None).unwrap();
        let situation = mdm_conformance::base_situation().unwrap();
        let context = situation.context(false);
        let interface = "mdm:password/help@1.1.0";
        let called =
            plugin
                .instance()
                .unwrap()
                .optional::<(), (String,)>(context, interface, "text", ());
        called.unwrap().map(|(text,)| text)
    };
    assert_eq!(help(REFERENCE), None);
    assert_eq!(help(NEXT).as_deref(), Some("nothing beyond the contract"));
    assert_eq!(reference().contract(), "1.0.0");
}

#[tokio::test]
async fn a_host_that_forgets_what_was_chosen_starts_with_its_own_plugin_and_nothing_to_roll_back_to()
 {
    let fleet = TestHost::new().await;
    let file = unsigned(CORPORATE);
    fleet
        .server
        .plugins
        .use_plugin(&admin(), file, None)
        .await
        .unwrap();
    let store = database::open(fleet.folder()).await;
    store.forget_plugin_choice().await.unwrap();
    drop(store);
    let fleet = fleet.restarted().await;
    assert_eq!(active(&fleet), digest_of(REFERENCE));
    let nothing = fleet.server.plugins.roll_back(&admin()).await;
    assert!(matches!(nothing, Err(ServerError::NothingToRollBack)));
    let file = unsigned(CORPORATE);
    fleet
        .server
        .plugins
        .use_plugin(&admin(), file, None)
        .await
        .unwrap();
    fleet.server.plugins.roll_back(&admin()).await.unwrap();
    assert_eq!(active(&fleet), digest_of(REFERENCE));
}

#[tokio::test]
async fn who_stands_in_for_a_plugin_that_fails_that_is_a_canary_is_told_in_answer_and_audit_trail()
{
    let fleet = TestHost::new().await;
    let crashes = breaking(CRASHES);
    let file = unsigned(&crashes);
    fleet
        .server
        .plugins
        .use_plugin(&admin(), file, None)
        .await
        .unwrap();
    let agent = fleet.enroll_in(owner(), &["minefield"]).await;
    fleet.reset(&agent, "1234").await.unwrap();
    let by = admin();
    let audit = fleet
        .server
        .audit_trail
        .of_device(&by, &agent.device, 1)
        .await;
    let [line] = &audit.unwrap()[..] else {
        panic!("not one line");
    };
    assert_eq!(line.plugin, Some(digest_of(REFERENCE)));
    let detail = line.detail.clone().unwrap_or_default();
    let (failed, decided_by) = (digest_of(&crashes), digest_of(REFERENCE));
    let says = format!(
        "plugin {failed} is a canary and failed in reset (plugin-crashed): plugin {decided_by}, which was active \
         before it, decided"
    );
    assert_eq!(detail, says);
}
