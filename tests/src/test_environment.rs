//! A host with its agents, in a folder of its own, on a free port of the loopback.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use std::{
    env,
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The timeout of waits.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The name of the first admin.
pub const ADMIN: &str = "admin";

const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

/// A host and the folder where it and its devices live. The processes end with it.
pub struct TestEnvironment {
    folder: TempDir,
    port: u16,
    log: String,
    serve_args: Vec<String>,
    /// The certificate of the server's authority. `None` for plain HTTP.
    authority: Option<PathBuf>,
    /// The environment of the server.
    host_variables: Vec<(String, String)>,
    host: Option<Child>,
}

/// A simulated device and its agent.
pub struct Device {
    /// Its name.
    pub name: String,
    /// The host's id of it.
    pub id: String,
    state: PathBuf,
    logs: PathBuf,
    log: String,
    agent: Option<Child>,
}

/// The arguments of `mdm-agent create` and `mdm-agent enroll` for a device.
#[derive(Clone, Copy)]
pub struct Make<'a> {
    /// Its name.
    pub name: &'a str,
    /// Android's API level.
    pub api_level: u32,
    /// Its management mode.
    pub mode: &'a str,
    /// More arguments of `create`.
    pub create: &'a [&'a str],
    /// More arguments of `enroll`.
    pub enroll: &'a [&'a str],
    /// The password that its user has set before it enrolls.
    pub user_password: Option<&'a str>,
    /// The group that it is put in.
    pub group: Option<&'a str>,
    /// The URL at which its agent reaches the host, if it is not the host's own.
    pub host: Option<&'a str>,
}

impl Default for Make<'_> {
    fn default() -> Self {
        Self {
            name: "phone",
            api_level: 34,
            mode: "device-owner",
            create: &[],
            enroll: &[],
            user_password: None,
            group: None,
            host: None,
        }
    }
}

impl TestEnvironment {
    /// Starts a host.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(&[], "info")
    }

    /// Starts a host with more arguments of `serve`; it and the agents log this much.
    pub fn with(serve_args: &[&str], log: &str) -> anyhow::Result<Self> {
        Self::start_as(serve_args, log, None)
    }

    /// Starts a host that listens by TLS, as `serve_args` say, and is vouched for by the authority of this
    /// certificate.
    pub fn with_tls(serve_args: &[&str], authority: &Path) -> anyhow::Result<Self> {
        Self::start_as(serve_args, "info", Some(authority.to_owned()))
    }

    /// Starts another host over the same PostgreSQL database, as `--store` names it.
    pub fn replica_of(other: &Self) -> anyhow::Result<Self> {
        let mut env = Self {
            folder: TempDir::new()?,
            port: free_port()?,
            log: other.log.clone(),
            serve_args: other.serve_args.clone(),
            authority: other.authority.clone(),
            host_variables: Vec::new(),
            host: None,
        };
        fs::create_dir(env.folder().join("data"))?;
        for file in ["admin.token", "data/host.key"] {
            fs::copy(other.folder().join(file), env.folder().join(file))?;
        }
        env.start_host()?;
        Ok(env)
    }

    /// Starts a host that may not be able to serve yet, and waits until it listens.
    pub fn stranger(serve_args: &[&str]) -> anyhow::Result<Self> {
        let mut env = Self::unstarted(serve_args)?;
        env.start_unready()?;
        Ok(env)
    }

    /// Starts the host, which may not be able to serve yet, and waits until it listens.
    pub fn start_unready(&mut self) -> anyhow::Result<()> {
        self.host = Some(self.spawn_host()?);
        wait_until("the host listens", || {
            Ok(TcpStream::connect(self.address()).is_ok())
        })
    }

    /// A host that was not started yet: its folder is there, and `data` in it is not.
    pub fn unstarted(serve_args: &[&str]) -> anyhow::Result<Self> {
        Ok(Self {
            folder: TempDir::new()?,
            port: free_port()?,
            log: "info".into(),
            serve_args: serve_args.iter().map(|arg| (*arg).to_owned()).collect(),
            authority: None,
            host_variables: Vec::new(),
            host: None,
        })
    }

    /// Gives the host this option of `serve`, too, from its next start on.
    pub fn add_option(&mut self, option: &str) {
        self.serve_args.push(option.to_owned());
    }

    fn start_as(
        serve_args: &[&str],
        log: &str,
        authority: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut env = Self {
            folder: TempDir::new()?,
            port: free_port()?,
            log: log.to_owned(),
            serve_args: serve_args.iter().map(|arg| (*arg).to_owned()).collect(),
            authority,
            host_variables: Vec::new(),
            host: None,
        };
        env.start_host()?;
        Ok(env)
    }

    /// Keeps the folder when the environment ends, for an investigation.
    pub fn keep_folder(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host's address.
    pub fn url(&self) -> String {
        let scheme = match self.authority {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The address of the host.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The admin's token.
    pub fn token(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder().join("admin.token"))?
            .trim()
            .to_owned())
    }

    /// The invitation of the first admin: a path of the dashboard. It replaces earlier ones.
    pub fn first_invitation(&self) -> anyhow::Result<String> {
        let add = ["user", "add", ADMIN, "--role", "admin", "--json"];
        let added = self.admin(&add, "")?;
        let made = match added.status.success() {
            true => serde_json::from_slice(&added.stdout)?,
            false => self.ask(&["user", "invite", ADMIN], "")?,
        };
        Ok(made["path"].as_str().context("no path")?.to_owned())
    }

    /// Sets this in the host's environment from its next start on.
    pub fn set_for_host(&mut self, name: &str, value: &str) {
        self.host_variables
            .push((name.to_owned(), value.to_owned()));
    }

    /// Starts the host, and waits until it serves.
    pub fn start_host(&mut self) -> anyhow::Result<()> {
        appended(&self.folder().join("host.log"))?;
        let starts = self.host_starts()?;
        let mut host = self.spawn_host()?;
        let deadline = Instant::now() + TIMEOUT;
        while self.host_starts()? == starts {
            if let Some(status) = host.try_wait()? {
                bail!("the host did not start ({status}): {}", self.host_log()?);
            }
            ensure!(Instant::now() < deadline, "the host does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        self.host = Some(host);
        Ok(())
    }

    fn spawn_host(&self) -> anyhow::Result<Child> {
        let output = appended(&self.folder().join("host.log"))?;
        let host = Command::new(program("mdm-server")?)
            .args([
                "serve",
                "--listen",
                &format!("127.0.0.1:{}", self.port),
                "--data",
            ])
            .arg(self.folder().join("data"))
            .arg("--admin-token-file")
            .arg(self.folder().join("admin.token"))
            .args(["--log", &self.log])
            .args(&self.serve_args)
            .envs(self.host_variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(host)
    }

    /// The number of times that the server has logged that it listens.
    fn host_starts(&self) -> anyhow::Result<usize> {
        Ok(self.host_log()?.matches("listening on http").count())
    }

    /// Kills the host, as a power cut would.
    pub fn kill_host(&mut self) -> anyhow::Result<()> {
        if let Some(mut host) = self.host.take() {
            host.kill()?;
            host.wait()?;
        }
        Ok(())
    }

    /// Stops the server as an operator does (SIGTERM), and waits for its end.
    pub fn stop_host(&mut self) -> anyhow::Result<()> {
        let mut host = self.host.take().context("the host does not run")?;
        run(
            Command::new("kill").args(["-TERM", &host.id().to_string()]),
            "",
        )?;
        let deadline = Instant::now() + TIMEOUT;
        let ended = loop {
            if let Some(status) = host.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                host.kill()?;
                host.wait()?;
                bail!("the host does not stop: {}", self.host_log()?);
            }
            thread::sleep(Duration::from_millis(5));
        };
        ensure!(ended.success(), "{ended}: {}", self.host_log()?);
        Ok(())
    }

    /// Waits for the server's end.
    pub fn wait_for_end(&mut self) -> anyhow::Result<ExitStatus> {
        let mut host = self.host.take().context("the host does not run")?;
        let deadline = Instant::now() + 2 * TIMEOUT;
        loop {
            if let Some(status) = host.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                self.host = Some(host);
                bail!("the host does not end: {}", self.host_log()?);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The host's process, while it runs.
    pub fn host_process(&self) -> anyhow::Result<u32> {
        Ok(self.host.as_ref().context("the host does not run")?.id())
    }

    /// The output and the log of the server.
    pub fn host_log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder().join("host.log"))?)
    }

    /// Runs `mdm-server` as an admin does, with this standard input.
    pub fn admin(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        let mut command = Command::new(program("mdm-server")?);
        command
            .args(args)
            .env("MDM_URL", self.url())
            .env("MDM_TOKEN_FILE", self.folder().join("admin.token"));
        if let Some(authority) = &self.authority {
            command.env("MDM_CA_FILE", authority);
        }
        run(&mut command, input)
    }

    /// The same; it must succeed. Returns its JSON.
    pub fn ask(&self, args: &[&str], input: &str) -> anyhow::Result<Value> {
        let output = self.admin(&[args, &["--json"]].concat(), input)?;
        ensure!(
            output.status.success(),
            "mdm-server {}: {}",
            args.join(" "),
            text(&output)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The same; it must be refused. Returns its problem as JSON.
    pub fn refused(&self, args: &[&str], input: &str) -> anyhow::Result<Value> {
        let output = self.admin(&[args, &["--json"]].concat(), input)?;
        ensure!(
            !output.status.success(),
            "mdm-server {} succeeded",
            args.join(" ")
        );
        serde_json::from_slice(&output.stdout).with_context(|| text(&output))
    }

    /// Has the chain of the audit trail verified, by more arguments of `mdm-server audit verify`.
    pub fn verify_audit(&self, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(program("mdm-server")?);
        command.args(["audit", "verify"]).args(args).arg("--data");
        command.arg(self.folder().join("data"));
        let store = self.serve_args.windows(2).find(|pair| pair[0] == "--store");
        run(command.args(store.unwrap_or_default()), "")
    }

    /// Backs the store up into this file, while the host serves.
    pub fn back_up(&self, file: &Path) -> anyhow::Result<()> {
        self.on_folder("backup", file)
    }

    /// Restores the store from this file.
    pub fn restore(&self, file: &Path) -> anyhow::Result<()> {
        self.on_folder("restore", file)
    }

    fn on_folder(&self, command: &str, file: &Path) -> anyhow::Result<()> {
        let mut program = Command::new(program("mdm-server")?);
        program.arg(command).arg(file).arg("--data");
        let output = run(program.arg(self.folder().join("data")), "")?;
        ensure!(
            output.status.success(),
            "mdm-server {command}: {}",
            text(&output)
        );
        Ok(())
    }

    /// Makes a device and enrolls it. Its agent does not run yet.
    pub fn enroll(&self, make: Make<'_>) -> anyhow::Result<Device> {
        let mut device = Device {
            name: make.name.to_owned(),
            id: String::new(),
            state: self.folder().join(make.name),
            logs: self.folder().join(format!("{}.log", make.name)),
            log: self.log.clone(),
            agent: None,
        };
        let api_level = make.api_level.to_string();
        let create = ["--api-level", &api_level, "--mode", make.mode];
        device.must(&[&["create"], &create[..], make.create].concat(), "")?;
        if let Some(password) = make.user_password {
            device.must(&["user-sets-password"], password)?;
        }
        let group: Vec<&str> = make
            .group
            .iter()
            .flat_map(|group| ["--group", group])
            .collect();
        let token = self.ask(&[&["device", "enroll"], &group[..]].concat(), "")?;
        let token = token["token"].as_str().context("no token")?.to_owned();
        let url = self.url();
        let host = make.host.unwrap_or(&url);
        let mut enroll = vec!["enroll", "--host", host, "--name", make.name];
        if let Some(authority) = &self.authority {
            enroll.extend(["--ca-file", authority.to_str().context("no UTF-8")?]);
        }
        device.id = device
            .must(&[&enroll[..], make.enroll].concat(), &token)?
            .trim()
            .to_owned();
        Ok(device)
    }

    /// Waits until the device is online and has sent its device info.
    pub fn wait_online(&self, device: &Device) -> anyhow::Result<()> {
        wait_until(&format!("{} is online", device.name), || {
            Ok(self.ask(&["device", "show", &device.id], "")?["online"] == true)
        })
    }

    /// Waits until a command has an outcome, and gives it as JSON.
    pub fn outcome(&self, device: &Device, command: &Value) -> anyhow::Result<Value> {
        let mut found = Value::Null;
        wait_until(
            &format!("a command of {} has an outcome", device.name),
            || {
                let status = self.ask(&["password", "status", &device.id], "")?;
                let history = status["history"].as_array().context("no history")?;
                let entry = history.iter().find(|entry| entry["id"] == command["id"]);
                found = entry.context("the command is not in the history")?.clone();
                Ok(found["status"] != "pending")
            },
        )?;
        Ok(found)
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        // A process that is gone already needs no killing.
        let _ = self.kill_host();
    }
}

impl Device {
    /// Starts the agent.
    pub fn switch_on(&mut self) -> anyhow::Result<()> {
        self.switch_on_with(&[])
    }

    /// Starts the agent with more arguments of `run`.
    pub fn switch_on_with(&mut self, args: &[&str]) -> anyhow::Result<()> {
        self.start_agent(args, &[])
    }

    /// Starts the agent in an environment with these variables.
    pub fn switch_on_in(&mut self, variables: &[(&str, &str)]) -> anyhow::Result<()> {
        self.start_agent(&[], variables)
    }

    /// Starts the agent with more arguments of `run`, in an environment with these variables.
    pub fn switch_on_as(
        &mut self,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        self.start_agent(args, variables)
    }

    fn start_agent(&mut self, args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
        let output = appended(&self.logs)?;
        let agent = Command::new(program("mdm-agent")?)
            .arg("run")
            .arg("--state")
            .arg(&self.state)
            .args(["--log", &self.log])
            .args(args)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        self.agent = Some(agent);
        Ok(())
    }

    /// Kills the agent, as a power cut would.
    pub fn switch_off(&mut self) -> anyhow::Result<()> {
        if let Some(mut agent) = self.agent.take() {
            agent.kill()?;
            agent.wait()?;
        }
        Ok(())
    }

    /// Returns `true` if the agent runs.
    pub fn is_on(&mut self) -> anyhow::Result<bool> {
        match &mut self.agent {
            Some(agent) => Ok(agent.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// Runs an action of the device's user or of another admin.
    pub fn by_hand(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        let mut command = Command::new(program("mdm-agent")?);
        command.args(args).arg("--state").arg(&self.state);
        run(&mut command, input)
    }

    /// The same; it must succeed. Returns its output.
    pub fn must(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let output = self.by_hand(args, input)?;
        ensure!(
            output.status.success(),
            "mdm-agent {}: {}",
            args.join(" "),
            text(&output)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Returns `true` if the lock screen, once locked, opens with this password.
    pub fn opens_with(&self, password: &str) -> anyhow::Result<bool> {
        self.must(&["lock"], "")?;
        Ok(self.by_hand(&["unlock"], password)?.status.success())
    }

    /// The visible state of the device.
    pub fn show(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.must(&["show", "--json"], "")?)?)
    }

    /// The output and the log of its agent.
    pub fn agent_log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(&self.logs)?)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.switch_off();
    }
}

/// Waits until something is so; an error is tried again, too, until patience ends.
pub fn wait_until(
    what: &str,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let so = is_so();
        if matches!(so, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return so.and_then(|_| bail!("it did not come about that {what}"));
        }
        thread::sleep(Duration::from_millis(25));
    }
}

/// A client for calls that none of our programs would make.
pub fn http_client() -> reqwest::Client {
    // The client needs a TLS provider, even for plain HTTP.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    // Reading the system's certificates takes longer than a request.
    let client = reqwest::Client::builder().tls_certs_only([]).build();
    client.unwrap_or_default()
}

/// The same, without following redirects.
pub fn staying_client() -> anyhow::Result<reqwest::Client> {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let stays = reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none());
    Ok(stays.build()?)
}

/// The same, for a host that this authority vouches for.
pub fn trusting_client(authority: &Path) -> anyhow::Result<reqwest::Client> {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let authorities = reqwest::Certificate::from_pem_bundle(&fs::read(authority)?)?;
    Ok(reqwest::Client::builder()
        .tls_certs_only(authorities)
        .build()?)
}

/// The readiness of a server: the status of `/ready`, and the body.
pub fn ready(url: &str) -> anyhow::Result<(u16, Value)> {
    let request = http_client().get(format!("{url}/ready"));
    tokio::runtime::Runtime::new()?.block_on(async {
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    })
}

/// Everything that a process printed.
pub fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn run(command: &mut Command, input: &str) -> anyhow::Result<Output> {
    let mut child = command
        .env_remove("MDM_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that wants no input may be gone before it is written.
        let _ = stdin.write_all(format!("{input}\n").as_bytes());
    }
    Ok(child.wait_with_output()?)
}

/// A port that is free, and that no other env of this process gets. It lies below those that the system
/// gives to outgoing connections, so that a host which starts again finds it free again.
pub fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(64);
    for _ in 0..PORTS {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = u16::try_from(FIRST_PORT + number)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

fn appended(path: &Path) -> anyhow::Result<File> {
    Ok(OpenOptions::new().create(true).append(true).open(path)?)
}

/// One of our programs, built beside the one that is running.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let here = env::current_exe()?;
    let beside = here
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name));
    let mut found = beside.filter(|path| path.exists());
    found
        .next()
        .with_context(|| format!("{name} is not built: run `cargo build --workspace --bins`"))
}
