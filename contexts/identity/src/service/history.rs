use mpanel_authz::{OpCx, actions};
use mpanel_kernel::paging::{Page, PageRequest};

use crate::Identity;
use crate::authz;
use crate::domain::SignInEntry;
use crate::error::Error;
use crate::store::sign_ins;

impl Identity {
    /// When, from where and how somebody signed in to the own account, or tried to; newest first.
    pub async fn list_sign_ins(&self, cx: &OpCx, page: PageRequest) -> Result<Page<SignInEntry>, Error> {
        cx.authorize::<authz::Account, _>(actions::Read)?;
        let person = self.person(cx).await?.account;
        let mut tx = self.0.spine.db().tenant(person.home).await?;
        let rows = sign_ins::list(&mut tx, person.id, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |entry| entry.id.uuid()))
    }
}
