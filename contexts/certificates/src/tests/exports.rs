//! What a tenant takes away of its certificates: never a key.

use std::io::{Read as _, Seek as _};

use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter as _};

use super::support::World;

impl World {
    async fn exported(&self, tenant: TenantId, path: &str) -> Result<String, ExportError> {
        let mut file = tempfile::tempfile().unwrap();
        let into = file.try_clone().unwrap();
        self.store.write(tenant, path, into, 1 << 20).await?;
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        Ok(text)
    }
}

#[tokio::test]
async fn each_certificate_is_exported_with_its_chain_and_without_its_key_to_its_tenant() {
    let world = World::new().await;
    world.want("a.example.com").await;
    world.want("b.example.com").await;
    world.pass().await.unwrap();
    let paths = world.store.list(world.tenant, ExportScope::default()).await.unwrap();
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in &paths {
        let text = world.exported(world.tenant, path).await.unwrap();
        assert!(!text.contains("PRIVATE") && !text.contains("sealed"), "{text}");
        if path.ends_with(".pem") {
            assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");
        } else {
            let about: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(about["names"][0].as_str().unwrap().ends_with(".example.com"), "{text}");
        }
        let borrowed = world.exported(world.platform, path).await;
        assert!(matches!(borrowed, Err(ExportError::Gone)));
    }
    let theirs = world.store.list(world.platform, ExportScope::default()).await.unwrap();
    assert!(theirs.is_empty());
}
