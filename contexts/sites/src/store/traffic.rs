//! Traffic of sites.

use jiff::civil::Date;
use mpanel_kernel::ids::{NodeId, SiteId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Tx};

use crate::domain::{Day, Report, Traffic};
use crate::error::Error;

/// Lets reports of a node follow each other: what one has added is seen by the next.
pub async fn hold(tx: &mut PlatformTx, node: NodeId) -> Result<(), Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended(concat('traffic:', $1::uuid), 7))",
        node.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps the figures of a report where they are higher than what is known; of a site that comes twice the highest. Those
/// of sites that this node never had are
/// left out. Returns by how much the bytes sent have grown, by tenant; the caller holds the node.
pub async fn keep(tx: &mut PlatformTx, report: &Report) -> Result<Vec<(TenantId, i64)>, Error> {
    let column = |value: fn(&Traffic) -> i64| -> Vec<i64> { report.sites.iter().map(|s| value(&s.traffic)).collect() };
    let tenants: Vec<_> = report.sites.iter().map(|reported| reported.tenant.uuid()).collect();
    let sites: Vec<_> = report.sites.iter().map(|reported| reported.site.uuid()).collect();
    let rows = sqlx::query!(
        r#"with given as (
               select tenant_id, site_id, max(requests) as requests, max(bytes_in) as bytes_in,
                      max(bytes_out) as bytes_out, max(answers_1xx) as answers_1xx, max(answers_2xx) as answers_2xx,
                      max(answers_3xx) as answers_3xx, max(answers_4xx) as answers_4xx, max(answers_5xx) as answers_5xx
               from unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[],
                           $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
                   as g (tenant_id, site_id, requests, bytes_in, bytes_out,
                         answers_1xx, answers_2xx, answers_3xx, answers_4xx, answers_5xx)
               where exists (select from sites.sites s
                             where s.tenant_id = g.tenant_id and s.id = g.site_id and s.node_id = $1)
                  or exists (select from sites.traffic t
                             where t.tenant_id = g.tenant_id and t.site_id = g.site_id and t.node_id = $1)
               group by tenant_id, site_id
           ), known as (
               select t.tenant_id, t.site_id, t.bytes_out
               from sites.traffic t join given g using (tenant_id, site_id)
               where t.day = $3::text::date and t.node_id = $1 and t.boot = $2
           ), kept as (
               insert into sites.traffic as t
                   (tenant_id, site_id, day, node_id, boot, requests, bytes_in, bytes_out,
                    answers_1xx, answers_2xx, answers_3xx, answers_4xx, answers_5xx)
               select tenant_id, site_id, $3::text::date, $1, $2, requests, bytes_in, bytes_out,
                      answers_1xx, answers_2xx, answers_3xx, answers_4xx, answers_5xx from given
               on conflict (tenant_id, site_id, day, node_id, boot) do update
               set requests = greatest(t.requests, excluded.requests),
                   bytes_in = greatest(t.bytes_in, excluded.bytes_in),
                   bytes_out = greatest(t.bytes_out, excluded.bytes_out),
                   answers_1xx = greatest(t.answers_1xx, excluded.answers_1xx),
                   answers_2xx = greatest(t.answers_2xx, excluded.answers_2xx),
                   answers_3xx = greatest(t.answers_3xx, excluded.answers_3xx),
                   answers_4xx = greatest(t.answers_4xx, excluded.answers_4xx),
                   answers_5xx = greatest(t.answers_5xx, excluded.answers_5xx)
           )
           select g.tenant_id as "tenant_id!", sum(greatest(g.bytes_out - coalesce(k.bytes_out, 0), 0))::bigint as "grown!"
           from given g left join known k using (tenant_id, site_id)
           group by g.tenant_id"#,
        report.node.uuid(),
        report.boot,
        report.day.to_string(),
        &tenants,
        &sites,
        &column(|traffic| traffic.requests),
        &column(|traffic| traffic.bytes_in),
        &column(|traffic| traffic.bytes_out),
        &column(|traffic| traffic.answers[0]),
        &column(|traffic| traffic.answers[1]),
        &column(|traffic| traffic.answers[2]),
        &column(|traffic| traffic.answers[3]),
        &column(|traffic| traffic.answers[4]),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().filter(|row| row.grown > 0);
    Ok(rows
        .map(|row| (TenantId::from_uuid(row.tenant_id), row.grown))
        .collect())
}

/// A site's traffic from a day on, by day; days without any are left out.
pub async fn by_day(tx: &mut TenantTx, site: SiteId, from: Date) -> Result<Vec<Day>, Error> {
    let rows = sqlx::query!(
        r#"select day::text as "day!", sum(requests)::bigint as "requests!", sum(bytes_in)::bigint as "bytes_in!",
                  sum(bytes_out)::bigint as "bytes_out!", sum(answers_1xx)::bigint as "answers_1xx!",
                  sum(answers_2xx)::bigint as "answers_2xx!", sum(answers_3xx)::bigint as "answers_3xx!",
                  sum(answers_4xx)::bigint as "answers_4xx!", sum(answers_5xx)::bigint as "answers_5xx!"
           from sites.traffic where tenant_id = $1 and site_id = $2 and day >= $3::text::date
           group by day order by day"#,
        tx.tenant().uuid(),
        site.uuid(),
        from.to_string(),
    )
    .fetch_all(tx.conn())
    .await?;
    let day = |text: String| text.parse().map_err(|_| Error::Stored(text));
    rows.into_iter()
        .map(|row| {
            Ok(Day {
                day: day(row.day)?,
                traffic: Traffic {
                    requests: row.requests,
                    bytes_in: row.bytes_in,
                    bytes_out: row.bytes_out,
                    answers: [
                        row.answers_1xx,
                        row.answers_2xx,
                        row.answers_3xx,
                        row.answers_4xx,
                        row.answers_5xx,
                    ],
                },
            })
        })
        .collect()
}

/// Forgets up to `most` rows of what is older than a day.
pub async fn forget_before(tx: &mut PlatformTx, day: Date, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from sites.traffic where ctid = any (array(
             select ctid from sites.traffic where day < $1::text::date limit $2
         ))",
        day.to_string(),
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
