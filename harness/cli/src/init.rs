//! `ekmcheck init`: all that a server needs before the suite can be played to it.

use std::path::{Path, PathBuf};

use ekmcheck_forge::bundle::{Bundle, File};

use crate::{Trouble, bundle, print, run};

/// What a command is about.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// A resource server
    ResourceServer,
}

#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// What is to be tested
    #[arg(value_enum)]
    pub(crate) role: Role,
    /// The directory; it is made
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// A DNS name or address of the server, for its certificate; may be given more than once [default: localhost, 127.0.0.1
    /// and ::1]
    #[arg(long, value_name = "HOST")]
    pub(crate) name: Vec<String>,
    /// Make a new bundle in the place of one that is there; `plan.toml` stays
    #[arg(long)]
    pub(crate) force: bool,
}

const GUIDE: &str = "GUIDE.md";
const PLAN: &str = "plan.toml";

/// Writes bundle, guide and plan.
pub(crate) fn init(args: &InitArgs) -> Result<u8, Trouble> {
    let Role::ResourceServer = args.role;
    let made = Bundle::generate(run::now()?, &args.name).map_err(|e| Trouble::Given(format!("--name: {e}")))?;
    let files = made.files();
    let there = |path: &str| args.dir.join(path).symlink_metadata().is_ok();
    let in_the_way = files.iter().map(|file| file.path.as_str()).chain([GUIDE, PLAN]).find(|path| there(path));
    if let Some(path) = in_the_way.filter(|_| !args.force) {
        return Err(Trouble::Given(format!(
            "{} is there already; --force makes a new bundle in its place, and the server then needs the new files",
            args.dir.join(path).display()
        )));
    }
    let open = |path: &str, text: String| File { path: path.to_owned(), text, private: false };
    let keeps_plan = there(PLAN);
    bundle::write(&args.dir, &files)?;
    bundle::write(&args.dir, &[open(GUIDE, guide(&made, &args.dir)?)])?;
    if !keeps_plan {
        bundle::write(&args.dir, &[open(PLAN, plan(&made))])?;
    }
    let dir = args.dir.display();
    print(&format!(
        "{dir}/server    what the server gets: certificate, key, client CA, issuer\n\
         {dir}/harness   what stays here: the keys of the harness\n\
         {dir}/plan.toml {}\n\
         Read {dir}/GUIDE.md next; it says which file goes where.\n",
        if keeps_plan { "is as it was" } else { "what is tested, to be filled in" }
    ));
    Ok(0)
}

/// The name by which the server is spoken to.
fn host(bundle: &Bundle) -> &str {
    bundle.names().first().map_or("localhost", String::as_str)
}

fn plan(bundle: &Bundle) -> String {
    include_str!("init/plan.toml").replace("{HOST}", &in_url(host(bundle)))
}

fn in_url(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn guide(bundle: &Bundle, dir: &Path) -> Result<String, Trouble> {
    let example = bundle.example().map_err(|e| Trouble::Harness(e.to_string()))?;
    let text = |value| run::json(value).map(|text| text.trim_end().to_owned());
    let [header, claims] = &example.token;
    let [proof_header, proof_claims] = &example.proof;
    let values = [
        ("{DIR}", dir.display().to_string()),
        ("{HOST}", in_url(host(bundle))),
        ("{NAMES}", bundle.names().join(", ")),
        ("{DAYS}", ekmcheck_forge::bundle::DAYS.to_string()),
        ("{ISSUER}", bundle.issuer.name().to_owned()),
        ("{AUDIENCE}", bundle.issuer.audience().to_owned()),
        ("{OTHER_AUDIENCE}", bundle.issuer.other_audience().to_owned()),
        ("{HEADER}", text(header)?),
        ("{CLAIMS}", text(claims)?),
        ("{PROOF_HEADER}", text(proof_header)?),
        ("{PROOF_CLAIMS}", text(proof_claims)?),
    ];
    let guide = include_str!("init/GUIDE.md").to_owned();
    Ok(values.into_iter().fold(guide, |guide, (name, value)| guide.replace(name, &value)))
}
