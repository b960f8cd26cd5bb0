//! A host serves from tables that its version makes, and from no others, and says what differs.

use mdm_tests::{
    lab::{Lab, ready, text, wait_until},
    postgres::Postgres,
};
use rusqlite::Connection;

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

fn change_file(lab: &Lab, sql: &str) {
    let file = lab.folder().join("data/mdm.db");
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
        let mut lab = Lab::start().unwrap();
        lab.stop_host().unwrap();
        change_file(&lab, change);
        assert!(lab.start_host().is_err(), "{change}");
        let log = lab.host_log().unwrap();
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
        let mut lab = Lab::with(&["--store", &url], "info").unwrap();
        lab.stop_host().unwrap();
        postgres.ask(&name, change).unwrap();
        lab.start_unready().unwrap();
        wait_until(
            &format!("the host names what is different after {change}"),
            || Ok(lab.host_log()?.contains(named)),
        )
        .unwrap();
        let (status, body) = ready(&lab.url()).unwrap();
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
    let file = Lab::start().unwrap();
    let shared = Lab::with(&["--store", &url], "info").unwrap();
    let is = |lab: &Lab, status: u16| {
        wait_until(&format!("/ready says {status}"), || {
            Ok(ready(&lab.url())?.0 == status)
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
    // A table of somebody else is no part of it.
    change("create table notes (text text)");
    is(&file, 200);
    is(&shared, 200);
}

#[test]
fn an_audit_trail_is_verified_also_where_the_tables_were_changed_and_that_is_told() {
    let lab = Lab::start().unwrap();
    change_file(&lab, "drop trigger audit_is_not_cut");
    let verified = lab.verify_audit(&[]).unwrap();
    assert!(!verified.status.success());
    let said = text(&verified);
    assert!(said.contains("none removed, changed or put in"), "{said}");
    assert!(
        said.contains("trigger audit_is_not_cut is missing"),
        "{said}"
    );
}
