//! Zones: what they are given as, how they are compiled, and how they are looked up.

mod build;
mod check;
mod store;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use build::{Raw, SIBLINGS, build};
pub(crate) use store::{Found, NONE, NamedRr, Node, Tail};
pub use store::{RrSet, Zone};

use crate::rdata;

/// A zone as data: what a feed or an API hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneData {
    /// The name of the zone, absolute, with or without a final dot.
    pub apex: String,
    /// The serial of the SOA record.
    pub serial: u32,
    /// The rest of the SOA record.
    pub soa: SoaData,
    /// Every other record, the apex's NS records included.
    pub records: Vec<RecordData>,
}

/// The SOA record but for its serial. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoaData {
    /// The primary name server.
    pub mname: String,
    /// The mailbox of the person responsible, as a domain name.
    pub rname: String,
    /// How often secondaries look for changes.
    pub refresh: u32,
    /// How long a secondary waits after a failed look.
    pub retry: u32,
    /// How long a secondary serves on without contact.
    pub expire: u32,
    /// The upper bound for how long resolvers remember that a name does not exist (RFC 2308).
    pub minimum: u32,
    /// The TTL of the SOA record itself.
    pub ttl: u32,
}

/// One record as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordData {
    /// The owner, absolute, with or without a final dot.
    pub name: String,
    /// `A`, `MX`, …: see [`RecordType`].
    #[serde(rename = "type")]
    pub rtype: String,
    /// Time to live in seconds. Records of one set are answered with the lowest TTL among them (RFC 2181 §5.2).
    pub ttl: u32,
    /// The value in presentation format, for example `10 mail.example.com.`; names are absolute.
    pub data: String,
}

/// The record types that zone data can hold besides the SOA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are the record types' own names")]
pub enum RecordType {
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Srv,
    Txt,
}

impl RecordType {
    /// All types, sorted by name.
    pub const ALL: [Self; 8] = [
        Self::A,
        Self::Aaaa,
        Self::Caa,
        Self::Cname,
        Self::Mx,
        Self::Ns,
        Self::Srv,
        Self::Txt,
    ];

    /// The name of the type in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        }
    }

    /// The number of the type on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::A => rdata::A,
            Self::Aaaa => rdata::AAAA,
            Self::Caa => rdata::CAA,
            Self::Cname => rdata::CNAME,
            Self::Mx => rdata::MX,
            Self::Ns => rdata::NS,
            Self::Srv => rdata::SRV,
            Self::Txt => rdata::TXT,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
                format!("'{}' is not one of {}", text.escape_debug(), known.join(", "))
            })
    }
}

/// The part of a zone or record that a [`Problem`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are the fields' own names")]
pub enum Field {
    Apex,
    SoaMname,
    SoaRname,
    SoaTimes,
    Records,
    Name,
    Type,
    Ttl,
    Data,
}

/// Whether a problem stops a zone from being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The zone cannot be served.
    Error,
    /// The zone is served, but is likely not what was meant.
    Warning,
}

/// Something wrong with a zone or record: where, a stable code, and plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the zone can be served all the same.
    pub severity: Severity,
    /// The index in [`ZoneData::records`]; `None` for the zone itself. For zone files, the index among its records.
    pub record: Option<usize>,
    /// The part concerned.
    pub field: Field,
    /// A stable name such as `cname_not_alone`.
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
}

impl Problem {
    pub(crate) fn error(record: Option<usize>, field: Field, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            record,
            field,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn warning(record: Option<usize>, field: Field, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(record, field, code, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.record {
            write!(f, "record {index}: ")?;
        }
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Problem {}
