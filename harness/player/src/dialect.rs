//! Finds out how a subject reads what the draft leaves open, by a few right requests, before anything is judged.

use ekmcheck_suite::{
    case::{Basis, Case, Expect, Level, PerRequestClaim, Transport},
    dialect::{Dialect, HtuForm},
    play::{Connect, Play, ProofSource, Send, Step, Temper},
    reaction::Class,
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

/// The dialect of the subject; the usual one where no right request is accepted, which is then for the cases to find.
pub(crate) async fn find(world: &World, subject: &Subject, transport: Transport, bounds: Bounds) -> Dialect {
    let first = play(world, subject, transport, bounds.clone(), vec![send(&[], None)]).await;
    match first.first() {
        Some(Class::Accepted) => {
            let forms = [send(&[PerRequestClaim::Htu], None), send(&[PerRequestClaim::Htu], Some(ABSOLUTE))];
            let forms = play(world, subject, transport, bounds, forms.to_vec()).await;
            Dialect { htu: form(&forms), demanded: Vec::new() }
        }
        Some(Class::RefusedOtherwise) => {
            let forms =
                play(world, subject, transport, bounds, vec![send(&ALL, None), send(&ALL, Some(ABSOLUTE))]).await;
            let demanded = if forms.contains(&Class::Accepted) { ALL.to_vec() } else { Vec::new() };
            Dialect { htu: form(&forms), demanded }
        }
        // It is not there, or not well; whoever looks further finds out why.
        _ => Dialect::default(),
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

/// What came of these requests, in order. One that is not answered in time ends it.
async fn play(world: &World, subject: &Subject, transport: Transport, bounds: Bounds, sends: Vec<Send>) -> Vec<Class> {
    let connect = Step::Connect(Connect { name: "it".to_owned(), ..Connect::default() });
    let steps = std::iter::once(connect).chain(sends.into_iter().map(|send| Step::Send(Box::new(send)))).collect();
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
