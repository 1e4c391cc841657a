//! A compiled zone: names and record sets in one arena, found by hash.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Problem;
use crate::name::{self, Lengths};
use crate::rdata;

/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// An immutable, compiled zone.
#[derive(Debug)]
pub struct Zone {
    pub(super) apex: Box<[u8]>,
    pub(super) serial: u32,
    /// min(TTL of the SOA, its minimum): the TTL of negative answers (RFC 2308 §5).
    pub(super) negative_ttl: u32,
    pub(super) records: usize,
    /// Names and wire data; everything below points into it.
    pub(super) arena: Box<[u8]>,
    /// In canonical order, the apex first; empty non-terminals included.
    pub(super) nodes: Box<[Node]>,
    pub(super) sets: Box<[RrSet]>,
    pub(super) named: Box<[NamedRr]>,
    pub(super) index: HashTable<u32>,
    pub(super) hasher: RandomState,
    pub(super) lengths: Lengths,
    pub(super) warnings: Vec<Problem>,
}

/// A name that exists in the zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(super) name: u32,
    pub(super) name_len: u8,
    pub(super) sets_len: u16,
    pub(super) sets: u32,
    /// The node of the `*` label directly below, or [`NONE`].
    pub(super) wildcard: u32,
    /// The zone cut this node is or lies below, or [`NONE`].
    pub(super) cut: u32,
}

/// A record set.
#[derive(Debug, Clone, Copy)]
pub struct RrSet {
    pub(crate) rtype: u16,
    pub(crate) count: u16,
    pub(crate) ttl: u32,
    /// Flat sets: offset in the arena. Sets with names: index among the named records.
    pub(super) start: u32,
    /// Flat sets: length in the arena.
    pub(super) len: u32,
    pub(super) named: bool,
}

/// A record whose data holds names that are compressed or lead to additional records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedRr {
    pub(crate) start: u32,
    pub(crate) len: u16,
    pub(crate) names: [NamePart; 2],
    pub(crate) names_len: u8,
    /// The node of the first name where it lies in the zone and has addresses to add, or [`NONE`].
    pub(crate) target: u32,
}

/// A name inside record data, and how its end can be written shorter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamePart {
    pub(crate) at: u16,
    pub(crate) len: u8,
    /// The octets to write before the pointer.
    pub(crate) keep: u8,
    pub(crate) tail: Tail,
}

/// What the end of a name points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing: the name is written in full.
    Full,
    /// The apex, which every question about this zone spells.
    Apex,
    /// `delta` octets into the first name of record `rr` of the same set.
    Sibling { rr: u8, delta: u8 },
}

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A node, by its own name or through a wildcard.
    Node(u32),
    /// The zone cut above, or at, the name.
    Cut(u32),
    /// The name does not exist.
    Nothing,
}

impl Zone {
    /// The apex in lower-case wire form.
    #[must_use]
    pub fn apex(&self) -> &[u8] {
        &self.apex
    }

    /// The serial of the SOA record.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The number of records, the SOA included.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records
    }

    /// The number of names with records.
    #[must_use]
    pub fn name_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.sets_len > 0).count()
    }

    /// What is odd about the zone, but does not stop it from being served.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Bytes of heap the zone takes, near enough for metrics.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.arena.len()
            + std::mem::size_of_val(&*self.nodes)
            + std::mem::size_of_val(&*self.sets)
            + std::mem::size_of_val(&*self.named)
            + self.index.capacity() * 5
    }

    /// Every name in the zone in canonical order with the types it holds, for tools and tests. Empty non-terminals
    /// come with no types.
    pub fn names(&self) -> impl Iterator<Item = (&[u8], Vec<u16>)> {
        self.nodes.iter().map(|node| {
            (
                self.name(node),
                self.sets_of(node).iter().map(|set| set.rtype).collect(),
            )
        })
    }

    pub(crate) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    pub(crate) fn name(&self, node: &Node) -> &[u8] {
        let start = node.name as usize;
        self.arena
            .get(start..start + usize::from(node.name_len))
            .unwrap_or_default()
    }

    pub(crate) fn sets_of(&self, node: &Node) -> &[RrSet] {
        let start = node.sets as usize;
        self.sets
            .get(start..start + usize::from(node.sets_len))
            .unwrap_or_default()
    }

    pub(crate) fn set(&self, node: &Node, rtype: u16) -> Option<&RrSet> {
        self.sets_of(node).iter().find(|set| set.rtype == rtype)
    }

    pub(crate) fn negative_ttl(&self) -> u32 {
        self.negative_ttl
    }

    /// The records of a flat set in wire form, each owned by a pointer to the question's name.
    pub(crate) fn flat(&self, set: &RrSet) -> Option<&[u8]> {
        if set.named {
            return None;
        }
        let start = set.start as usize;
        self.arena.get(start..start + set.len as usize)
    }

    /// The records of a set with names.
    pub(crate) fn named(&self, set: &RrSet) -> &[NamedRr] {
        if !set.named {
            return &[];
        }
        let start = set.start as usize;
        self.named
            .get(start..start + usize::from(set.count))
            .unwrap_or_default()
    }

    pub(crate) fn data(&self, rr: &NamedRr) -> &[u8] {
        let start = rr.start as usize;
        self.arena.get(start..start + usize::from(rr.len)).unwrap_or_default()
    }

    /// The node of exactly this lower-case name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        if !self.lengths.contains(name.len()) {
            return None;
        }
        let hash = self.hasher.hash_one(name);
        self.index
            .find(hash, |&index| {
                self.nodes
                    .get(index as usize)
                    .is_some_and(|node| self.name(node) == name)
            })
            .copied()
    }

    /// RFC 1034 §4.3.2 steps 3a to 3c and RFC 4592, for a lower-case name within the zone. The DS set of a cut belongs
    /// to this side of it (RFC 4035 §3.1.4.1).
    pub(crate) fn lookup(&self, name: &[u8], rtype: u16) -> Found {
        if let Some(index) = self.find(name) {
            return match self.node(index) {
                Some(node) if node.cut == index && rtype == rdata::DS => Found::Node(index),
                Some(node) if node.cut != NONE => Found::Cut(node.cut),
                _ => Found::Node(index),
            };
        }
        // The closest encloser (RFC 4592 §3.3.1) decides: a cut, a wildcard or nothing.
        let apex_at = name.len().saturating_sub(self.apex.len());
        for at in name::label_offsets(name).skip(1).take_while(|&at| at <= apex_at) {
            if let Some(node) = self.find(&name[at..]).and_then(|index| self.node(index)) {
                return match (node.cut, node.wildcard) {
                    (NONE, NONE) => Found::Nothing,
                    (NONE, wildcard) => Found::Node(wildcard),
                    (cut, _) => Found::Cut(cut),
                };
            }
        }
        Found::Nothing
    }
}
