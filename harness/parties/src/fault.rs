//! Faulty resource servers: the reference with one thing wrong. Each exists so that some case is shown to be able to
//! fail, and names the cases that must catch it.

mod bent;
mod identity;
pub(crate) mod lenient;
mod race;
mod sees;
mod sight;
mod table;
mod variations;

pub(crate) use bent::SoFar;
pub use bent::{Bent, Setup};
pub use sight::Sight;

use std::net::IpAddr;

use ekmcheck_binding::{
    confirmation::Confirmation,
    json::Object,
    proof::Proof,
    refusal::{Check, WireAnswer},
    steps::Moment,
};

use crate::{
    tokens::TokenFault,
    wire::{Habit, Incoming, Outgoing},
};

/// A server with one thing wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The name, as in `--subject fault:NAME`.
    pub name: &'static str,
    /// What the server does wrong, in a sentence.
    pub does: &'static str,
    /// The cases that must catch it, each on at least one transport.
    pub caught_by: &'static [&'static str],
    /// Transports on which it is no fault, as it has no effect there, by their names.
    pub not_on: &'static [&'static str],
    /// It neither serves nor refuses what it should refuse: no case that needs a refusal may pass on it.
    pub evades: bool,
    /// How it is built.
    pub(crate) bends: &'static [Bend],
}

/// A server that differs from the reference and is right all the same: no case may blame it.
#[derive(Debug, Clone, Copy)]
pub struct Variation {
    /// The name, as in `--subject variation:NAME`.
    pub name: &'static str,
    /// What is different.
    pub does: &'static str,
    /// How it is built.
    pub(crate) bends: &'static [Bend],
}

/// One deviation from the reference.
#[derive(Clone, Copy)]
pub(crate) enum Bend {
    /// Leaves a check out when it is made at that moment; at any if none is given.
    Omits(Check, Option<Moment>),
    /// Passes these checks also where that holds.
    Also(&'static [Check], fn(&Sight<'_>) -> bool),
    /// Refuses by that check also where that holds.
    Not(Check, fn(&Sight<'_>) -> bool),
    /// Forgets refusals by that check.
    Swallows(Check),
    /// Takes a per-request claim of a wrong type, or a missing `iat`, for absent.
    Absent(&'static str),
    /// Another window for `iat`, in seconds past and ahead.
    Window(f64, f64),
    /// Reads what the strict parser refuses.
    Reads(fn(&str) -> Option<Proof>),
    /// Reads a confirmation that the strict reader refuses.
    Confirms(fn(&Object) -> Option<Confirmation>),
    /// Finds a proof in fields where the reference finds none.
    Finds(for<'a> fn(&[&'a [u8]]) -> Option<&'a [u8]>),
    /// Changes what is in the proof field before it is looked at.
    Rewrites(fn(&[u8]) -> Vec<u8>),
    /// Looks for the proof field in the trailer section too.
    ReadsTrailers,
    /// Consents to another protocol before it verifies anything.
    UpgradesFirst,
    /// Gets tokens wrong.
    Token(TokenFault),
    /// Takes a request for another one.
    Sees(fn(&mut Incoming)),
    /// Takes the connection that first came with an X-Connection-Id for the one of every request with it.
    ConnectionsByField,
    /// Has a balancer before it, and takes the exporter value of the connection to that.
    BehindBalancer,
    /// Takes the exporter value of that name for its own.
    Exports(&'static str),
    /// Believes `TLS-Exporter`.
    BelievesExporterField,
    /// Believes certificate fields about whom the token may belong to.
    BelievesCertificateFields,
    /// Believes the certificate in the proof's header about whom the token may belong to.
    BelievesX5c,
    /// Believes both as if a proxy had sent them.
    BelievesProxy,
    /// What a cache entry is kept by.
    CachesBy(CachesBy),
    /// Keeps entries when a connection ends.
    KeepsEntries,
    /// Caches nothing.
    CachesNothing,
    /// What a `jti` may not repeat within, and for how long.
    Jti(JtiBy),
    /// Answers otherwise.
    Answers(fn(Check, WireAnswer) -> WireAnswer),
    /// Knows the authentication scheme in one spelling only.
    CaseSensitiveScheme,
    /// Uses a `jti` up before the other checks.
    BurnsJti,
    /// Refuses every proof after a refusal.
    RemembersRefusals,
    /// Takes a proof that it saw before for verified, though it was refused.
    TrustsSeenProofs,
    /// Keeps so many octets of a token's hash in the key of an entry.
    TruncatesKeys(usize),
    /// Refuses what finds no room in the cache.
    Full(Full),
    /// Accepts the exporter value of any connection that the certificate ever had.
    ExporterOfCertificate,
    /// Takes the exporter value of the first connection of a TLS session for that of all.
    ExporterOfSession,
    /// Looks at no scope.
    IgnoresScopes,
    /// Has the same tokens for all host names.
    OneHost,
    /// Gives its answers otherwise: what goes out, and how.
    Amends(fn(&SoFar, &Incoming, Outgoing) -> Outgoing),
    /// Answers before it looks at anything, where that says so.
    AnswersFirst(fn(&SoFar, &Incoming) -> Option<Outgoing>),
    /// Refuses tokens that are bound to no connection.
    RefusesUnbound,
    /// Sends the proof back.
    RepeatsProof,
    /// Has a clock that the harness does not move. Nothing of the server is different.
    OwnClock,
    /// Accepts each proof once.
    OneProofOnce,
    /// Keeps a connection to its first token.
    OneToken,
    /// Keeps a token to its first proof on a connection.
    OneProof,
    /// Does otherwise in handshakes.
    Handshakes(Habit),
    /// Listens at that address and is called so.
    Listens(IpAddr, &'static str),
    /// Has a certificate of its own infrastructure; an odd one if so.
    OwnCertificate(bool),
    /// Has a clock that is so many seconds ahead.
    ClockAhead(i64),
    /// Takes the last but one certificate of the client's chain for the client's.
    LastButOne,
    /// Answers requests of clients without a certificate that can be read.
    ServesNobody,
    /// Writes the challenge otherwise; `None` for none.
    Challenges(fn(String) -> Option<String>),
}

impl Fault {
    /// The checks at whose refusals it differs from the reference, if it differs nowhere else: where the reference refuses
    /// nothing by one of them, the two do the same, request by request. `None` if it may differ elsewhere.
    #[must_use]
    pub fn acts_on_refusals_by(&self) -> Option<Vec<Check>> {
        let of = |bend: &Bend| match bend {
            // An omitted check is not made, and these are undone; what would have passed passes.
            Bend::Omits(check, _) | Bend::Swallows(check) => Some(vec![*check]),
            Bend::Also(checks, _) => Some(checks.to_vec()),
            // Asked only after the strict readers have refused.
            Bend::Reads(_) => Some(vec![Check::Format]),
            Bend::Confirms(_) => Some(vec![Check::Confirmation]),
            Bend::ExporterOfCertificate => Some(vec![Check::Ekm]),
            // What is taken for absent has a type or a value that is refused.
            Bend::Absent("jti") => Some(vec![Check::Jti]),
            Bend::Absent("htm") => Some(vec![Check::Htm]),
            Bend::Absent("htu") => Some(vec![Check::Htu]),
            Bend::Token(fault) if fault.only_takes_more() => Some(vec![Check::Token]),
            _ => None,
        };
        self.bends.iter().map(of).collect::<Option<Vec<_>>>().map(|checks| checks.concat())
    }
}

impl Variation {
    /// Whether the harness has to do without moving its clock, as with a server that it did not start.
    #[must_use]
    pub fn has_own_clock(&self) -> bool {
        self.bends.iter().any(|b| matches!(b, Bend::OwnClock))
    }
}

impl std::fmt::Debug for Bend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bend")
    }
}

/// What a faulty cache entry is kept by, beside what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CachesBy {
    /// The token alone.
    Token,
    /// The connection alone.
    Connection,
    /// Certificate and token.
    CertificateAndToken,
    /// The client's port and the token.
    PortAndToken,
    /// The lowest free number, as of a file descriptor, and the token.
    Descriptor,
    /// An address of memory, which is given again, and the token.
    Pointer,
    /// A number of two bits, which comes again, and the token.
    SmallNumber,
    /// The TLS session and the token.
    Session,
    /// The proof alone.
    Proof,
    /// Certificate and proof.
    CertificateAndProof,
    /// Connection and token, whatever the proof.
    ConnectionAndToken,
    /// Connection and token, whatever the proof as long as it has no per-request claims: a literal reading of the draft.
    ConnectionAndTokenIfStatic,
}

/// What a faulty server does when it has so many verified bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Refuses new ones on a connection that has so many.
    OfConnection(usize),
    /// Refuses new ones when all connections together have so many.
    OfAll(usize),
    /// Refuses a proof again that it had and let go of.
    Evicted(usize),
}

/// How a faulty server remembers identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JtiBy {
    /// For the window of `iat` only.
    Window,
    /// For everybody together.
    Everybody,
    /// For each client certificate.
    Client,
    /// For each connection.
    Connection,
    /// By the bytes of the whole proof.
    ProofBytes,
    /// Looks first and remembers afterwards, with time in between.
    Race,
    /// Without regard to case, white space and Unicode normal form.
    Folded,
}

/// The faults that evade: see [`Fault::evades`].
pub fn evasions() -> impl Iterator<Item = &'static Fault> {
    table::evasion::TABLE.iter()
}

/// All faults that cases have to catch.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    table::ALL.iter().copied().flatten()
}

/// The fault of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Fault> {
    faults().chain(evasions()).find(|f| f.name == name)
}

/// All harmless variations.
pub fn variations() -> impl Iterator<Item = &'static Variation> {
    variations::ALL.iter().copied().flatten()
}

/// The variation of that name.
#[must_use]
pub fn variation(name: &str) -> Option<&'static Variation> {
    variations().find(|v| v.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_fault_is_expected_somewhere() {
        let mut names = HashSet::new();
        for fault in faults() {
            assert!(names.insert(fault.name), "{} twice", fault.name);
            assert!(!fault.caught_by.is_empty(), "{}", fault.name);
            assert!(!fault.bends.is_empty(), "{}", fault.name);
        }
        assert!(names.len() >= 40, "{}", names.len());
    }
}
