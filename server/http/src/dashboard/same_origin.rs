//! Refuses what another site has a browser send: a form of sign-in has no session, so no token of it could show that.

use super::error::PageError;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use mdm_server_core::public_url::PublicUrl;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Errors if a browser marks a request as sent by a page of another origin. Other clients send no such header, and have
/// no cookies of a user.
pub(super) fn check(
    method: &Method,
    headers: &HeaderMap,
    public_url: Option<&PublicUrl>,
) -> Result<(), PageError> {
    match method.is_safe() || is_same_origin(headers, public_url) {
        true => Ok(()),
        false => Err(PageError::Failed {
            status: StatusCode::FORBIDDEN,
            detail: "another site has sent this, and only pages of this host may: open the page here, and send it \
                     again. Behind a proxy, start the host with --public-url"
                .into(),
        }),
    }
}

fn is_same_origin(headers: &HeaderMap, public_url: Option<&PublicUrl>) -> bool {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().unwrap_or_default());
    if let Some(site) = text(SEC_FETCH_SITE) {
        // `none`: the user, and not a page, has sent it.
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let is_public = public_url.is_some_and(|url| url.origin() == origin);
    let sent_to = text(header::HOST).unwrap_or_default();
    let authority = origin.parse::<Uri>().ok();
    let authority = authority.as_ref().and_then(Uri::authority);
    is_public || authority.is_some_and(|it| it.as_str().eq_ignore_ascii_case(sent_to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn is_taken(sent: &[(&'static str, &str)], public_url: Option<&str>) -> bool {
        let headers = sent.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        let public_url = public_url.map(|url| url.parse().unwrap());
        let headers = HeaderMap::from_iter(headers);
        check(&Method::POST, &headers, public_url.as_ref()).is_ok()
    }

    #[test]
    fn a_form_is_taken_from_a_page_of_this_host_and_from_no_other() {
        let host = ("host", "mdm.example:7878");
        for (header, is_ours) in [
            (("sec-fetch-site", "same-origin"), true),
            (("sec-fetch-site", "none"), true),
            (("sec-fetch-site", "same-site"), false),
            (("sec-fetch-site", "cross-site"), false),
            (("origin", "http://mdm.example:7878"), true),
            (("origin", "http://mdm.example"), false),
            (("origin", "https://evil.example"), false),
            (("origin", "null"), false),
            (("x-other", "x"), true),
        ] {
            assert_eq!(is_taken(&[host, header], None), is_ours, "{header:?}");
        }
        let lies = [
            host,
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://mdm.example:7878"),
        ];
        assert!(!is_taken(&lies, None));
    }

    #[test]
    fn behind_a_proxy_that_names_another_host_the_public_url_is_this_host() {
        let sent = [
            ("host", "127.0.0.1:7878"),
            ("origin", "https://mdm.example"),
        ];
        assert!(!is_taken(&sent, None));
        assert!(is_taken(&sent, Some("https://mdm.example/")));
        assert!(!is_taken(&sent, Some("https://other.example")));
    }
}
