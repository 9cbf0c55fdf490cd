//! The secrets of the harness's own client connections in the key log format of NSS, for whoever looks at a capture.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// A key log file. With it, whoever has a capture of the run reads the traffic and computes the exporter values.
pub struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Opens the file for appending, as is the custom of this format; only its owner may read it. A link is not followed:
    /// whoever laid it would have the secrets where it leads.
    ///
    /// # Errors
    /// It cannot be opened, it is a link, or its mode cannot be set.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        }
        if path.is_symlink() {
            return Err(io::Error::other("is a link, and secrets would go where it leads; name the file itself"));
        }
        let file = options.open(path)?;
        // It may have been there before, for all to read. A device or a pipe has the mode that its users need.
        #[cfg(unix)]
        if file.metadata()?.is_file() {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(Self(Mutex::new(file)))
    }
}

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogFile(..)")
    }
}

impl rustls::KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |octets: &[u8]| octets.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // A line at a time, whole; a full disk costs the log and not the handshake.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_link_is_not_followed_and_a_file_is_closed_to_others() {
        let folder = std::env::temp_dir().join(format!("ekmcheck-keylog-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, link) = (folder.join("file"), folder.join("link"));
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(KeyLogFile::open(&link).unwrap_err().to_string().contains("is a link"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o666);
        KeyLogFile::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
        let null = fs::metadata("/dev/null").unwrap().permissions().mode();
        KeyLogFile::open(Path::new("/dev/null")).unwrap();
        assert_eq!(fs::metadata("/dev/null").unwrap().permissions().mode(), null);
    }
}
