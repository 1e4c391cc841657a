//! How durable consumers of the feed are, and having one built anew.

use mpanel_pg::{PlatformTx, TenantTx, Tx};

use crate::Error;

/// Where a consumer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStand {
    pub name: String,
    /// Rows of the feed that it has not looked at yet.
    pub lag: u64,
    /// Events that it could not take on and tries again, with those that have their turn after them.
    pub waiting: u64,
    /// Events that nothing more is tried with.
    pub dead: u64,
    /// It is being built anew, or is about to be.
    pub rebuilding: bool,
}

/// How the consumers with these names are, in their order.
///
/// # Errors
/// When the database is away.
pub async fn consumer_stands(tx: &mut PlatformTx, names: &[&str]) -> Result<Vec<ConsumerStand>, Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let rows = sqlx::query!(
        r#"select n.name as "name!", greatest(m.last_seq - case when c.epoch = m.epoch then c.seq else 0 end, 0) as "lag!",
                  count(s.id) filter (where not s.dead and not s.behind) as "waiting!",
                  count(s.id) filter (where s.dead) as "dead!", r.consumer is not null or c.name is null as "rebuilding!"
           from unnest($1::text[]) with ordinality n (name, place) cross join spine.feed_meta m
           left join spine.consumers c on c.name = n.name
           left join spine.rebuilds r on r.consumer = n.name
           left join spine.set_aside s on s.consumer = n.name
           group by n.name, n.place, m.last_seq, m.epoch, c.epoch, c.seq, c.name, r.consumer order by n.place"#,
        &names,
    )
    .fetch_all(tx.conn())
    .await?;
    let stands = rows.into_iter().map(|row| ConsumerStand {
        name: row.name,
        lag: row.lag.unsigned_abs(),
        waiting: row.waiting.unsigned_abs(),
        dead: row.dead.unsigned_abs(),
        rebuilding: row.rebuilding,
    });
    Ok(stands.collect())
}

/// Has a consumer build itself anew from the tables: what it knows stays until it knows better, and what is set aside is
/// forgotten in the end. A server that dies over it goes on where it was. One that is at it begins again.
///
/// # Errors
/// When the database is away.
pub async fn rebuild_consumer(tx: &mut TenantTx, name: &str) -> Result<(), Error> {
    sqlx::query!("select spine.rebuild_consumer($1)", name)
        .execute(tx.conn())
        .await?;
    Ok(())
}
