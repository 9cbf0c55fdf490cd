//! Requests as they are written.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::error::WireError;
use crate::wire::exchange::OutgoingRequest;

/// An HTTP/1.1 request. Nothing in it is checked or escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRequest {
    /// The method.
    pub method: String,
    /// The target, in whatever form.
    pub target: String,
    /// Names and values of all fields but those that `content` brings with it; Host is not added.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content.
    pub content: Content,
}

/// The content of a request, and how it is framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// None, and no field that speaks of it.
    None,
    /// With Content-Length.
    Whole(Bytes),
    /// With Content-Length and `Expect: 100-continue`; it is sent when the server has answered 100, and never if it
    /// answers otherwise.
    Withheld(Bytes),
    /// In one chunk (none if it is empty), with the fields of a trailer section.
    Chunked(Bytes, Vec<(String, Vec<u8>)>),
}

/// How octets are spread over TLS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All in one write.
    AtOnce,
    /// Each in a record of its own.
    OctetByOctet,
}

impl RawRequest {
    /// The request as an HTTP library would write it, but that nothing is too odd to be written. Names stay as they are.
    #[must_use]
    pub fn of(request: OutgoingRequest) -> Self {
        let OutgoingRequest { method, authority, path_and_query: target, mut fields, body, trailers } = request;
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            fields.insert(0, ("Host".to_owned(), authority.into_bytes()));
        }
        let content = match (body.is_empty(), trailers.is_empty()) {
            (_, false) => Content::Chunked(body, trailers),
            (false, true) => Content::Whole(body),
            (true, true) => Content::None,
        };
        Self { method, target, fields, content }
    }
}

/// Requests in the form in which they go out.
#[derive(Debug)]
pub(super) struct Octets {
    /// The methods, which decide on what an answer can have.
    pub(super) methods: Vec<String>,
    /// What is written at once.
    pub(super) first: Bytes,
    /// What is written after a 100 answer.
    pub(super) withheld: Option<Bytes>,
    pub(super) pace: Pace,
}

impl Octets {
    /// # Errors
    /// [`WireError::NotExpressible`] when something would have to follow withheld content.
    pub(super) fn of(requests: Vec<RawRequest>, pace: Pace) -> Result<Self, WireError> {
        let mut octets = Self { methods: Vec::new(), first: Bytes::new(), withheld: None, pace };
        let mut first = BytesMut::new();
        for request in requests {
            if octets.withheld.is_some() {
                return Err(WireError::NotExpressible("a request behind content that is withheld".to_owned()));
            }
            octets.withheld = request.write(&mut first);
            octets.methods.push(request.method);
        }
        octets.first = first.freeze();
        Ok(octets)
    }
}

impl RawRequest {
    /// Writes it, and returns what is to wait.
    fn write(&self, out: &mut BytesMut) -> Option<Bytes> {
        out.put_slice(format!("{} {} HTTP/1.1\r\n", self.method, self.target).as_bytes());
        put_fields(out, &self.fields);
        let length = |out: &mut BytesMut, content: &Bytes| {
            out.put_slice(format!("Content-Length: {}\r\n", content.len()).as_bytes());
        };
        match &self.content {
            Content::None => {}
            Content::Whole(content) | Content::Withheld(content) => length(out, content),
            Content::Chunked(..) => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
        }
        if let Content::Withheld(content) = &self.content {
            out.put_slice(b"Expect: 100-continue\r\n\r\n");
            return Some(content.clone());
        }
        out.put_slice(b"\r\n");
        match &self.content {
            Content::None | Content::Withheld(_) => {}
            Content::Whole(content) => out.put_slice(content),
            Content::Chunked(content, trailers) => {
                if !content.is_empty() {
                    out.put_slice(format!("{:x}\r\n", content.len()).as_bytes());
                    out.put_slice(content);
                    out.put_slice(b"\r\n");
                }
                out.put_slice(b"0\r\n");
                put_fields(out, trailers);
                out.put_slice(b"\r\n");
            }
        }
        None
    }
}

fn put_fields(out: &mut BytesMut, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content: Content) -> RawRequest {
        let fields = vec![("X".to_owned(), b"a\0\r\xff".to_vec())];
        RawRequest { method: "POST".into(), target: "*".into(), fields, content }
    }

    fn written(requests: Vec<RawRequest>) -> (Vec<u8>, Option<Bytes>) {
        let octets = Octets::of(requests, Pace::AtOnce).unwrap();
        (octets.first.to_vec(), octets.withheld)
    }

    const HEAD: &[u8] = b"POST * HTTP/1.1\r\nX: a\0\r\xff\r\n";

    #[test]
    fn what_is_given_is_written() {
        let hi = || Bytes::from_static(b"hi");
        let trailers = || vec![("Y".to_owned(), b"1".to_vec())];
        for (content, rest) in [
            (Content::None, &b"\r\n"[..]),
            (Content::Whole(hi()), b"Content-Length: 2\r\n\r\nhi"),
            (Content::Chunked(hi(), trailers()), b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nY: 1\r\n\r\n"),
            (Content::Chunked(Bytes::new(), vec![]), b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ] {
            assert_eq!(written(vec![request(content)]), ([HEAD, rest].concat(), None));
        }
        let withheld = ([HEAD, b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"].concat(), Some(hi()));
        assert_eq!(written(vec![request(Content::Withheld(hi()))]), withheld);
    }

    #[test]
    fn requests_follow_each_other_and_nothing_follows_what_is_withheld() {
        let both = vec![request(Content::None), request(Content::None)];
        assert_eq!(written(both).0, [HEAD, b"\r\n", HEAD, b"\r\n"].concat());
        let behind = vec![request(Content::Withheld(Bytes::new())), request(Content::None)];
        assert!(Octets::of(behind, Pace::AtOnce).is_err());
    }
}
