//! Steps about what lives longer than a request: tokens that are looked up, servers that start anew, rounds.

use ekmcheck_parties::wire::{self, Connection};
use ekmcheck_suite::{
    play::{Interleave, Issue, Kept, Restart, Rounds, Send},
    transcript::{self, Event},
};

use super::{Actor, Stop, elsewhere, outgoing};

impl Actor<'_> {
    /// Makes a token known by introspection. What is said of it is what its claims would say as a JWT.
    pub(super) fn issue(&mut self, issue: &Issue) -> Result<(), Stop> {
        let introspection = self.subject.introspection().ok_or_else(elsewhere::no_introspection)?;
        if elsewhere::own_tokens(self.subject, false)?.is_some() {
            return Err(elsewhere::no_introspection());
        }
        let name = self.case.client.as_deref().unwrap_or("p256");
        let client = self.world.pki.identity(name).ok_or_else(|| Stop::Broken(format!("no client {name:?}")))?;
        let looked_up = self.credentials.issue(self.world, issue, client).map_err(Stop::Broken)?;
        let said = introspection.set(&looked_up.token, looked_up.response.clone(), self.world.now());
        said.map_err(|e| Stop::Broken(format!("introspection: {e}")))?;
        self.events.push(Event::Introspectable(issue.token.clone()));
        Ok(())
    }

    pub(super) async fn restart(&mut self, restart: Restart) -> Result<(), Stop> {
        elsewhere::can_restart(self.subject, restart)?;
        self.drain_sights();
        self.subject.restart(self.world, restart.client_ca).await.map_err(|e| Stop::Broken(format!("restart: {e}")))?;
        self.opened.remove(&None);
        for link in self.links.values_mut().filter(|link| link.connect.to.is_none()) {
            // Whatever is left of it; the other end is gone.
            link.connection = None;
        }
        self.events.push(Event::Restarted);
        Ok(())
    }

    pub(super) async fn rounds(&mut self, index: usize, rounds: &Rounds) -> Result<(), Stop> {
        for round in 0..rounds.times.min(self.bounds.rounds) {
            for step in &rounds.steps {
                Box::pin(self.step(index, &step.in_round(round))).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn interleave(&mut self, index: usize, interleave: &Interleave) -> Result<(), Stop> {
        for _ in 0..interleave.rounds {
            let send = |token: u32| Send {
                token: Some(format!("token {token}")),
                ..Send::new(&interleave.on, interleave.expect.clone())
            };
            let tokens = interleave.tokens.min(self.bounds.rounds.max(100));
            let sends: Vec<Send> = (0..tokens).map(send).collect();
            if interleave.at_once {
                self.together(index, &sends).await?;
                continue;
            }
            for send in &sends {
                self.send(index, send).await?;
            }
        }
        Ok(())
    }

    /// Sends a request and resets the connection; whether the subject was still at it is left to chance, and must not
    /// matter.
    pub(super) async fn abandon(&mut self, send: &Send) -> Result<(), Stop> {
        elsewhere::shows_its_work(self.subject)?;
        let ready = self.prepare(send).await?;
        self.world.controls.pace.requests(1).await;
        let link = self.link_mut(&send.on)?;
        let request = outgoing(&ready.made, link.authority(send));
        let Some(connection) = link.connection.take() else {
            return Err(Stop::Broken(format!("connection {:?} is closed", send.on)));
        };
        let (sender, party) = (connection.sender(), link.party.clone());
        let begun = party.begun();
        let sending = tokio::spawn(async move { sender.send(request).await });
        // Where the subject is in process, it has the request; what comes of it nobody waits for.
        party.until_begun(begun + 1).await;
        connection.close(wire::How::Reset).await.map_err(|e| Stop::Broken(format!("close: {e}")))?;
        sending.abort();
        self.events.push(Event::Abandoned(send.on.clone()));
        Ok(())
    }

    pub(super) fn kept(&mut self, kept: &Kept) -> Result<(), Stop> {
        let link = self.link(&kept.on)?;
        let open = link.connection.as_ref().is_some_and(Connection::is_open);
        let kept = transcript::Kept { on: kept.on.clone(), kept: open && !link.spent && link.replaces.is_none() };
        self.events.push(Event::Kept(kept));
        Ok(())
    }
}
