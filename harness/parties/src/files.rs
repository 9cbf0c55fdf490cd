//! Files as everything here reads and writes them: read with a limit and only where there is a file, written beside and
//! renamed.
//!
//! A path that is given may be anything: a named pipe that nobody writes to, a device without an end, a folder, a file of
//! which only a gigabyte of zeros is on the disk. None of them may hold the reader up or fill its memory. And whoever reads
//! what is written here finds the former or the new content, never a part, and no link leads the content elsewhere.

use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Why a file is not read or not written. The path stands before it, as the caller has it.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system says why.
    #[error(transparent)]
    System(#[from] io::Error),
    /// Something else than a file is there.
    #[error("{0}, and a file is wanted")]
    NoFile(&'static str),
    /// It is a link, where one is not followed.
    #[error("a link, which is not followed in writing")]
    Link,
    /// It has more octets than may be read.
    #[error("has more than the {0} octets that such a file may have")]
    TooLong(u64),
    /// It is not UTF-8.
    #[error("line {0} is not UTF-8")]
    NoText(usize),
}

impl FileFault {
    /// Whether there is nothing at that path.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::System(e) if e.kind() == io::ErrorKind::NotFound)
    }
}

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever the system's mask lets.
    Open,
    /// The owner alone, from the first moment.
    Owner,
}

/// Reads a file of at most `most` octets.
///
/// # Errors
/// There is no file there, it is longer, or the system's reason.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileFault> {
    is_file(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // What is there by now may be a pipe, and to open one would wait for somebody who writes.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags(rustix::fs::OFlags::NONBLOCK));
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    is_file(&metadata)?;
    if metadata.len() > most {
        return Err(FileFault::TooLong(most));
    }
    // It may grow, and some of the system's files say that they are empty.
    to_the_end(file, most)
}

/// The same, where a pipe of this process may stand for the file: `/dev/stdin`, or `<(…)` of a shell.
///
/// # Errors
/// As [`read`].
pub fn read_or_pipe(path: &Path, most: u64) -> Result<Vec<u8>, FileFault> {
    let own = ["/dev/stdin", "/dev/fd", "/proc/self/fd"].iter().any(|own| path.starts_with(own));
    if own && is_pipe(&fs::metadata(path)?) { to_the_end(File::open(path)?, most) } else { read(path, most) }
}

/// Reads to the end, of at most `most` octets.
///
/// # Errors
/// There is more, or the system's reason.
pub fn to_the_end(from: impl Read, most: u64) -> Result<Vec<u8>, FileFault> {
    let mut octets = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > most { Err(FileFault::TooLong(most)) } else { Ok(octets) }
}

/// The text of a file; a byte order mark before it is no part of it.
///
/// # Errors
/// [`FileFault::NoText`].
pub fn text(octets: Vec<u8>) -> Result<String, FileFault> {
    let text = String::from_utf8(octets).map_err(|e| {
        let before = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        FileFault::NoText(before.iter().filter(|octet| **octet == b'\n').count() + 1)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Puts a file in the place of the one that may be there, at once.
///
/// # Errors
/// Something else than a file is there, or the system's reason. What was there is then as it was, and nothing new is left.
pub fn replace(path: &Path, octets: &[u8], access: Access) -> Result<(), FileFault> {
    has_room(path)?;
    let (new, mut file) = beside(path, access)?;
    let written = file.write_all(octets);
    // Some systems do not rename what is open.
    drop(file);
    let done = written.and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        // What went wrong before is what is told.
        let _ = fs::remove_file(&new);
    }
    Ok(done?)
}

/// Finds out whether [`replace`] could do its work there, as far as that can be known.
///
/// # Errors
/// As [`replace`].
pub fn replaceable(path: &Path) -> Result<(), FileFault> {
    has_room(path)?;
    let (new, file) = beside(path, Access::Open)?;
    drop(file);
    Ok(fs::remove_file(new)?)
}

/// Opens a file that lines are added to, for its owner alone.
///
/// # Errors
/// Something else than a file is there, or the system's reason.
pub fn append(path: &Path) -> Result<File, FileFault> {
    has_room(path)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK));
    }
    let file = options.open(path)?;
    is_file(&file.metadata()?)?;
    // It may have been there before, for all to read.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// The umask decides about others, and not about the owner.
#[cfg(unix)]
fn owned(file: &File, access: Access) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    let wanted = if access == Access::Owner { 0o600 } else { mode | 0o600 };
    if mode == wanted { Ok(()) } else { file.set_permissions(fs::Permissions::from_mode(wanted)) }
}

#[cfg(not(unix))]
fn owned(_: &File, _: Access) -> io::Result<()> {
    Ok(())
}

/// A new file in the folder of another.
fn beside(path: &Path, access: Access) -> io::Result<(PathBuf, File)> {
    /// How many names are tried: an earlier process of the same number may have left files.
    const TRIES: usize = 1000;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if access == Access::Owner { 0o600 } else { 0o644 });
    let mut tries = 0;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let new = path.with_file_name(format!(".ekmcheck-{}-{number}.new", std::process::id()));
        match options.open(&new) {
            Ok(file) => {
                let owned = owned(&file, access);
                // What cannot be made ready is not left there.
                owned.inspect_err(|_| drop(fs::remove_file(&new)))?;
                return Ok((new, file));
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Nothing but a file may have to go: a link, a folder or a device of the system is somebody's.
fn has_room(path: &Path) -> Result<(), FileFault> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => Err(FileFault::Link),
        Ok(there) => is_file(&there),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn is_file(metadata: &Metadata) -> Result<(), FileFault> {
    if metadata.is_file() { Ok(()) } else { Err(FileFault::NoFile(kind(metadata.file_type()))) }
}

#[cfg(unix)]
fn kind(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "a device" }
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn flags(flags: rustix::fs::OFlags) -> i32 {
    flags.bits().cast_signed()
}

#[cfg(test)]
mod tests;
