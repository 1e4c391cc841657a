//! A throw-away PostgreSQL for tests: one cluster per test binary, one database (or clone) per test.

mod cluster;
mod folders;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mpanel_pg::PgConnectOptions;
use mpanel_pg::server::{self, PANEL};

/// Names an existing PostgreSQL to use instead: a URL of a role that may create roles and databases.
pub const DATABASE_URL: &str = "MPANEL_TEST_DATABASE_URL";

/// The test binary's PostgreSQL. It ends with the process, however that ends, and keeps nothing durable.
#[derive(Debug)]
pub struct TestPostgres {
    admin: PgConnectOptions,
    panel_role: String,
}

/// A database of a test's own.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    pub name: String,
    /// As the administrator: the superuser of the private cluster.
    pub admin: PgConnectOptions,
    /// As the panel logs in: owner of the database, no superuser.
    pub panel: PgConnectOptions,
}

impl TestPostgres {
    /// The PostgreSQL of this test binary, started on first use (about a tenth of a second once the template is cached).
    ///
    /// # Panics
    /// When it cannot be started; the message says why.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestPostgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(DATABASE_URL) {
            Ok(url) if !url.is_empty() => Self::external(&url),
            _ => {
                let options = cluster::start().unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}"));
                Self {
                    admin: options.admin_options(),
                    panel_role: PANEL.to_owned(),
                }
            }
        })
    }

    fn external(url: &str) -> Self {
        let admin: PgConnectOptions = url.parse().unwrap_or_else(|error| panic!("{DATABASE_URL}: {error}"));
        cluster::on_a_thread({
            let admin = admin.clone();
            async move { mpanel_pg::bootstrap(&admin).await.map_err(|error| error.to_string()) }
        })
        .unwrap_or_else(|error| panic!("{DATABASE_URL}: {error}"));
        let panel_role = admin.get_username().to_owned();
        Self { admin, panel_role }
    }

    /// How the administrator connects (to the database `postgres` of the private cluster).
    pub fn admin_options(&self) -> PgConnectOptions {
        self.admin.clone()
    }

    /// An empty database.
    ///
    /// # Panics
    /// When PostgreSQL refuses.
    pub async fn create_database(&self, name_prefix: &str) -> TestDatabase {
        let name = unique(name_prefix);
        server::create_database(&self.admin, &name, &self.panel_role)
            .await
            .unwrap_or_else(|error| panic!("creating the database {name}: {error}"));
        self.database(name)
    }

    /// A copy of a database that nobody is connected to: close its pools first.
    ///
    /// # Panics
    /// When PostgreSQL refuses, for instance because the template is in use.
    pub async fn clone_template(&self, template: &TestDatabase) -> TestDatabase {
        let name = unique(&template.name);
        server::clone_database(&self.admin, &template.name, &name, &self.panel_role)
            .await
            .unwrap_or_else(|error| panic!("cloning the database {}: {error}", template.name));
        self.database(name)
    }

    /// Drops a database and cuts its sessions. Needed only on an external PostgreSQL: the private one is thrown away.
    ///
    /// # Panics
    /// When PostgreSQL refuses.
    pub async fn drop_database(&self, database: TestDatabase) {
        server::drop_database(&self.admin, &database.name)
            .await
            .unwrap_or_else(|error| panic!("dropping the database {}: {error}", database.name));
    }

    fn database(&self, name: String) -> TestDatabase {
        let admin = self.admin.clone().database(&name);
        TestDatabase {
            panel: admin.clone().username(&self.panel_role),
            admin,
            name,
        }
    }
}

/// Unique on a server that several test binaries share, and within PostgreSQL's 63 bytes.
fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let prefix: String = prefix
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(30)
        .collect();
    format!(
        "{prefix}_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
