//! The secrets of the harness's own client connections in the key log format of NSS, for whoever looks at a capture.

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::files::{FileFault, append};

/// A key log file. With it, whoever has a capture of the run reads the traffic and computes the exporter values.
pub struct KeyLogFile(Mutex<Log>);

struct Log {
    file: File,
    /// Told of the first line that could not be written, and gone then.
    lost: Option<Box<dyn FnOnce(io::Error) + Send>>,
}

impl KeyLogFile {
    /// Opens the file for appending, as is the custom of this format; only its owner may read it. A link is not followed:
    /// whoever laid it would have the secrets where it leads. `lost` is told once why a line could not be written: a log with a
    /// hole in it looks whole.
    ///
    /// # Errors
    /// It cannot be opened, it is a link, or its mode cannot be set.
    pub fn open(path: &Path, lost: impl FnOnce(io::Error) + Send + 'static) -> Result<Self, FileFault> {
        Ok(Self(Mutex::new(Log { file: append(path)?, lost: Some(Box::new(lost)) })))
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
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = log.file.write_all(line.as_bytes())
            && let Some(lost) = log.lost.take()
        {
            lost(why);
        }
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
        assert!(KeyLogFile::open(&link, drop).unwrap_err().to_string().contains("link"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o666);
        KeyLogFile::open(&file, drop).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
        let null = fs::metadata("/dev/null").unwrap().permissions().mode();
        assert!(KeyLogFile::open(Path::new("/dev/null"), drop).is_err());
        assert_eq!(fs::metadata("/dev/null").unwrap().permissions().mode(), null);
    }
}
