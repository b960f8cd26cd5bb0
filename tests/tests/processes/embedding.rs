//! The example of a platform that embeds the host.

use mdm_tests::test_environment::program;
use std::process::Command;

#[test]
fn a_platform_with_a_store_and_a_transport_of_its_own_resets_a_password() {
    let run = Command::new(program("embed-example").unwrap())
        .output()
        .unwrap();
    let (output, errors) = (run.stdout, String::from_utf8_lossy(&run.stderr));
    let output = String::from_utf8(output).unwrap();
    assert!(run.status.success(), "{errors}");
    assert!(
        output.contains("phone-1 sets a password of 4 digits"),
        "{output}"
    );
    assert!(output.contains(r#""status": "success""#), "{output}");
    assert!(
        !output.contains("4711") && !errors.contains("4711"),
        "{output}"
    );
}
