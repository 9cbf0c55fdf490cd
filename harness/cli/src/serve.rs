//! `ekmcheck serve`: a party of the suite as a server that stays.

use std::path::PathBuf;

use ekmcheck_forge::bundle;
use ekmcheck_player::{
    network::Introspection,
    serve::{Ports, Quic, Serving, serve as start},
    subject::Subject,
    world::World,
};

use crate::{Trouble, init::Role, note, print, run};

#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// What is served
    #[arg(value_enum)]
    pub(crate) role: Role,
    /// The bundle: the directory that `ekmcheck init` made
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// With one thing wrong, see `ekmcheck list faults`
    #[arg(long, value_name = "NAME", conflicts_with = "variation")]
    pub(crate) fault: Option<String>,
    /// With something else that is right as well, see `ekmcheck list variations`
    #[arg(long, value_name = "NAME")]
    pub(crate) variation: Option<String>,
    /// The port of TCP on 127.0.0.1; 0 for any
    #[arg(long, value_name = "N", default_value_t = 8443)]
    pub(crate) port: u16,
    /// The port of UDP [default: the same number]
    #[arg(long, value_name = "N", conflicts_with = "no_quic")]
    pub(crate) quic_port: Option<u16>,
    /// No HTTP/3
    #[arg(long)]
    pub(crate) no_quic: bool,
    /// End when standard input ends, and so with the process that started this one
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// Serves until it is told to end.
pub(crate) fn serve(args: &ServeArgs) -> Result<u8, Trouble> {
    let Role::ResourceServer = args.role;
    let subject = match (&args.fault, &args.variation) {
        (Some(name), _) => format!("fault:{name}"),
        (None, Some(name)) => format!("variation:{name}"),
        (None, None) => "reference".to_owned(),
    };
    let subject = Subject::parse(&subject).map_err(Trouble::Given)?;
    let bundle = crate::bundle::read(&args.bundle)?;
    let fixture = args.bundle.join(bundle::INTROSPECTION);
    // A link that leads nowhere is no file either, and that is told.
    let introspection = match fixture.symlink_metadata() {
        Ok(_) => Introspection::of_file(&fixture),
        Err(_) => Introspection::default(),
    };
    introspection.check().map_err(|e| Trouble::Given(format!("{e}; an object of responses by tokens is wanted")))?;
    let ports = Ports {
        tcp: args.port,
        quic: match args.quic_port {
            _ if args.no_quic => Quic::No,
            Some(port) => Quic::At(port),
            None => Quic::SamePort,
        },
    };
    run::runtime()?.block_on(async {
        let world = World::of_bundle(&bundle);
        let serving = start(&world, &subject, &introspection, ports).await;
        let serving = serving.map_err(|e| Trouble::Given(format!("{e}; see --port and --quic-port")))?;
        print(&ready(&serving, bundle.names()));
        note(&format!("serving {}; the last requests are at /.ekmcheck/recent; Ctrl-C ends it", subject.name()));
        told_to_end(args.until_stdin_closes).await;
        serving.shutdown().await;
        Ok(0)
    })
}

/// The line that says where the server is; programs read it.
fn ready(serving: &Serving, names: &[String]) -> String {
    let name = names.first().map_or("localhost", String::as_str);
    let host = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let quic = serving.quic().map(|port| format!(" quic {port}")).unwrap_or_default();
    format!("ready https://{host}:{}{quic}\n", serving.tcp())
}

async fn told_to_end(by_stdin: bool) {
    let interrupted = async {
        // Without a handler, the system ends the process as it ends others.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    if !by_stdin {
        return interrupted.await;
    }
    let (told, closed) = tokio::sync::oneshot::channel();
    // A thread of its own: a read that waits for ever would hold up the end of the runtime.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        told.send(())
    });
    tokio::select! {
        () = interrupted => {}
        _ = closed => {}
    }
}
