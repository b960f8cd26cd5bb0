//! Credentials for a registry: those of the command line, or of `docker login`.

use anyhow::{Context as _, bail};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use std::{env, fs::File, io::ErrorKind, path::PathBuf};

/// The credentials for a registry. Without any, the registry is asked as nobody.
pub(crate) fn of(user: Option<&str>, registry: &str) -> anyhow::Result<RegistryAuth> {
    if let Some(user) = user {
        let password = env::var("MDM_REGISTRY_PASSWORD").with_context(|| {
            format!("no password for {user}: put it into MDM_REGISTRY_PASSWORD")
        })?;
        return Ok(RegistryAuth::Basic(user.to_owned(), password));
    }
    let Some(config) = docker_config()? else {
        return Ok(RegistryAuth::Anonymous);
    };
    use CredentialRetrievalError as Error;
    match docker_credential::get_credential_from_reader(config, registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => bail!(
            "`docker login` keeps an identity token for {registry}, and this program needs a password: give \
             --user, and the password in MDM_REGISTRY_PASSWORD"
        ),
        Err(Error::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(error).with_context(|| {
            format!(
                "the credentials of `docker login` for {registry} can't be read: mend Docker's config.json, or give \
                 --user, and the password in MDM_REGISTRY_PASSWORD"
            )
        }),
    }
}

/// Docker's configuration file, if there is one.
fn docker_config() -> anyhow::Result<Option<File>> {
    let home = || env::var_os("HOME").map(|it| PathBuf::from(it).join(".docker"));
    let Some(folder) = env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(home)
    else {
        return Ok(None);
    };
    let path = folder.join("config.json");
    match File::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}
