//! Finds what the acting tenant and everybody below it have.

use mpanel_authz::{OpCx, actions};
use mpanel_kernel::paging::{Page, PageRequest};

use super::Service;
use crate::authz;
use crate::domain::{Found, Query};
use crate::error::Error;
use crate::store;

impl Service {
    /// Everything, in pages; or of what is looked for as much as is on one page, what fits best first.
    pub async fn find(&self, cx: &OpCx, query: &Query, page: PageRequest) -> Result<Page<Found>, Error> {
        cx.authorize::<authz::Subtree, _>(actions::List)?;
        let mut tx = self.tenancy.spine.db().tenant(cx.tenant()).await?;
        let rows = store::resources::find(&mut tx, query, page).await?;
        tx.end_read();
        let mut found = Page::cut(page, rows, |found| found.row);
        if query.stem.is_some() {
            // Ordered by how well it fits: there is no place to go on from.
            found.next_cursor = None;
        }
        Ok(found)
    }
}
