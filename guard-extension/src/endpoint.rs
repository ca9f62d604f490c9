//! Where the Runtime API is.
//!
//! Knows the forms of `AWS_LAMBDA_RUNTIME_API`: Lambda sets `host:port`, cargo-lambda
//! `http://127.0.0.1:9100/.rt/NAME`. Must not know: what is asked there.

use std::fmt;
use std::str::FromStr;

/// The variable that says where the Runtime API is.
pub const VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// The address of a Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
    host: String,
    port: u16,
    base: String,
}

/// What [`VARIABLE`] holds is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    found: String,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.found;
        write!(
            f,
            "{VARIABLE}: {found:?} is no address, accepted is host:port or http://host:port/path"
        )
    }
}

impl std::error::Error for EndpointError {}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError {
            found: text.chars().take(120).collect(),
        };
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an address in brackets are not the port's.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (authority, Some(80)),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        // They go into request lines and header fields.
        let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        match port {
            Some(port) if is_clean && !host.is_empty() && !path.contains(['?', '#']) => Ok(Self {
                authority: authority.to_owned(),
                host: host.to_owned(),
                port,
                base: path.trim_end_matches('/').to_owned(),
            }),
            _ => Err(error()),
        }
    }
}

impl Endpoint {
    /// Of no Runtime API: for what needs none, as nobody listens on port 0.
    pub(crate) fn none() -> Self {
        Self {
            authority: String::from("127.0.0.1:0"),
            host: String::from("127.0.0.1"),
            port: 0,
            base: String::new(),
        }
    }

    /// Host and port as they stand in a `Host` field.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What to connect to.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What stands before every path, without a slash at its end; empty on Lambda.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let cases = [
            ("127.0.0.1:9001", Some(("127.0.0.1", 9001, ""))),
            ("localhost", Some(("localhost", 80, ""))),
            (
                "http://127.0.0.1:9100/.rt/order",
                Some(("127.0.0.1", 9100, "/.rt/order")),
            ),
            ("http://127.0.0.1:9100/", Some(("127.0.0.1", 9100, ""))),
            ("[::1]:9001", Some(("::1", 9001, ""))),
            ("[::1]", Some(("::1", 80, ""))),
            ("", None),
            (":9001", None),
            ("127.0.0.1:x", None),
            ("127.0.0.1:70000", None),
            ("a b:1", None),
            ("a:1/x?y", None),
            ("a:1/\r\nX: y", None),
        ];
        for (text, wanted) in cases {
            let found = text.parse::<Endpoint>().ok();
            let found = found
                .as_ref()
                .map(|endpoint| (endpoint.address().0, endpoint.address().1, endpoint.base()));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
