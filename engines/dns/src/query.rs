//! Reading a query. Nothing here allocates.

use crate::message::HEADER;
use crate::name::MAX_NAME;
use crate::rdata;

/// Response codes this engine uses (RFC 6895 §2.3).
#[allow(missing_docs, reason = "the names are those of the registry")]
pub mod rcode {
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const NOTAUTH: u16 = 9;
    pub const BADVERS: u16 = 16;
}

/// The EDNS part of a query (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP message the sender takes.
    pub payload: u16,
    /// The EDNS version.
    pub version: u8,
    /// The DO bit (RFC 3225).
    pub dnssec_ok: bool,
}

/// What a message asks for.
#[derive(Debug, Clone)]
pub struct Query {
    name: [u8; MAX_NAME],
    name_len: usize,
    /// The type asked for.
    pub qtype: u16,
    /// The class asked for.
    pub qclass: u16,
    /// EDNS, where the query has an OPT record.
    pub edns: Option<Edns>,
    /// Octets of header and question; 12 where the question could not be read.
    pub question_end: usize,
    /// What is wrong with the message, if anything: the response code to send.
    pub fault: Option<u16>,
}

impl Query {
    /// The name asked for in lower-case wire form; empty where the question could not be read.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name.get(..self.name_len).unwrap_or_default()
    }

    fn faulty(rcode: u16) -> Self {
        Self {
            name: [0; MAX_NAME],
            name_len: 0,
            qtype: 0,
            qclass: 0,
            edns: None,
            question_end: HEADER,
            fault: Some(rcode),
        }
    }
}

fn u16_at(wire: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*wire.get(at)?, *wire.get(at + 1)?]))
}

/// Reads a message. `None` means that it must not be answered at all: too short for a header, or itself a response.
///
/// Every other message gives a [`Query`], if need be with a fault: FORMERR for what cannot be read, NOTIMP for other
/// operations than QUERY, BADVERS for EDNS versions above 0, NOTAUTH for signatures whose key nobody knows here.
#[must_use]
pub fn parse(wire: &[u8]) -> Option<Query> {
    let header = wire.get(..HEADER)?;
    if header[2] & 0x80 != 0 {
        return None;
    }
    // One question exactly, for QUERY (RFC 9619) as for everything else answered here.
    let counts = [4, 6, 8, 10].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
    let opcode = (header[2] >> 3) & 0x0f;
    let question = if counts[0] == 1 { question(wire) } else { None };
    let Some(mut query) = question else {
        return Some(Query::faulty(if opcode == 0 { rcode::FORMERR } else { rcode::NOTIMP }));
    };
    if opcode != 0 {
        query.fault = Some(rcode::NOTIMP);
    } else if let Err(fault) = rest(wire, counts, &mut query) {
        query.fault = Some(fault);
    }
    Some(query)
}

fn question(wire: &[u8]) -> Option<Query> {
    let mut end = HEADER;
    loop {
        let len = usize::from(*wire.get(end)?);
        // The only name before it is itself, so a pointer here cannot be valid.
        if len > 63 {
            return None;
        }
        end += 1 + len;
        if len == 0 {
            break;
        }
        if end - HEADER >= MAX_NAME {
            return None;
        }
    }
    let spelled = wire.get(HEADER..end)?;
    let mut query = Query::faulty(0);
    query.fault = None;
    query.name_len = spelled.len();
    let name = query.name.get_mut(..spelled.len())?;
    name.copy_from_slice(spelled);
    // Length octets are below 'A', so they stay as they are.
    name.make_ascii_lowercase();
    query.qtype = u16_at(wire, end)?;
    query.qclass = u16_at(wire, end + 2)?;
    query.question_end = end + 4;
    Some(query)
}

/// Reads what follows the question: at most one OPT record matters, the rest has to be well formed.
fn rest(wire: &[u8], counts: [u16; 4], query: &mut Query) -> Result<(), u16> {
    let mut at = query.question_end;
    let records = counts[1..].iter().map(|&count| u32::from(count)).sum::<u32>();
    let additional_from = u32::from(counts[1]) + u32::from(counts[2]);
    for index in 0..records {
        let owner = at;
        at = skip_name(wire, at).ok_or(rcode::FORMERR)?;
        let fixed = wire.get(at..at + 10).ok_or(rcode::FORMERR)?;
        let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
        let data = at + 10;
        at = data + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let options = wire.get(data..at).ok_or(rcode::FORMERR)?;
        if index < additional_from {
            continue;
        }
        match rtype {
            rdata::OPT => {
                if query.edns.is_some() || wire.get(owner) != Some(&0) || !options_well_formed(options) {
                    query.edns = None;
                    return Err(rcode::FORMERR);
                }
                query.edns = Some(Edns {
                    payload: u16::from_be_bytes([fixed[2], fixed[3]]),
                    version: fixed[5],
                    dnssec_ok: fixed[6] & 0x80 != 0,
                });
            }
            rdata::TSIG => return Err(rcode::NOTAUTH),
            _ => {}
        }
    }
    if at != wire.len() {
        return Err(rcode::FORMERR);
    }
    match query.edns {
        Some(edns) if edns.version > 0 => Err(rcode::BADVERS),
        _ => Ok(()),
    }
}

fn skip_name(wire: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let len = usize::from(*wire.get(at)?);
        match len {
            0 => return Some(at + 1),
            1..=63 => at += 1 + len,
            // A pointer ends the name; what it points to is of no interest here.
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn options_well_formed(mut options: &[u8]) -> bool {
    while !options.is_empty() {
        let Some(len) = u16_at(options, 2) else { return false };
        let Some(next) = options.get(4 + usize::from(len)..) else {
            return false;
        };
        options = next;
    }
    true
}
