//! What can be found across the tree.

use mpanel_authz::TenantKind;
use mpanel_kernel::ids::{SiteId, TenantId, ZoneId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::{Described, ItemKind, Subject};

use crate::domain::{Found, Query, TenantState, stem};
use crate::error::Error;

/// Rows that one statement removes before everything is built anew.
const AT_ONCE: i64 = 20_000;

/// Writes what these subjects are now.
pub async fn describe(tx: &mut PlatformTx, all: &[Described]) -> Result<(), mpanel_pg::Error> {
    let id = |subject: Subject| match subject {
        Subject::Site(site) => site.uuid(),
        Subject::Zone(zone) => zone.uuid(),
    };
    let described: Vec<_> = all.iter().map(|one| id(one.subject)).collect();
    let items = || all.iter().flat_map(|one| one.items.iter().map(move |item| (one, item)));
    let subjects: Vec<_> = items().map(|(of, _)| id(of.subject)).collect();
    let owners: Vec<_> = items().map(|(of, _)| of.owner.uuid()).collect();
    let texts = |text: fn(&mpanel_tenancy_contract::Item) -> String| -> Vec<String> {
        items().map(|(_, item)| text(item)).collect()
    };
    sqlx::query!(
        "select tenancy.describe($1, $2, $3, $4, $5, $6, $7)",
        &described,
        &subjects,
        &owners,
        &texts(|item| item.kind.as_str().to_owned()),
        &texts(|item| item.name.clone()),
        &texts(|item| stem(&item.name)),
        &texts(|item| item.status.to_owned()),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets everything, a part at a time: a statement must not take for ever.
pub async fn forget_all(tx: &mut PlatformTx) -> Result<(), mpanel_pg::Error> {
    loop {
        let done = sqlx::query!(
            "delete from tenancy.subtree_resources r using (
                 select tenant_id, id from tenancy.subtree_resources order by tenant_id, id limit $1
             ) part where r.tenant_id = part.tenant_id and r.id = part.id",
            AT_ONCE,
        )
        .execute(tx.conn())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
    }
}

/// What the transaction's tenant and everybody below it have.
pub async fn find(tx: &mut TenantTx, query: &Query, page: PageRequest) -> Result<Vec<Found>, Error> {
    let rows = sqlx::query!(
        r#"select id as "id!", kind as "kind!", subject as "subject!", name as "name!", status as "status!",
                  owner as "owner!", owner_name as "owner_name!", owner_kind as "owner_kind!",
                  owner_state as "owner_state!"
           from tenancy.find($1, $2, $3, $4, $5)"#,
        query.stem.as_deref() as _,
        query.turned.as_deref() as _,
        query.kind.map(ItemKind::as_str) as _,
        page.after as _,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().filter_map(|row| {
        let kind = ItemKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind)?;
        Some(Found {
            row: row.id,
            kind,
            subject: match kind {
                ItemKind::Zone => Subject::Zone(ZoneId::from_uuid(row.subject)),
                ItemKind::Site | ItemKind::Domain => Subject::Site(SiteId::from_uuid(row.subject)),
            },
            name: row.name,
            status: row.status,
            owner: TenantId::from_uuid(row.owner),
            owner_name: row.owner_name,
            owner_kind: row.owner_kind.parse().unwrap_or(TenantKind::Customer),
            owner_state: row.owner_state.parse().unwrap_or(TenantState::Suspended),
        })
    });
    Ok(rows.collect())
}
