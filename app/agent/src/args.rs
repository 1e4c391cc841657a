//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: mpanel-agent --data DIR --allow-uid N [--allow-uid N …] [--edge-gid N] [--socket PATH] [--rootless]

  --data DIR       the data folder; sites live in DIR/sites
  --allow-uid N    a uid that may call; repeat for more
  --edge-gid N     the group that may read releases; needed as root
  --socket PATH    listen there instead of on the inherited socket (LISTEN_FDS, LISTEN_FDNAMES=agent)
  --rootless       everything stays one uid; refused as root";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) data: PathBuf,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) allowed: Vec<u32>,
    pub(crate) edge_gid: Option<u32>,
    pub(crate) rootless: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    Help,
    Serve(Options),
    /// The agent calls itself; the argument is a job in JSON.
    Helper(String),
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Invocation, String> {
    let mut options = Options {
        data: PathBuf::new(),
        socket: None,
        allowed: Vec::new(),
        edge_gid: None,
        rootless: false,
    };
    let mut first = true;
    while let Some(argument) = arguments.next() {
        let name = argument.to_str().ok_or("argument is not UTF-8")?;
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        match name {
            "helper" if first => {
                let job = value()?.into_string().map_err(|_| "job is not UTF-8")?;
                return if arguments.next().is_none() {
                    Ok(Invocation::Helper(job))
                } else {
                    Err("too many arguments".to_owned())
                };
            }
            "--help" | "-h" => return Ok(Invocation::Help),
            "--data" => options.data = value()?.into(),
            "--socket" => options.socket = Some(value()?.into()),
            "--allow-uid" => options.allowed.push(number(name, &value()?)?),
            "--edge-gid" => options.edge_gid = Some(number(name, &value()?)?),
            "--rootless" => options.rootless = true,
            _ => return Err(format!("unknown argument {name}")),
        }
        first = false;
    }
    if options.data.as_os_str().is_empty() {
        return Err("--data is missing".to_owned());
    }
    if options.allowed.is_empty() {
        return Err("--allow-uid is missing".to_owned());
    }
    Ok(Invocation::Serve(options))
}

fn number(name: &str, value: &OsString) -> Result<u32, String> {
    let id = value
        .to_str()
        .and_then(|text| text.parse::<u32>().ok())
        .filter(|id| *id != u32::MAX);
    id.ok_or_else(|| format!("{name} needs a number"))
}
