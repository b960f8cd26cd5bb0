//! The sign-in of the first admin: by a terminal, or by files that were requested.

use mdm_tests::test_environment::{free_port, program, wait_until};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A host that ends with the test. What it prints is in a file.
struct Host {
    child: Child,
    folder: TempDir,
    starts: usize,
}

impl Host {
    fn new() -> Self {
        let child = Command::new("true").spawn().unwrap();
        Self {
            child,
            folder: TempDir::new().unwrap(),
            starts: 0,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn printed(&self) -> String {
        fs::read_to_string(self.folder.path().join("printed")).unwrap_or_default()
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        let listen = format!("127.0.0.1:{}", free_port().unwrap());
        let data = self.path("data");
        let args = ["serve", "--listen", &listen, "--data", &data];
        let all = args.iter().chain(more);
        all.map(|arg| (*arg).to_owned()).collect()
    }

    /// Starts it anew, with its output in a file, as a journal has it.
    fn starts(&mut self, more: &[&str]) {
        let mut command = Command::new(program("mdm-server").unwrap());
        command.args(self.args(more));
        self.starts_by(command);
    }

    /// Starts it anew on a terminal, whose output is in a file, too.
    fn starts_on_a_terminal(&mut self, more: &[&str]) {
        let program = program("mdm-server").unwrap();
        let line = format!("exec {} {}", program.display(), self.args(more).join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        self.starts_by(command);
    }

    fn starts_by(&mut self, mut command: Command) {
        self.stops();
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("printed"))
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn();
        self.child = child.unwrap();
        self.starts += 1;
        wait_until("the host listens", || {
            Ok(self.printed().matches("listening on http").count() == self.starts)
        })
        .unwrap();
    }

    fn stops(&mut self) {
        // On a terminal, the host is a child of what makes the terminal.
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        for host in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", host]).status();
        }
        // Errors if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stops();
    }
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn no_link_and_no_token_of_an_admin_is_in_what_is_no_terminal() {
    let mut host = Host::new();
    let token = host.path("admin.token");
    host.starts(&[]);
    host.starts(&["--admin-token-file", &token]);
    host.starts(&["--admin-token-file", &token]);
    let printed = host.printed();
    assert!(!printed.contains("/invitation/"), "{printed}");
    assert!(!printed.contains("mdm_admin_"), "{printed}");
    assert!(printed.contains("no admin's token was made"), "{printed}");
    assert_eq!(mode(&token), 0o600);
}

#[test]
fn a_link_that_was_asked_for_is_in_a_file_that_only_its_owner_reads_and_not_made_anew() {
    let mut host = Host::new();
    let file = host.path("invitation");
    // It was there before, for everybody to read.
    fs::write(
        &file,
        "an older and longer text than the link has\n".repeat(9),
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let options = [
        "--invitation-file",
        &file,
        "--public-url",
        "https://mdm.example",
    ];
    host.starts(&options);
    assert_eq!(mode(&file), 0o600);
    let link = fs::read_to_string(&file).unwrap();
    let is_link = link.starts_with("https://mdm.example/invitation/mdm_invitation_");
    assert!(is_link && link.lines().count() == 1, "{link}");
    host.starts(&options);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        link,
        "it is valid still"
    );
    assert!(!host.printed().contains("/invitation/"));
    let database = rusqlite::Connection::open(Path::new(&host.path("data")).join("mdm.db"));
    let left: i64 = database
        .unwrap()
        .query_row(
            "select expires_at - cast(unixepoch('subsec') * 1000 as integer) from invitations",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!((3_400_000..=3_600_000).contains(&left), "{left} ms");
}

#[test]
fn a_link_that_was_made_before_is_told_and_a_file_for_none_is_not_touched() {
    let mut host = Host::new();
    let (first, second) = (host.path("first"), host.path("second"));
    host.starts(&["--invitation-file", &first]);
    assert!(!host.printed().contains("was made before"));
    // The first is lost.
    fs::remove_file(&first).unwrap();
    fs::write(&second, "of somebody else").unwrap();
    fs::set_permissions(&second, fs::Permissions::from_mode(0o644)).unwrap();
    host.starts(&["--invitation-file", &second]);
    let printed = host.printed();
    let told = printed
        .lines()
        .filter(|line| line.contains("was made before"));
    let told: Vec<_> = told.collect();
    assert!(
        told.len() == 1 && told[0].contains(" is valid until 20"),
        "{printed}"
    );
    assert_eq!(
        (fs::read_to_string(&second).unwrap().as_str(), mode(&second)),
        ("of somebody else", 0o644)
    );
    host.starts(&["--invitation-file", &first]);
    assert!(!Path::new(&first).exists(), "no link was made");
}

#[test]
fn on_a_terminal_the_link_and_the_token_are_shown_once() {
    let mut host = Host::new();
    host.starts_on_a_terminal(&[]);
    host.starts_on_a_terminal(&[]);
    let printed = host.printed();
    assert_eq!(
        printed.matches("/invitation/mdm_invitation_").count(),
        1,
        "{printed}"
    );
    assert_eq!(printed.matches("mdm_admin_").count(), 1, "{printed}");
    assert!(printed.contains("within an hour"), "{printed}");

    let mut host = Host::new();
    let token = host.path("admin.token");
    host.starts_on_a_terminal(&["--admin-token-file", &token]);
    let printed = host.printed();
    assert!(
        !printed.contains("/invitation/"),
        "a token was asked for: {printed}"
    );
}
