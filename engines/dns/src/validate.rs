//! Validation for whoever takes zones from people: everything accepted here can be served by this engine.
//!
//! It is stricter than [`Zone::compile`]: names follow the rules for host names, TTLs and sizes have limits.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::name;
use crate::rdata::{self, Rdata};
use crate::zone::{Field, Problem, RecordType, Severity, Zone, ZoneData};

/// Bounds for zones that people edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Records in a zone.
    pub records: usize,
    /// Octets of names and values in a zone, in presentation format.
    pub octets: usize,
    /// TTLs in seconds.
    pub ttl: RangeInclusive<u32>,
    /// Octets of one text record, in wire form.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records: 50_000,
            octets: 8 << 20,
            ttl: 1..=2_419_200,
            text: 4_096,
        }
    }
}

/// A record as it should be stored: absolute lower-case owner without a final dot, canonical value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalRecord {
    /// The owner.
    pub name: String,
    /// The type.
    pub rtype: RecordType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The value in canonical presentation format (see [`Rdata::text`]).
    pub data: String,
}

/// Makes an absolute name of what a person types in a zone's form: `@` or nothing is the apex, a name that ends with a dot
/// or with the apex is absolute, everything else is relative to the apex. The result is not validated.
#[must_use]
pub fn qualify(apex: &str, input: &str) -> String {
    let apex = apex.trim_end_matches('.').to_ascii_lowercase();
    let input = input.trim().to_ascii_lowercase();
    if input.is_empty() || input == "@" {
        return apex;
    }
    if let Some(absolute) = input.strip_suffix('.') {
        return absolute.to_owned();
    }
    if input == apex
        || input
            .strip_suffix(apex.as_str())
            .is_some_and(|rest| rest.ends_with('.'))
    {
        return input;
    }
    format!("{input}.{apex}")
}

/// Validates one record of the zone `apex`. `name` is absolute (see [`qualify`]).
///
/// # Errors
/// Every problem found, each naming its field; `record` is `None` in all of them.
pub fn validate_record(
    apex: &str,
    name: &str,
    rtype: &str,
    ttl: u32,
    data: &str,
    limits: &Limits,
) -> Result<CanonicalRecord, Vec<Problem>> {
    let apex = name::parse(apex).map_err(|error| vec![problem(Field::Apex, "name_invalid", error.to_string())])?;
    let mut problems = Vec::new();
    let kind: Option<RecordType> = rtype
        .parse()
        .map_err(|error| problems.push(problem(Field::Type, "type_unknown", error)))
        .ok();
    let owner = check_owner(&apex, name).map_err(|error| problems.push(error)).ok();
    if !limits.ttl.contains(&ttl) {
        let message = format!(
            "a TTL is between {} and {} seconds",
            limits.ttl.start(),
            limits.ttl.end()
        );
        problems.push(problem(Field::Ttl, "ttl_range", message));
    }
    let value = kind.and_then(|kind| {
        check_value(&apex, kind, data, limits)
            .map_err(|error| problems.push(error))
            .ok()
    });
    if let (Some(kind), Some(owner), Some(value)) = (kind, &owner, &value) {
        check_placing(&apex, kind, owner, value, &mut problems);
    }
    match (kind, owner, value) {
        (Some(rtype), Some(owner), Some(value)) if problems.is_empty() => Ok(CanonicalRecord {
            name: name::to_text(&owner),
            rtype,
            ttl,
            data: value.text,
        }),
        _ => Err(problems),
    }
}

fn problem(field: Field, code: &'static str, message: impl Into<String>) -> Problem {
    Problem::error(None, field, code, message)
}

fn check_owner(apex: &[u8], text: &str) -> Result<Vec<u8>, Problem> {
    let owner = name::parse(text).map_err(|error| problem(Field::Name, "name_invalid", error.to_string()))?;
    if !name::is_within(&owner, apex) {
        let message = format!("{} is outside the zone {}", name::to_text(&owner), name::to_text(apex));
        return Err(problem(Field::Name, "outside_zone", message));
    }
    let host = owner.strip_prefix(b"\x01*").unwrap_or(&owner);
    check_labels(host, true).map_err(|message| problem(Field::Name, "name_invalid", message))?;
    Ok(owner)
}

/// Letters, digits and inner hyphens (RFC 1123 §2.1); underscores where the name is not a host's.
fn check_labels(wire: &[u8], underscores: bool) -> Result<(), String> {
    for at in name::label_offsets(wire) {
        let label = &wire[at + 1..at + 1 + usize::from(wire[at])];
        let spelled = || String::from_utf8_lossy(label).escape_debug().to_string();
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Err(format!("'{}' starts or ends with a hyphen", spelled()));
        }
        if label == b"*" {
            return Err("'*' can only be the first label of an owner".into());
        }
        if let Some(&byte) = label
            .iter()
            .find(|&&b| !(b.is_ascii_alphanumeric() || b == b'-' || (underscores && b == b'_')))
        {
            return Err(format!(
                "'{}' holds '{}', which is not allowed here",
                spelled(),
                char::from(byte).escape_debug()
            ));
        }
    }
    Ok(())
}

fn check_value(apex: &[u8], kind: RecordType, data: &str, limits: &Limits) -> Result<Rdata, Problem> {
    let invalid = |message: String| problem(Field::Data, "data_invalid", message);
    let value = rdata::parse(kind, data, apex).map_err(|error| invalid(error.to_string()))?;
    if kind == RecordType::Txt && value.wire.len() > limits.text {
        return Err(problem(
            Field::Data,
            "text_too_long",
            format!("a text record takes at most {} octets", limits.text),
        ));
    }
    if let Some(&(start, end)) = rdata::name_ranges(kind.code(), &value.wire).first() {
        check_target(kind, &value.wire[..start], &value.wire[start..end]).map_err(invalid)?;
    }
    Ok(value)
}

fn check_target(kind: RecordType, before: &[u8], target: &[u8]) -> Result<(), String> {
    if target.len() == 1 {
        return match kind {
            // RFC 7505: no mail at all. RFC 2782: the service is not offered.
            RecordType::Mx if before == [0, 0] => Ok(()),
            RecordType::Mx => Err("the target '.' means no mail and takes the preference 0".into()),
            RecordType::Srv => Ok(()),
            _ => Err(format!("the root is not a target for {kind}")),
        };
    }
    let text = name::to_text(target);
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err(format!("{text} is an address, but {kind} takes a name"));
    }
    let underscores = kind == RecordType::Cname;
    check_labels(target, underscores).map_err(|message| format!("the target is not a host name: {message}"))
}

fn check_placing(apex: &[u8], kind: RecordType, owner: &[u8], value: &Rdata, problems: &mut Vec<Problem>) {
    if kind == RecordType::Cname && owner == apex {
        let message = "the apex cannot be an alias: it holds the SOA and NS records";
        problems.push(problem(Field::Type, "cname_not_alone", message));
    }
    if kind == RecordType::Cname && value.wire == owner {
        problems.push(problem(
            Field::Data,
            "cname_to_itself",
            "an alias cannot point to itself",
        ));
    }
    if kind == RecordType::Ns && owner.starts_with(b"\x01*") {
        problems.push(problem(Field::Type, "wildcard_ns", "a wildcard cannot be delegated"));
    }
}

/// Checks a whole zone: every record as [`validate_record`] does, the limits, and whether the engine can load it.
///
/// Returns errors before warnings; the zone can be served if there is no error.
#[must_use]
pub fn check_zone(data: &ZoneData, limits: &Limits) -> Vec<Problem> {
    let mut problems = Vec::new();
    if data.records.len() > limits.records {
        let message = format!("a zone holds at most {} records", limits.records);
        return vec![problem(Field::Records, "too_many_records", message)];
    }
    let octets: usize = data
        .records
        .iter()
        .map(|record| record.name.len() + record.data.len())
        .sum();
    if octets > limits.octets {
        let message = format!("the names and values of a zone take at most {} octets", limits.octets);
        return vec![problem(Field::Records, "zone_too_large", message)];
    }
    for (index, record) in data.records.iter().enumerate() {
        if let Err(found) = validate_record(
            &data.apex,
            &record.name,
            &record.rtype,
            record.ttl,
            &record.data,
            limits,
        ) {
            problems.extend(found.into_iter().map(|problem| Problem {
                record: Some(index),
                ..problem
            }));
        }
        if problems.last().is_some_and(|problem| problem.field == Field::Apex) {
            break;
        }
    }
    if problems.is_empty() {
        match Zone::compile(data) {
            Ok(zone) => problems.extend_from_slice(zone.warnings()),
            Err(errors) => problems.extend(errors),
        }
    }
    problems.sort_by_key(|problem| problem.severity == Severity::Warning);
    problems
}
