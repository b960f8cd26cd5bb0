//! Wake-ups of agents by a real broker, which is killed, is silent, and carries messages of
//! strangers.

use crate::tls::Certificates;
use mdm_tests::{
    as_agent::AsAgent,
    broker::{Broker, BrokerTls, Login},
    counted::Counted,
    test_environment::{Device, Make, TestEnvironment, ready, wait_until},
};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The time limit for a reset with a wake-up, on a busy machine.
const SOON: Duration = Duration::from_secs(4);

/// A host that wakes agents by this broker. Without a wake-up, they sync once an hour.
fn env(broker: &Broker, more: &[&str]) -> TestEnvironment {
    let args = ["--wake-up", &broker.url(), "--sync-every", "3600"];
    TestEnvironment::with(&[&args, more].concat(), "info").unwrap()
}

/// A device that listens to the broker. Without one it would sync once a second.
fn listening(env: &TestEnvironment) -> Device {
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on_with(&["--wait", "1"]).unwrap();
    wait_until_listening(&phone, 1);
    phone
}

/// Waits until it has begun to listen so often, and has synced since: it may still have waited at the host, for a
/// second.
fn wait_until_listening(phone: &Device, times: usize) {
    wait_until("the agent listens", || {
        Ok(phone
            .agent_log()?
            .matches("listening to the broker")
            .count()
            >= times)
    })
    .unwrap();
    thread::sleep(Duration::from_millis(1500));
}

fn reset(env: &TestEnvironment, phone: &Device, password: &str) -> Value {
    let reset = ["password", "reset", &phone.id, "--yes"];
    env.ask(&reset, password).unwrap()
}

/// Resets the password, and says how long it took until the device had done so.
fn timed_reset(env: &TestEnvironment, phone: &Device, password: &str) -> Duration {
    let begin = Instant::now();
    let command = reset(env, phone, password);
    let outcome = env.outcome(phone, &command).unwrap();
    assert_eq!(outcome["status"], "success", "{outcome}");
    begin.elapsed()
}

fn syncs(env: &TestEnvironment) -> u64 {
    Counted::read(env).unwrap().of("mdm_syncs_total")
}

/// The broker in the response to a device's agent.
fn told(env: &TestEnvironment, phone: &Device) -> Value {
    let agent = AsAgent::of(env, phone).unwrap();
    let (status, answer) = agent
        .sync(&json!({"device_info": agent.device_info}))
        .unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["wake_up"].clone()
}

#[test]
fn a_reset_reaches_a_device_that_listens_to_the_broker_soon_and_it_never_waits_at_the_host() {
    let broker = Broker::start().unwrap();
    let env = env(&broker, &[]);
    let phone = listening(&env);
    let before = syncs(&env);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(syncs(&env), before, "nobody has told it to sync");
    let shown = env.ask(&["device", "show", &phone.id], "").unwrap();
    assert_eq!(shown["online"], true, "it can be told");
    let took = timed_reset(&env, &phone, "1234");
    assert!(took < SOON, "{took:?}");
    assert!(phone.opens_with("1234").unwrap());
    // Once for the command, and once for the report; also once for what its user has just done.
    assert!(syncs(&env) <= before + 4, "{} after {before}", syncs(&env));
    let policy = ["policy", "set", &phone.id, "--quality", "numeric"];
    let begin = Instant::now();
    env.ask(&["password", "remove", &phone.id, "--yes"], "")
        .unwrap();
    env.ask(&policy, "").unwrap();
    wait_until("a policy reaches it, which is no command", || {
        Ok(!phone.show()?["policy"].is_null())
    })
    .unwrap();
    assert!(begin.elapsed() < 2 * SOON, "{:?}", begin.elapsed());
}

#[test]
fn the_broker_carries_no_device_no_command_and_no_password() {
    let broker = Broker::start().unwrap();
    let env = env(&broker, &[]);
    let stranger = broker.listen().unwrap();
    let phones = ["one", "two"].map(|name| {
        let make = Make {
            name,
            ..Make::default()
        };
        let mut phone = env.enroll(make).unwrap();
        phone.switch_on().unwrap();
        wait_until_listening(&phone, 1);
        phone
    });
    for phone in &phones {
        timed_reset(&env, phone, "2580");
    }
    let heard = stranger.heard();
    assert!(heard.len() >= phones.len(), "{heard:?}");
    for message in &heard {
        assert!(message.payload.is_empty(), "{message:?}");
        let topic = message.topic.strip_prefix("mdm/").unwrap();
        assert!(topic.len() == 32 && topic.bytes().all(|it| it.is_ascii_hexdigit()));
    }
    let mut topics: Vec<_> = heard.iter().map(|message| &message.topic).collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), phones.len(), "each device has one of its own");
    for phone in &phones {
        let id = phone.id.replace('-', "");
        assert!(topics.iter().all(|topic| !topic.contains(&id[..12])));
    }
}

#[test]
fn while_the_broker_is_away_agents_wait_at_the_host_and_once_it_is_back_they_listen_again() {
    let mut broker = Broker::start().unwrap();
    let env = env(&broker, &[]);
    let phone = listening(&env);
    for (round, password) in ["1234", "4321"].into_iter().enumerate() {
        broker.kill().unwrap();
        let took = timed_reset(&env, &phone, password);
        assert!(took < SOON, "at the host: {took:?}");
        wait_until("the host knows that the broker is away", || {
            Ok(Counted::read(&env)?.of("mdm_wake_up_connected") == 0)
        })
        .unwrap();
        broker.start_again().unwrap();
        wait_until_listening(&phone, round + 2);
        wait_until("the host has the broker again", || {
            Ok(Counted::read(&env)?.of("mdm_wake_up_connected") == 1)
        })
        .unwrap();
        let took = timed_reset(&env, &phone, "1111");
        assert!(took < SOON, "by the broker: {took:?}");
    }
    let complaints = |log: String| log.matches("trying again").count();
    assert!(
        complaints(env.host_log().unwrap()) <= 4,
        "one or two a time"
    );
    assert!(complaints(phone.agent_log().unwrap()) <= 4);
}

#[test]
fn a_stranger_who_floods_the_broker_makes_an_agent_sync_now_and_then_and_changes_nothing() {
    let broker = Broker::start().unwrap();
    let env = env(&broker, &[]);
    let phone = listening(&env);
    let topic = told(&env, &phone)["topic"].as_str().unwrap().to_owned();
    let trail = || env.ask(&["device", "show", &phone.id], "").unwrap();
    let (before, shown) = (syncs(&env), trail());
    let begin = Instant::now();
    let mut said = 0;
    while begin.elapsed() < Duration::from_secs(5) {
        // Any message means "sync now", also an empty one.
        broker.say(&topic, b"", 400).unwrap();
        broker.say(&topic, br#"{"command": "wipe"}"#, 100).unwrap();
        said += 500;
    }
    let (synced, took) = (syncs(&env) - before, begin.elapsed().as_secs());
    assert!(synced >= 1, "it did hear it");
    assert!(
        synced <= took / 2 + 3,
        "{synced} syncs in {took} s for {said} messages"
    );
    let mut after = trail();
    after["last_sync"] = shown["last_sync"].clone();
    assert_eq!(after, shown);
    // A message that is too long ends the connection to the broker, and nothing else.
    broker.say(&topic, &[0; 5000], 1).unwrap();
    wait_until_listening(&phone, 2);
    let took = timed_reset(&env, &phone, "1234");
    assert!(took < 2 * SOON, "{took:?}");
}

#[test]
fn a_wake_up_that_was_lost_comes_again_also_when_the_host_was_killed_before_it_could_send_it() {
    for is_killed in [false, true] {
        let broker = Broker::start().unwrap();
        let channel = Channel::to(broker.port());
        let direct = [
            "--wake-up-for-agents",
            &broker.url(),
            "--sync-every",
            "3600",
        ];
        let args = ["--wake-up", &channel.url()];
        let mut env = TestEnvironment::with(&[&args, &direct[..]].concat(), "info").unwrap();
        let phone = listening(&env);
        timed_reset(&env, &phone, "1234");
        channel.swallow(true);
        let command = reset(&env, &phone, "4321");
        if is_killed {
            env.kill_host().unwrap();
        } else {
            thread::sleep(Duration::from_secs(1));
        }
        channel.swallow(false);
        if is_killed {
            // An agent that was refused a call would try again by itself: this one makes none.
            env.start_host().unwrap();
        }
        let outcome = env.outcome(&phone, &command).unwrap();
        assert_eq!(outcome["status"], "success", "{outcome}");
        assert!(phone.opens_with("4321").unwrap());
    }
}

#[test]
fn a_host_whose_broker_is_away_serves_says_so_once_and_recovers_without_a_restart() {
    let mut broker = Broker::start().unwrap();
    broker.kill().unwrap();
    let env = env(&broker, &[]);
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on().unwrap();
    let took = timed_reset(&env, &phone, "1234");
    assert!(took < SOON, "{took:?}");
    thread::sleep(Duration::from_secs(3));
    let log = env.host_log().unwrap();
    assert_eq!(log.matches("can't be reached").count(), 1, "{log}");
    let (status, body) = ready(&env.url()).unwrap();
    assert_eq!(status, 200, "it serves without: {body}");
    assert!(body["degraded"][0].as_str().unwrap().contains("broker"));
    let counted = Counted::read(&env).unwrap();
    assert_eq!(counted.of("mdm_wake_up_connected"), 0);
    assert!(counted.of("mdm_wake_up_attempts_total{result=\"failed\"}") > 0);
    broker.start_again().unwrap();
    wait_until_listening(&phone, 1);
    wait_until("the host has the broker", || {
        Ok(Counted::read(&env)?.of("mdm_wake_up_connected") == 1)
    })
    .unwrap();
    wait_until("nothing is said to be missing", || {
        Ok(ready(&env.url())? == (200, json!({"degraded": []})))
    })
    .unwrap();
    let took = timed_reset(&env, &phone, "4321");
    assert!(took < SOON, "{took:?}");
    let counted = Counted::read(&env).unwrap();
    assert!(counted.of("mdm_wake_up_attempts_total{result=\"sent\"}") > 0);
}

#[test]
fn a_broker_that_asks_is_reached_by_tls_by_the_logins_of_host_and_agents_which_differ() {
    let certificates = Certificates::new();
    let host = Login {
        user: "host",
        password: "hosts-own",
        may: "write mdm/#",
    };
    let agents = Login {
        user: "agents",
        password: "of-all-agents",
        may: "read mdm/+",
    };
    let (certificate, key) = (certificates.path("certificate"), certificates.path("key"));
    let tls = BrokerTls {
        certificate: &certificate,
        key: &key,
    };
    let broker = Broker::start_with(&[host, agents], Some(tls)).unwrap();
    let host = Login {
        user: "host",
        password: "hosts-own",
        may: "",
    };
    let agents = Login {
        user: "agents",
        password: "of-all-agents",
        may: "",
    };
    let authority = certificates.path("authority");
    let mut args = certificates.serve_args();
    args.extend(
        [
            "--wake-up",
            &broker.url_for(&host),
            "--wake-up-for-agents",
            &broker.url_for(&agents),
            "--wake-up-ca-file",
            authority.to_str().unwrap(),
            "--sync-every",
            "3600",
        ]
        .map(str::to_owned),
    );
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let env = TestEnvironment::with_tls(&args, &authority).unwrap();
    let phone = listening(&env);
    let took = timed_reset(&env, &phone, "1234");
    assert!(took < SOON, "{took:?}");
    for log in [env.host_log().unwrap(), phone.agent_log().unwrap()] {
        for login in [&host, &agents] {
            assert!(!log.contains(login.password), "{log}");
        }
    }
}

#[test]
fn agents_are_not_told_the_login_of_the_host_and_a_bad_address_is_refused_without_repeating_it() {
    let mut broker = Broker::start().unwrap();
    broker.kill().unwrap();
    let host = Login {
        user: "host",
        password: "hosts-own",
        may: "",
    };
    let env = TestEnvironment::with(&["--wake-up", &broker.url_for(&host)], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let told = told(&env, &phone);
    assert_eq!(told["url"], broker.url());
    assert!(!told.to_string().contains("hosts-own"), "{told}");
    let refused = TestEnvironment::with(&["--wake-up", "mqtt:/host:hosts-own@nowhere"], "info");
    let refused = refused.err().map(|error| error.to_string()).unwrap();
    assert!(refused.contains("mqtt://host:1883"), "{refused}");
    assert!(!refused.contains("hosts-own"), "{refused}");
}

/// A channel from a host to its broker, on which what the host says can get lost.
struct Channel {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Channel {
    fn to(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallows = Arc::new(AtomicBool::new(false));
        let does = Arc::clone(&swallows);
        thread::spawn(move || {
            for host in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) else {
                    continue;
                };
                let back = (broker.try_clone().unwrap(), host.try_clone().unwrap());
                let never = Arc::new(AtomicBool::new(false));
                let does = Arc::clone(&does);
                thread::spawn(move || carry(host, broker, &does));
                thread::spawn(move || carry(back.0, back.1, &never));
            }
        });
        Self { port, swallows }
    }

    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn swallow(&self, does: bool) {
        self.swallows.store(does, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !swallows.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
