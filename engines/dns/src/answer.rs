//! Answering a query from compiled zones (RFC 1034 §4.3.2 and what amends it).

use crate::message::{Full, HEADER, Message, OPT_LEN, Owner, QNAME, Section};
use crate::query::{self, Query, rcode};
use crate::rdata;
use crate::zone::{Found, NONE, Node, RrSet, Zone};
use crate::zones::ZoneMap;

/// The UDP payload this engine offers and keeps to: what passes the Internet in one piece (DNS flag day 2020).
pub const UDP_PAYLOAD: u16 = 1232;
/// How many aliases in a row are followed.
const MAX_CHAIN: usize = 16;

/// How a query came in, which bounds the size of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Limited to what the client takes, at most [`UDP_PAYLOAD`] octets.
    Udp,
    /// Limited to 65,535 octets.
    Tcp,
}

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Octets of the response at the start of the buffer.
    pub len: usize,
    /// The response code, extended ones included.
    pub rcode: u16,
    /// Whether the TC bit is set.
    pub truncated: bool,
}

/// Writes the response to `wire` into `out` and returns what became of it; `None` if there must be no response.
///
/// `out` should hold [`UDP_PAYLOAD`] octets for UDP and 65,535 for TCP; with less, answers are cut to what it holds,
/// and below 512 nothing is answered at all.
#[must_use]
pub fn answer(zones: &ZoneMap, wire: &[u8], transport: Transport, out: &mut [u8]) -> Option<Outcome> {
    if out.len() < 512 {
        return None;
    }
    let query = query::parse(wire)?;
    // Even a message whose question could not be read gets its identifier back.
    out.get_mut(..query.question_end)?
        .copy_from_slice(wire.get(..query.question_end)?);
    let limit = match (transport, query.edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, Some(edns)) => usize::from(edns.payload.clamp(512, UDP_PAYLOAD)),
        (Transport::Udp, None) => 512,
    };
    let reserve = if query.edns.is_some() { OPT_LEN } else { 0 };
    let limit = limit.min(out.len()) - reserve;
    let mut message = Message::new(out, query.question_end, limit);
    let mut verdict = Verdict {
        rcode: rcode::NOERROR,
        authoritative: false,
    };
    let result = match query.fault.or_else(|| refused(&query)) {
        Some(fault) => {
            verdict.rcode = fault;
            Ok(())
        }
        None => match zones.find(query.name(), query.qtype) {
            Some(zone) => {
                message.set_zone(zone, query.name().len());
                Walk {
                    zone,
                    query: &query,
                    message: &mut message,
                    verdict: &mut verdict,
                }
                .run()
            }
            None => {
                verdict.rcode = rcode::REFUSED;
                Ok(())
            }
        },
    };
    let truncated = result.is_err();
    if truncated {
        // A client has to ask again over TCP anyway, so nothing but the question goes out.
        message.clear(query.question_end);
        verdict.rcode = rcode::NOERROR;
    }
    if let Some(edns) = query.edns {
        let extended = u8::try_from(verdict.rcode >> 4).unwrap_or(0);
        message.put_opt(UDP_PAYLOAD, extended, edns.dnssec_ok).ok()?;
    }
    let (len, counts) = (message.len(), message.counts());
    write_header(out.get_mut(..HEADER)?, &query, verdict, truncated, counts);
    Some(Outcome {
        len,
        rcode: verdict.rcode,
        truncated,
    })
}

/// Questions that are readable, but not answered here.
fn refused(query: &Query) -> Option<u16> {
    match query.qtype {
        rdata::AXFR | rdata::IXFR => Some(rcode::REFUSED),
        rdata::OPT => Some(rcode::FORMERR),
        // TKEY, TSIG and the mail types of RFC 1035 that are no data.
        249 | rdata::TSIG | 253 | 254 => Some(rcode::NOTIMP),
        _ if query.qclass != 1 => Some(rcode::REFUSED),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
struct Verdict {
    rcode: u16,
    authoritative: bool,
}

fn write_header(header: &mut [u8], query: &Query, verdict: Verdict, truncated: bool, counts: [u16; 3]) {
    // Kept from the query: identifier, opcode, RD and CD (RFC 4035 §3.1.6). RA, Z and AD are never set.
    header[2] = 0x80 | (header[2] & 0x79) | u8::from(verdict.authoritative) << 2 | u8::from(truncated) << 1;
    header[3] = (header[3] & 0x10) | u8::try_from(verdict.rcode & 0x0f).unwrap_or(0);
    let questions = u16::from(query.question_end > HEADER);
    for (at, count) in [questions, counts[0], counts[1], counts[2]].into_iter().enumerate() {
        header[4 + 2 * at..6 + 2 * at].copy_from_slice(&count.to_be_bytes());
    }
}

struct Walk<'a, 'b, 'm> {
    zone: &'a Zone,
    query: &'a Query,
    message: &'m mut Message<'b>,
    verdict: &'m mut Verdict,
}

impl<'a> Walk<'a, '_, '_> {
    /// Follows aliases from the question's name to an answer, a referral or a denial.
    fn run(&mut self) -> Result<(), Full> {
        let mut name: &[u8] = self.query.name();
        // Where the message spells `name`, at least down to the apex.
        let mut at = QNAME;
        let mut seen = [NONE; MAX_CHAIN];
        for step in 0..MAX_CHAIN {
            let index = match self.zone.lookup(name, self.query.qtype) {
                Found::Node(index) => index,
                Found::Cut(cut) => return self.refer(cut, name, at),
                Found::Nothing => {
                    // After aliases, the code tells of the last name (RFC 6604 §3).
                    self.verdict.rcode = rcode::NXDOMAIN;
                    return self.deny();
                }
            };
            self.verdict.authoritative = true;
            let Some(node) = self.zone.node(index) else {
                return Ok(());
            };
            let owner = Owner::new(at, name);
            if self.query.qtype == rdata::ANY {
                return self.any(node, owner);
            }
            if let Some(set) = self.zone.set(node, self.query.qtype) {
                self.message.put_set(Section::Answer, self.zone, set, owner, set.ttl)?;
                self.add_addresses(set);
                return Ok(());
            }
            let Some(alias) = self.zone.set(node, rdata::CNAME) else {
                return self.deny();
            };
            if seen.contains(&index) {
                // A loop: what is there has been said.
                return Ok(());
            }
            seen[step] = index;
            self.message
                .put_set(Section::Answer, self.zone, alias, owner, alias.ttl)?;
            let Some(target) = self.target_in_zone(alias) else {
                return Ok(());
            };
            at = if target.len() == self.zone.apex().len() {
                self.message.apex_at()
            } else {
                self.message.names_at[0]
            };
            name = target;
        }
        Ok(())
    }

    /// The target of an alias where this zone can go on with it.
    fn target_in_zone(&self, alias: &RrSet) -> Option<&'a [u8]> {
        let target = self.zone.data(self.zone.named(alias).first()?);
        crate::name::is_within(target, self.zone.apex()).then_some(target)
    }

    /// RFC 8482 §4.1: one record set stands for all.
    fn any(&mut self, node: &Node, owner: Owner<'_>) -> Result<(), Full> {
        match self.zone.sets_of(node).first() {
            Some(set) => self.message.put_set(Section::Answer, self.zone, set, owner, set.ttl),
            None => self.deny(),
        }
    }

    /// The SOA record that lets resolvers remember a denial (RFC 2308 §3).
    fn deny(&mut self) -> Result<(), Full> {
        self.verdict.authoritative = true;
        let Some(soa) = self.zone.node(0).and_then(|apex| self.zone.set(apex, rdata::SOA)) else {
            return Ok(());
        };
        let owner = Owner::At(self.message.apex_at());
        self.message
            .put_set(Section::Authority, self.zone, soa, owner, self.zone.negative_ttl())
    }

    /// The name servers at a zone cut above or at `name`, with the addresses without which they cannot be reached.
    fn refer(&mut self, cut: u32, name: &[u8], at: u16) -> Result<(), Full> {
        let Some(node) = self.zone.node(cut) else { return Ok(()) };
        let Some(servers) = self.zone.set(node, rdata::NS) else {
            return Ok(());
        };
        let cut_name = self.zone.name(node);
        let below = u16::try_from(name.len().saturating_sub(cut_name.len())).unwrap_or(0);
        self.message.put_set(
            Section::Authority,
            self.zone,
            servers,
            Owner::new(at + below, cut_name),
            servers.ttl,
        )?;
        for (nth, rr) in self.zone.named(servers).iter().enumerate() {
            let Some(target) = self.zone.node(rr.target) else {
                continue;
            };
            let needed = target_is_below(self.zone, target, cut);
            let written = self.addresses(target, nth);
            if needed {
                // RFC 9471: without this glue the referral leads nowhere.
                written?;
            }
        }
        Ok(())
    }

    /// Addresses of name servers, mail exchanges and services that lie in the zone, as far as there is room.
    fn add_addresses(&mut self, set: &RrSet) {
        for (nth, rr) in self.zone.named(set).iter().enumerate() {
            if let Some(target) = self.zone.node(rr.target)
                && self.addresses(target, nth).is_err()
            {
                return;
            }
        }
    }

    fn addresses(&mut self, target: &Node, nth: usize) -> Result<(), Full> {
        let name = self.zone.name(target);
        let at = if name.len() == self.zone.apex().len() {
            self.message.apex_at()
        } else {
            self.message.names_at.get(nth).copied().unwrap_or(0)
        };
        for rtype in [rdata::A, rdata::AAAA] {
            if let Some(set) = self.zone.set(target, rtype) {
                self.message
                    .put_set(Section::Additional, self.zone, set, Owner::new(at, name), set.ttl)?;
            }
        }
        Ok(())
    }
}

/// Whether a name server lies in the very zone that it serves.
fn target_is_below(zone: &Zone, target: &Node, cut: u32) -> bool {
    zone.node(cut)
        .is_some_and(|cut| crate::name::is_within(zone.name(target), zone.name(cut)))
}
