//! Who gets a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Member, Pool};
use crate::backends::Balance;

impl Pool {
    /// A server for a request of `client`, none of `tried`. `None` when all that could take it are full or tried.
    ///
    /// When no server is well all are taken for well: one that may answer is better than a refusal.
    pub(crate) fn choose(&self, client: IpAddr, tried: &[u64]) -> Option<&Arc<Member>> {
        let may = |member: &&Arc<Member>| member.has_room() && !tried.contains(&member.id);
        if let [only] = &self.members[..] {
            return Some(only).filter(may);
        }
        let own = |member: &&Arc<Member>| may(member) && member.is_up() && !member.backup;
        let backup = |member: &&Arc<Member>| may(member) && member.is_up() && member.backup;
        self.among(client, own)
            .or_else(|| self.among(client, backup))
            .or_else(|| self.among(client, |member| may(member) && !member.backup))
            .or_else(|| self.among(client, may))
    }

    /// The server that a cookie binds to, if it can take a request.
    pub(crate) fn bound(&self, label: &str) -> Option<&Arc<Member>> {
        let member = self.members.iter().find(|member| *member.label == *label);
        member.filter(|member| member.is_up() && member.has_room())
    }

    /// What a cookie says for a server.
    pub(crate) fn label<'a>(&self, member: &'a Member) -> &'a str {
        &member.label
    }

    fn among(&self, client: IpAddr, may: impl Fn(&&Arc<Member>) -> bool) -> Option<&Arc<Member>> {
        let all = || self.members.iter().filter(&may);
        match self.balance {
            Balance::RoundRobin => {
                let weights: u32 = all().map(|member| member.weight).sum();
                if weights == 0 {
                    return None;
                }
                let turn = self.turn.fetch_add(1, Relaxed);
                let mut left = u32::try_from(turn % usize::try_from(weights).ok()?).ok()?;
                all().find(|member| {
                    let found = left < member.weight;
                    left = left.saturating_sub(member.weight);
                    found
                })
            }
            Balance::LeastConnections => {
                let turn = self.turn.fetch_add(1, Relaxed);
                let count = self.members.len();
                // Among equals each has its turn.
                let rotated = self.members.iter().cycle().skip(turn % count).take(count).filter(&may);
                rotated.min_by_key(|member| {
                    let open = u64::try_from(member.open()).unwrap_or(u64::MAX).saturating_add(1);
                    open.saturating_mul(1 << 16) / u64::from(member.weight)
                })
            }
            Balance::ClientHash => all().max_by(|a, b| score(client, a).total_cmp(&score(client, b))),
        }
    }
}

/// Rendezvous hashing: a server that comes or goes moves only the clients that are its own.
fn score(client: IpAddr, member: &Member) -> f64 {
    let hash = client
        .to_string()
        .bytes()
        .chain(member.label.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // Spread once more: what differs last must count everywhere.
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    let unit = f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) + 1.0;
    -f64::from(member.weight) / (unit / (f64::from(u32::MAX) + 2.0)).ln()
}
