//! Compiling records into a [`Zone`].

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::check::{MAX_TTL, Owners, check_node, check_one};
use super::store::{NONE, NamePart, NamedRr, Node, RrSet, Tail, Zone};
use super::{Field, Problem, RecordData, RecordType, SoaData, ZoneData};
use crate::name::{self, Lengths};
use crate::rdata;

/// A parsed record on its way into a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Raw {
    /// The index by which problems name it; `None` for the SOA.
    pub(crate) index: Option<usize>,
    /// Lower-case wire form.
    pub(crate) owner: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) ttl: u32,
    /// Uncompressed wire form, names in lower case.
    pub(crate) rdata: Vec<u8>,
}

impl Zone {
    /// Compiles zone data.
    ///
    /// # Errors
    /// All problems of severity error, in the order of the records. Warnings are kept in [`Zone::warnings`].
    pub fn compile(data: &ZoneData) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let apex = match parse_apex(&data.apex) {
            Ok(apex) => apex,
            Err(problem) => return Err(vec![problem]),
        };
        let mut raws = Vec::with_capacity(data.records.len() + 1);
        match soa_raw(&apex, data.serial, &data.soa) {
            Ok(raw) => raws.push(raw),
            Err(problem) => problems.push(problem),
        }
        for (index, record) in data.records.iter().enumerate() {
            match parse_record(index, record, &apex) {
                Ok(raw) => raws.push(raw),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            build(&apex, &raws)
        } else {
            Err(problems)
        }
    }
}

fn parse_apex(text: &str) -> Result<Vec<u8>, Problem> {
    let apex =
        name::parse(text).map_err(|error| Problem::error(None, Field::Apex, "name_invalid", error.to_string()))?;
    if apex.len() == 1 {
        return Err(Problem::error(
            None,
            Field::Apex,
            "apex_root",
            "the root cannot be served as a zone",
        ));
    }
    if apex.starts_with(b"\x01*") {
        return Err(Problem::error(
            None,
            Field::Apex,
            "apex_wildcard",
            "a zone cannot be named by a wildcard",
        ));
    }
    Ok(apex)
}

fn parse_record(index: usize, record: &RecordData, apex: &[u8]) -> Result<Raw, Problem> {
    let problem = |field, code, message: String| Problem::error(Some(index), field, code, message);
    let owner = name::parse(&record.name).map_err(|error| problem(Field::Name, "name_invalid", error.to_string()))?;
    let kind: RecordType = record
        .rtype
        .parse()
        .map_err(|error| problem(Field::Type, "type_unknown", error))?;
    let rdata = rdata::parse(kind, &record.data, apex)
        .map_err(|error| problem(Field::Data, "data_invalid", error.to_string()))?;
    Ok(Raw {
        index: Some(index),
        owner,
        rtype: kind.code(),
        ttl: record.ttl,
        rdata: rdata.wire,
    })
}

/// The SOA record of a zone.
pub(crate) fn soa_raw(apex: &[u8], serial: u32, soa: &SoaData) -> Result<Raw, Problem> {
    let part = |field, text: &str| {
        name::parse(text).map_err(|error| Problem::error(None, field, "name_invalid", error.to_string()))
    };
    let mut rdata = part(Field::SoaMname, &soa.mname)?;
    rdata.extend(part(Field::SoaRname, &soa.rname)?);
    for number in [serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
        rdata.extend(number.to_be_bytes());
    }
    if [soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl]
        .iter()
        .any(|&time| time > MAX_TTL)
    {
        let message = format!("times in the SOA are at most {MAX_TTL} seconds");
        return Err(Problem::error(None, Field::SoaTimes, "ttl_range", message));
    }
    Ok(Raw {
        index: None,
        owner: apex.to_vec(),
        rtype: rdata::SOA,
        ttl: soa.ttl,
        rdata,
    })
}

/// Checks and compiles parsed records, the SOA among them.
pub(crate) fn build(apex: &[u8], raws: &[Raw]) -> Result<Zone, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut owners = Owners(BTreeMap::new());
    owners.sets_mut(apex);
    for raw in raws {
        if let Some(problem) = check_one(apex, raw) {
            problems.push(problem);
            continue;
        }
        let set = owners.sets_mut(&raw.owner).entry(raw.rtype).or_default();
        set.push(raw);
        // The parents exist too, if only as empty non-terminals (RFC 4592 §2.2.2).
        let apex_at = raw.owner.len() - apex.len();
        for at in name::label_offsets(&raw.owner).skip(1).take_while(|&at| at < apex_at) {
            owners.sets_mut(&raw.owner[at..]);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for (owner, sets) in owners.0.values() {
        check_node(apex, owner, sets, &owners, &mut problems);
    }
    problems.sort_by_key(|problem| (problem.record, problem.code));
    let (errors, warnings): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| problem.severity == super::Severity::Error);
    if errors.is_empty() {
        assemble(apex, &owners, raws.len(), warnings)
    } else {
        Err(errors)
    }
}

struct Assembly {
    arena: Vec<u8>,
    sets: Vec<RrSet>,
    named: Vec<NamedRr>,
}

fn too_large() -> Vec<Problem> {
    vec![Problem::error(
        None,
        Field::Records,
        "zone_too_large",
        "the zone is too large to be compiled",
    )]
}

fn assemble(apex: &[u8], owners: &Owners<'_>, records: usize, warnings: Vec<Problem>) -> Result<Zone, Vec<Problem>> {
    let hasher = RandomState::default();
    let mut ids: HashMap<&[u8], u32> = HashMap::with_capacity(owners.0.len());
    let mut nodes: Vec<Node> = Vec::with_capacity(owners.0.len());
    let mut lengths = Lengths::default();
    let mut out = Assembly {
        arena: Vec::new(),
        sets: Vec::new(),
        named: Vec::new(),
    };
    for (id, (owner, sets)) in owners.0.values().enumerate() {
        let id = u32::try_from(id).map_err(|_| too_large())?;
        ids.insert(owner, id);
        lengths.insert(owner.len());
        // Canonical order puts a parent before its children, and the apex first.
        let parent = if id == 0 {
            None
        } else {
            ids.get(&owner[1 + usize::from(owner[0])..]).copied()
        };
        let above = parent
            .and_then(|parent| nodes.get(parent as usize))
            .map_or(NONE, |parent| parent.cut);
        let cut = if above == NONE && id != 0 && sets.contains_key(&rdata::NS) {
            id
        } else {
            above
        };
        if owner.starts_with(b"\x01*")
            && let Some(parent) = parent
        {
            nodes[parent as usize].wildcard = id;
        }
        let node = Node {
            name: u32::try_from(out.arena.len()).map_err(|_| too_large())?,
            name_len: u8::try_from(owner.len()).map_err(|_| too_large())?,
            sets: 0,
            sets_len: u16::try_from(sets.len()).map_err(|_| too_large())?,
            wildcard: NONE,
            cut,
        };
        out.arena.extend_from_slice(owner);
        nodes.push(node);
    }
    for (id, (_, sets)) in owners.0.values().enumerate() {
        nodes[id].sets = u32::try_from(out.sets.len()).map_err(|_| too_large())?;
        for (&rtype, set) in sets {
            let set = out.set(apex, rtype, set, |target| {
                let id = *ids.get(target)?;
                // Below a cut there is only glue, and only a referral adds that.
                (nodes[id as usize].cut == NONE || rtype == rdata::NS).then_some(id)
            })?;
            out.sets.push(set);
        }
    }
    let mut index = HashTable::with_capacity(nodes.len());
    for (name, &id) in &ids {
        index.insert_unique(hasher.hash_one(*name), id, |&id| {
            let node = &nodes[id as usize];
            hasher.hash_one(&out.arena[node.name as usize..node.name as usize + usize::from(node.name_len)])
        });
    }
    let soa = owners
        .sets(apex)
        .and_then(|sets| sets.get(&rdata::SOA)?.first().copied())
        .ok_or_else(too_large)?;
    let number = |from_end: usize| {
        let at = soa.rdata.len().checked_sub(from_end)?;
        Some(u32::from_be_bytes(soa.rdata.get(at..at + 4)?.try_into().ok()?))
    };
    let (serial, minimum) = (number(20).unwrap_or(0), number(4).unwrap_or(0));
    Ok(Zone {
        apex: apex.into(),
        serial,
        negative_ttl: soa.ttl.min(minimum),
        records,
        arena: out.arena.into(),
        nodes: nodes.into(),
        sets: out.sets.into(),
        named: out.named.into(),
        index,
        hasher,
        lengths,
        warnings,
    })
}

impl Assembly {
    fn set(
        &mut self,
        apex: &[u8],
        rtype: u16,
        set: &[&Raw],
        node_of: impl Fn(&[u8]) -> Option<u32>,
    ) -> Result<RrSet, Vec<Problem>> {
        let ttl = set.iter().map(|raw| raw.ttl).min().unwrap_or(0);
        let named = rdata::names_in(rtype).is_some();
        let position = if named { self.named.len() } else { self.arena.len() };
        let start = u32::try_from(position).map_err(|_| too_large())?;
        if named {
            let mut targets = Vec::new();
            for raw in set {
                self.named_rr(apex, set, position, raw, |target| {
                    // A target shared by several records adds its addresses once.
                    let id = node_of(target).filter(|id| !targets.contains(id));
                    targets.extend(id);
                    id
                })?;
            }
        } else {
            for raw in set {
                self.arena.extend_from_slice(&[0xc0, 12]);
                self.arena.extend_from_slice(&rtype.to_be_bytes());
                self.arena.extend_from_slice(&1_u16.to_be_bytes());
                self.arena.extend_from_slice(&ttl.to_be_bytes());
                self.arena
                    .extend_from_slice(&u16::try_from(raw.rdata.len()).map_err(|_| too_large())?.to_be_bytes());
                self.arena.extend_from_slice(&raw.rdata);
            }
        }
        let len = if named { 0 } else { self.arena.len() - position };
        Ok(RrSet {
            rtype,
            count: u16::try_from(set.len()).map_err(|_| too_large())?,
            ttl,
            start,
            len: u32::try_from(len).map_err(|_| too_large())?,
            named,
        })
    }

    fn named_rr(
        &mut self,
        apex: &[u8],
        set: &[&Raw],
        first: usize,
        raw: &Raw,
        mut node_of: impl FnMut(&[u8]) -> Option<u32>,
    ) -> Result<(), Vec<Problem>> {
        let none = NamePart {
            at: 0,
            len: 0,
            keep: 0,
            tail: Tail::Full,
        };
        let mut names = [none; 2];
        let ranges = rdata::name_ranges(raw.rtype, &raw.rdata);
        for (part, &(start, end)) in names.iter_mut().zip(&ranges) {
            let name = &raw.rdata[start..end];
            let (keep, tail) = if rdata::compressible(raw.rtype) {
                shorten(apex, set, &self.named[first..], name)
            } else {
                (name.len(), Tail::Full)
            };
            *part = NamePart {
                at: u16::try_from(start).map_err(|_| too_large())?,
                len: u8::try_from(name.len()).map_err(|_| too_large())?,
                keep: u8::try_from(keep).map_err(|_| too_large())?,
                tail,
            };
        }
        let adds = matches!(raw.rtype, rdata::NS | rdata::MX | rdata::SRV);
        let target = ranges
            .first()
            .filter(|_| adds)
            .and_then(|&(start, end)| node_of(&raw.rdata[start..end]));
        self.named.push(NamedRr {
            start: u32::try_from(self.arena.len()).map_err(|_| too_large())?,
            len: u16::try_from(raw.rdata.len()).map_err(|_| too_large())?,
            names,
            names_len: u8::try_from(ranges.len()).map_err(|_| too_large())?,
            target: target.unwrap_or(NONE),
        });
        self.arena.extend_from_slice(&raw.rdata);
        Ok(())
    }
}

/// How many sibling records a name may point into: the answer path remembers where it wrote that many.
pub(crate) const SIBLINGS: usize = 16;

/// The shortest way to write `name`, given the records of the set compiled before it: the octets to keep and what the
/// rest points to.
fn shorten(apex: &[u8], set: &[&Raw], before: &[NamedRr], name: &[u8]) -> (usize, Tail) {
    if name::is_within(name, apex) {
        return (name.len() - apex.len(), Tail::Apex);
    }
    for keep in name::label_offsets(name).take_while(|keep| name.len() - keep > 2) {
        for (sibling, (rr, raw)) in before.iter().zip(set).take(SIBLINGS).enumerate() {
            let part = rr.names[0];
            let other = &raw.rdata[usize::from(part.at)..usize::from(part.at) + usize::from(part.len)];
            if part.tail == Tail::Apex || !name::is_within(other, &name[keep..]) {
                continue;
            }
            let delta = other.len() - (name.len() - keep);
            // What the sibling itself left out cannot be pointed into.
            let spelled = part.tail == Tail::Full || delta < usize::from(part.keep);
            if let (true, Ok(rr), Ok(delta)) = (spelled, u8::try_from(sibling), u8::try_from(delta)) {
                return (keep, Tail::Sibling { rr, delta });
            }
        }
    }
    (name.len(), Tail::Full)
}
