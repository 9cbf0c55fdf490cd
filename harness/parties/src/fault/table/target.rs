//! Faults about how `htu` is compared with the target.

use ekmcheck_binding::{guard::Request, refusal::Check, target::Target};

use super::fault;
use crate::fault::{Bend, Fault, Sight};

const HTU: &[Check] = &[Check::Htu];

pub(super) const TABLE: &[Fault] = &[
    fault(
        "htu-with-the-query",
        "compares htu with the target including its query",
        &[Bend::Sees(|request| request.path_and_query = request.path_and_query.replace('?', "%3F"))],
        &["rs.target.query-in-request"],
    ),
    fault(
        "htu-byte-by-byte",
        "knows one spelling of a target",
        &[Bend::Not(Check::Htu, |s| {
            !s.request.is_some_and(|Request { target: t, .. }| {
                s.text == t.path || s.text == format!("{}://{}{}", t.scheme, t.authority, t.path)
            })
        })],
        &["rs.target.host-in-upper-case", "rs.target.with-default-port", "rs.target.percent-encoded"],
    ),
    fault(
        "htu-any-port",
        "does not compare the port of htu",
        &[Bend::Also(HTU, |s| {
            let (Some((host, path)), Some(target)) = (absolute(s), target(s)) else { return false };
            host.split(':').next() == target.authority.split(':').next() && path == target.path
        })],
        &["rs.target.of-another-port"],
    ),
    fault(
        "htu-slash-decoded",
        "decodes all of a path before it compares",
        &[Bend::Also(HTU, |s| target(s).is_some_and(|t| s.text.replace("%2F", "/") == t.path.replace("%2F", "/")))],
        &["rs.target.with-escaped-slash", "rs.target.escaped-slash-in-request"],
    ),
    fault(
        "htu-without-case",
        "compares htu without regard to case",
        &[Bend::Also(HTU, |s| target(s).is_some_and(|t| s.text.eq_ignore_ascii_case(t.path)))],
        &["rs.target.path-in-upper-case"],
    ),
    fault(
        "htu-trailing-slash",
        "ignores a slash at the end of htu",
        &[Bend::Also(HTU, |s| target(s).is_some_and(|t| s.text.trim_end_matches('/') == t.path))],
        &["rs.target.with-trailing-slash"],
    ),
    fault(
        "htu-begins-with-target",
        "is content with an htu that begins with the path",
        &[Bend::Also(HTU, |s| target(s).is_some_and(|t| s.text.starts_with(t.path)))],
        &["rs.target.that-leads-elsewhere"],
    ),
    fault(
        "htu-host-anywhere",
        "is content with an authority that has the host in it",
        &[Bend::Also(HTU, |s| {
            let (Some((host, path)), Some(target)) = (absolute(s), target(s)) else { return false };
            host.contains(target.authority.split(':').next().unwrap_or_default()) && path == target.path
        })],
        &["rs.target.with-user-information", "rs.target.of-host-that-begins-alike"],
    ),
    fault(
        "htu-transliterated",
        "writes htu in Latin letters before it compares",
        &[Bend::Also(HTU, |s| {
            let latin = s.text.replace('\u{430}', "a").replace('\u{435}', "e").replace('\u{43e}', "o");
            target(s).is_some_and(|t| t.is_named_by(&latin) == Ok(true))
        })],
        &["rs.target.of-look-alike-host"],
    ),
];

fn target<'a>(sight: &Sight<'a>) -> Option<Target<'a>> {
    sight.request.map(|r| r.target)
}

/// Authority and path of an absolute `htu`.
fn absolute<'a>(sight: &Sight<'a>) -> Option<(&'a str, &'a str)> {
    let rest = sight.text.strip_prefix("https://")?;
    rest.find('/').map(|at| rest.split_at(at))
}
