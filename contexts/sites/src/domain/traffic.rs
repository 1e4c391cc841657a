//! What nodes report of the traffic of sites.

use std::ops::AddAssign;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use mpanel_feed::Usage;
use mpanel_kernel::ids::{NodeId, SiteId, TenantId, Uuid};

/// What no site uses on one day: a petabyte. Nobody is billed for a figure above, and sums stay in their range.
const MOST: u64 = 1 << 50;
/// Days for which figures are kept.
pub const KEPT_DAYS: i32 = 400;

/// An amount of traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: i64,
    pub bytes_in: i64,
    pub bytes_out: i64,
    /// Requests by the class of the answer's status, 1xx to 5xx. Nodes of an earlier version have told only their sum.
    pub answers: [i64; 5],
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (sum, more) in self.answers.iter_mut().zip(other.answers) {
            *sum += more;
        }
    }
}

/// One day's traffic of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    pub day: Date,
    pub traffic: Traffic,
}

/// One site's figures in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    pub tenant: TenantId,
    pub site: SiteId,
    pub traffic: Traffic,
}

/// A report that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub node: NodeId,
    pub boot: Uuid,
    pub day: Date,
    pub sites: Vec<Reported>,
    /// How many sites' figures make no sense and are left out.
    pub left_out: usize,
}

impl Report {
    /// Reads a report of `node`.
    ///
    /// # Errors
    /// What makes no sense in it; it will make none when it comes again either.
    pub fn read(node: &str, usage: &Usage, now: Timestamp) -> Result<Self, String> {
        let node = node.parse().map_err(|_| format!("{node} is no node"))?;
        let boot = Uuid::parse_str(&usage.boot).map_err(|_| format!("{:?} is no boot", usage.boot))?;
        let day: Date = usage
            .window
            .parse()
            .map_err(|_| format!("{:?} is no day", usage.window))?;
        let today = today(now);
        // Clocks of nodes may be ahead a little.
        if day > today.saturating_add(1.day()) || day < today.saturating_sub(KEPT_DAYS.days()) {
            return Err(format!("{day} is not a day of these, today is {today}"));
        }
        let sites: Vec<Reported> = usage.sites.iter().filter_map(reported).collect();
        Ok(Self {
            node,
            boot,
            day,
            left_out: usage.sites.len() - sites.len(),
            sites,
        })
    }
}

fn reported(site: &mpanel_feed::SiteUsage) -> Option<Reported> {
    let mut answers = [0; 5];
    let amount = |amount: u64| i64::try_from(amount).ok().filter(|_| amount <= MOST);
    for (answers, given) in answers.iter_mut().zip(site.status) {
        *answers = amount(given)?;
    }
    Some(Reported {
        tenant: site.tenant.parse().ok()?,
        site: site.site.parse().ok()?,
        traffic: Traffic {
            requests: amount(site.requests)?,
            bytes_in: amount(site.bytes_in)?,
            bytes_out: amount(site.bytes_out)?,
            answers,
        },
    })
}

/// The day in UTC.
pub fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Each of the `count` days that end with `last`, in order; days of which nothing is known have no traffic.
pub fn series(known: &[Day], last: Date, count: i32) -> Vec<Day> {
    (0..count)
        .rev()
        .map(|back| {
            let day = last.saturating_sub(back.days());
            let found = known.iter().find(|known| known.day == day);
            found.copied().unwrap_or(Day {
                day,
                traffic: Traffic::default(),
            })
        })
        .collect()
}
