#![cfg(unix)]

use std::{
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    process::Command,
};

use super::*;

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ekmcheck-files-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn pipe(&self, name: &str) -> PathBuf {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let folder = Folder::new("limit");
    let path = folder.file("f", b"12345");
    assert_eq!(read(&path, 5).unwrap(), b"12345");
    assert!(matches!(read(&path, 4), Err(FileFault::TooLong(4))));
    symlink(&path, folder.path("link")).unwrap();
    assert_eq!(read(&folder.path("link"), 5).unwrap(), b"12345", "a link is followed in reading");
    let sparse = folder.path("sparse");
    File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(read(&sparse, 1 << 20), Err(FileFault::TooLong(_))));
    assert!(read(&folder.path("none"), 1).unwrap_err().is_missing());
}

#[test]
fn what_says_that_it_is_empty_is_bounded_all_the_same() {
    let endless = io::repeat(b' ');
    assert!(matches!(to_the_end(endless, 1000), Err(FileFault::TooLong(1000))));
    assert_eq!(to_the_end(&b"123"[..], 3).unwrap(), b"123");
    if Path::new("/proc/self/maps").exists() {
        assert!(matches!(read(Path::new("/proc/self/maps"), 100), Err(FileFault::TooLong(100))));
    }
}

#[test]
fn nothing_but_a_file_is_read_and_none_of_it_waits() {
    let folder = Folder::new("kinds");
    folder.pipe("pipe");
    let _listens = UnixListener::bind(folder.path("socket")).unwrap();
    symlink("/dev/zero", folder.path("zero")).unwrap();
    symlink("loop", folder.path("loop")).unwrap();
    for (name, said) in [(".", "a folder"), ("pipe", "a pipe"), ("socket", "a socket"), ("zero", "a device")] {
        let fault = read(&folder.path(name), 10).unwrap_err();
        assert_eq!(fault.to_string(), format!("{said}, and a file is wanted"));
        assert!(read_or_pipe(&folder.path(name), 10).is_err(), "{name}: only pipes of the process itself");
    }
    assert!(matches!(read(&folder.path("loop"), 10), Err(FileFault::System(_))));
}

#[test]
fn a_text_is_utf_8_without_a_mark() {
    assert_eq!(text(b"\xef\xbb\xbfa\n".to_vec()).unwrap(), "a\n");
    assert_eq!(text(b"a\xef\xbb\xbf".to_vec()).unwrap(), "a\u{feff}");
    assert!(matches!(text(b"a\nb\n\xff".to_vec()), Err(FileFault::NoText(3))));
}

#[test]
fn a_file_is_replaced_at_once_or_stays() {
    let folder = Folder::new("replace");
    let path = folder.path("f");
    replace(&path, b"one", Access::Open).unwrap();
    let mut earlier = File::open(&path).unwrap();
    replaceable(&path).unwrap();
    replace(&path, b"two", Access::Owner).unwrap();
    let mut read = String::new();
    earlier.read_to_string(&mut read).unwrap();
    assert_eq!((read.as_str(), fs::read(&path).unwrap()), ("one", b"two".to_vec()), "whoever read it reads on");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.names(), ["f"], "nothing is left beside");
}

#[test]
fn what_is_somebody_elses_is_not_written_to() {
    let folder = Folder::new("others");
    let target = folder.file("target", b"mine");
    symlink(&target, folder.path("link")).unwrap();
    symlink("/dev/null", folder.path("null")).unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    folder.pipe("pipe");
    let before = folder.names();
    for name in ["link", "null", "folder", "pipe"] {
        let path = folder.path(name);
        assert!(replace(&path, b"x", Access::Open).is_err(), "{name}");
        assert!(replaceable(&path).is_err(), "{name}");
        assert!(append(&path).is_err(), "{name}");
    }
    assert!(replace(Path::new("/dev/null"), b"x", Access::Open).is_err(), "not even by who may");
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    assert_eq!(folder.names(), before);
}

#[test]
fn what_is_added_to_is_for_its_owner() {
    let folder = Folder::new("append");
    let path = folder.file("log", b"1\n");
    append(&path).unwrap().write_all(b"2\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"1\n2\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
