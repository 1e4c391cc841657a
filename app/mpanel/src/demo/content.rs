//! The demo websites as archives. Their sources are in `demo/<site>/<release>/`, where a release's files replace those of the
//! ones before; pages are set into the site's `_layout.html`, so that a header is written once.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use flate2::{Compression, GzBuilder};

/// Path below `demo/` and content.
pub const SOURCES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/demo_files.rs"));

/// One second in 2026, for files that must have a time: the same archive whenever it is made.
const MTIME: u64 = 1_767_225_600;

/// A website by paths.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A page before it is set.
#[derive(Debug)]
struct Page<'a> {
    /// Its address on the site, `/menu/`.
    url: String,
    head: BTreeMap<&'a str, &'a str>,
    body: &'a str,
}

impl Page<'_> {
    fn get(&self, key: &str) -> &str {
        self.head.get(key).copied().unwrap_or_default()
    }

    /// Its place among the chapters of a book.
    fn order(&self) -> Option<u32> {
        self.get("order").parse().ok()
    }
}

/// A site's files as of one of its releases (the first is 1), to be served at `base` (`https://host:port`).
///
/// # Errors
/// When the sources are not as they should be, which a test finds first.
pub fn files(site: &str, release: usize, base: &str) -> anyhow::Result<Files> {
    let mut sources = BTreeMap::new();
    for number in 1..=release {
        let folder = format!("{site}/{number}/");
        let of_release = SOURCES
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?, *bytes)));
        sources.extend(of_release);
    }
    anyhow::ensure!(!sources.is_empty(), "there is no demo site {site}");
    let layout = sources.remove("_layout.html").context("a layout")?;
    let layout = std::str::from_utf8(layout)?;
    let mut pages = Vec::new();
    let mut files = Files::new();
    for (path, bytes) in sources {
        match path.strip_suffix(".html") {
            Some(name) => pages.push((
                output_path(name),
                page(name, std::str::from_utf8(bytes)?).context(path)?,
            )),
            None if is_text(path) => drop(files.insert(
                path.to_owned(),
                std::str::from_utf8(bytes)?.replace("{{base}}", base).into(),
            )),
            None => drop(files.insert(path.to_owned(), bytes.to_owned())),
        }
    }
    let chapters = chapters(&pages);
    for (path, page) in &pages {
        files.insert(path.clone(), set(layout, page, &chapters, base).into_bytes());
    }
    files
        .entry("sitemap.xml".to_owned())
        .or_insert_with(|| sitemap(&pages, base).into_bytes());
    files
        .entry("robots.txt".to_owned())
        .or_insert_with(|| format!("User-agent: *\nAllow: /\n\nSitemap: {base}/sitemap.xml\n").into_bytes());
    Ok(files)
}

/// The files as `.tar.gz`.
///
/// # Errors
/// When a path is too long for the format.
pub fn archive(files: &Files) -> anyhow::Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(0o644);
        header.set_mtime(MTIME);
        tar.append_data(&mut header, path, bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

fn is_text(path: &str) -> bool {
    [".xml", ".txt"].iter().any(|extension| path.ends_with(extension))
}

/// Pages get addresses without `.html`; the two whose names mean something keep them.
fn output_path(name: &str) -> String {
    match name {
        "index" | "404" => format!("{name}.html"),
        _ => format!("{name}/index.html"),
    }
}

/// Reads `key: value` lines, a line `---`, and the body.
fn page<'a>(name: &str, text: &'a str) -> anyhow::Result<Page<'a>> {
    let (head, body) = text.split_once("\n---\n").context("no head")?;
    let mut values = BTreeMap::new();
    for line in head.lines() {
        let Some((key, value)) = line.split_once(": ") else {
            bail!("not a key and a value: {line}")
        };
        values.insert(key, value.trim());
    }
    let url = if name == "index" {
        "/".to_owned()
    } else {
        format!("/{name}/")
    };
    Ok(Page {
        url,
        head: values,
        body,
    })
}

/// Address and title of the pages that have an order, in it.
fn chapters(pages: &[(String, Page<'_>)]) -> Vec<(String, String)> {
    let mut ordered: Vec<_> = pages
        .iter()
        .filter_map(|(_, page)| Some((page.order()?, page)))
        .collect();
    ordered.sort_by_key(|(order, _)| *order);
    ordered
        .into_iter()
        .map(|(_, page)| (page.url.clone(), page.get("title").to_owned()))
        .collect()
}

fn set(layout: &str, page: &Page<'_>, chapters: &[(String, String)], base: &str) -> String {
    let at = chapters.iter().position(|(url, _)| *url == page.url);
    let neighbour = |index: Option<usize>, label: &str, class: &str| {
        let Some((url, title)) = index.and_then(|index| chapters.get(index)) else {
            return String::new();
        };
        format!("<a class=\"{class}\" href=\"{url}\" rel=\"{class}\"><small>{label}</small>{title}</a>")
    };
    let list: String = chapters
        .iter()
        .map(|(url, title)| format!("<li><a href=\"{url}\">{title}</a></li>\n"))
        .collect();
    // A page that stands for what was not found has no address of its own.
    let canonical = match page.url.as_str() {
        "/404/" => "<meta name=\"robots\" content=\"noindex\">".to_owned(),
        url => format!("<link rel=\"canonical\" href=\"{base}{url}\">"),
    };
    layout
        .replace("{{content}}", page.body)
        .replace("{{chapters}}", &list)
        .replace(
            "{{prev}}",
            &neighbour(at.and_then(|at| at.checked_sub(1)), "Previous", "prev"),
        )
        .replace("{{next}}", &neighbour(at.map(|at| at + 1), "Next", "next"))
        .replace("{{title}}", page.get("title"))
        .replace("{{description}}", page.get("description"))
        .replace("{{canonical}}", &canonical)
        .replace("{{base}}", base)
        .replace(
            &format!("<a href=\"{}\">", page.url),
            &format!("<a href=\"{}\" aria-current=\"page\">", page.url),
        )
}

fn sitemap(pages: &[(String, Page<'_>)], base: &str) -> String {
    let urls = pages.iter().filter(|(path, _)| path != "404.html");
    let urls: String = urls
        .map(|(_, page)| format!("  <url><loc>{base}{}</loc></url>\n", page.url))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}</urlset>\n"
    )
}
