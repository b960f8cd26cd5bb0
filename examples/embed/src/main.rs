//! A tiny MDM platform that embeds the host: one phone, one reset from request to success.

mod phones;

use anyhow::Context as _;
use mdm_agent_protocol::sealing::{Binding, Payload, PrivateKey, Sealed};
use mdm_contract::DeviceOutcome;
use mdm_password_component::REFERENCE;
use mdm_password_host::{Host, ResetRequest, password::Password};
use phones::{Phone, Phones, Radio};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The platform: a database, a phone with a key pair, and a channel to wake the phone.
    let (private_key, public_key) = PrivateKey::generate();
    let phones = Phones::open_in_memory()?;
    phones.add(&Phone {
        device: serde_json::from_str(include_str!("phone.json"))?,
        commands: Vec::new(),
        sealed: None,
        public_key,
    })?;
    let (news, mut inbox) = mpsc::unbounded_channel();

    // The host over them, with the reference plugin.
    let host = Host::builder(phones, Radio(news))
        .plugin(REFERENCE)
        .build()?;

    // An admin requests a reset. The context is this platform's data for the commit: the actor.
    let (admin, agent) = ("alice".to_owned(), "phone-1".to_owned());
    let request = ResetRequest::new(Password::new("4711".to_owned().into()));
    let reset = host.reset("phone-1", request, &admin).await?;
    println!("{admin} asked for the reset {}", reset.returned);

    // The phone wakes, opens its command, sets the password, and reports.
    let id = inbox.recv().await.context("no news")?;
    let (phone, _) = host.store().get(&id)?.context("no phone")?;
    let (command, sealed) = (phone.commands.last(), phone.sealed.as_deref());
    let (command, sealed) = command.zip(sealed).context("no command")?;
    let sealed = Sealed::from_bytes(sealed).context("it is not sealed")?;
    let opened = Payload::open(&sealed, &private_key, &Binding::of(&id, command))?;
    println!("{id} sets a password of {} digits", opened.password.len());
    let outcome = DeviceOutcome::Success;
    host.report(id.as_str(), &command.id, outcome, &agent)
        .await?;

    let status = host.status("phone-1", &admin).await?;
    println!("{}", serde_json::to_string_pretty(&status)?);
    Ok(())
}
