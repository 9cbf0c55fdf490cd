//! Finds out how a subject reads what the draft leaves open, by a few right requests, before anything is judged.

use ekmcheck_suite::{
    case::{Basis, Case, Expect, Level, PerRequestClaim, Transport},
    dialect::{Dialect, HtuForm},
    play::{Close, Connect, How, Play, ProofSource, Send, Step, Temper},
    reaction::Class,
    role::Role,
    transcript::{Reaction, Transcript},
};

use crate::{
    actor::{self, Bounds},
    subject::Subject,
    world::World,
};

const ALL: [PerRequestClaim; 3] = [PerRequestClaim::Jti, PerRequestClaim::Htm, PerRequestClaim::Htu];
/// The alteration that writes `htu` as an absolute URI.
pub(crate) const ABSOLUTE: &str = "htu-absolute";

/// The dialect that a subject is played in: the one that was found out, which must be the one that its plan claims, if that
/// claims any. Where no right request is accepted nothing can be found out; then the claim counts, and the cases find the rest.
///
/// # Errors
/// Where the two differ, a sentence about it.
pub(crate) fn settled(claimed: Option<&Dialect>, found: Option<Dialect>) -> Result<Dialect, String> {
    match (claimed, found) {
        (Some(claimed), Some(found)) if !same(claimed, &found) => Err(format!(
            "the plan says under [dialect] that {}, and the subject shows that {}; correct the plan or leave [dialect] out",
            in_words(claimed),
            in_words(&found)
        )),
        (Some(claimed), _) => Ok(claimed.clone()),
        (None, found) => Ok(found.unwrap_or_default()),
    }
}

fn same(one: &Dialect, other: &Dialect) -> bool {
    let demands = |one: &Dialect, other: &Dialect| one.demanded.iter().all(|claim| other.demanded.contains(claim));
    one.htu == other.htu && demands(one, other) && demands(other, one)
}

fn in_words(dialect: &Dialect) -> String {
    match dialect.is_usual() {
        true => "htu may have either form and no per-request claim is demanded".to_owned(),
        false => dialect.words(),
    }
}

/// The dialect of the subject, if it accepts right requests in any.
pub(crate) async fn find(world: &World, subject: &Subject, transport: Transport, bounds: Bounds) -> Option<Dialect> {
    let first = play(world, subject, transport, bounds.clone(), vec![send(&[], None)]).await;
    match first.first() {
        Some(Class::Accepted) => {
            let forms = vec![send(&[PerRequestClaim::Htu], None), send(&[PerRequestClaim::Htu], Some(ABSOLUTE))];
            let forms = play(world, subject, transport, bounds, forms).await;
            Some(Dialect { htu: form(&forms), demanded: Vec::new() })
        }
        Some(Class::RefusedOtherwise) => {
            let forms = vec![send(&ALL, None), send(&ALL, Some(ABSOLUTE))];
            let forms = play(world, subject, transport, bounds.clone(), forms).await;
            if !forms.contains(&Class::Accepted) {
                return None;
            }
            let htu = form(&forms);
            let demanded = demanded(world, subject, transport, bounds, htu).await;
            Some(Dialect { htu, demanded })
        }
        // It is not there, or not well; whoever looks further finds out why.
        _ => None,
    }
}

/// The claims without which a request is refused; all where that does not add up.
async fn demanded(
    world: &World,
    subject: &Subject,
    transport: Transport,
    bounds: Bounds,
    htu: HtuForm,
) -> Vec<PerRequestClaim> {
    let right = |claims: &[PerRequestClaim]| {
        let absolute = htu == HtuForm::Absolute && claims.contains(&PerRequestClaim::Htu);
        send(claims, Some(ABSOLUTE).filter(|_| absolute))
    };
    let without = |left: PerRequestClaim| ALL.into_iter().filter(|claim| *claim != left).collect::<Vec<_>>();
    let sends = ALL.map(|claim| right(&without(claim))).to_vec();
    // What one request has used up must not speak of the next.
    let apart = |by: u64| Bounds { unique: bounds.unique + by, ..bounds.clone() };
    let refused = play(world, subject, transport, apart(1 << 10), sends).await;
    let demanded: Vec<_> =
        ALL.into_iter().zip(refused).filter(|(_, class)| *class != Class::Accepted).map(|(claim, _)| claim).collect();
    match play(world, subject, transport, apart(1 << 11), vec![right(&demanded)]).await.as_slice() {
        [Class::Accepted] => demanded,
        _ => ALL.to_vec(),
    }
}

/// By what came of a path and of an absolute URI.
fn form(forms: &[Class]) -> HtuForm {
    match forms {
        [Class::RefusedOtherwise, Class::Accepted] => HtuForm::Absolute,
        [Class::Accepted, Class::RefusedOtherwise] => HtuForm::Path,
        _ => HtuForm::Either,
    }
}

fn send(claims: &[PerRequestClaim], alter: Option<&str>) -> Send {
    Send {
        proof: Some(ProofSource::FreshWith(claims.to_vec())),
        alter: alter.map(str::to_owned),
        ..Send::new("it", Expect::Observed)
    }
}

/// What came of these requests, in order, each with a token of its own on a connection of its own: what a server remembers of
/// one must not speak of the other. One that is not answered in time ends it.
async fn play(world: &World, subject: &Subject, transport: Transport, bounds: Bounds, sends: Vec<Send>) -> Vec<Class> {
    let apart = |(number, send): (usize, Send)| {
        let name = format!("connection {number}");
        let connect = Connect { name: name.clone(), ..Connect::default() };
        let close = Close { connection: name.clone(), how: How::CloseNotify };
        let send = Send { on: name, token: Some(format!("token {number}")), ..send };
        [Step::Connect(connect), Step::Send(Box::new(send)), Step::Close(close)]
    };
    let steps = sends.into_iter().enumerate().flat_map(apart).collect();
    let play = Play { temper: Temper::Story, steps };
    let Ok(started) = subject.start(world, play.transports(transport), play.places()).await else { return Vec::new() };
    let (transcript, _) = actor::play(world, &started, &nameless(), transport, &play, bounds).await;
    classes(&transcript)
}

fn classes(transcript: &Transcript) -> Vec<Class> {
    let of = |reaction: &Reaction| Class::of(reaction, None);
    transcript.exchanges().map(|exchanged| of(&exchanged.reaction)).collect()
}

/// The requests belong to no case.
fn nameless() -> Case {
    Case {
        id: "dialect".to_owned(),
        role: Role::ResourceServer,
        row: String::new(),
        also: Vec::new(),
        title: String::new(),
        level: Level::May,
        basis: Basis::Draft,
        clause: String::new(),
        requirements: Vec::new(),
        ambiguity: None,
        transports: None,
        client: None,
        claims: Vec::new(),
        alter: None,
        expect: None,
        play: None,
        without_clock: None,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_claims_is_checked_where_that_is_possible() {
        let path = Dialect { htu: HtuForm::Path, demanded: Vec::new() };
        assert_eq!(settled(None, None), Ok(Dialect::default()));
        assert_eq!(settled(None, Some(path.clone())), Ok(path.clone()));
        assert_eq!(settled(Some(&path), None), Ok(path.clone()));
        assert_eq!(settled(Some(&path), Some(path.clone())), Ok(path.clone()));
        let error = settled(Some(&path), Some(Dialect::default())).unwrap_err();
        assert!(error.contains("htu is a path (A-01)") && error.contains("either form"), "{error}");
    }
}
