//! What keeps a tenant from becoming one with another: programs, whose tokens are for this one, and a sign-in page of its own.

use async_trait::async_trait;
use mpanel_pg::{Error, TenantTx};
use mpanel_tenancy_contract::{Belonging, Belongings};

use crate::{Identity, store};

#[async_trait]
impl Belongings for Identity {
    async fn of(&self, tx: &mut TenantTx) -> Result<Vec<Belonging>, Error> {
        let mut found = Vec::new();
        let (count, some) = store::belongings::programs(tx).await?;
        if count > 0 {
            found.push(Belonging {
                code: "identity.service_account.own",
                what: "service accounts",
                count,
                some,
                remedy: "make them anew in the other tenant, with tokens of that, and delete these",
            });
        }
        if store::belongings::has_brand(tx).await? {
            found.push(Belonging {
                code: "identity.realm.own",
                what: "sign-in pages",
                count: 1,
                some: Vec::new(),
                remedy: "people sign in at its names, and keep doing so; move those below it one by one, and keep it",
            });
        }
        Ok(found)
    }
}
