//! An HTTP/1.1 client of our own, for requests that an HTTP library does not write: what it is given goes out octet by
//! octet as it stands. What comes back is read within bounds of time and memory, whatever it is.

mod answers;
mod link;
mod request;

pub(super) use link::Requests;
pub use request::{Content, Pace, RawRequest};

use super::error::WireError;
use super::exchange::Answer;

/// What a server said to one of several requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The statuses of the interim answers (1xx) that came before the final one, in order.
    pub interim: Vec<u16>,
    /// The final answer. One with status 101 ends HTTP on the connection, and the connection with it.
    pub answer: Result<Answer, WireError>,
}
