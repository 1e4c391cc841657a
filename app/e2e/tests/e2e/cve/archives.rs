use std::io::Write;

use crate::harness::shared::{owner, shared};
use crate::harness::{Account, website};

/// A `.tar.gz` of a page and one more entry.
fn tar_with(kind: tar::EntryType, name: &[u8], link: Option<&str>) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut page = tar::Header::new_gnu();
    page.set_size(4);
    page.set_mode(0o644);
    archive.append_data(&mut page, "index.html", &b"page"[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    // The library refuses such names; an attacker's does not.
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    if let Some(link) = link {
        header.set_link_name_literal(link).unwrap();
    }
    header.set_cksum();
    archive.append(&header, std::io::empty()).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

fn slip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("index.html", options).unwrap();
    archive.write_all(b"page").unwrap();
    archive
        .start_file("../../../../../../tmp/mpanel-slipped", options)
        .unwrap();
    archive.write_all(b"slipped").unwrap();
    archive.finish().unwrap().into_inner()
}

/// `fault` is what the archive is refused for, and nothing else will do: a failure of ours is no refusal.
async fn refused(customer: &Account, site: &str, (filename, archive, fault): (&str, &[u8], &str)) {
    let (operation, release) = customer.release(site, filename, archive).await;
    let ended = customer.ended(&operation).await;
    assert_eq!(ended["state"], "failed", "{filename}: {ended:#}");
    let code = format!("sites.release.archive_{fault}");
    assert_eq!(ended["error"]["code"], code, "{filename}: {ended:#}");
    let folder = shared()
        .system
        .data()
        .join("sites")
        .join(site)
        .join("releases")
        .join(release);
    assert!(!folder.exists(), "{filename}: files are left");
}

/// cPanel CVE-2026-29203, LiteSpeed CVE-2026-54420: a link in a customer's tree led a privileged process out of it.
#[tokio::test]
async fn cve_2026_29203_links_and_devices_in_archives_lead_nowhere() {
    let owner = owner();
    let plan = owner.plan(None).await;
    let customer = owner.tenant_below("customer", &plan).await;
    let site = customer.site("links.example").await;
    customer.publish(&site, &website::page("before")).await;
    let link = |kind, target| tar_with(kind, b"link", Some(target));
    let entry = |kind, name| tar_with(kind, name, None);
    for (name, archive, fault) in [
        (
            "symlink.tar.gz",
            link(tar::EntryType::Symlink, "/etc/passwd"),
            "symlink",
        ),
        (
            "relative.tar.gz",
            link(tar::EntryType::Symlink, "../../../.."),
            "symlink",
        ),
        ("hardlink.tar.gz", link(tar::EntryType::Link, "/etc/shadow"), "hardlink"),
        ("block.tar.gz", entry(tar::EntryType::Block, b"disk"), "device"),
        ("char.tar.gz", entry(tar::EntryType::Char, b"tty"), "device"),
        ("fifo.tar.gz", entry(tar::EntryType::Fifo, b"fifo"), "fifo"),
        (
            "absolute.tar.gz",
            entry(tar::EntryType::Regular, b"/tmp/mpanel-slipped"),
            "absolute_path",
        ),
        (
            "dots.tar.gz",
            entry(tar::EntryType::Regular, b"../../mpanel-slipped"),
            "parent_path",
        ),
        ("slip.zip", slip(), "parent_path"),
        ("cut.zip", website::page("cut")[..60].to_vec(), "truncated"),
        (
            "text.zip",
            b"this is no archive at all, but long enough".repeat(4),
            "wrong_format",
        ),
    ] {
        refused(&customer, &site, (name, &archive, fault)).await;
    }
    assert!(!std::path::Path::new("/tmp/mpanel-slipped").exists());
    // What was live is live.
    shared()
        .system
        .browser(&["links.example"])
        .await
        .shows("links.example", "/", "before")
        .await;
}
