//! Several requests at once on a connection, and races.

use ekmcheck_parties::wire::Connection;
use ekmcheck_suite::{case::Expect, play::Send, reaction::Class, transcript::Reaction};

use super::{
    Actor, Ready, Seen, Stop,
    again::{Tries, refused},
    outgoing, reaction,
};

/// A request of several at once, what came of it, and whether its connection takes no more.
type Answered<'s> = (&'s Send, Ready, Reaction, bool);

impl Actor<'_> {
    /// Sends several requests at once, and those again that were not processed.
    pub(super) async fn together(&mut self, index: usize, sends: &[Send]) -> Result<(), Stop> {
        for send in sends {
            self.ensure_open(send).await?;
        }
        let mut answered = self.at_once(sends).await?;
        if sends.iter().all(|send| matches!(send.expect, Expect::Once(_))) {
            answered = self.race_again(sends, answered).await?;
        } else {
            for (send, ready, reaction, ended) in &mut answered {
                let mut tries = Tries::default();
                while self.goes_again(send, reaction, *ended, &mut tries).await? {
                    tries.again(ready, *ended);
                    self.ensure_open(send).await?;
                    (*ready, *reaction, *ended, _) = self.attempt(send).await?;
                }
                tries.counts(send, ready, reaction)?;
            }
        }
        for (send, ready, reaction, _) in answered {
            let connection = self.link(&send.on)?.number;
            // Which decision belongs to which stream cannot be told here, so none is recorded.
            self.record(index, send, &ready, connection, Seen { reaction, check: None, twin: None });
        }
        self.drain_sights();
        Ok(())
    }

    /// A race in which not all requests were processed is run once more, with all of them and a new proof. Who wins is chance, and no part of
    /// what is written down.
    async fn race_again<'s>(
        &mut self,
        sends: &'s [Send],
        mut answered: Vec<Answered<'s>>,
    ) -> Result<Vec<Answered<'s>>, Stop> {
        let mut tries = Tries::default();
        loop {
            let hindered = answered.iter().find(|(send, _, reaction, _)| {
                matches!(Class::of(reaction, refused(send)), Class::NotProcessed | Class::Unavailable)
            });
            let Some((send, _, reaction, _)) = hindered else { break };
            let ended = answered.iter().any(|(.., ended)| *ended);
            if !self.goes_again(send, reaction, ended, &mut tries).await? {
                break;
            }
            for send in sends {
                self.ensure_open(send).await?;
                // One of them may have been processed: what may be used once is used up.
                let connection = self.link(&send.on)?.number;
                self.credentials.forget_proof(connection, send);
            }
            answered = self.at_once(sends).await?;
        }
        answered.sort_by_key(|(_, _, reaction, _)| match reaction {
            Reaction::Answer(answer) => answer.status,
            _ => u16::MAX,
        });
        Ok(answered)
    }

    async fn at_once<'s>(&mut self, sends: &'s [Send]) -> Result<Vec<Answered<'s>>, Stop> {
        let mut tasks = Vec::new();
        self.world.controls.pace.requests(sends.len()).await;
        for send in sends {
            let ready = self.prepare(send).await?;
            let link = self.link(&send.on)?;
            let request = outgoing(&ready.made, link.authority(send));
            let sender = link.connection.as_ref().map(Connection::sender);
            let sender = sender.ok_or_else(|| Stop::Broken("the connection is closed".to_owned()))?;
            tasks.push((send, ready, tokio::spawn(async move { sender.send(request).await })));
        }
        let mut answered = Vec::new();
        for (send, ready, task) in tasks {
            let answer = task.await.map_err(|e| Stop::Broken(e.to_string()))?;
            let (reaction, ended) = reaction(&self.world.secrets, &ready, answer)?;
            answered.push((send, ready, reaction, ended));
        }
        Ok(answered)
    }
}
