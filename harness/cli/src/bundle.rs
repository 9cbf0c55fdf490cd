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

/// Writes the files of a bundle; what is private is for the owner alone, from the first moment.
pub(crate) fn write(directory: &Path, files: &[File]) -> Result<(), Trouble> {
    for file in files {
        let path = directory.join(&file.path);
        let trouble = |e: io::Error| Trouble::Given(format!("{}: {e}", path.display()));
        if let Some(folder) = path.parent() {
            make_folder(folder, file.path.starts_with(HARNESS)).map_err(trouble)?;
        }
        let access = if file.private { Access::Owner } else { Access::Open };
        files::put(&path, file.text.as_bytes(), access)?;
    }
    Ok(())
}

fn make_folder(folder: &Path, private: bool) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    builder.create(folder)?;
    #[cfg(unix)]
    if private {
        // It may have been there.
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}
