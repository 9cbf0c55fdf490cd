//! The task that owns the stream of a raw connection.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::Heard;
use super::answers::{Answers, Final};
use super::request::{Octets, Pace, RawRequest};
use crate::wire::error::{Stage, WireError};
use crate::wire::stream::{Control, Rekeying};

/// Sends requests over a raw connection, one batch after the other.
#[derive(Clone, Debug)]
pub(in crate::wire) struct Requests {
    jobs: mpsc::Sender<Job>,
    limit: Duration,
    control: Control,
}

#[derive(Debug)]
struct Job {
    octets: Octets,
    deadline: Instant,
    reply: oneshot::Sender<Vec<Heard>>,
}

impl Requests {
    /// The handle, and the task that has to run for it. The task ends with the connection; a batch may take `limit`.
    pub(in crate::wire) fn over(stream: Rekeying, limit: Duration) -> (Self, impl Future<Output = ()> + Send) {
        let (jobs, queue) = mpsc::channel(1);
        (Self { jobs, limit, control: stream.control() }, serve(stream, queue))
    }

    /// Writes the requests and reads as many answers; fewer come if the server ends the connection.
    ///
    /// # Errors
    ///
    /// [`WireError::NotExpressible`] before anything is sent, and what ended the connection if it has ended before. What
    /// happens later is the answers' own.
    pub(in crate::wire) async fn exchange(
        &self,
        requests: Vec<RawRequest>,
        pace: Pace,
    ) -> Result<Vec<Heard>, WireError> {
        let octets = Octets::of(requests, pace)?;
        let (reply, heard) = oneshot::channel();
        // It was not sent: what came earlier is no part of its answer.
        let ended = || match self.control.failure("the connection has ended".to_owned()) {
            WireError::Http(why) => WireError::NotProcessed { why, ended: true, reset: false },
            other => other,
        };
        let job = Job { octets, deadline: Instant::now() + self.limit, reply };
        self.jobs.send(job).await.map_err(|_| ended())?;
        heard.await.map_err(|_| ended())
    }
}

async fn serve(stream: Rekeying, mut queue: mpsc::Receiver<Job>) {
    let control = stream.control();
    let (reader, mut writer) = split(stream);
    let mut answers = Answers::new(reader);
    loop {
        let job = tokio::select! {
            // A server that has ended the connection is not to be sent anything.
            biased;
            () = answers.idle() => return,
            job = queue.recv() => match job {
                Some(job) => job,
                None => return,
            },
        };
        control.asks();
        let (heard, goes_on) = converse(&mut answers, &mut writer, &control, &job).await;
        let deadline = job.deadline;
        if !goes_on {
            // As an HTTP library does when it is done; whether it succeeds is of no matter.
            let _ = timeout_at(deadline, writer.shutdown()).await;
            drop((answers, writer));
            // Whoever hears the answer finds the connection closed.
            let _ = job.reply.send(heard);
            return;
        }
        // Nobody need listen any more.
        let _ = job.reply.send(heard);
    }
}

/// Sends a batch and hears the answers, one a request. Says whether the connection can be used again.
async fn converse<R, W>(answers: &mut Answers<R>, writer: &mut W, control: &Control, job: &Job) -> (Vec<Heard>, bool)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Octets { methods, first, withheld, pace } = &job.octets;
    let continued = Notify::new();
    let send = async {
        write(writer, first, *pace).await?;
        if let Some(withheld) = withheld {
            continued.notified().await;
            write(writer, withheld, *pace).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let mut heard: Vec<Heard> = Vec::with_capacity(methods.len());
    let receive = async {
        for method in methods {
            let mut interim = Vec::new();
            let note = |status| {
                interim.push(status);
                if status == 100 {
                    continued.notify_one();
                }
            };
            let next = timeout_at(job.deadline, answers.next(method, note)).await;
            let (answer, goes_on) = match next {
                Ok(Ok(Final { answer, goes_on })) => (Ok(answer), goes_on),
                Ok(Err(why)) => (Err(control.unanswered(why)), false),
                Err(_) => (Err(WireError::Timeout(Stage::Answer)), false),
            };
            heard.push(Heard { interim, answer });
            if !goes_on {
                return false;
            }
        }
        true
    };
    // A server may answer before it has read everything. What is then unsent stays so, and nothing can follow it. One
    // that does not take what is sent may have said why.
    let goes_on = {
        tokio::pin!(send, receive);
        tokio::select! {
            biased;
            _ = &mut receive => false,
            sent = &mut send => receive.await && sent.is_ok(),
        }
    };
    let unanswered = || {
        let why = "the connection ended before this answer".to_owned();
        Heard { interim: Vec::new(), answer: Err(WireError::NotProcessed { why, ended: true, reset: false }) }
    };
    heard.resize_with(methods.len(), unanswered);
    (heard, goes_on)
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), octets: &[u8], pace: Pace) -> std::io::Result<()> {
    let piece = match pace {
        Pace::AtOnce => octets.len().max(1),
        Pace::OctetByOctet => 1,
    };
    for piece in octets.chunks(piece) {
        writer.write_all(piece).await?;
        // A record ends here.
        writer.flush().await?;
    }
    Ok(())
}
