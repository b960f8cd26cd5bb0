//! Which of those that open a store in PostgreSQL takes the lead.

use crate::database;
use std::{path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

fn has_leader(folder: &Path) -> bool {
    let leads = "select exists (select 1 from pg_locks where locktype = 'advisory' and granted \
                 and objid = x'6d646d03'::bigint \
                 and database = (select oid from pg_database where datname = current_database()))";
    database::asked(folder, leads) == "t"
}

#[tokio::test]
async fn who_only_looks_into_the_store_takes_no_lead_from_hosts() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    store.audit_lines(0, 10).await.unwrap();
    // Whoever is a replica tries once a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!has_leader(folder.path()));
    let replicas = store.replicas().unwrap();
    let leads = async {
        while !replicas.leads() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, leads).await.unwrap();
    assert!(has_leader(folder.path()));
}
