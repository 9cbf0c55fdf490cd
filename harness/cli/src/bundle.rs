//! Trust bundles on disk.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use ekmcheck_forge::{
    bundle::{Bundle, File, HARNESS},
    pki::CLIENTS,
};
use ekmcheck_player::files::Access;
use ekmcheck_suite::load::suggestion;

use crate::{
    Trouble,
    args::TokenArgs,
    files::{self, BUNDLE, PEM},
    plan::Plan,
    print, run,
};

/// Reads a bundle that is valid now.
pub(crate) fn read(directory: &Path) -> Result<Bundle, Trouble> {
    read_with(directory, &BTreeMap::new())
}

/// The file with the certificate chain of a client, as a plan has it.
pub(crate) fn certificate_of(plan: &Plan, client: &str) -> PathBuf {
    let of_bundle = || plan.bundle.join(HARNESS).join(format!("{client}.pem"));
    let path = plan.clients.get(client).map_or_else(of_bundle, |(certificate, _)| certificate.clone());
    path.canonicalize().unwrap_or(path)
}

/// All certificates of a file, in DER.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Trouble> {
    let trouble = |what: String| Trouble::Given(format!("{}: {what}; PEM with certificates is wanted", path.display()));
    let text = files::text_of(path, &PEM).map_err(|e| trouble(e.to_string()))?;
    let found = ekmcheck_forge::pki::certificates_in(&text).map_err(|e| trouble(e.to_string()))?;
    if found.is_empty() { Err(trouble("there is no certificate in it".to_owned())) } else { Ok(found) }
}

/// The same, with certificate and key of some clients from elsewhere.
pub(crate) fn read_with(directory: &Path, own: &BTreeMap<String, (PathBuf, PathBuf)>) -> Result<Bundle, Trouble> {
    let shown = directory.display();
    if !directory.join(HARNESS).is_dir() {
        return Err(Trouble::Given(format!(
            "{shown} is no bundle: it has no folder {HARNESS}; make one with `ekmcheck init resource-server --dir {shown}`"
        )));
    }
    let elsewhere = |path: &str| {
        let (name, kind) = path.strip_prefix(HARNESS)?.strip_prefix('/')?.rsplit_once('.')?;
        let (certificate, key) = own.get(name)?;
        Some(if kind == "key" { key } else { certificate })
    };
    let bundle = Bundle::read(|path| match elsewhere(path) {
        Some(file) => files::text_of(file, &PEM).map_err(|e| format!("(here {}) {e}", file.display())),
        None => files::text_of(&directory.join(path), &BUNDLE).map_err(|e| e.to_string()),
    });
    let bundle = bundle.map_err(|e| {
        Trouble::Given(format!(
            "bundle {shown}: {e}; `ekmcheck init resource-server --dir {shown} --force` makes it anew"
        ))
    })?;
    let (now, (made, until)) = (run::now()?, bundle.validity());
    if now >= until {
        return Err(Trouble::Given(format!(
            "bundle {shown}: its certificates expired {} days ago; `ekmcheck init resource-server --dir {shown} --force` makes it anew, and the server then needs the new files",
            (now - until) / 86_400
        )));
    }
    // Certificates begin a day before a bundle is made.
    if now < made - 86_400 {
        return Err(Trouble::Given(format!(
            "bundle {shown}: its certificates are not valid yet; is this machine's clock right?"
        )));
    }
    Ok(bundle)
}

/// Prints a token for one of a bundle's clients.
pub(crate) fn token(args: &TokenArgs) -> Result<u8, Trouble> {
    let bundle = read(&args.bundle)?;
    if !CLIENTS.contains(&args.client.as_str()) {
        let hint = suggestion(&args.client, CLIENTS.iter().copied());
        return Err(Trouble::Given(format!("--client: there is no client {:?}; {hint}", args.client)));
    }
    // Another identifier at each call: the time in microseconds, and the number of the process.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unique = u64::try_from(since.as_micros()).unwrap_or_default() ^ (u64::from(std::process::id()) << 40);
    let token = bundle.token(&args.client, run::now()?, unique).map_err(|e| Trouble::Harness(e.to_string()))?;
    print(&format!("{token}\n"));
    Ok(0)
}

/// Writes the files of a bundle. Its folders are for the owner alone, and so is what is private, from the first moment and
/// whatever the umask. No link within the bundle is followed: nobody else can lay one there while it is written, and one
/// that lay there before is refused, if it stands for a folder, or replaced.
pub(crate) fn write(directory: &Path, files: &[File]) -> Result<(), Trouble> {
    for file in files {
        let path = directory.join(&file.path);
        let trouble = |e: io::Error| Trouble::Given(format!("{}: {e}", path.display()));
        make_private(directory).map_err(trouble)?;
        if let Some(folder) = path.parent().filter(|folder| *folder != directory) {
            if folder.is_symlink() {
                return Err(Trouble::Given(format!(
                    "{}: is a link, and private keys would go where it leads\n  mend: take it away, or name another --dir",
                    folder.display()
                )));
            }
            make_private(folder).map_err(trouble)?;
            // It may have been there, for all to read.
            owner_only(folder).map_err(trouble)?;
        }
        let access = if file.private { Access::Owner } else { Access::Open };
        files::put(&path, file.text.as_bytes(), access)?;
    }
    Ok(())
}

/// Makes a folder and those on the way to it, as far as they are not there, for the owner alone.
fn make_private(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    folder.parent().map_or(Ok(()), make_private)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        // A umask may have taken from the owner, too.
        Ok(()) => owner_only(folder),
    }
}

fn owner_only(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// An empty folder that nobody else uses.
    fn scratch(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ekmcheck-bundle-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(path: &str, private: bool) -> File {
        File { path: path.to_owned(), text: "secret".to_owned(), private }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folders_that_were_open_to_all_are_closed() {
        let scratch = scratch("open");
        let bundle = scratch.join("a/bundle");
        fs::create_dir_all(bundle.join("server")).unwrap();
        for folder in [bundle.clone(), bundle.join("server")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::write(bundle.join("server/server.key"), "old").unwrap();
        fs::set_permissions(bundle.join("server/server.key"), fs::Permissions::from_mode(0o666)).unwrap();
        write(&bundle, &[file("server/server.key", true), file("harness/p256.key", true), file("GUIDE.md", false)])
            .unwrap();
        assert_eq!([mode(&bundle.join("server")), mode(&bundle.join("harness"))], [0o700, 0o700]);
        assert_eq!([mode(&bundle.join("server/server.key")), mode(&bundle.join("harness/p256.key"))], [0o600, 0o600]);
        // What is somebody's own stays as it is.
        assert_eq!(mode(&bundle), 0o777);
        write(&scratch.join("b/c"), &[file("harness/p256.key", true)]).unwrap();
        assert_eq!([mode(&scratch.join("b")), mode(&scratch.join("b/c"))], [0o700, 0o700]);
        fs::remove_dir_all(scratch).unwrap();
    }

    #[test]
    fn no_link_within_a_bundle_is_followed() {
        let scratch = scratch("links");
        let (bundle, elsewhere) = (scratch.join("bundle"), scratch.join("elsewhere"));
        fs::create_dir_all(bundle.join("server")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("victim"), "mine").unwrap();
        symlink(elsewhere.join("victim"), bundle.join("server/server.key")).unwrap();
        symlink(elsewhere.join("not-there"), bundle.join("GUIDE.md")).unwrap();
        for through_link in [file("server/server.key", true), file("GUIDE.md", false)] {
            let refused = write(&bundle, &[through_link]).unwrap_err().to_string();
            assert!(refused.contains("link"), "{refused}");
        }
        assert_eq!(fs::read_to_string(elsewhere.join("victim")).unwrap(), "mine");
        assert!(!elsewhere.join("not-there").exists());
        symlink(&elsewhere, bundle.join("harness")).unwrap();
        let refused = write(&bundle, &[file("harness/p256.key", true)]).unwrap_err().to_string();
        assert!(refused.contains("is a link") && refused.contains("mend:"), "{refused}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
        fs::remove_dir_all(scratch).unwrap();
    }
}
