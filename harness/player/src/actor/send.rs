//! One request on its way: sent, sent again where a client would, and written down.

use ekmcheck_parties::wire::Connection;
use ekmcheck_suite::{play::Send, transcript::Reaction};

use super::{Actor, Ready, Seen, Stop, again::Tries, outgoing, raw, reaction};

impl Actor<'_> {
    /// Sends a request, and again where a client would, and writes down what came of it.
    pub(super) async fn send(&mut self, index: usize, send: &Send) -> Result<(), Stop> {
        let mut tries = Tries::default();
        loop {
            self.ensure_open(send).await?;
            if let Some(reason) = self.link(&send.on)?.never_open.clone() {
                self.record_unsent(index, send, reason);
                return Ok(());
            }
            let (ready, reaction, ended, check) = self.attempt(send).await?;
            if self.goes_again(send, &reaction, ended, &mut tries).await? {
                tries.again(&ready, ended);
                continue;
            }
            tries.counts(send, &ready, &reaction)?;
            let connection = self.link(&send.on)?.number;
            let twin = self.twin(send, &reaction).await;
            self.record(index, send, &ready, connection, Seen { reaction, check, twin });
            return Ok(());
        }
    }

    /// Sends a request once. With the reaction, whether the connection takes no more requests, and which check refused.
    pub(super) async fn attempt(&mut self, send: &Send) -> Result<(Ready, Reaction, bool, Option<String>), Stop> {
        if self.link(&send.on)?.connect.raw {
            let one = self.over_raw(std::slice::from_ref(send)).await?.pop();
            return one.ok_or_else(|| Stop::Broken("no answer was looked for".to_owned()));
        }
        let ready = self.prepare(send).await?;
        let world = self.world;
        world.controls.pace.requests(1).await;
        let link = self.link_mut(&send.on)?;
        let request = raw::oddly(outgoing(&ready.made, link.authority(send)), send.wire, link.transport)?;
        let port = link.port;
        let early = link.connection.as_ref().is_some_and(Connection::is_early);
        let (reaction, ended) = match &mut link.connection {
            Some(connection) => reaction(&world.secrets, &ready, connection.send(request).await)?,
            None => (Reaction::Nothing("the connection is closed".to_owned()), true),
        };
        link.answered |= matches!(reaction, Reaction::Answer(_));
        if early {
            self.connected(&send.on).await?;
        }
        let check = self.drain_sights_of(port);
        Ok((ready, reaction, ended, check))
    }
}
