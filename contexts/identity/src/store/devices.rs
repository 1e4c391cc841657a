use mpanel_kernel::ids::UserId;
use mpanel_pg::{TenantTx, Tx};

use crate::error::Error;

/// More is not looked at: whoever has used as many is told of none.
const MOST: i64 = 200;

/// What the browsers said of themselves that have signed in to an account of the transaction's tenant, as far back as that
/// is kept.
pub async fn known(tx: &mut TenantTx, user: UserId) -> Result<Vec<String>, Error> {
    let agents = sqlx::query_scalar!(
        "select distinct user_agent from identity.sign_ins
         where tenant_id = $1 and user_id = $2 and result = 'ok' limit $3",
        tx.tenant().uuid(),
        user.uuid(),
        MOST,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(agents)
}
