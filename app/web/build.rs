//! Packs `web/dist` into the program: each file as it is and, where that is smaller, as brotli.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Shown when the pages were not built: the API and the command line work without them.
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>mPanel</title>\
    <p>The pages of the panel are not part of this program. Build them with <code>make web</code> and build it again.</p></html>\n";

fn main() -> io::Result<()> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../web/dist");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    // Without the folder, its parent is watched: it may be built later.
    let watched = if dist.is_dir() { dist.clone() } else { dist.join("..") };
    println!("cargo::rerun-if-changed={}", watched.display());

    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &dist, &mut files)?;
    } else {
        files.push(("index.html".to_owned(), NOT_BUILT.as_bytes().to_vec()));
    }
    files.sort();

    let mut table = String::from("static ASSETS: &[Asset] = &[\n");
    for (number, (path, bytes)) in files.iter().enumerate() {
        let plain = out.join(format!("{number}.bin"));
        fs::write(&plain, bytes)?;
        let packed = brotli(bytes)?;
        let brotli = if packed.len() < bytes.len() * 9 / 10 {
            let file = out.join(format!("{number}.br"));
            fs::write(&file, packed)?;
            format!("Some(include_bytes!({file:?}))")
        } else {
            "None".to_owned()
        };
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        writeln!(
            table,
            "    Asset {{ path: {:?}, content_type: {:?}, etag: \"\\\"{:016x}\\\"\", plain: include_bytes!({plain:?}), brotli: {brotli} }},",
            format!("/{path}"),
            content_type(path),
            hasher.finish(),
        )
        .expect("writing to a String does not fail");
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).expect("it was found below the root");
            files.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 64 * 1024, 9, 22);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(packed)
}

fn content_type(path: &str) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let text = mime.type_() == "text" || mime.subtype() == "javascript" || mime.subtype() == "json";
    if text {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_string()
    }
}
