//! Alterations of `htu` that are about the spelling of a target, and about targets that look like another.

use ekmcheck_binding::refusal::Check;

use super::{Alteration, Edit::Proof, Leads, row};
use crate::recipe::ProofRecipe;

const HTU: &str = "proof.claims.htu";
const BAD: Leads = Leads::Refused(Check::Htu);
const OPEN: Leads = Leads::Open(Some(Check::Htu));

pub(super) const TABLE: &[Alteration] = &[
    // The same target in another spelling (RFC 3986 sections 6.2.2 and 6.2.3).
    row(
        "htu-host-in-upper-case",
        HTU,
        Leads::Accepted,
        Proof(|p, s, _| set(p, format!("HTTPS://{}{}", s.authority.to_ascii_uppercase(), s.path))),
    ),
    // Only where the authority of the request has no port; otherwise it is another port.
    row(
        "htu-with-default-port",
        HTU,
        Leads::Accepted,
        Proof(|p, s, _| set(p, format!("https://{}:443{}", s.authority, s.path))),
    ),
    row(
        "htu-percent-encoded",
        HTU,
        Leads::Accepted,
        Proof(|p, _, _| {
            let mut path = p.claims.text_of("htu");
            let last = path.pop().unwrap_or_default();
            set(p, format!("{path}%{:02X}", u32::from(last)));
        }),
    ),
    // Another target, or a spelling that some take for the same.
    row(
        "htu-of-another-port",
        HTU,
        BAD,
        Proof(|p, s, _| {
            let (host, port) = host_and_port(s.authority);
            let other = if port == Some("8443") { "9443" } else { "8443" };
            set(p, format!("https://{host}:{other}{}", s.path));
        }),
    ),
    row("htu-with-escaped-slash", HTU, BAD, Proof(|p, _, _| last_slash(p, "%2F"))),
    row("htu-path-in-upper-case", HTU, BAD, Proof(|p, _, _| set(p, p.claims.text_of("htu").to_ascii_uppercase()))),
    row("htu-with-trailing-slash", HTU, BAD, Proof(|p, _, _| set(p, format!("{}/", p.claims.text_of("htu"))))),
    row("htu-with-dot-segments", HTU, OPEN, Proof(|p, _, _| last_slash(p, "/x/../"))),
    row("htu-with-double-slash", HTU, OPEN, Proof(|p, _, _| last_slash(p, "//"))),
    row("htu-that-leads-elsewhere", HTU, BAD, Proof(|p, _, _| set(p, format!("{}/../other", p.claims.text_of("htu"))))),
    // What a server sees behind a proxy that takes the first segment away.
    row(
        "htu-without-first-segment",
        HTU,
        BAD,
        Proof(|p, _, _| {
            let path = p.claims.text_of("htu");
            let second = path.match_indices('/').nth(1).map_or(path.len(), |(at, _)| at);
            set(p, path[second..].to_owned());
        }),
    ),
    row(
        "htu-with-user-information",
        HTU,
        BAD,
        Proof(|p, s, _| set(p, format!("https://{}@other.example{}", s.authority, s.path))),
    ),
    // Cyrillic letters in the host, which look like the Latin ones.
    row(
        "htu-of-look-alike-host",
        HTU,
        BAD,
        Proof(|p, s, _| {
            let alike = s.authority.replace('a', "\u{430}").replace('e', "\u{435}").replace('o', "\u{43e}");
            // An address in digits has no letters that others look like: nothing is changed then.
            if alike != s.authority {
                set(p, format!("https://{alike}{}", s.path));
            }
        }),
    ),
    row(
        "htu-of-host-that-begins-alike",
        HTU,
        BAD,
        Proof(|p, s, _| {
            let (host, port) = host_and_port(s.authority);
            // An address in brackets is followed by nothing but a port.
            let alike = host.trim_matches(['[', ']']).replace(':', "-");
            set(p, format!("https://{alike}.other.example:{}{}", port.unwrap_or("443"), s.path));
        }),
    ),
];

/// Host and port of an authority; an IPv6 address keeps its brackets (RFC 3986 section 3.2.2).
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[end..].split_once(':') {
        Some((before, port)) => (&authority[..end + before.len()], Some(port)),
        None => (authority, None),
    }
}

fn set(proof: &mut ProofRecipe, htu: String) {
    proof.claims.set("htu", htu);
}

/// Puts `instead` where the last slash of the path is.
fn last_slash(proof: &mut ProofRecipe, instead: &str) {
    let path = proof.claims.text_of("htu");
    if let Some((before, after)) = path.rsplit_once('/') {
        set(proof, format!("{before}{instead}{after}"));
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn addresses_in_brackets_have_colons_of_their_own() {
        assert_eq!(host_and_port("localhost:8443"), ("localhost", Some("8443")));
        assert_eq!(host_and_port("localhost"), ("localhost", None));
        assert_eq!(host_and_port("[::1]:8443"), ("[::1]", Some("8443")));
        assert_eq!(host_and_port("[::1]"), ("[::1]", None));
        assert_eq!(host_and_port("127.0.0.1:1"), ("127.0.0.1", Some("1")));
    }
}
