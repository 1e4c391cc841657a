//! Tenants for contexts that must not depend on tenancy, whose tables they refer to all the same.

use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, Migrations, Reason, Tx as _};

/// The tables of tenancy as they are, without its functions.
pub const TABLES: Migrations = Migrations {
    schema: "tenancy",
    files: &[(
        "0001_tenancy",
        include_str!("../../../contexts/tenancy/migrations/0001_tenancy.sql"),
    )],
};

/// The smallest tree.
#[derive(Debug, Clone, Copy)]
pub struct Tenants {
    pub platform: TenantId,
    /// Below the platform.
    pub customer: TenantId,
}

impl Tenants {
    /// Plants them in a database that has [`TABLES`].
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn plant(db: &Db) -> Self {
        let (platform, customer) = (TenantId::generate(), TenantId::generate());
        let mut tx = db
            .platform(Reason::Administer("test"))
            .await
            .unwrap_or_else(|error| panic!("beginning to plant tenants: {error}"));
        for (id, kind, parent) in [(platform, "platform", None), (customer, "customer", Some(platform))] {
            sqlx::query(
                "insert into tenancy.tenants (tenant_id, kind, parent_id, name, slug, created_at)
                 values ($1, $2, $3, 'T', 't', now())",
            )
            .bind(id.uuid())
            .bind(kind)
            .bind(parent.map(TenantId::uuid))
            .execute(tx.conn())
            .await
            .unwrap_or_else(|error| panic!("planting a {kind}: {error}"));
        }
        tx.commit()
            .await
            .unwrap_or_else(|error| panic!("planting tenants: {error}"));
        Self { platform, customer }
    }
}
