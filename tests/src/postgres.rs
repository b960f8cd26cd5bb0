//! A PostgreSQL server of Debian's, in a folder of its own, on a free port of the loopback, as an unprivileged user.

use crate::{debian, test_environment::free_port};
use anyhow::{Context as _, ensure};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The timeout of waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// PostgreSQL does not run as root. It then runs as this user: `nobody` on every Linux.
const NOBODY: u32 = 65_534;

/// The keeper's script: it runs commands, and stops the server when its parent process ends.
const KEEPER: &str = r#"
folder=$1; shift
while read -r order; do
    case $order in
        # Not a second one beside the first: nobody would end that.
        start) [ -n "$pid" ] && [ -e "/proc/$pid/exe" ] || { "$@" >> "$folder/log" 2>&1 < /dev/null & pid=$!; } ;;
        kill) kill -9 $pid; wait $pid ;;
        stop) kill -INT $pid; wait $pid ;;
    esac
    echo done
done
kill -9 $pid; wait $pid
rm -rf "$folder"
"#;

/// A server, which ends with this.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Postgres {
    /// Starts a server.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(&[])
    }

    /// Starts a server with these settings, such as `max_connections=10`.
    pub fn with(settings: &[&str]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("mdm-postgres-")?.keep();
        if fs::metadata(&folder)?.uid() == 0 {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY))?;
        }
        let data = folder.join("data");
        let made = as_owner(&folder, program("initdb")?)
            .args([
                "--username=mdm",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--pgdata"])
            .arg(&data)
            .output()?;
        ensure!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port()?;
        let usual = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.display()),
            "max_connections=300".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ];
        let settings = usual
            .iter()
            .map(String::as_str)
            .chain(settings.iter().copied());
        let postgres = program("postgres")?;
        let mut keeper = Command::new("sh");
        keeper.envs(
            postgres
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let mut keeper = as_owner(&folder, keeper)
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .arg(postgres.get_program())
            .arg("-D")
            .arg(&data)
            .args(settings.flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self {
            folder,
            port,
            orders: keeper.stdin.take(),
            answers: BufReader::new(keeper.stdout.take().context("no answers")?),
            keeper,
        };
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server that was stopped or killed, and waits until it can be asked.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        self.order("start")?;
        while !self.answers()? {
            ensure!(
                Instant::now() < deadline,
                "PostgreSQL does not start: {}",
                self.log()?
            );
            thread::sleep(Duration::from_millis(50));
            // The killed server's resources may still be in use for a moment; a new server then ends by itself.
            if !self.is_up() {
                self.order("start")?;
            }
        }
        Ok(())
    }

    /// Kills the server, as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.order("kill")
    }

    /// Stops the server, and notifies its clients.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.order("stop")
    }

    /// Makes a database, unless it is there, and gives its address for `--store`.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        let there = self.ask(
            "postgres",
            &format!("select 1 from pg_database where datname = '{name}'"),
        )?;
        if there.is_empty() {
            self.ask("postgres", &format!("create database \"{name}\""))?;
        }
        Ok(self.url(name))
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://mdm@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Asks the server as an operator does.
    pub fn ask(&self, database: &str, query: &str) -> anyhow::Result<String> {
        let asked = program("psql")?
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--dbname",
            ])
            .arg(self.url(database))
            .args(["--command", query])
            .output()?;
        ensure!(
            asked.status.success(),
            "{query}: {}",
            String::from_utf8_lossy(&asked.stderr)
        );
        Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }

    /// Runs a command of a shell that finds PostgreSQL's programs.
    pub fn shell(&self, command: &str) -> anyhow::Result<()> {
        let psql = program("psql")?;
        let folder = Path::new(psql.get_program())
            .parent()
            .context("no folder")?;
        let path = format!("{}:{}", folder.display(), std::env::var("PATH")?);
        let mut shell = Command::new("sh");
        shell.envs(
            psql.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let ran = shell.args(["-c", command]).env("PATH", path).output()?;
        ensure!(
            ran.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        Ok(())
    }

    /// Asks as an operator does who stays connected: what is locked in a transaction stays so until this is dropped.
    pub fn hold(&self, database: &str, query: &str) -> anyhow::Result<Held> {
        let mut psql = program("psql")?
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .arg("--dbname")
            .arg(self.url(database))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut orders = psql.stdin.take().context("psql takes no orders")?;
        let answers = psql.stdout.take().context("psql has no answers")?;
        writeln!(orders, "{query};\n\\echo held")?;
        let held = Held {
            psql,
            orders: Some(orders),
        };
        let mut lines = BufReader::new(answers).lines();
        let is_held = lines.any(|line| line.is_ok_and(|line| line == "held"));
        ensure!(is_held, "{query}: psql is gone");
        Ok(held)
    }

    /// The folder of all that it writes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's process, which has started those of its connections.
    pub fn process(&self) -> anyhow::Result<u32> {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        Ok(file.lines().next().context("no process")?.parse()?)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The log.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder.join("log"))?)
    }

    fn is_up(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn answers(&self) -> anyhow::Result<bool> {
        Ok(self.is_up() && self.ask("postgres", "select 1").is_ok())
    }

    fn order(&mut self, order: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("the keeper is gone")?;
        writeln!(orders, "{order}")?;
        orders.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(answer == "done\n", "the keeper of PostgreSQL is gone");
        Ok(())
    }
}

/// A connection of an operator, which ends with this.
pub struct Held {
    psql: Child,
    orders: Option<ChildStdin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.psql.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The keeper ends at the end of its input.
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

/// A program of PostgreSQL.
fn program(name: &str) -> anyhow::Result<Command> {
    debian::program(&format!("usr/lib/postgresql/15/bin/{name}"))
}

/// A program that runs as the owner of the folder, in it.
fn as_owner(folder: &Path, mut command: Command) -> Command {
    command.current_dir(folder);
    if let Ok(owner) = fs::metadata(folder)
        && owner.uid() == NOBODY
    {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
