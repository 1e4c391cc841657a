use mpanel_authz::{OpCx, actions};
use mpanel_events::{Begin, Record};
use mpanel_identity_contract::events;
use mpanel_kernel::error::FieldError;
use mpanel_kernel::names::{DomainName, Title};
use mpanel_kernel::paging::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Identity;
use crate::authz;
use crate::domain::{NewRealm, Realm, RealmId, RealmPatch};
use crate::error::Error;
use crate::store::realm_hosts;

const MOST_HOSTS: usize = 20;

/// What a replay of the creation tells.
#[derive(Serialize, Deserialize)]
struct Created {
    id: RealmId,
}

impl Identity {
    pub async fn list_realms(&self, cx: &OpCx, page: PageRequest) -> Result<Page<Realm>, Error> {
        cx.authorize::<authz::Realm, _>(actions::List)?;
        let mut tx = self.0.spine.db().spine().await?;
        let rows = realm_hosts::list(&mut tx, page).await?;
        tx.end_read();
        Ok(Page::cut(page, rows, |realm| realm.id.uuid()))
    }

    pub async fn get_realm(&self, cx: &OpCx, id: RealmId) -> Result<Realm, Error> {
        cx.authorize::<authz::Realm, _>(actions::Read)?;
        self.realm(id).await
    }

    async fn realm(&self, id: RealmId) -> Result<Realm, Error> {
        let mut tx = self.0.spine.db().spine().await?;
        let realm = realm_hosts::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.end_read();
        Ok(realm)
    }

    /// Makes the realm of a tenant's brand. The accounts at home there and below, down to the next brand, sign in at its
    /// names from then on, and nowhere else. `here` is the name at which the request came: it stays whose it is, or whoever
    /// asks would lock themselves out.
    pub async fn create_realm(&self, cx: &OpCx, new: NewRealm, here: &str) -> Result<Realm, Error> {
        let allowed = cx.authorize::<authz::Realm, _>(actions::Create)?;
        let name = Title::parse(&new.name).map_err(|error| Error::Invalid(vec![error.at("/name")]))?;
        let hosts = checked_hosts(&new.hosts, here)?;
        let mut change = match self.0.spine.begin_once(cx, "identity_realms_create").await? {
            Begin::Run(change) => change,
            Begin::Replay(Created { id }) => return self.realm(id).await,
        };
        // Also says whether there is such a tenant: the platform's transaction sees to that.
        let known = realm_hosts::of_tenant(change.tx(), new.brand).await.is_ok();
        if !known || new.brand == self.0.memberships.platform() {
            return Err(Error::field(
                "/tenant_id",
                "identity.realm.bad_tenant",
                "a brand is of a tenant below the platform",
            ));
        }
        let (id, now) = (RealmId::generate(), self.0.clock.now());
        let moved = realm_hosts::create(change.tx(), &allowed, id, (new.brand, name.as_str()), now).await?;
        let moved = moved.ok_or(Error::RealmExists)?;
        if !realm_hosts::set_hosts(change.tx(), id, &hosts).await? {
            return Err(Error::HostTaken);
        }
        let facts = json!({"tenant": new.brand, "name": name, "hosts": hosts, "accounts_moved": moved});
        change
            .record(Record::new(events::REALM_CREATED, id, json!({"tenant": new.brand})).after(facts))
            .await?;
        change.commit_with(&Created { id }).await?;
        self.realm(id).await
    }

    /// Gives a realm another name, or other hosts; sessions at a name that it loses end.
    pub async fn update_realm(&self, cx: &OpCx, id: RealmId, patch: RealmPatch, here: &str) -> Result<Realm, Error> {
        let _allowed = cx.authorize::<authz::Realm, _>(actions::Modify)?;
        let before = self.realm(id).await?;
        let name = match &patch.name {
            Some(name) => Title::parse(name)
                .map_err(|error| Error::Invalid(vec![error.at("/name")]))?
                .into(),
            None => before.name.clone(),
        };
        let hosts = match &patch.hosts {
            // Its own name may stay, and must.
            Some(hosts) if before.hosts.iter().any(|host| host == here) => {
                let hosts = checked_hosts(hosts, "")?;
                if !hosts.iter().any(|host| host == here) {
                    return Err(own_host("/hosts".to_owned()));
                }
                hosts
            }
            Some(hosts) => checked_hosts(hosts, here)?,
            None => before.hosts.clone(),
        };
        let mut change = self.0.spine.begin(cx).await?;
        if !realm_hosts::rename(change.tx(), id, &name).await? {
            return Err(Error::NotFound);
        }
        if !realm_hosts::set_hosts(change.tx(), id, &hosts).await? {
            return Err(Error::HostTaken);
        }
        let facts = |name: &str, hosts: &[String]| json!({"name": name, "hosts": hosts});
        let record = Record::new(events::REALM_CHANGED, id, json!({}));
        change
            .record(
                record
                    .before(facts(&before.name, &before.hosts))
                    .after(facts(&name, &hosts)),
            )
            .await?;
        change.commit().await?;
        self.realm(id).await
    }
}

/// Host names in one form; not the one that the request came to.
fn checked_hosts(hosts: &[String], here: &str) -> Result<Vec<String>, Error> {
    if hosts.len() > MOST_HOSTS {
        return Err(Error::field(
            "/hosts",
            "identity.realm.too_many_hosts",
            format!("a realm has at most {MOST_HOSTS} names"),
        ));
    }
    let mut names = Vec::new();
    for (index, host) in hosts.iter().enumerate() {
        let pointer = format!("/hosts/{index}");
        let name = DomainName::parse(host).map_err(|error| {
            Error::Invalid(vec![FieldError::new(
                pointer.clone(),
                "identity.realm.bad_host",
                error.to_string(),
            )])
        })?;
        if name.as_str() == here {
            return Err(own_host(pointer));
        }
        names.push(name.as_str().to_owned());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn own_host(pointer: String) -> Error {
    Error::Invalid(vec![FieldError::new(
        pointer,
        "identity.realm.own_host",
        "you work at this name yourself, and would be locked out; do this from another one",
    )])
}
