//! The session with the kit: each request becomes a use of the host's public API.

use crate::{
    platform::{Channel, Memory},
    requests::{Content, KitCall, KitFunction, KitRequest},
    wrong::Wrong,
};
use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use mdm_agent_protocol::sealing::{PrivateKey, PublicKey};
use mdm_contract::{MinimumVersion, time::Timestamp};
use mdm_password_host::{
    Accepted, Clock, Host, HostError, Limits, LoggedMessage, Plugin, PreviewRequest, RemoveRequest,
    ResetRequest, Runtime, password::Password,
};
use mdm_terminal::escape::Escaped;
use serde::Serialize;
use serde_json::{Value, json};
use std::{convert::Infallible, path::Path, sync::Arc, time::Duration};

/// A clock that stands still.
struct StoppedClock(Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The session.
pub(crate) struct Session {
    runtime: Runtime,
    plugin: Option<Arc<Plugin>>,
    host: Option<Host<Memory, Channel>>,
    content: Option<Content>,
    /// The messages of the plugin that came before the situation.
    old_messages: usize,
    key: PublicKey,
    wrong: Option<Wrong>,
}

impl Session {
    pub(crate) fn new(wrong: Option<Wrong>) -> anyhow::Result<Self> {
        let limits = Limits {
            // Enough time that even on a busy machine only what never ends runs out of it.
            time: match wrong {
                Some(Wrong::HasNoTimeLimit) => Duration::from_secs(60),
                _ => Duration::from_millis(500),
            },
            ..Limits::default()
        };
        Ok(Self {
            runtime: Runtime::new(limits)?,
            plugin: None,
            host: None,
            content: None,
            old_messages: 0,
            key: PrivateKey::generate().1,
            wrong,
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, request: KitRequest) -> anyhow::Result<Value> {
        Ok(match request {
            KitRequest::Start {} => json!({"host": "mdm-password-host", "exceptions": {}}),
            KitRequest::Use {
                component,
                settings,
            } => match self.load(&component, settings.as_deref()) {
                Ok(()) => json!({"ok": null}),
                Err(error) => json!({"error": format!("{error:#}")}),
            },
            KitRequest::Situation(content) => {
                self.content = Some(*content);
                self.rebuild()?;
                json!({"ok": null})
            }
            KitRequest::Call(call) => self.call(*call).await?,
            KitRequest::State {} => self.state()?,
        })
    }

    fn load(&mut self, component: &Path, settings: Option<&str>) -> anyhow::Result<()> {
        let component = std::fs::read(component)?;
        let plugin = self.runtime.load(&component, None)?;
        let plugin = match settings.map(|it| plugin.with_settings(it)) {
            None => plugin,
            Some(Ok(plugin)) => plugin,
            Some(Err(error)) => {
                if self.wrong == Some(Wrong::ForgetsSettings) {
                    self.plugin = Some(Arc::new(plugin));
                    self.keep_store()?;
                }
                return Err(error.into());
            }
        };
        self.plugin = Some(Arc::new(plugin));
        self.keep_store()
    }

    /// Builds the host anew over an empty store.
    fn rebuild(&mut self) -> anyhow::Result<()> {
        let content = self.content.clone().context("no situation yet")?;
        self.build(Memory::new(content, self.wrong))?;
        self.old_messages = self.messages().len();
        Ok(())
    }

    /// Builds the host anew over the same store, for another plugin.
    fn keep_store(&mut self) -> anyhow::Result<()> {
        self.old_messages = 0;
        match &self.host {
            Some(host) => self.build(host.store().clone()),
            None => Ok(()),
        }
    }

    fn build(&mut self, store: Memory) -> anyhow::Result<()> {
        let plugin = self.plugin.clone().context("no plugin yet")?;
        let content = self.content.as_ref().context("no situation yet")?;
        let channel = Channel {
            key: self.key.clone(),
            wrong: self.wrong,
        };
        let deployment = &content.deployment;
        let minimum: MinimumVersion = deployment.minimum_agent_version.parse()?;
        let host = Host::builder(store, channel)
            .loaded_plugin(plugin)
            .password_rule(deployment.password_rule.clone())
            .minimum_agent_version(&minimum)
            .clock(Arc::new(StoppedClock(content.now)))
            .build()?;
        self.host = Some(host);
        Ok(())
    }

    async fn call(&self, call: KitCall) -> anyhow::Result<Value> {
        let host = self.host.as_ref().context("no situation yet")?;
        let device = self.content.as_ref().context("no situation yet")?;
        let device = device.device.id.as_str();
        let password = |text: String| Password::new(text.into());
        host.store().meanwhile(call.meanwhile);
        Ok(match call.function {
            KitFunction::Reset {
                request,
                password: text,
            } => {
                let request = ResetRequest {
                    request,
                    ..ResetRequest::new(password(text))
                };
                decided(host.reset(device, request, &()).await)?
            }
            KitFunction::Remove { request } => {
                let request = RemoveRequest {
                    request,
                    replaces_pending: false,
                };
                decided(host.remove(device, request, &()).await)?
            }
            KitFunction::Preview {
                action,
                request,
                password: text,
            } => {
                let request = PreviewRequest {
                    action,
                    password: text.map(password),
                    request,
                    replaces_pending: false,
                };
                answered(host.preview(device, request, &()).await)?
            }
            KitFunction::Status {} => answered(host.status(device, &()).await)?,
            KitFunction::PolicyOverride {} => answered(host.policy_override(device, &()).await)?,
            KitFunction::Report { command, outcome } => {
                decided(host.report(device, &command, outcome, &()).await)?
            }
            KitFunction::Cancel { command } => decided(host.cancel(device, &command, &()).await)?,
            KitFunction::Expire { command } => decided(host.expire(device, &command, &()).await)?,
        })
    }

    fn state(&self) -> anyhow::Result<Value> {
        let host = self.host.as_ref().context("no situation yet")?;
        let text = |message: &LoggedMessage| match self.wrong {
            Some(Wrong::ShowsControlCharacters) => message.text.clone(),
            _ => Escaped(&message.text).to_string(),
        };
        let messages = self.messages();
        let messages = messages
            .iter()
            .skip(self.old_messages)
            .map(|it| json!({"level": it.level, "message": text(it), "device": it.device}));
        let messages: Vec<Value> = messages.collect();
        Ok(host.store().read(|stored| {
            let sealed = stored.sealed.iter();
            let sealed: Value = sealed
                .map(|(id, it)| (id.clone(), STANDARD.encode(it)))
                .collect();
            json!({
                "device": stored.content.device,
                "commands": stored.content.commands,
                "sealed": sealed,
                "messages": messages,
            })
        }))
    }

    fn messages(&self) -> Vec<LoggedMessage> {
        self.plugin
            .as_ref()
            .map_or_else(Vec::new, |it| it.messages())
    }
}

/// The answer to a call that decides.
fn decided<R: Serialize, T: std::error::Error + Send + Sync + 'static>(
    result: Result<Accepted<R>, HostError<Infallible, T>>,
) -> anyhow::Result<Value> {
    match result {
        Ok(accepted) => Ok(json!({"returned": {"ok": accepted.returned}})),
        Err(HostError::Refused(refusal)) => Ok(json!({"returned": {"err": refusal}})),
        Err(error) => failed(error),
    }
}

/// The answer to a query.
fn answered<R: Serialize, T: std::error::Error + Send + Sync + 'static>(
    result: Result<R, HostError<Infallible, T>>,
) -> anyhow::Result<Value> {
    match result {
        Ok(returned) => Ok(json!({ "returned": returned })),
        Err(error) => failed(error),
    }
}

/// The answer to a call that failed by the plugin's fault. Another failure ends the program.
fn failed<T: std::error::Error + Send + Sync + 'static>(
    error: HostError<Infallible, T>,
) -> anyhow::Result<Value> {
    match error {
        HostError::Plugin(error) => Ok(json!({"failed": error.to_string()})),
        error => Err(error.into()),
    }
}
