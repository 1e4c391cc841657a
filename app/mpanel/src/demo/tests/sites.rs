use std::collections::BTreeSet;
use std::io::Read;

use crate::demo::content::{Files, SOURCES, archive, files};
use crate::demo::world::{self, Site};

const BASE: &str = "https://site.localhost:8443";

fn every_release() -> impl Iterator<Item = (&'static Site, usize, Files)> {
    let sites = world::tenants().into_iter().flat_map(|tenant| tenant.sites);
    sites.flat_map(|site| {
        (1..=site.releases.len()).map(move |number| (site, number, files(site.slug, number, BASE).unwrap()))
    })
}

/// The values of these attributes, in text that we wrote ourselves.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!("{attribute}=\"");
    html.split(mark.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// What the edge serves for an address.
fn resolve<'a>(files: &'a Files, url: &str) -> Option<&'a Vec<u8>> {
    let path = url.split(['#', '?']).next().unwrap_or_default().trim_start_matches('/');
    match path {
        "" => files.get("index.html"),
        _ if path.ends_with('/') => files.get(&format!("{path}index.html")),
        _ => files.get(path),
    }
}

#[test]
fn every_file_is_utf_8_and_belongs_to_a_release() {
    for (path, bytes) in SOURCES {
        assert!(std::str::from_utf8(bytes).is_ok(), "{path}");
        let mut parts = path.split('/');
        let (site, release) = (parts.next().unwrap(), parts.next().unwrap().parse::<usize>().unwrap());
        let known = world::tenants()
            .into_iter()
            .flat_map(|tenant| tenant.sites)
            .find(|known| known.slug == site)
            .unwrap();
        assert!((1..=known.releases.len()).contains(&release), "{path}");
    }
    let total: usize = SOURCES.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total < 300 * 1024, "{total} bytes");
}

#[test]
fn every_link_leads_somewhere() {
    for (site, number, files) in every_release() {
        for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".html")) {
            let html = std::str::from_utf8(bytes).unwrap();
            let links = ["href", "src"].map(|attribute| values(html, attribute)).concat();
            assert!(links.len() > 3, "{} {number} {path}", site.slug);
            for link in links.into_iter().filter(|link| !link.starts_with(BASE)) {
                let found = link.starts_with('#')
                    || resolve(&files, link).is_some()
                    || site.spa_fallback && link.starts_with('/');
                assert!(found, "{} {number}: {path} links to {link}", site.slug);
            }
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    // Names of XML vocabularies, parts of the same file, and addresses in code samples are not fetched.
    let harmless = [
        "http://www.w3.org/",
        "http://www.sitemaps.org/",
        "url(#",
        "<code>http:",
        BASE,
    ];
    for (site, _, files) in every_release() {
        for (path, bytes) in &files {
            let mut text = String::from_utf8(bytes.clone()).unwrap();
            for known in harmless {
                text = text.replace(known, "");
            }
            for sign in ["http:", "https:", "\"//", "url(", "@import", "ws://", "wss:"] {
                assert!(!text.contains(sign), "{} {path}: {sign}", site.slug);
            }
        }
    }
}

#[test]
fn pages_are_whole() {
    for (site, number, files) in every_release() {
        let name = format!("{} {number}", site.slug);
        assert!(site.spa_fallback || files.contains_key("404.html"), "{name}");
        for file in ["index.html", "robots.txt", "sitemap.xml"] {
            assert!(files.contains_key(file), "{name} has no {file}");
        }
        let mut titles = BTreeSet::new();
        for (path, bytes) in &files {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.contains("{{"), "{name} {path}");
            assert!(!path.starts_with('_'), "{name} {path}");
            if path.ends_with(".html") {
                assert!(
                    text.contains("<html lang=\"en\">") && text.contains("name=\"viewport\""),
                    "{name} {path}"
                );
                assert!(text.matches("<h1").count() == 1, "{name} {path}");
                let title = text
                    .split("<title>")
                    .nth(1)
                    .and_then(|rest| rest.split("</title>").next())
                    .unwrap();
                assert!(titles.insert(title.to_owned()), "{name}: two pages are called {title}");
            }
        }
    }
    assert!(
        files("handbook", 1, BASE)
            .unwrap()
            .keys()
            .filter(|path| path.ends_with("/index.html"))
            .count()
            >= 12
    );
}

#[test]
fn sitemaps_name_pages_that_exist() {
    for (site, _, files) in every_release().filter(|(site, ..)| !site.spa_fallback) {
        let map = std::str::from_utf8(&files["sitemap.xml"]).unwrap();
        let addresses: Vec<_> = map
            .split("<loc>")
            .skip(1)
            .filter_map(|rest| rest.split("</loc>").next())
            .collect();
        assert!(addresses.len() >= 4, "{}", site.slug);
        for address in addresses {
            assert!(
                resolve(&files, address.strip_prefix(BASE).unwrap()).is_some(),
                "{address}"
            );
        }
    }
}

#[test]
fn a_second_release_differs_from_the_first() {
    for site in ["bakery", "status"] {
        let (first, second) = (files(site, 1, BASE).unwrap(), files(site, 2, BASE).unwrap());
        assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
        assert_ne!(first["index.html"], second["index.html"]);
        assert_eq!(first["style.css"], second["style.css"]);
    }
}

#[test]
fn archives_hold_the_files_and_are_the_same_every_time() {
    for (site, number, files) in every_release() {
        let packed = archive(&files).unwrap();
        assert_eq!(packed, archive(&files).unwrap());
        assert!(
            packed.len() < 64 * 1024,
            "{} {number}: {} bytes",
            site.slug,
            packed.len()
        );
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut seen = Files::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            assert!(entry.header().entry_type().is_file() && !path.starts_with('/') && !path.contains(".."));
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            seen.insert(path, bytes);
        }
        assert_eq!(seen, files);
    }
}

#[test]
fn the_page_one_is_on_is_marked() {
    let bakery = files("bakery", 1, BASE).unwrap();
    let menu = std::str::from_utf8(&bakery["menu/index.html"]).unwrap();
    assert!(menu.contains("<a href=\"/menu/\" aria-current=\"page\">"));
    assert_eq!(menu.matches("aria-current").count(), 1);
    let handbook = files("handbook", 1, BASE).unwrap();
    let names = std::str::from_utf8(&handbook["names/index.html"]).unwrap();
    assert!(names.contains("rel=\"prev\"") && names.contains("rel=\"next\""));
}
