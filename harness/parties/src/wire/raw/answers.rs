//! Reads answers from a stream of octets that may be anything. Nothing is kept beyond the limits below.

use bytes::{Buf, BytesMut};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::wire::error::text;
use crate::wire::exchange::{ANSWER_BODY_MAX, ANSWER_READ_MAX, Answer};

/// Longest head of an answer, and longest trailer section, in octets.
pub(super) const HEAD_MAX: usize = 64 * 1024;
/// Most fields of an answer.
const FIELDS_MAX: usize = 100;
/// Longest line with the size of a chunk, in octets.
const SIZE_LINE_MAX: usize = 1024;
/// Most interim answers before a final one.
const INTERIM_MAX: usize = 16;
/// Most octets that are read in one go.
const STEP: usize = 8 * 1024;

/// A final answer.
#[derive(Debug)]
pub(super) struct Final {
    pub(super) answer: Answer,
    /// Whether another answer can follow on the connection.
    pub(super) goes_on: bool,
}

/// Answers that come in one after the other.
pub(super) struct Answers<R> {
    stream: R,
    buffer: BytesMut,
}

/// How the content of an answer ends (RFC 9112 section 6.3).
enum Framing {
    None,
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

/// Content that was read.
#[derive(Default)]
struct Content {
    kept: BytesMut,
    /// How many octets there were.
    read: usize,
    /// There were more, which were not waited for.
    given_up: bool,
}

struct Head {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    http11: bool,
}

impl<R: AsyncRead + Unpin> Answers<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Reads to the end of the next final answer, which is one to a request with that method. The statuses of interim
    /// answers are handed to `interim` as they come.
    ///
    /// # Errors
    /// In words; no further answer can then be found on the connection.
    pub(super) async fn next(&mut self, method: &str, mut interim: impl FnMut(u16)) -> Result<Final, String> {
        let start = Instant::now();
        for _ in 0..=INTERIM_MAX {
            let head = self.head().await?;
            if matches!(head.status, 100 | 102..=199) {
                interim(head.status);
                continue;
            }
            let framing = head.framing(method)?;
            let Content { kept, read, given_up } = self.content(&framing).await?;
            let is_tunnel = head.status == 101 || method == "CONNECT" && (200..300).contains(&head.status);
            let ends = !head.http11
                || given_up
                || is_tunnel
                || matches!(framing, Framing::Close)
                || head.lists("connection", "close")
                // Two lengths: what follows cannot be trusted.
                || matches!(framing, Framing::Chunked) && head.values("content-length").next().is_some();
            let Head { status, fields, .. } = head;
            let truncated = read > kept.len();
            let answer = Answer { status, fields, body: kept.freeze(), truncated, elapsed: start.elapsed() };
            return Ok(Final { answer, goes_on: !ends });
        }
        Err(format!("more than {INTERIM_MAX} interim answers"))
    }

    /// Waits, with no answer due, for the connection to end or for octets that nobody asked for; both end it.
    pub(super) async fn idle(&mut self) {
        if self.buffer.is_empty() {
            // In whatever way it ends.
            let _ = self.fill().await;
        }
    }

    /// Reads some more.
    async fn fill(&mut self) -> Result<(), String> {
        self.buffer.reserve(STEP);
        let mut limited = (&mut self.stream).take(STEP as u64);
        match limited.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the connection ended".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(text(&error)),
        }
    }

    async fn head(&mut self) -> Result<Head, String> {
        // Where the search for the end of the head goes on, so that a slow server does not make it begin anew each time.
        let mut searched: usize = 0;
        let end = loop {
            if self.buffer.first().is_some_and(|first| *first != b'H') {
                return Err("not an answer in HTTP".to_owned());
            }
            if let Some(end) = end_of_head(&self.buffer, searched) {
                break end;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(format!("a head of more than {HEAD_MAX} octets"));
            }
            searched = self.buffer.len().saturating_sub(2);
            self.fill().await?;
        };
        let octets = self.buffer.split_to(end);
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(&octets) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err("a head that ends too early".to_owned()),
            Err(error) => return Err(text(&error)),
        }
        let (Some(status), Some(version)) = (parsed.code, parsed.version) else { return Err("no status".to_owned()) };
        if status < 100 {
            return Err(format!("the status {status}"));
        }
        let fields = parsed.headers.iter().map(|f| (f.name.to_ascii_lowercase(), f.value.to_vec())).collect();
        Ok(Head { status, fields, http11: version == 1 })
    }

    /// The content as much as is kept, how much there was, and whether it was read to its end.
    async fn content(&mut self, framing: &Framing) -> Result<Content, String> {
        let mut content = Content::default();
        match framing {
            Framing::None => {}
            Framing::Length(length) => self.take(*length, &mut content).await?,
            Framing::Chunked => loop {
                let size = self.chunk_size().await?;
                if size == 0 {
                    self.trailers().await?;
                    break;
                }
                self.take(size, &mut content).await?;
                if content.given_up {
                    break;
                }
                if !self.line(2).await?.is_empty() {
                    return Err("a chunk longer than its size".to_owned());
                }
            },
            Framing::Close => loop {
                self.take(self.buffer.len() as u64, &mut content).await?;
                // The end without close_notify may be anybody's, but nothing here depends on the last octet.
                if content.given_up || self.fill().await.is_err() {
                    break;
                }
            },
        }
        Ok(content)
    }

    /// Moves so many octets to the content.
    async fn take(&mut self, mut count: u64, content: &mut Content) -> Result<(), String> {
        while count > 0 && !content.given_up {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.buffer.len());
            let room = ANSWER_BODY_MAX - content.kept.len();
            content.kept.extend_from_slice(&self.buffer[..here.min(room)]);
            content.read = content.read.saturating_add(here);
            content.given_up = content.read > ANSWER_READ_MAX;
            self.buffer.advance(here);
            count -= here as u64;
        }
        Ok(())
    }

    async fn chunk_size(&mut self) -> Result<u64, String> {
        let mut line = self.line(SIZE_LINE_MAX).await?;
        line.extend_from_slice(b"\r\n");
        match httparse::parse_chunk_size(&line) {
            Ok(Status::Complete((_, size))) => Ok(size),
            _ => Err("a chunk without a size".to_owned()),
        }
    }

    async fn trailers(&mut self) -> Result<(), String> {
        let mut left = HEAD_MAX;
        loop {
            let line = self.line(left).await?;
            if line.is_empty() {
                return Ok(());
            }
            left = left.saturating_sub(line.len());
        }
    }

    /// A line without its end, of not much more than `limit` octets.
    async fn line(&mut self, limit: usize) -> Result<Vec<u8>, String> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|b| *b == b'\n') {
                let mut line = self.buffer.split_to(searched + at + 1);
                line.truncate(searched + at);
                return Ok(line.strip_suffix(b"\r").unwrap_or(&line).to_vec());
            }
            searched = self.buffer.len();
            if searched > limit {
                return Err(format!("a line of more than {limit} octets"));
            }
            self.fill().await?;
        }
    }
}

/// The end of the empty line behind a head, looked for from `from` on.
fn end_of_head(octets: &[u8], from: usize) -> Option<usize> {
    (from..octets.len()).find_map(|at| match &octets[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

impl Head {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// The members of a comma-separated field.
    fn members(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.values(name).flat_map(|value| value.split(|b| *b == b',')).map(<[u8]>::trim_ascii)
    }

    fn lists(&self, name: &str, member: &str) -> bool {
        self.members(name).any(|m| m.eq_ignore_ascii_case(member.as_bytes()))
    }

    fn framing(&self, method: &str) -> Result<Framing, String> {
        let tunnel = method == "CONNECT" && (200..300).contains(&self.status);
        if method == "HEAD" || tunnel || matches!(self.status, 101 | 204 | 304) {
            return Ok(Framing::None);
        }
        if let Some(last) = self.members("transfer-encoding").last() {
            return Ok(if last.eq_ignore_ascii_case(b"chunked") { Framing::Chunked } else { Framing::Close });
        }
        let mut lengths = self.members("content-length").map(|member| {
            let digits = str::from_utf8(member).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|t| t.parse::<u64>().ok()).ok_or_else(|| "a Content-Length that is none".to_owned())
        });
        let Some(first) = lengths.next().transpose()? else { return Ok(Framing::Close) };
        for other in lengths {
            if other? != first {
                return Err("two values of Content-Length".to_owned());
            }
        }
        Ok(Framing::Length(first))
    }
}

#[cfg(test)]
mod tests;
