//! The URL by which admins reach the server, if it differs from the address on which the server listens.

use reqwest::Url;
use std::{fmt, str::FromStr};

/// A scheme, a host and an optional port: `https://mdm.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// The text is not such a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public URL looks like https://mdm.example or https://mdm.example:8443, without a path")]
pub struct BadPublicUrl;

impl PublicUrl {
    /// Returns `true` if browsers reach the server by TLS.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The origin, as in the header `Origin`.
    pub fn origin(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = BadPublicUrl;

    fn from_str(text: &str) -> Result<Self, BadPublicUrl> {
        let url = Url::parse(text).map_err(|_| BadPublicUrl)?;
        let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_login = !url.username().is_empty() || url.password().is_some();
        match url.scheme() {
            "http" | "https" if url.has_host() && is_plain && !has_login => {
                Ok(Self(url.origin().ascii_serialization()))
            }
            _ => Err(BadPublicUrl),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin_as_browsers_write_it() {
        let origin = |text: &str| text.parse::<PublicUrl>().map(|url| url.to_string());
        assert_eq!(
            origin("https://MDM.example/").unwrap(),
            "https://mdm.example"
        );
        assert_eq!(
            origin("https://mdm.example:443").unwrap(),
            "https://mdm.example"
        );
        assert_eq!(origin("http://[::1]:80").unwrap(), "http://[::1]");
        for bad in [
            "",
            "mdm.example",
            "ftp://mdm.example",
            "https://mdm.example/mdm",
            "https://mdm.example?x",
            "https://user:password@mdm.example",
        ] {
            assert_eq!(origin(bad), Err(BadPublicUrl), "{bad}");
        }
    }
}
