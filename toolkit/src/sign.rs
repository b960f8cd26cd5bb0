//! `mdm-plugin sign` and `mdm-plugin new-key`.

use crate::{atomic, component};
use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use mdm_password_host::{inspect, signature_file};
use mdm_terminal::out;
use minisign::{KeyPair, SecretKeyBox};
use std::{
    env, fs,
    io::Cursor,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The environment variable with the password of a secret key.
const PASSWORD: &str = "MDM_SIGNING_PASSWORD";

#[derive(Args)]
pub(crate) struct Sign {
    /// The component. The signature goes into FILE.minisig, which `push` takes along.
    file: PathBuf,
    /// The file of your secret key: of `mdm-plugin new-key` or `minisign -G`. The key's password, if it has one, is taken
    /// from MDM_SIGNING_PASSWORD.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Sign {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bytes = component::read(&self.file)?;
        let digest = inspect(&bytes)
            .map_err(|error| component::refused(&self.file, &error))?
            .digest;
        let key = secret_key(&self.key)?;
        let comment = format!("sha256:{digest}");
        let signed = minisign::sign(None, &key, Cursor::new(&bytes), Some(&comment), None)
            .map_err(|error| anyhow!("{} can't be signed: {error}", self.file.display()))?;
        let beside = signature_file(&self.file);
        atomic::write(&beside, signed.to_string().as_bytes())
            .with_context(|| format!("{} can't be written", beside.display()))?;
        out::text(format!(
            "signature  {}\ndigest     {comment}\n",
            beside.display()
        ))?;
        Ok(())
    }
}

/// Reads a secret key, with the password from the environment.
fn secret_key(file: &Path) -> anyhow::Result<minisign::SecretKey> {
    let wrong = |error| anyhow!("{} is no secret key of minisign: {error}", file.display());
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.with_context(|| {
        format!(
            "the key {} can't be read: `mdm-plugin new-key NAME` makes one",
            file.display()
        )
    })?;
    let boxed = || SecretKeyBox::from_string(&text).map_err(wrong);
    if let Ok(key) = boxed()?.into_unencrypted_secret_key() {
        return Ok(key);
    }
    let password = env::var(PASSWORD).with_context(|| {
        format!(
            "the key {} has a password: put it into {PASSWORD}",
            file.display()
        )
    })?;
    boxed()?.into_secret_key(Some(password)).map_err(|_| {
        anyhow!(
            "the key {} does not open: is the password in {PASSWORD} right?",
            file.display()
        )
    })
}

#[derive(Args)]
pub(crate) struct NewKey {
    /// The name of the files: NAME.key, which is secret, and NAME.pub. The password of the secret key is taken from
    /// MDM_SIGNING_PASSWORD.
    name: String,
    /// Make a key without a password: for a machine that signs by itself.
    #[arg(long)]
    no_password: bool,
}

impl NewKey {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (secret, public) = (format!("{}.key", self.name), format!("{}.pub", self.name));
        for file in [&secret, &public] {
            ensure!(!Path::new(file).exists(), "{file} is there already");
        }
        let password = env::var(PASSWORD).ok().filter(|it| !it.is_empty());
        let pair = match (self.no_password, password) {
            (true, _) => KeyPair::generate_unencrypted_keypair(),
            (false, Some(password)) => KeyPair::generate_encrypted_keypair(Some(password)),
            (false, None) => anyhow::bail!(
                "the new key has no password: put one into {PASSWORD}, or give --no-password"
            ),
        };
        let failed = |error| anyhow!("no key can be made: {error}");
        let pair = pair.map_err(failed)?;
        let boxed = pair.sk.to_box(None).map_err(failed)?;
        let boxed = Zeroizing::new(boxed.into_string());
        write_secret(Path::new(&secret), boxed.as_bytes())?;
        let line = pair.pk.to_base64();
        let text = pair.pk.to_box().map_err(failed)?.into_string();
        fs::write(&public, text).with_context(|| format!("{public} can't be written"))?;
        out::text(format!(
            "secret key  {secret}, which only you may read\npublic key  {public}: {line}\n\n\
             `mdm-server serve --trust-key {line}`\nuses plugins that are signed with it.\n"
        ))?;
        Ok(())
    }
}

/// Writes a new file that only its owner may read.
fn write_secret(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut options = fs::OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut it| it.write_all(bytes));
    written.with_context(|| format!("{} can't be written", file.display()))
}
