//! The request target, and its comparison with `htu` (section 2.3.2.2).
//!
//! The draft defines `htu` as the HTTP target URI and shows a path alone. Both forms are understood here. The
//! comparison is syntax-based (RFC 3986 section 6.2.2: case of scheme and host, percent-encoding) and scheme-based
//! (default port); dot segments and slashes are compared as they stand, so that two handlers are never taken for one.

/// What a request was addressed to, as the server saw it on its own connection; forwarding fields play no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// `https`, for every transport of this draft.
    pub scheme: &'a str,
    /// Host and, if it was given, port.
    pub authority: &'a str,
    /// The path, with neither query nor fragment.
    pub path: &'a str,
}

impl<'a> Target<'a> {
    /// From the authority and a path that may carry a query.
    #[must_use]
    pub fn https(authority: &'a str, path_and_query: &'a str) -> Self {
        let end = path_and_query.find(['?', '#']).unwrap_or(path_and_query.len());
        Self { scheme: "https", authority, path: &path_and_query[..end] }
    }

    /// Whether `htu` names this target.
    ///
    /// # Errors
    /// In words, when `htu` has a form that no target URI without query and fragment has.
    pub fn is_named_by(&self, htu: &str) -> Result<bool, &'static str> {
        if htu.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        if htu.starts_with('/') && !htu.starts_with("//") {
            return Ok(same_path(htu, self.path));
        }
        let Some((scheme, rest)) = htu.split_once("://") else { return Err("neither a path nor an absolute URI") };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if authority.contains('@') {
            return Err("has user information");
        }
        Ok(scheme.eq_ignore_ascii_case(self.scheme)
            && same_authority(authority, self.authority)
            && same_path(if path.is_empty() { "/" } else { path }, self.path))
    }
}

/// Host without regard to case; port 443 and none are one.
fn same_authority(one: &str, other: &str) -> bool {
    fn split(authority: &str) -> (&str, &str) {
        match authority.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, if port == "443" { "" } else { port }),
            _ => (authority, ""),
        }
    }
    let ((host, port), (other_host, other_port)) = (split(one), split(other));
    host.eq_ignore_ascii_case(other_host) && port == other_port
}

fn same_path(one: &str, other: &str) -> bool {
    one == other || normal(one) == normal(other)
}

/// Decodes percent-encoded unreserved characters; any other escape becomes one number beyond all characters, so that
/// `%%32%35`, whose first character begins no escape, is not taken for `%25`.
fn normal(path: &str) -> Vec<u16> {
    let octets = path.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let escaped = octets.get(at + 1..at + 3).filter(|_| octets[at] == b'%').and_then(|pair| {
            let digit = |c: u8| char::from(c).to_digit(16);
            Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
        });
        match escaped {
            Some(octet) if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => {
                out.push(u16::from(octet));
                at += 3;
            }
            Some(octet) => {
                out.push(0x100 | u16::from(octet));
                at += 3;
            }
            None => {
                out.push(u16::from(octets[at]));
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let target = Target::https("rs.example:8443", "/api/resource?x=1#y");
        for same in [
            "/api/resource",
            "https://rs.example:8443/api/resource",
            "HTTPS://RS.Example:8443/api/resource",
            "/api/%72esource",
        ] {
            assert_eq!(target.is_named_by(same), Ok(true), "{same}");
        }
        for other in [
            "/api/resourc",
            "/api/resource/",
            "/api/Resource",
            "/api%2Fresource",
            "/x/../api/resource",
            "http://rs.example:8443/api/resource",
            "https://rs.example/api/resource",
            "https://rs.example:8443.evil/api/resource",
            "https://rs.example:8443",
        ] {
            assert_eq!(target.is_named_by(other), Ok(false), "{other}");
        }
        for bad in
            ["", "api/resource", "//rs.example:8443/api", "/a?b", "/a#b", "https://u@rs.example:8443/api/resource"]
        {
            assert!(target.is_named_by(bad).is_err(), "{bad}");
        }
        assert_eq!(Target::https("rs.example", "/").is_named_by("https://rs.example:443"), Ok(true));
        assert_eq!(Target::https("[::1]:8443", "/").is_named_by("https://[::1]:8443/"), Ok(true));
        assert_eq!(Target::https("rs.example", "/%25").is_named_by("/%%32%35"), Ok(false), "no escape begins there");
        assert_eq!(Target::https("[::1]", "/%2f").is_named_by("https://[::1]/%2F"), Ok(true));
    }
}
