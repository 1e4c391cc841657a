use jiff::ToSpan;
use jiff::civil::Date;
use mpanel_authz::{OpCx, actions};
use mpanel_kernel::ids::SiteId;
use mpanel_tenancy_contract::Month;

use crate::domain::{Day, KEPT_DAYS, Traffic, series, today};
use crate::error::Error;
use crate::{Sites, authz, store};

/// What a site has used.
pub struct SiteTraffic {
    /// The first day of the present month (UTC), and what it has used since.
    pub month: Date,
    pub this_month: Traffic,
    /// One entry for each day, today the last.
    pub days: Vec<Day>,
}

impl Sites {
    /// The traffic of a site: this month, and on each of the last `days` days.
    pub async fn site_traffic(&self, cx: &OpCx, id: SiteId, days: i32) -> Result<SiteTraffic, Error> {
        let mut tx = self.spine.db().tenant(cx.tenant()).await?;
        store::sites::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        cx.authorize::<authz::Site, _>(actions::Read)?;
        if !(1..=KEPT_DAYS).contains(&days) {
            let text = format!("traffic is shown for 1 to {KEPT_DAYS} days");
            return Err(Error::field("?days", "sites.traffic.bad_days", text));
        }
        let now = cx.clock().now();
        let (today, month) = (today(now), Month::at(now).first_day());
        let first = today.saturating_sub((days - 1).days());
        let known = store::traffic::by_day(&mut tx, id, first.min(month)).await?;
        tx.end_read();
        let mut this_month = Traffic::default();
        for Day { traffic, .. } in known.iter().filter(|day| day.day >= month) {
            this_month += *traffic;
        }
        Ok(SiteTraffic {
            month,
            this_month,
            days: series(&known, today, days),
        })
    }
}
