use std::collections::HashMap;

use async_trait::async_trait;
use mpanel_identity::Identity;
use mpanel_identity_contract::Accounts;
use mpanel_kernel::ids::UserId;
use mpanel_pg::Error;

/// Who people are. The log holds ids alone: names are looked up when it is read.
#[async_trait]
pub trait Names: Send + Sync + 'static {
    /// Names of today; who is gone is absent.
    async fn of(&self, people: &[UserId]) -> Result<HashMap<UserId, String>, Error>;
}

#[async_trait]
impl Names for Identity {
    async fn of(&self, people: &[UserId]) -> Result<HashMap<UserId, String>, Error> {
        let profiles = self.profiles(people).await?;
        Ok(profiles.into_iter().map(|(id, profile)| (id, profile.name)).collect())
    }
}
