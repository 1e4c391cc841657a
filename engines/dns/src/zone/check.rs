//! What has to hold for records before they become a zone.

use std::collections::{BTreeMap, HashMap};

use super::{Field, Problem, Raw};
use crate::name;
use crate::rdata;

/// TTLs have 31 bits (RFC 2181 §8).
pub(super) const MAX_TTL: u32 = 0x7fff_ffff;
/// What one record set may take on the wire, so that it fits a message over TCP with a chain of aliases before it.
pub(super) const MAX_SET: usize = 56_000;

pub(super) type Sets<'a> = BTreeMap<u16, Vec<&'a Raw>>;

/// Names in canonical order.
pub(super) struct Owners<'a>(pub(super) BTreeMap<Vec<u8>, (Vec<u8>, Sets<'a>)>);

impl<'a> Owners<'a> {
    pub(super) fn sets_mut(&mut self, owner: &[u8]) -> &mut Sets<'a> {
        &mut self
            .0
            .entry(name::canonical_key(owner))
            .or_insert_with(|| (owner.to_vec(), Sets::new()))
            .1
    }

    pub(super) fn sets(&self, owner: &[u8]) -> Option<&Sets<'a>> {
        self.0.get(&name::canonical_key(owner)).map(|(_, sets)| sets)
    }
}

pub(super) fn check_one(apex: &[u8], raw: &Raw) -> Option<Problem> {
    let problem = |field, code, message: String| Some(Problem::error(raw.index, field, code, message));
    if !name::is_within(&raw.owner, apex) {
        let message = format!(
            "{} is outside the zone {}",
            name::to_text(&raw.owner),
            name::to_text(apex)
        );
        return problem(Field::Name, "outside_zone", message);
    }
    if raw.ttl > MAX_TTL {
        return problem(Field::Ttl, "ttl_range", format!("a TTL is at most {MAX_TTL} seconds"));
    }
    if raw.rtype == rdata::SOA && raw.owner != apex {
        return problem(
            Field::Type,
            "soa_not_at_apex",
            "an SOA record belongs to the apex alone".into(),
        );
    }
    if raw.rtype == rdata::NS && raw.owner.starts_with(b"\x01*") {
        return problem(
            Field::Type,
            "wildcard_ns",
            "a wildcard cannot be delegated (RFC 4592 §4.2)".into(),
        );
    }
    None
}

pub(super) fn check_node(apex: &[u8], owner: &[u8], sets: &Sets<'_>, owners: &Owners<'_>, problems: &mut Vec<Problem>) {
    let text = || name::to_text(owner);
    if owner == apex {
        if sets.get(&rdata::SOA).map_or(0, Vec::len) != 1 {
            problems.push(Problem::error(
                None,
                Field::Records,
                "soa_count",
                "a zone has exactly one SOA record",
            ));
        }
        if !sets.contains_key(&rdata::NS) {
            let message = format!("{} has no NS record", text());
            problems.push(Problem::error(None, Field::Records, "apex_ns_missing", message));
        }
    }
    if let Some(aliases) = sets.get(&rdata::CNAME) {
        if let Some(second) = aliases.get(1) {
            let message = format!("{} has more than one CNAME", text());
            problems.push(Problem::error(second.index, Field::Type, "cname_multiple", message));
        }
        // Signatures and denial records may stand beside an alias (RFC 4035 §2.5), and are refused elsewhere.
        if sets.len() > 1 {
            let message = format!("{} has a CNAME, which has to be alone at its name", text());
            problems.push(Problem::error(
                aliases[0].index,
                Field::Type,
                "cname_not_alone",
                message,
            ));
        }
    }
    for (rtype, set) in sets {
        let mut seen = HashMap::new();
        let mut size = 0;
        for raw in set {
            size += 12 + raw.rdata.len();
            if seen.insert(&raw.rdata, raw.index).is_some() {
                let message = format!(
                    "{} {} is given twice with the same value",
                    text(),
                    rdata::type_name(*rtype)
                );
                problems.push(Problem::error(raw.index, Field::Data, "duplicate", message));
            }
            check_target(apex, raw, owners, problems);
        }
        if size > MAX_SET {
            let message = format!(
                "the {} records of {} do not fit one DNS message",
                rdata::type_name(*rtype),
                text()
            );
            problems.push(Problem::error(set[0].index, Field::Data, "set_too_large", message));
        }
    }
}

/// Name servers and mail exchanges must not be aliases (RFC 2181 §10.3); where they lie in the zone they need addresses.
fn check_target(apex: &[u8], raw: &Raw, owners: &Owners<'_>, problems: &mut Vec<Problem>) {
    if !matches!(raw.rtype, rdata::NS | rdata::MX | rdata::SRV) {
        return;
    }
    let Some(&(start, end)) = rdata::name_ranges(raw.rtype, &raw.rdata).first() else {
        return;
    };
    let target = &raw.rdata[start..end];
    if !name::is_within(target, apex) {
        return;
    }
    let kind = rdata::type_name(raw.rtype);
    let sets = owners.sets(target);
    if sets.is_some_and(|sets| sets.contains_key(&rdata::CNAME)) {
        let message = format!("the {kind} target {} is an alias (CNAME)", name::to_text(target));
        let make = if raw.rtype == rdata::SRV {
            Problem::warning
        } else {
            Problem::error
        };
        problems.push(make(raw.index, Field::Data, "target_is_alias", message));
    } else if !sets.is_some_and(|sets| sets.contains_key(&rdata::A) || sets.contains_key(&rdata::AAAA)) {
        let message = format!("the {kind} target {} has no address in the zone", name::to_text(target));
        problems.push(Problem::warning(
            raw.index,
            Field::Data,
            "target_without_address",
            message,
        ));
    }
}
