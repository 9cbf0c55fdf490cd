//! A subject that is named by its URL: found, and greeted once before anything is judged.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use ekmcheck_player::{
    network::{Introspection, Limits, Origin, Target, greet},
    world::World,
};
use ekmcheck_suite::case::Transport;

use crate::{Trouble, reach};

/// About subjects that are named by their URLs.
#[derive(clap::Args)]
pub(crate) struct NetworkArgs {
    /// With a URL as the subject: the directory that `ekmcheck init` made
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// With a URL as the subject: the port of HTTP/3 [default: that of the URL]
    #[arg(long, value_name = "N", requires = "bundle")]
    pub(crate) quic_port: Option<u16>,
    /// With a URL as the subject: it may be on another machine. Thousands of odd requests are sent
    #[arg(long, requires = "bundle")]
    pub(crate) allow_remote: bool,
    /// With a URL as the subject: it takes what introspection says of tokens from this file, which is written
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub(crate) introspection: Option<PathBuf>,
    /// With a URL as the subject: requests for the host other.localhost are for another service of it
    #[arg(long, requires = "bundle")]
    pub(crate) other_host: bool,
    /// With a URL as the subject: /api/admin needs the scope resource.admin, which no token has
    #[arg(long, requires = "bundle")]
    pub(crate) scopes: bool,
}

/// Whether a subject is named by its URL.
pub(crate) fn is_url(subject: &str) -> bool {
    subject.contains("://")
}

/// The server of a URL, on these transports.
pub(crate) fn of_url(url: &str, transports: &[Transport], args: &NetworkArgs) -> Result<Target, Trouble> {
    let given = |why: String| Trouble::Given(format!("--subject {url}: {why}"));
    let (host, port) = reach::host_and_port(url).map_err(|why| given(why.to_owned()))?;
    let addresses = reach::addresses(&host).and_then(|found| reach::permitted(found, args.allow_remote));
    let addresses = addresses.map_err(given)?;
    let over_tcp = transports.iter().any(|transport| !transport.is_quic());
    let ip = match (over_tcp, addresses.first()) {
        // Of UDP it cannot be known.
        (false, Some(first)) => *first,
        _ => reach::answering(&addresses, port)
            .map_err(|tried| given(format!("nothing listens there ({tried}); start the server, or name its port")))?,
    };
    let origin = |transport: &Transport| {
        let port = args.quic_port.filter(|_| transport.is_quic()).unwrap_or(port);
        (*transport, Origin::new(SocketAddr::new(ip, port), &host))
    };
    let introspection = args.introspection.as_deref().map(Introspection::of_file);
    if let Some(file) = &introspection {
        file.check()
            .map_err(|e| Trouble::Given(format!("--introspection {e}; an object of responses by tokens is wanted")))?;
    }
    let target = Target {
        name: url.to_owned(),
        origins: transports.iter().map(origin).collect(),
        places: BTreeMap::new(),
        other_host: args.other_host,
        scopes: args.scopes,
        dialect: None,
        introspection,
        tokens: None,
        clients: None,
        hand: None,
        allow_remote: args.allow_remote,
        limits: Limits::default(),
    };
    target.permitted().map_err(given)?;
    Ok(target)
}

/// Finds out that a transport is not there, or not set up, before all cases on it fail for that.
pub(crate) async fn ready(world: &Arc<World>, target: &Target) -> Result<(), Trouble> {
    let mut faults = Vec::new();
    for transport in target.origins.keys() {
        if let Err(why) = greet(world, target, *transport).await {
            faults.push(format!("\n  {}: {why}", transport.name()));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let right = target.origins.keys().map(|t| t.name()).filter(|n| !faults.iter().any(|f| f.contains(*n)));
    let only: Vec<_> = right.map(|name| format!("--transport {name}")).collect();
    let mend = match only.is_empty() {
        true => "nothing was played; is it set up with the files of this bundle, as its GUIDE.md says?".to_owned(),
        false => format!("mend it, or play what is there with {}", only.join(" ")),
    };
    Err(Trouble::Given(format!("{} cannot be spoken to:{}\n{mend}", target.name, faults.concat())))
}
