//! What can be found across the tree.

use mpanel_authz::TenantKind;
use mpanel_kernel::ids::{SiteId, TenantId, Uuid, ZoneId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Tx};
use mpanel_tenancy_contract::{Described, ItemKind, Subject};

use crate::domain::{Found, Query, TenantState, stem};
use crate::error::Error;

/// Subjects that are looked at again in one transaction.
const AT_ONCE: i64 = 500;

fn id(subject: Subject) -> Uuid {
    match subject {
        Subject::Site(site) => site.uuid(),
        Subject::Zone(zone) => zone.uuid(),
    }
}

/// Writes what these subjects are now.
pub async fn describe(tx: &mut PlatformTx, all: &[Described]) -> Result<(), mpanel_pg::Error> {
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

/// Subjects of which something is known, from behind one, with their owners; none at the end.
pub async fn known(tx: &mut PlatformTx, after: Option<Subject>) -> Result<Vec<(Subject, TenantId)>, mpanel_pg::Error> {
    let rows = sqlx::query!(
        "select distinct on (subject) subject, kind, owner from tenancy.subtree_resources
         where subject > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000'::uuid) order by subject limit $2",
        after.map(id) as _,
        AT_ONCE,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let subject = match row.kind == ItemKind::Zone.as_str() {
            true => Subject::Zone(ZoneId::from_uuid(row.subject)),
            false => Subject::Site(SiteId::from_uuid(row.subject)),
        };
        (subject, TenantId::from_uuid(row.owner))
    });
    Ok(rows.collect())
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
