//! Zones from BIND zone files, for running the engine alone.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use domain::base::iana::Class;
use domain::base::name::FlattenInto;
use domain::base::{Name, Record};
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};

use crate::name;
use crate::net::bind::Listeners;
use crate::rdata;
use crate::server::{Config, Server};
use crate::zone::{Field, Problem, Raw, Zone, build};
use crate::zones::ZoneSet;

/// Larger files are refused.
const MAX_FILE: u64 = 1 << 30;

/// Why a zone file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The origin is not a domain name.
    #[error("{origin}: {reason}")]
    Origin {
        /// What was given.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not in zone file format.
    #[error("{path}:{reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column where known, and reason.
        reason: String,
    },
    /// The records make no zone that can be served.
    #[error("{}", list(path, problems))]
    Zone {
        /// The file.
        path: PathBuf,
        /// Each problem, with the line of the record it is about.
        problems: Vec<(Option<usize>, Problem)>,
    },
    /// The sockets cannot be opened or served.
    #[error("{address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

fn list(path: &Path, problems: &[(Option<usize>, Problem)]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|(line, problem)| describe(path, *line, problem))
        .collect();
    lines.join("\n")
}

fn describe(path: &Path, line: Option<usize>, problem: &Problem) -> String {
    let place = line.map_or_else(String::new, |line| format!(":{line}"));
    format!("{}{place}: {} ({})", path.display(), problem.message, problem.code)
}

/// What [`check_zone_file`] found in a good file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The origin in canonical form.
    pub origin: String,
    /// The serial.
    pub serial: u32,
    /// Records, the SOA included.
    pub records: usize,
    /// Names with records.
    pub names: usize,
    /// What is odd, one line each, with the file and line.
    pub warnings: Vec<String>,
}

/// Checks a zone file without serving it.
///
/// # Errors
/// Why it could not be served.
pub fn check_zone_file(origin: &str, path: &Path) -> Result<FileReport, FileError> {
    let (zone, lines) = load(origin, path)?;
    let line = |problem: &Problem| problem.record.and_then(|index| lines.get(index)).copied();
    Ok(FileReport {
        origin: name::to_text(zone.apex()),
        serial: zone.serial(),
        records: zone.record_count(),
        names: zone.name_count(),
        warnings: zone
            .warnings()
            .iter()
            .map(|problem| describe(path, line(problem), problem))
            .collect(),
    })
}

/// Loads a zone file.
///
/// All types `domain` reads are served but DNAME and those of signed zones. `$ORIGIN` and `$TTL` are honoured,
/// `$INCLUDE` is not. Repeated records count once (RFC 2181 §5).
///
/// # Errors
/// Why it cannot be served.
pub fn load_zone_file(origin: &str, path: &Path) -> Result<Zone, FileError> {
    load(origin, path).map(|(zone, _)| zone)
}

/// Serves zone files on an address, over UDP and TCP, until the returned server is stopped or dropped.
///
/// # Errors
/// When a file cannot be served or the address cannot be used.
pub fn serve_files(listen: SocketAddr, zones: &[(String, PathBuf)], config: Config) -> Result<Server, FileError> {
    let set = ZoneSet::new();
    let loaded: Result<Vec<_>, _> = zones
        .iter()
        .map(|(origin, path)| load_zone_file(origin, path).map(Arc::new))
        .collect();
    set.replace_all(loaded?);
    let failed = |source| FileError::Listen {
        address: listen,
        source,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let listeners = Listeners::bind(listen, threads).map_err(failed)?;
    Server::start(Arc::new(set), listeners, config).map_err(failed)
}

fn load(origin: &str, path: &Path) -> Result<(Zone, Vec<usize>), FileError> {
    let apex = name::parse(origin)
        .ok()
        .filter(|apex| apex.len() > 1)
        .ok_or_else(|| FileError::Origin {
            origin: origin.into(),
            reason: "not the name of a zone".into(),
        })?;
    let unreadable = |source| FileError::Read {
        path: path.into(),
        source,
    };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    let source = fs::read(path).map_err(unreadable)?;
    let (raws, lines) = read(&apex, &source).map_err(|fault| match fault {
        Fault::Syntax(reason) => FileError::Syntax {
            path: path.into(),
            reason,
        },
        Fault::Record(line, problem) => FileError::Zone {
            path: path.into(),
            problems: vec![(Some(line), problem)],
        },
    })?;
    let zone = build(&apex, &raws).map_err(|problems| FileError::Zone {
        path: path.into(),
        problems: problems
            .into_iter()
            .map(|problem| (problem.record.and_then(|index| lines.get(index)).copied(), problem))
            .collect(),
    })?;
    Ok((zone, lines))
}

#[derive(Debug)]
pub(crate) enum Fault {
    /// Line, column and reason.
    Syntax(String),
    Record(usize, Problem),
}

/// Reads records and the line on which each starts.
pub(crate) fn read(apex: &[u8], source: &[u8]) -> Result<(Vec<Raw>, Vec<usize>), Fault> {
    let mut file = Zonefile::from(source);
    // The last line may lack its end; and the scanner looks beyond it after an unfinished entry.
    file.extend_from_slice(b"\n\n\n\n");
    let origin = Name::from_octets(Bytes::copy_from_slice(apex)).map_err(|error| Fault::Syntax(error.to_string()))?;
    file.set_origin(origin);
    file.set_default_class(Class::IN);
    let (mut raws, mut lines, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    let mut starts = entry_lines(source).into_iter();
    while let Some(entry) = next_entry(&mut file)? {
        let line = starts.next().unwrap_or_default();
        let Entry::Record(record) = entry else {
            return Err(Fault::Syntax(
                " $INCLUDE is not supported: put the records into one file".into(),
            ));
        };
        let raw = raw(raws.len(), record.flatten_into()).map_err(|problem| Fault::Record(line, problem))?;
        if seen.insert((raw.owner.clone(), raw.rtype, raw.rdata.clone())) {
            raws.push(raw);
            lines.push(line);
        }
    }
    Ok((raws, lines))
}

/// The scanner of `domain` 0.12 can index out of bounds after some unbalanced entries.
fn next_entry(file: &mut Zonefile) -> Result<Option<Entry>, Fault> {
    match catch_unwind(AssertUnwindSafe(|| file.next_entry())) {
        Ok(entry) => entry.map_err(|error| Fault::Syntax(place(&error.to_string()))),
        Err(_) => Err(Fault::Syntax(
            " an entry is not complete: look for unbalanced quotes or parentheses".into(),
        )),
    }
}

/// The lines on which records start: `domain` tells lines only of what it cannot read.
fn entry_lines(source: &[u8]) -> Vec<usize> {
    let mut lines = Vec::new();
    let (mut line, mut depth, mut quoted, mut comment, mut inside) = (1, 0_usize, false, false, false);
    let mut bytes = source.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\n' => {
                line += 1;
                comment = false;
                inside = inside && (quoted || depth > 0);
                continue;
            }
            _ if comment => continue,
            b'"' => quoted = !quoted,
            b';' if !quoted => comment = true,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'\r' => {}
            _ => {
                if !inside && byte != b'$' {
                    lines.push(line);
                }
                inside = true;
                if byte == b'\\' {
                    bytes.next();
                }
            }
        }
    }
    lines
}

/// The scanner has read past the end of a line when it refuses the last item on it.
fn place(error: &str) -> String {
    let mut parts = error.splitn(3, ':');
    let (line, column, reason) = (parts.next(), parts.next(), parts.next());
    match (line.and_then(|line| line.parse::<usize>().ok()), column, reason) {
        (Some(line @ 2..), Some("1"), Some(reason)) => format!("{}:{reason}", line - 1),
        _ => error.to_owned(),
    }
}

fn raw(index: usize, record: Record<Name<Bytes>, ZoneRecordData<Bytes, Name<Bytes>>>) -> Result<Raw, Problem> {
    let rtype = record.rtype().to_int();
    let unserved = matches!(rtype, rdata::DNAME | rdata::OPT | 46 | 47 | 50 | 51 | 0 | 128..=255);
    if unserved || record.class() != Class::IN {
        let message = format!("{} {} records are not served", record.class(), rdata::type_name(rtype));
        return Err(Problem::error(Some(index), Field::Type, "type_unsupported", message));
    }
    let invalid =
        |error: rdata::RdataError| Problem::error(Some(index), Field::Data, "data_invalid", error.to_string());
    let mut wire = rdata::compose(record.data()).map_err(invalid)?;
    if matches!(record.data(), ZoneRecordData::Unknown(_)) {
        // Generic notation (RFC 3597) can say anything, also for types with a format.
        rdata::parse_wire(rtype, &wire).map_err(invalid)?;
    }
    rdata::lower_names(rtype, &mut wire);
    let mut owner = record.owner().as_slice().to_vec();
    owner.make_ascii_lowercase();
    Ok(Raw {
        index: Some(index),
        owner,
        rtype,
        ttl: record.ttl().as_secs(),
        rdata: wire,
    })
}
