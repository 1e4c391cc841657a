//! Writing a response into a fixed buffer.

use crate::rdata;
use crate::zone::SIBLINGS;
use crate::zone::{NamedRr, RrSet, Tail, Zone};

/// Octets of a DNS header.
pub(crate) const HEADER: usize = 12;
/// Where the question's name starts.
pub(crate) const QNAME: u16 = 12;
/// Octets of an OPT record without options.
pub(crate) const OPT_LEN: usize = 11;

/// The message has no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// The sections that records go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Answer = 0,
    Authority = 1,
    Additional = 2,
}

/// How the owner of a record set is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'n> {
    /// As a pointer to this offset.
    At(u16),
    /// In full but for the apex; this is a name within the zone.
    Spelled(&'n [u8]),
}

impl<'n> Owner<'n> {
    /// A pointer to `offset` where one was written and pointers reach it, else `name`.
    pub(crate) fn new(offset: u16, name: &'n [u8]) -> Self {
        if offset != 0 && offset < 0x4000 {
            Self::At(offset)
        } else {
            Self::Spelled(name)
        }
    }
}

/// A response being written behind its header and question.
pub(crate) struct Message<'b> {
    buf: &'b mut [u8],
    pos: usize,
    /// The end of what records may use.
    limit: usize,
    counts: [u16; 3],
    /// Where the question spells the zone's apex.
    apex_at: u16,
    apex_len: usize,
    /// Where the first names of the last set with names were written; 0 where unknown.
    pub(crate) names_at: [u16; SIBLINGS],
}

impl<'b> Message<'b> {
    /// Starts behind `pos` octets already written. `limit` counts octets from the start of the message.
    pub(crate) fn new(buf: &'b mut [u8], pos: usize, limit: usize) -> Self {
        let limit = limit.min(buf.len());
        Self {
            buf,
            pos,
            limit,
            counts: [0; 3],
            apex_at: 0,
            apex_len: 0,
            names_at: [0; SIBLINGS],
        }
    }

    /// Says which zone answers a question whose name takes `qname_len` octets.
    pub(crate) fn set_zone(&mut self, zone: &Zone, qname_len: usize) {
        self.apex_len = zone.apex().len();
        let at = usize::from(QNAME) + qname_len.saturating_sub(self.apex_len);
        self.apex_at = u16::try_from(at).unwrap_or(QNAME);
    }

    pub(crate) fn len(&self) -> usize {
        self.pos
    }

    pub(crate) fn counts(&self) -> [u16; 3] {
        self.counts
    }

    /// Where the question spells the apex.
    pub(crate) fn apex_at(&self) -> u16 {
        self.apex_at
    }

    /// Drops all records, for a truncated response.
    pub(crate) fn clear(&mut self, pos: usize) {
        self.pos = pos;
        self.counts = [0; 3];
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.pos + bytes.len();
        if end > self.limit {
            return Err(Full);
        }
        self.buf.get_mut(self.pos..end).ok_or(Full)?.copy_from_slice(bytes);
        self.pos = end;
        Ok(())
    }

    fn put_pointer(&mut self, offset: u16) -> Result<(), Full> {
        self.put(&(0xc000 | offset).to_be_bytes())
    }

    fn put_owner(&mut self, owner: Owner<'_>) -> Result<(), Full> {
        match owner {
            Owner::At(offset) => self.put_pointer(offset),
            Owner::Spelled(name) => {
                self.put(name.get(..name.len().saturating_sub(self.apex_len)).unwrap_or_default())?;
                self.put_pointer(self.apex_at)
            }
        }
    }

    /// Writes a whole record set, or nothing.
    pub(crate) fn put_set(
        &mut self,
        section: Section,
        zone: &Zone,
        set: &RrSet,
        owner: Owner<'_>,
        ttl: u32,
    ) -> Result<(), Full> {
        let start = self.pos;
        let result = match zone.flat(set) {
            Some(wire) => self.put_flat(wire, owner),
            None => self.put_named(zone, set, owner, ttl),
        };
        match result {
            Ok(()) => {
                let count = &mut self.counts[section as usize];
                *count = count.saturating_add(set.count);
                Ok(())
            }
            Err(Full) => {
                self.pos = start;
                Err(Full)
            }
        }
    }

    fn put_flat(&mut self, wire: &[u8], owner: Owner<'_>) -> Result<(), Full> {
        if let Owner::At(QNAME) = owner {
            return self.put(wire);
        }
        let mut owner = owner;
        let mut at = 0;
        while let Some(fixed) = wire.get(at..at + 12) {
            let end = at + 12 + usize::from(u16::from_be_bytes([fixed[10], fixed[11]]));
            owner = self.put_owner_once(owner)?;
            self.put(wire.get(at + 2..end).ok_or(Full)?)?;
            at = end;
        }
        Ok(())
    }

    /// Writes the owner and returns how to write it the next time: as a pointer to this place where that is shorter.
    fn put_owner_once<'n>(&mut self, owner: Owner<'n>) -> Result<Owner<'n>, Full> {
        let at = u16::try_from(self.pos).unwrap_or(u16::MAX);
        self.put_owner(owner)?;
        Ok(match owner {
            Owner::Spelled(name) if name.len() > self.apex_len => Owner::new(at, name),
            other => other,
        })
    }

    fn put_named(&mut self, zone: &Zone, set: &RrSet, owner: Owner<'_>, ttl: u32) -> Result<(), Full> {
        self.names_at = [0; SIBLINGS];
        let mut fixed = [0; 8];
        fixed[..2].copy_from_slice(&set.rtype.to_be_bytes());
        fixed[3] = 1;
        fixed[4..].copy_from_slice(&ttl.to_be_bytes());
        let mut owner = owner;
        for (index, rr) in zone.named(set).iter().enumerate() {
            owner = self.put_owner_once(owner)?;
            self.put(&fixed)?;
            let length_at = self.pos;
            self.put(&[0, 0])?;
            self.put_data(zone.data(rr), rr, index)?;
            let length = u16::try_from(self.pos - length_at - 2).map_err(|_| Full)?;
            self.buf
                .get_mut(length_at..length_at + 2)
                .ok_or(Full)?
                .copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    fn put_data(&mut self, data: &[u8], rr: &NamedRr, index: usize) -> Result<(), Full> {
        let mut done = 0;
        for (nth, part) in rr.names.iter().take(usize::from(rr.names_len)).enumerate() {
            let (at, len) = (usize::from(part.at), usize::from(part.len));
            self.put(data.get(done..at).ok_or(Full)?)?;
            let here = u16::try_from(self.pos).unwrap_or(0);
            let tail = match part.tail {
                Tail::Full => None,
                Tail::Apex => Some(self.apex_at),
                Tail::Sibling { rr, delta } => match self.names_at.get(usize::from(rr)) {
                    Some(&name) if name != 0 => Some(name + u16::from(delta)).filter(|&offset| offset < 0x4000),
                    _ => None,
                },
            };
            match tail {
                Some(offset) => {
                    self.put(data.get(at..at + usize::from(part.keep)).ok_or(Full)?)?;
                    self.put_pointer(offset)?;
                }
                None => self.put(data.get(at..at + len).ok_or(Full)?)?,
            }
            // SRV data must not be pointed into: not every reader expects compression there (RFC 3597 §4).
            if nth == 0
                && part.at != 6
                && let Some(slot) = self.names_at.get_mut(index)
            {
                *slot = here;
            }
            done = at + len;
        }
        self.put(data.get(done..).ok_or(Full)?)
    }

    /// Writes the OPT record, for which room was kept.
    pub(crate) fn put_opt(&mut self, payload: u16, extended_rcode: u8, dnssec_ok: bool) -> Result<(), Full> {
        let [high, low] = payload.to_be_bytes();
        let [_, opt] = rdata::OPT.to_be_bytes();
        self.limit = self.buf.len();
        self.put(&[
            0,
            0,
            opt,
            high,
            low,
            extended_rcode,
            0,
            u8::from(dnssec_ok) << 7,
            0,
            0,
            0,
        ])?;
        self.counts[Section::Additional as usize] += 1;
        Ok(())
    }
}
