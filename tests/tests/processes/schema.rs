//! A host serves from tables that its version makes, and from no others, and says what differs.

use mdm_tests::{
    postgres::Postgres,
    test_environment::{TestEnvironment, ready, text, wait_until},
};
use rusqlite::Connection;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Changes to the tables that earlier and later versions, or people, could have made, and what has to be named.
const CHANGES: &[(&str, &str)] = &[
    (
        "alter table commands drop column late_outcome",
        "column commands.late_outcome is missing",
    ),
    (
        "alter table devices add column color text",
        "column devices.color is not part of it",
    ),
    (
        "alter table bulk_refusals rename to refusals",
        "table bulk_refusals is missing",
    ),
    (
        "drop index outbox_to_wake",
        "index outbox_to_wake is missing",
    ),
    (
        "drop index commands_pending; create index commands_pending on commands (device, status)",
        "index commands_pending is defined in another way",
    ),
];

fn change_file(env: &TestEnvironment, sql: &str) {
    let file = env.folder().join("data/mdm.db");
    Connection::open(file).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_file_with_other_tables_is_refused_with_what_differs_and_what_to_do() {
    for (change, named) in [
        CHANGES,
        &[
            (
                "drop trigger audit_is_not_cut",
                "trigger audit_is_not_cut is missing",
            ),
            (
                "drop table schema_history",
                "table schema_history is missing",
            ),
        ],
    ]
    .concat()
    {
        let mut env = TestEnvironment::start().unwrap();
        env.stop_host().unwrap();
        change_file(&env, change);
        assert!(env.start_host().is_err(), "{change}");
        let log = env.host_log().unwrap();
        assert!(log.contains(named), "{change}: no `{named}`: {log}");
        assert!(log.contains("Start the version that made them"), "{log}");
        assert!(!log.contains("--forget-chosen-plugin"), "{log}");
    }
}

#[test]
fn a_database_with_other_tables_is_refused_with_what_differs() {
    let postgres = Postgres::start().unwrap();
    let mut changes = CHANGES.to_vec();
    changes.extend([
        (
            "drop trigger audit_is_not_cut on audit",
            "trigger audit_is_not_cut of audit is missing",
        ),
        (
            "create or replace function refuse_change() returns trigger language plpgsql as \
             $$ begin return null; end $$",
            "function refuse_change is defined in another way",
        ),
        (
            "alter table outbox drop constraint outbox_device_fkey",
            "constraint outbox_device_fkey of outbox is missing",
        ),
    ]);
    for (number, (change, named)) in changes.into_iter().enumerate() {
        let name = format!("mdm{number}");
        let url = postgres.database(&name).unwrap();
        let mut env = TestEnvironment::with(&["--store", &url], "info").unwrap();
        env.stop_host().unwrap();
        postgres.ask(&name, change).unwrap();
        env.start_unready().unwrap();
        wait_until(
            &format!("the host names what is different after {change}"),
            || Ok(env.host_log()?.contains(named)),
        )
        .unwrap();
        let (status, body) = ready(&env.url()).unwrap();
        assert_eq!(status, 503, "{body}");
        let body = body.to_string();
        assert!(body.contains("not those of this version"), "{body}");
        assert!(
            !body.contains("commands") && !body.contains(&name),
            "{body}"
        );
        let compared = "select count(*) from pg_namespace where nspname like 'mdm%'";
        assert_eq!(postgres.ask(&name, compared).unwrap(), "0");
    }
}

#[test]
fn a_host_is_not_ready_while_its_tables_are_those_of_another_version() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let file = TestEnvironment::start().unwrap();
    let shared = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let is = |env: &TestEnvironment, status: u16| {
        wait_until(&format!("/ready says {status}"), || {
            Ok(ready(&env.url())?.0 == status)
        })
        .unwrap();
    };
    let change = |sql: &str| {
        change_file(&file, sql);
        postgres.ask("mdm", sql).unwrap();
    };
    for (there, back) in [
        (
            "alter table webhooks add column color text",
            "alter table webhooks drop column color",
        ),
        (
            "insert into schema_history values (2, 'later', '', '0')",
            "delete from schema_history where version = 2",
        ),
    ] {
        is(&file, 200);
        is(&shared, 200);
        change(there);
        is(&file, 503);
        is(&shared, 503);
        change(back);
    }
    is(&file, 200);
    is(&shared, 200);
    // A foreign table is ignored.
    change("create table notes (text text)");
    is(&file, 200);
    is(&shared, 200);
}

#[test]
fn maintenance_of_the_database_leaves_its_hosts_ready_and_starting() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let mut env = TestEnvironment::with(&["--store", &url], "info").unwrap();
    // Two lines in the audit trail.
    for _ in 0..2 {
        env.ask(&["device", "enroll"], "").unwrap();
    }
    postgres
        .ask(
            "mdm",
            "alter table audit set (autovacuum_vacuum_cost_delay = 5)",
        )
        .unwrap();
    postgres
        .ask(
            "mdm",
            "alter table audit alter column actor set statistics 500",
        )
        .unwrap();
    // The invalid index of an interrupted `reindex concurrently`.
    let broken_off = "create unique index concurrently audit_pkey_ccnew on audit ((1))";
    assert!(postgres.ask("mdm", broken_off).is_err());
    let invalid = "select count(*) from pg_index where not indisvalid";
    assert_eq!(postgres.ask("mdm", invalid).unwrap(), "1");
    env.stop_host().unwrap();
    env.start_host().unwrap();
    assert_eq!(ready(&env.url()).unwrap().0, 200);

    // One that is under way waits for a transaction that began before it.
    let before = postgres
        .hold("mdm", "begin; lock table audit in access share mode")
        .unwrap();
    thread::scope(|scope| {
        let reindex = scope.spawn(|| postgres.ask("mdm", "reindex table concurrently audit"));
        wait_until("new indexes are there", || {
            Ok(postgres.ask("mdm", invalid)?.parse::<u32>()? > 1)
        })
        .unwrap();
        let until = Instant::now() + Duration::from_secs(4);
        while Instant::now() < until {
            let (status, body) = ready(&env.url()).unwrap();
            assert_eq!(status, 200, "{body}: {}", env.host_log().unwrap());
            thread::sleep(Duration::from_millis(200));
        }
        drop(before);
        reindex.join().unwrap().unwrap();
    });
    env.stop_host().unwrap();
    env.start_host().unwrap();
    assert_eq!(ready(&env.url()).unwrap().0, 200);
}

#[test]
fn while_tables_differ_they_are_compared_once_and_not_by_each_probe() {
    let postgres = Postgres::with(&["log_statement=all"]).unwrap();
    let url = postgres.database("mdm").unwrap();
    let env = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let is = |expected: u16| {
        wait_until(&format!("/ready says {expected}"), || {
            Ok(ready(&env.url())?.0 == expected)
        })
        .unwrap();
    };
    let compared = || {
        let log = postgres.log().unwrap();
        log.matches("create schema mdm_compared").count()
    };
    is(200);
    let before = compared();
    postgres
        .ask("mdm", "alter table webhooks add column color text")
        .unwrap();
    is(503);
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(ready(&env.url()).unwrap().0, 503);
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(compared(), before + 1);
    let log = env.host_log().unwrap();
    assert!(
        log.contains("column webhooks.color is not part of it"),
        "{log}"
    );
    postgres
        .ask("mdm", "alter table webhooks drop column color")
        .unwrap();
    is(200);
}

#[test]
fn an_audit_trail_is_verified_also_where_the_tables_were_changed_and_that_is_told() {
    let env = TestEnvironment::start().unwrap();
    change_file(&env, "drop trigger audit_is_not_cut");
    let verified = env.verify_audit(&[]).unwrap();
    assert!(!verified.status.success());
    let said = text(&verified);
    assert!(said.contains("none removed, changed or put in"), "{said}");
    assert!(
        said.contains("trigger audit_is_not_cut is missing"),
        "{said}"
    );
}
