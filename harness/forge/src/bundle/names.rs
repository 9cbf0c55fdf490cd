//! What a server may be called in its certificate.

use std::net::IpAddr;

use super::BundleError;
use crate::pki::LOCAL;

/// The names if they are some, else those of this machine.
pub(super) fn of_server(names: &[String]) -> Result<Vec<String>, BundleError> {
    if names.is_empty() {
        return Ok(LOCAL.map(str::to_owned).to_vec());
    }
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(BundleError::Name(name.clone())),
        None => Ok(names.to_vec()),
    }
}

/// RFC 1123 section 2.1.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let hyphens = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && !hyphens && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(is_label))
}
