//! What a tenant takes away of its zones.

use std::io::{Read as _, Seek as _};

use mpanel_engine_dns::check_zone_file;
use mpanel_kernel::ids::TenantId;
use mpanel_tenancy_contract::{ExportError, ExportScope, Exporter as _};

use super::support::World;

impl World {
    async fn exported(&self, tenant: TenantId, path: &str) -> Result<String, ExportError> {
        let mut file = tempfile::tempfile().unwrap();
        let into = file.try_clone().unwrap();
        self.dns.write(tenant, path, into, 1 << 20).await?;
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        Ok(text)
    }
}

#[tokio::test]
async fn each_zone_is_exported_as_a_file_that_other_servers_load_and_as_json() {
    let world = World::new().await;
    let zone = world.zone("example.com").await.id;
    world.zone("example.net").await;
    for (name, rtype, data) in [
        ("@", "A", "192.0.2.1"),
        ("www", "CNAME", "target.example.net"),
        ("@", "MX", "10 mail.example.net"),
        ("txt", "TXT", r#""a; b \"quoted\" \\ $ORIGIN @ (" "second""#),
        ("@", "CAA", "0 issue letsencrypt.org"),
        ("_sip._tcp", "SRV", "1 2 5060 sip.example.net"),
        ("*.wild", "AAAA", "2001:db8::1"),
    ] {
        world.add(zone, name, rtype, data).await.unwrap();
    }
    let paths = world.dns.list(world.tenant, ExportScope::default()).await.unwrap();
    let expected = [
        "zones/example.com.json",
        "zones/example.com.zone",
        "zones/example.net.json",
        "zones/example.net.zone",
    ];
    assert_eq!(paths, expected);

    let text = world.exported(world.tenant, "zones/example.com.zone").await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let report = check_zone_file("example.com", file.path()).unwrap();
    let row = world.dns.get_zone(&world.cx(), zone).await.unwrap();
    let records = world.records(zone).await;
    assert_eq!(
        (i64::from(report.serial), report.records),
        (row.serial, records.len() + 1),
        "{text}"
    );
    let json = world.exported(world.tenant, "zones/example.com.json").await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["apex"], json["records"].as_array().unwrap().len()),
        (&"example.com".into(), records.len())
    );

    for path in expected
        .iter()
        .chain(&["zones/../keys/master.key", "zones/gone.example.zone", ""])
    {
        let borrowed = world.exported(world.other, path).await;
        assert!(matches!(borrowed, Err(ExportError::Gone)), "{path}");
    }
}
