//! The API does what its document says: Schemathesis makes up calls from it, and checks every answer against it.

use mdm_tests::schemathesis;

#[test]
fn answers_are_what_the_document_says() {
    // A few cases of each kind; `cargo xtask schemathesis` makes up ten thousand.
    let summary = schemathesis::run(10, 1).unwrap();
    assert!(summary.contains("generated"), "{summary}");
}
