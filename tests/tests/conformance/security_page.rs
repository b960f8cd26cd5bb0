//! SECURITY.md lists what a plugin may import.

use mdm_password_host::Import;
use std::{fs, path::Path};

#[test]
fn security_md_lists_all_that_is_granted_and_denied_and_nothing_else() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../SECURITY.md");
    let text = fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("## What a plugin may import").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<(String, &str, bool)> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let name = cells[1].trim_start_matches('`').split(['`', '…']).next();
            let start = name.unwrap().trim_end_matches('x').to_owned();
            (start, cells[2], cells[3].starts_with("granted"))
        })
        .collect();
    let families: Vec<(String, &str, bool)> = Import::families()
        .map(|family| (family.name, family.permission, family.granted))
        .collect();
    assert_eq!(rows, families);
}
