//! The identity of the server for agents and admins, and the loss of its files and tokens.

use mdm_tests::{
    postgres::Postgres,
    test_environment::{
        Make, TestEnvironment, free_port, http_client, program, ready, staying_client, text,
        wait_until,
    },
};
use std::{fs, process::Command};

#[test]
fn a_host_does_not_start_on_a_database_that_belongs_to_another_host_key() {
    let mut env = TestEnvironment::start().unwrap();
    env.kill_host().unwrap();
    let key = env.folder().join("data/host.key");
    let ours = fs::read(&key).unwrap();
    assert_eq!(ours.len(), 32);
    for (wrong, says) in [
        (vec![1; 32], "belongs to another host.key"),
        (vec![1; 31], "is damaged: put it back from a backup"),
    ] {
        fs::write(&key, wrong).unwrap();
        assert!(env.start_host().is_err());
        let log = env.host_log().unwrap();
        assert!(log.contains(says), "no `{says}`: {log}");
    }
    fs::remove_file(&key).unwrap();
    assert!(env.start_host().is_err(), "a new key is another host's");
    fs::write(&key, ours).unwrap();
    env.start_host().unwrap();
}

#[test]
fn an_empty_store_beside_a_host_key_is_refused_unless_told() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let stores: [&[&str]; 2] = [&[], &["--store", &url]];
    for options in stores {
        let mut env = TestEnvironment::unstarted(options).unwrap();
        let data = env.folder().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("host.key"), [3; 32]).unwrap();
        let says = "start with --accept-empty-store";
        if options.is_empty() {
            assert!(env.start_host().is_err());
            // The next restore finds no database.
            assert!(!data.join("mdm.db").exists());
        } else {
            env.start_unready().unwrap();
            wait_until("it says so", || Ok(env.host_log()?.contains(says))).unwrap();
            assert_eq!(ready(&env.url()).unwrap().0, 503);
            let tables = "select count(*) from pg_tables where schemaname = 'public'";
            assert_eq!(postgres.ask("mdm", tables).unwrap(), "0");
            env.kill_host().unwrap();
        }
        let log = env.host_log().unwrap();
        assert!(log.contains(says) && !log.contains("mdm_admin_"), "{log}");
        env.add_option("--accept-empty-store");
        env.start_host().unwrap();
        assert_eq!(fs::read(data.join("host.key")).unwrap(), [3; 32]);
    }
}

#[test]
fn a_store_without_its_host_key_is_refused_unless_told_and_gets_no_new_one_by_the_way() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let stores: [&[&str]; 2] = [&[], &["--store", &url]];
    for options in stores {
        let mut env = TestEnvironment::with(options, "info").unwrap();
        let phone = env.enroll(Make::default()).unwrap();
        env.stop_host().unwrap();
        let data = env.folder().join("data");
        fs::remove_file(data.join("host.key")).unwrap();
        let says = "there is no";
        if options.is_empty() {
            assert!(env.start_host().is_err());
        } else {
            env.start_unready().unwrap();
            wait_until("it says so", || Ok(env.host_log()?.contains(says))).unwrap();
            assert_eq!(ready(&env.url()).unwrap().0, 503);
            env.kill_host().unwrap();
        }
        let log = env.host_log().unwrap();
        assert!(log.contains("host.key: put it there"), "{log}");
        for key in ["host.key", "host.key.new"] {
            assert!(!data.join(key).exists(), "{key}");
        }
        env.add_option("--replace-host-key");
        env.start_host().unwrap();
        env.ask(&["device", "show", &phone.id], "").unwrap();
        let verified = env.verify_audit(&[]).unwrap();
        assert!(verified.status.success(), "{}", text(&verified));
        let new = fs::read(data.join("host.key")).unwrap();
        env.stop_host().unwrap();
        env.start_host().unwrap();
        assert_eq!(fs::read(data.join("host.key")).unwrap(), new);
    }
}

#[test]
fn a_host_that_waits_for_its_key_opens_as_soon_as_that_is_put_back() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let mut env = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let key = env.folder().join("data/host.key");
    let ours = fs::read(&key).unwrap();
    let wrong: [Option<Vec<u8>>; 2] = [None, Some(vec![1; 32])];
    for (wrong, says) in wrong.into_iter().zip(["there is no", "put back the one"]) {
        env.stop_host().unwrap();
        match wrong {
            None => fs::remove_file(&key).unwrap(),
            Some(wrong) => fs::write(&key, wrong).unwrap(),
        }
        env.start_unready().unwrap();
        wait_until("it says so", || Ok(env.host_log()?.contains(says))).unwrap();
        assert_eq!(ready(&env.url()).unwrap().0, 503);
        fs::write(&key, &ours).unwrap();
        wait_until("the host opens", || Ok(ready(&env.url())?.0 == 200)).unwrap();
        env.ask(&["device", "show", &phone.id], "").unwrap();
        assert!(!key.with_extension("key.new").exists());
    }
}

#[test]
fn who_had_one_time_passwords_signs_in_after_the_host_key_was_replaced() {
    const PASSWORD: &str = "tulip-anvil-rainy-42";
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores: [&[&str]; 2] = [&[], &["--store", &url]];
    for options in stores {
        let mut env = TestEnvironment::with(options, "info").unwrap();
        let add = ["user", "add", "alice", "--role", "helpdesk"];
        let invited = env.ask(&add, "").unwrap();
        let post = |env: &TestEnvironment, path: &str, form: String| {
            let post = staying_client().unwrap();
            let post = post
                .post(format!("{}{path}", env.url()))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
            runtime.block_on(post.send()).unwrap().status().as_u16()
        };
        let form = format!("password={PASSWORD}&again={PASSWORD}");
        assert_eq!(post(&env, invited["path"].as_str().unwrap(), form), 303);
        env.stop_host().unwrap();
        // Data sealed by the lost key.
        let data = env.folder().join("data");
        let (file, sealed) = (data.join("mdm.db"), "update users set totp =");
        let is_file = options.is_empty();
        let ask = |file_query: &str, query: &str| match is_file {
            true => {
                let file = rusqlite::Connection::open(&file).unwrap();
                let read = file.query_row(file_query, [], |row| row.get::<_, String>(0));
                read.unwrap_or_default()
            }
            false => postgres.ask("mdm", query).unwrap(),
        };
        ask(
            &format!("{sealed} x'0102' where name = 'alice' returning name"),
            &format!("{sealed} '\\x0102' where name = 'alice'"),
        );
        fs::remove_file(data.join("host.key")).unwrap();
        env.add_option("--replace-host-key");
        env.start_host().unwrap();
        let form = format!("name=alice&password={PASSWORD}");
        assert_eq!(
            post(&env, "/sign-in", form),
            303,
            "{}",
            env.host_log().unwrap()
        );
        let trail = "select cast(count(*) as text) from audit \
             where action = 'clear-one-time-passwords' and detail = 'alice' and actor = 'host'";
        assert_eq!(ask(trail, trail), "1");
        let verified = env.verify_audit(&[]).unwrap();
        assert!(verified.status.success(), "{}", text(&verified));
    }
}

#[test]
fn a_first_start_that_was_cut_off_before_its_key_was_in_place_is_made_good() {
    let mut env = TestEnvironment::start().unwrap();
    env.kill_host().unwrap();
    let key = env.folder().join("data/host.key");
    fs::rename(&key, key.with_extension("key.new")).unwrap();
    env.start_host().unwrap();
    assert!(key.exists() && !key.with_extension("key.new").exists());
}

#[test]
fn a_second_host_on_a_folder_is_refused_until_the_first_is_gone_however_that_ends() {
    let mut env = TestEnvironment::start().unwrap();
    let folder = env.folder().join("data");
    let folder = folder.to_str().unwrap();
    let output = env.folder().join("second.log");
    let log = fs::File::create(&output).unwrap();
    let mut second = Command::new(program("mdm-server").unwrap())
        .args(["serve", "--data", folder, "--listen"])
        .arg(format!("127.0.0.1:{}", free_port().unwrap()))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let ended = wait_until("the second host ends", || Ok(second.try_wait()?.is_some()));
    let _ = second.kill();
    let said = fs::read_to_string(&output).unwrap();
    assert!(ended.is_ok(), "it serves: {said}");
    assert!(!second.wait().unwrap().success());
    let process = format!("is in use by process {}", env.host_process().unwrap());
    assert!(said.contains(folder) && said.contains(&process), "{said}");
    assert!(!said.contains("mdm_admin_"), "{said}");
    // The first one goes on, and commands work beside it.
    env.ask(&["device", "list"], "").unwrap();
    assert!(env.verify_audit(&[]).unwrap().status.success());
    env.kill_host().unwrap();
    env.start_host().unwrap();
    env.stop_host().unwrap();
    env.start_host().unwrap();
}

#[test]
fn an_agent_takes_nothing_from_a_host_that_it_did_not_enroll_at() {
    let (env, other) = (
        TestEnvironment::start().unwrap(),
        TestEnvironment::start().unwrap(),
    );
    let mut phone = env.enroll(Make::default()).unwrap();
    // Someone leads its calls to another host.
    let state = env.folder().join(&phone.name).join("agent.json");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replace(&env.url(), &other.url())).unwrap();
    phone.switch_on().unwrap();
    wait_until("the agent refuses the other host", || {
        Ok(phone
            .agent_log()?
            .contains("is not the host that the device is enrolled at"))
    })
    .unwrap();
    assert!(phone.is_on().unwrap(), "it waits for its own host");
    fs::write(
        &state,
        fs::read_to_string(&state)
            .unwrap()
            .replace(&other.url(), &env.url()),
    )
    .unwrap();
    phone.switch_off().unwrap();
    phone.switch_on().unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");
}

#[test]
fn a_host_that_does_not_serve_yet_is_not_told_as_another_host() {
    let env = TestEnvironment::start().unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    // The port of its database is closed.
    let starting =
        TestEnvironment::stranger(&["--store", "postgres://mdm@127.0.0.1:1/mdm"]).unwrap();
    let state = env.folder().join(&phone.name).join("agent.json");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replace(&env.url(), &starting.url())).unwrap();
    phone.switch_on().unwrap();
    wait_until("the agent was told to wait", || {
        Ok(phone.agent_log()?.contains("can't serve now (503"))
    })
    .unwrap();
    let log = phone.agent_log().unwrap();
    assert!(!log.contains("is not by the host"), "{log}");
    assert!(phone.is_on().unwrap());
}

#[test]
fn a_new_admin_token_replaces_the_lost_one_while_the_host_runs() {
    let env = TestEnvironment::start().unwrap();
    let lost = env.token().unwrap();
    let (data, file) = (env.folder().join("data"), env.folder().join("admin.token"));
    let paths = [data.to_str().unwrap(), file.to_str().unwrap()];
    let new = [
        "new-admin-token",
        "--data",
        paths[0],
        "--admin-token-file",
        paths[1],
    ];
    let made = env.admin(&new, "").unwrap();
    assert!(made.status.success(), "{}", text(&made));
    assert!(!text(&made).contains("mdm_admin_"), "{}", text(&made));
    assert_ne!(env.token().unwrap(), lost);
    env.ask(&["device", "list"], "").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let devices = http_client().get(format!("{}/api/v1/devices", env.url()));
    let refused = runtime.block_on(devices.bearer_auth(lost).send()).unwrap();
    assert_eq!(refused.status(), 401);
    let nowhere = env
        .admin(&["new-admin-token", "--data", "/nowhere"], "")
        .unwrap();
    assert!(text(&nowhere).contains("there is no host's data in /nowhere"));
}

#[test]
fn a_line_that_was_taken_out_of_the_audit_trail_shows() {
    let mut env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    for _ in 0..3 {
        let policy = ["policy", "set", &phone.id, "--quality", "numeric"];
        env.ask(&policy, "").unwrap();
    }
    let data = env.folder().join("data");
    let verify = |env: &TestEnvironment, noted: &[&str]| {
        let verify = ["audit", "verify", "--data", data.to_str().unwrap()];
        let output = env.admin(&[&verify, noted].concat(), "").unwrap();
        (output.status.success(), text(&output))
    };
    let (is_whole, said) = verify(&env, &[]);
    assert!(is_whole && said.contains("6 lines, none removed"), "{said}");
    let noted = said.rsplit(' ').next().unwrap().trim().to_owned();
    assert!(verify(&env, &["--noted", &noted]).0);
    let (is_there, said) = verify(&env, &["--noted", &noted.replace("6:", "5:")]);
    assert!(!is_there && said.contains("was noted"), "{said}");

    // A host that runs takes a trail that is cut for an older store, and writes that down.
    env.kill_host().unwrap();
    let database = rusqlite::Connection::open(data.join("mdm.db")).unwrap();
    let refused = database.execute("delete from audit where number = 2", []);
    assert!(refused.unwrap_err().to_string().contains("append-only"));
    // An attacker who can write to the database can also drop its triggers.
    database
        .execute_batch("drop trigger audit_is_not_cut; drop trigger audit_is_not_changed")
        .unwrap();
    // The first damage in the trail is reported.
    for (harm, says) in [
        ("delete from audit where number = 6", "6 lines were written"),
        (
            "update audit set actor = 'nobody' where number = 3",
            "line 3",
        ),
        (
            "delete from audit where number = 2",
            "line 2 of the audit trail is missing",
        ),
    ] {
        database.execute(harm, []).unwrap();
        let (is_whole, said) = verify(&env, &[]);
        assert!(!is_whole && said.contains("tampered"), "{harm}: {said}");
        assert!(said.contains(says), "{harm}: {said}");
    }
}
