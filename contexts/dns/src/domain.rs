//! Pure types and decisions: how rows become the zone that is answered, and how the engine's
//! findings become errors of a request's fields.

use jiff::Timestamp;
use mpanel_engine_dns::{Field, Limits, Problem, RecordData, Severity, SoaData, ZoneData, check_zone, validate_record};
use mpanel_feed::topics::{DnsRecord, DnsSoa, DnsZone};
use mpanel_kernel::error::FieldError;
use mpanel_kernel::ids::{RecordId, ZoneId};
use mpanel_kernel::names::DomainName;

/// Seconds; RFC 1912 §2.2 and what large operators use.
const REFRESH: u32 = 7200;
const RETRY: u32 = 900;
const EXPIRE: u32 = 1_209_600;
/// How long "no such name" is believed.
const MINIMUM: u32 = 300;
const SOA_TTL: u32 = 3600;
/// TTL of records that the platform keeps: short enough to move a site in minutes.
pub const MANAGED_TTL: i32 = 300;

/// The most records of a zone: far more than hosted domains have, and few enough to be handled as a whole with each change.
pub const MOST_RECORDS: usize = 10_000;

fn limits() -> Limits {
    Limits {
        records: MOST_RECORDS,
        ..Limits::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    pub id: ZoneId,
    pub apex: String,
    pub serial: i64,
    pub records: i64,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: RecordId,
    pub name: String,
    pub rtype: String,
    pub ttl: i32,
    pub data: String,
    pub managed_for: Option<String>,
    pub version: i64,
}

/// A record as somebody wants it.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// `@`, relative to the apex, or absolute.
    pub name: String,
    pub rtype: String,
    pub ttl: i64,
    pub data: String,
}

/// A record as the engine would answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRecord {
    pub name: String,
    pub rtype: &'static str,
    pub ttl: i32,
    pub data: String,
}

impl Record {
    /// Whether the platform keeps it for a host that it serves.
    #[must_use]
    pub fn is_kept_address(&self) -> bool {
        self.managed_for.is_some() && matches!(self.rtype.as_str(), "A" | "AAAA")
    }

    /// Whether it is there only for as long as a certificate authority looks for it.
    #[must_use]
    pub fn is_challenge(&self) -> bool {
        self.managed_for.is_some() && self.rtype == "TXT"
    }

    /// Whether it is one of those that name our servers for the zone itself, without which nobody finds it.
    #[must_use]
    pub fn is_delegation(&self) -> bool {
        self.managed_for.is_some() && self.rtype == "NS"
    }
}

impl NewRecord {
    /// Checks one record by itself.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that is wrong.
    pub fn check(&self, apex: &str) -> Result<CheckedRecord, Vec<FieldError>> {
        let ttl = u32::try_from(self.ttl).unwrap_or(u32::MAX);
        let name = mpanel_engine_dns::qualify(apex, &self.name);
        let checked = validate_record(apex, &name, &self.rtype, ttl, &self.data, &limits());
        match checked {
            Ok(record) => Ok(CheckedRecord {
                name: record.name,
                rtype: record.rtype.as_str(),
                ttl: i32::try_from(record.ttl).unwrap_or(i32::MAX),
                data: record.data,
            }),
            Err(problems) => Err(problems.iter().map(field_error).collect()),
        }
    }
}

/// A finding of the engine, at the field of the request where it belongs.
fn field_error(problem: &Problem) -> FieldError {
    let pointer = match problem.field {
        Field::Apex | Field::SoaMname | Field::SoaRname | Field::SoaTimes => "/apex",
        Field::Type => "/type",
        Field::Ttl => "/ttl",
        Field::Data => "/data",
        _ => "/name",
    };
    FieldError::new(pointer, format!("dns.{}", problem.code), problem.message.clone())
}

/// The zone that is answered, from its rows.
#[must_use]
pub fn assemble(apex: &str, serial: i64, nameserver: &str, records: &[Record]) -> ZoneData {
    ZoneData {
        apex: apex.to_owned(),
        serial: u32::try_from(serial).unwrap_or(1),
        soa: SoaData {
            mname: nameserver.to_owned(),
            rname: format!("hostmaster.{apex}"),
            refresh: REFRESH,
            retry: RETRY,
            expire: EXPIRE,
            minimum: MINIMUM,
            ttl: SOA_TTL,
        },
        records: records
            .iter()
            .map(|record| RecordData {
                name: record.name.clone(),
                rtype: record.rtype.clone(),
                ttl: u32::try_from(record.ttl).unwrap_or_default(),
                data: record.data.clone(),
            })
            .collect(),
    }
}

/// The zone as a file (RFC 1035, section 5): all names absolute, one record a line.
#[must_use]
pub fn zone_file(zone: &ZoneData) -> String {
    let soa = &zone.soa;
    let mut text = format!(
        "{}. {} IN SOA {}. {}. {} {} {} {} {}\n",
        zone.apex, soa.ttl, soa.mname, soa.rname, zone.serial, soa.refresh, soa.retry, soa.expire, soa.minimum,
    );
    for record in &zone.records {
        text.push_str(&format!(
            "{}. {} IN {} {}\n",
            record.name, record.ttl, record.rtype, record.data
        ));
    }
    text
}

/// Checks the zone as a whole.
///
/// # Errors
/// What keeps it from being served, as errors of the request that brought it about.
pub fn check(zone: &ZoneData) -> Result<(), Vec<FieldError>> {
    let problems = check_zone(zone, &limits());
    let errors: Vec<FieldError> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(field_error)
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// As it goes over the feed.
#[must_use]
pub fn publishable(zone: ZoneData) -> DnsZone {
    DnsZone {
        apex: zone.apex,
        serial: zone.serial,
        soa: DnsSoa {
            mname: zone.soa.mname,
            rname: zone.soa.rname,
            refresh: zone.soa.refresh,
            retry: zone.soa.retry,
            expire: zone.soa.expire,
            minimum: zone.soa.minimum,
            ttl: zone.soa.ttl,
        },
        records: zone
            .records
            .into_iter()
            .map(|record| DnsRecord {
                name: record.name,
                rtype: record.rtype,
                ttl: record.ttl,
                data: record.data,
            })
            .collect(),
    }
}

/// The domain that one registers, for a host at or below it: `shop.example.co.uk` → `example.co.uk`.
#[must_use]
pub fn registrable(host: &DomainName) -> DomainName {
    psl::domain_str(host.as_str())
        .and_then(|domain| DomainName::parse(domain).ok())
        .unwrap_or_else(|| host.clone())
}

/// The domain that somebody means who asks for a site at this name: the one that is registered, for
/// itself and for its customary `www`. Of other names below a domain nothing follows for the domain.
#[must_use]
pub fn meant(host: &DomainName) -> Option<DomainName> {
    let domain = registrable(host);
    let is_meant = *host == domain || host.as_str().strip_prefix("www.") == Some(domain.as_str());
    is_meant.then_some(domain)
}
