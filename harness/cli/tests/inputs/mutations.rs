//! What a file, a folder or the place for an output may be changed into.

use std::{
    fs::{self, File},
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

/// A change. It is made at a path where nothing is any more; the octets are those that were there.
pub(crate) struct Mutation {
    /// What the table of results calls it.
    pub(crate) name: &'static str,
    /// Makes it.
    pub(crate) make: fn(&Path, &[u8]),
    /// What the command may make of it.
    pub(crate) leads: Leads,
}

/// What a command may make of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// No more than an error that names the file.
    Refused,
    /// To nothing else than before.
    Same,
    /// To any end that it can explain.
    Any,
}

use Leads::{Any, Refused, Same};

const fn of(name: &'static str, leads: Leads, make: fn(&Path, &[u8])) -> Mutation {
    Mutation { name, make, leads }
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn socket(path: &Path) {
    // The name stays when the listener goes. Names of sockets are short, so that it is made elsewhere.
    let short = std::env::temp_dir().join(format!("ekm-{}-{:?}", std::process::id(), std::thread::current().id()));
    let _ = fs::remove_file(&short);
    drop(UnixListener::bind(&short).unwrap());
    fs::rename(&short, path).or_else(|_| symlink(&short, path)).unwrap();
}

/// A file of zeros of which nothing is on the disk.
fn sparse(path: &Path, octets: u64) {
    File::create(path).unwrap().set_len(octets).unwrap();
}

/// A link to the good content beside.
fn moved(path: &Path, content: &[u8]) {
    let beside = path.with_extension("moved");
    write(&beside, content);
    symlink(beside.file_name().unwrap(), path).unwrap();
}

fn no_rights(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

/// The first value in quotation marks, between them.
fn string(content: &[u8]) -> Option<std::ops::Range<usize>> {
    let from = content.windows(2).position(|w| matches!(w, b": " | b"= "))?;
    quoted(content, from)
}

fn quoted(content: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let begin = from + content.get(from..)?.iter().position(|c| *c == b'"')? + 1;
    let end = begin + content.get(begin..)?.iter().position(|c| *c == b'"')?;
    Some(begin..end)
}

/// With something else in a place; where there is no such place, in the middle.
fn instead(content: &[u8], place: Option<std::ops::Range<usize>>, with: &[u8]) -> Vec<u8> {
    let middle = content.len() / 2;
    let place = place.unwrap_or(middle..middle);
    [&content[..place.start], with, &content[place.end..]].concat()
}

/// With every number that stands in no text made into another.
fn numbers(content: &[u8], with: &str) -> Vec<u8> {
    let (mut out, mut in_text, mut at) = (Vec::new(), false, 0);
    while at < content.len() {
        let c = content[at];
        in_text ^= c == b'"' && (at == 0 || content[at - 1] != b'\\');
        if c.is_ascii_digit() && !in_text {
            out.extend(with.as_bytes());
            at += content[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        } else {
            out.push(c);
            at += 1;
        }
    }
    out
}

fn first_number(content: &[u8], with: &[u8]) -> Vec<u8> {
    let begin = content.iter().position(u8::is_ascii_digit);
    let place = begin.map(|begin| begin..begin + content[begin..].iter().take_while(|c| c.is_ascii_digit()).count());
    instead(content, place, with)
}

/// The whole value behind the first colon or equals sign that is a text.
fn value(content: &[u8], with: &[u8]) -> Vec<u8> {
    instead(content, string(content).map(|inner| inner.start - 1..inner.end + 1), with)
}

fn with_end(content: &[u8], end: &[u8]) -> Vec<u8> {
    [content, end].concat()
}

/// The lines again and again, up to a size.
fn again(content: &[u8], octets: usize) -> Vec<u8> {
    content.repeat(octets.div_ceil(content.len().max(1)).min(100_000))
}

fn utf_16(content: &[u8]) -> Vec<u8> {
    let units = String::from_utf8_lossy(content).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    [&[0xff, 0xfe][..], &units].concat()
}

fn noise(octets: usize) -> Vec<u8> {
    // A generator of which nothing is asked but that it is the same everywhere.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as u8
    };
    (0..octets).map(|_| next(&mut state)).collect()
}

const DEEP: usize = 100_000;
const LONG: usize = 200_000;
const BIG: usize = 1 << 20;

/// Of a file.
pub(crate) const FILES: [Mutation; 43] = [
    // Something else than a file, or a file that is none to read.
    of("missing", Refused, |_, _| {}),
    of("a folder", Refused, |path, _| fs::create_dir(path).unwrap()),
    of("a pipe", Refused, |path, _| pipe(path)),
    of("a socket", Refused, |path, _| socket(path)),
    of("a link to a device without an end", Refused, |path, _| symlink("/dev/zero", path).unwrap()),
    of("a link to an empty device", Refused, |path, _| symlink("/dev/null", path).unwrap()),
    of("a link to itself", Refused, |path, _| symlink(path.file_name().unwrap(), path).unwrap()),
    of("a link to nothing", Refused, |path, _| symlink("nothing-there", path).unwrap()),
    of("a link to the file", Same, moved),
    of("a gigabyte of nothing", Refused, |path, _| sparse(path, 1 << 30)),
    of("a terabyte of nothing", Refused, |path, _| sparse(path, 1 << 40)),
    of("a file without rights", Any, |path, content| {
        write(path, content);
        no_rights(path);
    }),
    // Texts that are none, or of another kind.
    of("empty", Any, |path, _| write(path, "")),
    of("blank", Any, |path, _| write(path, "\n \t\r\n")),
    of("zeros", Any, |path, _| write(path, [0; 4096])),
    of("a zero inside", Any, |path, content| write(path, instead(content, None, b"\0"))),
    of("a byte order mark", Same, |path, content| write(path, [b"\xef\xbb\xbf", content].concat())),
    of("lines that end with CR LF", Any, |path, content| {
        write(path, String::from_utf8_lossy(content).replace('\n', "\r\n"));
    }),
    of("UTF-16", Any, |path, content| write(path, utf_16(content))),
    of("no UTF-8 in a text", Any, |path, content| write(path, instead(content, string(content), b"\xc3\x28\xff"))),
    of("noise", Any, |path, _| write(path, noise(4096))),
    of("a page of HTML", Any, |path, _| write(path, "<!doctype html>\n<title>404</title>\n<p>not found\n")),
    of("control sequences in a text", Any, |path, content| {
        write(path, instead(content, string(content), b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xae\xe2\x80\x8b"));
    }),
    // Parts and multiples.
    of("half of it", Any, |path, content| write(path, &content[..content.len() / 2])),
    of("all but the last octet", Any, |path, content| write(path, &content[..content.len().saturating_sub(1)])),
    of("twice", Any, |path, content| write(path, [content, content].concat())),
    of("again and again", Any, |path, content| write(path, again(content, BIG))),
    of("another bit in the middle", Any, |path, content| {
        let mut content = content.to_vec();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        write(path, content);
    }),
    of("more than any file may have", Refused, |path, content| {
        write(path, content);
        File::options().write(true).open(path).unwrap().set_len((24 << 20) + 1).unwrap();
    }),
    // Deep, long and many.
    of("deep arrays", Any, |path, _| write(path, vec![b'['; DEEP])),
    of("deep objects", Any, |path, _| write(path, b"{\"a\":".repeat(DEEP))),
    of("deep arrays that end", Any, |path, _| write(path, [vec![b'['; DEEP], vec![b']'; DEEP]].concat())),
    of("a deep value in it", Any, |path, content| {
        write(path, value(content, &[vec![b'['; DEEP], vec![b']'; DEEP]].concat()));
    }),
    of("deep keys of TOML", Any, |path, _| write(path, [b"a.".repeat(DEEP).as_slice(), b"a = 1\n"].concat())),
    of("one long line", Any, |path, _| write(path, vec![b'a'; BIG])),
    of("a long text in it", Any, |path, content| write(path, instead(content, string(content), &[b'x'; LONG]))),
    of("a long name in it", Any, |path, content| write(path, instead(content, quoted(content, 0), &[b'x'; LONG]))),
    of("many values", Any, |path, _| write(path, [b"[0".as_slice(), &b",0".repeat(BIG / 2), b"]"].concat())),
    of("many lines at its end", Any, |path, content| write(path, with_end(content, &vec![b'\n'; BIG / 2]))),
    // Numbers and kinds.
    of("the greatest number for each", Any, |path, content| write(path, numbers(content, "18446744073709551615"))),
    of("a number beyond all for the first", Any, |path, content| write(path, first_number(content, b"1e99999"))),
    of("negative numbers", Any, |path, content| write(path, numbers(content, "-9223372036854775808"))),
    of("null for a text", Any, |path, content| write(path, value(content, b"null"))),
];

/// Of a folder that is read. What was in it stands beside, with `.good` behind its name.
pub(crate) const FOLDERS: [Mutation; 13] = [
    of("missing", Refused, |_, _| {}),
    of("a file", Refused, |path, _| write(path, "{}")),
    of("a pipe", Refused, |path, _| pipe(path)),
    of("a socket", Refused, |path, _| socket(path)),
    of("a device", Refused, |path, _| symlink("/dev/zero", path).unwrap()),
    of("a link to itself", Refused, |path, _| symlink(path.file_name().unwrap(), path).unwrap()),
    of("a link to nothing", Refused, |path, _| symlink("nothing-there", path).unwrap()),
    of("a link to the folder", Same, |path, _| symlink(good(path), path).unwrap()),
    of("empty", Any, |path, _| fs::create_dir(path).unwrap()),
    of("without rights", Any, |path, _| {
        fs::create_dir(path).unwrap();
        no_rights(path);
    }),
    of("a folder with a loop", Any, |path, _| {
        copy(&good(path), path);
        symlink(".", path.join("loop")).unwrap();
        symlink("..", path.join("up")).unwrap();
    }),
    of("a folder a hundred folders deep", Any, |path, _| {
        copy(&good(path), path);
        fs::create_dir_all(path.join("d/".repeat(100))).unwrap();
    }),
    of("a folder with pipes and devices in it", Any, |path, _| {
        copy(&good(path), path);
        pipe(&path.join("a-pipe.json"));
        symlink("/dev/zero", path.join("a-zero.json")).unwrap();
        sparse(&path.join("a-sparse.json"), 1 << 40);
    }),
];

/// Of the place for an output. `NAME.mine` beside it is somebody's, and stays as it is.
pub(crate) const PLACES: [Mutation; 9] = [
    of("a pipe", Refused, |path, _| pipe(path)),
    of("a socket", Refused, |path, _| socket(path)),
    of("a link to a full device", Refused, |path, _| symlink("/dev/full", path).unwrap()),
    of("a link to itself", Refused, |path, _| symlink(path.file_name().unwrap(), path).unwrap()),
    of("a link to somebody's file", Refused, |path, _| symlink(mine(path), path).unwrap()),
    of("below a file", Refused, |path, _| symlink(mine(path).join("below"), path).unwrap()),
    of("a file", Any, |path, _| write(path, "earlier\n")),
    of("a folder", Any, |path, _| fs::create_dir(path).unwrap()),
    of("a link to nothing", Any, |path, _| symlink("nothing-there/below", path).unwrap()),
];

/// Where the good folder is.
pub(crate) fn good(path: &Path) -> std::path::PathBuf {
    path.with_extension("good")
}

/// Where the file is that nobody may change.
pub(crate) fn mine(path: &Path) -> std::path::PathBuf {
    path.with_extension("mine")
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
