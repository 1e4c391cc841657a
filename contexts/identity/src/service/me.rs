use mpanel_authz::{OpCx, TenantKind};
use mpanel_kernel::ids::UserId;

use crate::Identity;
use crate::domain::MeTenant;
use crate::error::Error;
use crate::store::users;

impl Identity {
    /// Who the actor is: needs no permission, as a credential that may do nothing else can still ask
    /// what it is.
    pub async fn me(&self, cx: &OpCx, loopback: bool) -> Result<MeTenant, Error> {
        let user = cx.actor().user().ok_or(Error::NotAPerson)?;
        self.me_of(user, loopback).await
    }

    pub(super) async fn me_of(&self, user: UserId, loopback: bool) -> Result<MeTenant, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let account = users::by_id(&mut tx, user).await?.ok_or(Error::NotFound)?.account;
        tx.end_read();
        let memberships = self.0.memberships.of_user(user).await?;
        let at_home = memberships.iter().find(|m| m.tenant.id == account.home);
        let home = at_home.or(memberships.first()).ok_or(Error::NoMembership)?.clone();
        let belongs = memberships.iter().any(|m| m.tenant.kind == TenantKind::Platform);
        let runs_platform = belongs && self.runs_platform(user).await?;
        Ok(MeTenant {
            totp_setup_required: account.totp_lost || runs_platform && !account.totp_enabled && !loopback,
            account,
            home,
            memberships,
        })
    }
}
