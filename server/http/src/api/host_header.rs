//! The `Host` header: a request that names two hosts, or none, is refused (RFC 9112, section 3.2). A
//! proxy might choose another of the names than this server.

use super::problem::ApiError;
use axum::http::{Request, StatusCode, Version, header::HOST};

/// Refuses a request of HTTP/1.1 that has not exactly one `Host` header, and an older one that has more.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_one = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    match is_one {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad-host",
            format!("a request has one Host header, and this one has {hosts}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host() {
        let asked = |version, hosts: &[&str]| {
            let mut request = Request::new(());
            *request.version_mut() = version;
            for host in hosts {
                request.headers_mut().append(HOST, host.parse().unwrap());
            }
            check(&request).is_ok()
        };
        assert!(asked(Version::HTTP_11, &["a"]));
        assert!(asked(Version::HTTP_10, &[]));
        assert!(!asked(Version::HTTP_11, &[]));
        assert!(!asked(Version::HTTP_11, &["a", "a"]));
        assert!(!asked(Version::HTTP_10, &["a", "b"]));
    }
}
