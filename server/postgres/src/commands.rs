//! Shell commands that back up and restore a database by PostgreSQL's own programs.

use super::PostgresOptions;
use std::path::Path;
use tokio_postgres::config::{Host, SslMode};

impl PostgresOptions {
    /// The command that backs the database up into this file. What hosts remember for a minute only, such as signatures
    /// that were taken, is left out: a restored host refuses all that was signed before it serves.
    pub fn dump_command(&self, file: &Path) -> String {
        format!(
            "pg_dump --format=custom --no-owner --no-unlogged-table-data --file={} --dbname={}",
            quoted(&file.display().to_string()),
            quoted(&self.connection())
        )
    }

    /// The command that restores such a file into the database, which has to be there and empty: all of it, or nothing.
    pub fn restore_command(&self, file: &Path) -> String {
        format!(
            "pg_restore --exit-on-error --single-transaction --no-owner --dbname={} {}",
            quoted(&self.connection()),
            quoted(&file.display().to_string())
        )
    }

    /// Where the database is, as libpq reads it, without the password.
    fn connection(&self) -> String {
        let config = &self.url.0;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let ports = config.get_ports().iter().map(u16::to_string);
        let mut parts = vec![
            ("host", hosts.collect::<Vec<_>>().join(",")),
            ("port", ports.collect::<Vec<_>>().join(",")),
            ("user", config.get_user().unwrap_or_default().to_owned()),
            ("dbname", config.get_dbname().unwrap_or_default().to_owned()),
        ];
        match (config.get_ssl_mode(), &self.authorities) {
            (SslMode::Disable, _) => parts.push(("sslmode", "disable".to_owned())),
            // The `require` of libpq would verify nothing.
            (SslMode::Require, authorities) => {
                let file = authorities.as_ref().map(|file| file.display().to_string());
                parts.push(("sslmode", "verify-full".to_owned()));
                parts.push(("sslrootcert", file.unwrap_or("system".to_owned())));
            }
            _ => {}
        }
        let parts = parts.iter().filter(|(_, value)| !value.is_empty());
        let parts = parts.map(|(name, value)| match value.contains([' ', '\'', '\\']) {
            false => format!("{name}={value}"),
            true => {
                let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
                format!("{name}='{escaped}'")
            }
        });
        parts.collect::<Vec<_>>().join(" ")
    }
}

/// One argument of a shell's command.
fn quoted(text: &str) -> String {
    match text.contains('\'') {
        false => format!("'{text}'"),
        true => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn the_commands_name_the_database_without_its_password() {
        let options = PostgresOptions {
            url: "postgres://mdm:quartz@db.example:5433/o'clock?sslmode=require"
                .parse()
                .unwrap(),
            authorities: Some("ca.pem".into()),
            connections: 1,
            calls_per_commit: NonZeroUsize::MIN,
        };
        let dump = options.dump_command("a b".as_ref());
        assert_eq!(
            dump,
            "pg_dump --format=custom --no-owner --no-unlogged-table-data --file='a b' \
             --dbname='host=db.example port=5433 user=mdm dbname='\\''o\\'\\''clock'\\'' \
             sslmode=verify-full sslrootcert=ca.pem'"
        );
        assert!(!options.restore_command("a b".as_ref()).contains("quartz"));
    }

    #[test]
    fn the_commands_verify_the_server_as_the_host_does() {
        let said = |parameters: &str| {
            let url = format!("postgres://mdm@db.example/mdm{parameters}");
            let options = PostgresOptions {
                url: url.parse().unwrap(),
                authorities: None,
                connections: 1,
                calls_per_commit: NonZeroUsize::MIN,
            };
            let dump = options.dump_command("a".as_ref());
            (dump.clone(), options.restore_command("a".as_ref()))
        };
        let (dump, restore) = said("?sslmode=require");
        for command in [dump, restore] {
            let verified = "sslmode=verify-full sslrootcert=system";
            assert!(command.contains(verified), "{command}");
        }
        let (dump, _) = said("?sslmode=disable");
        assert!(
            dump.contains("sslmode=disable") && !dump.contains("sslrootcert"),
            "{dump}"
        );
    }
}
