//! The files of the package, as they will lie on the disk.

use super::components::{Component, Origin};
use super::{Order, licences, sbom, time};
use crate::process;
use anyhow::{Context as _, Result, ensure};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const DOC: &str = "usr/share/doc/mpanel";
const MAN: &str = "usr/share/man";
/// Where each shell looks for completions of installed packages.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/mpanel"),
    ("zsh", "usr/share/zsh/vendor-completions/_mpanel"),
    ("fish", "usr/share/fish/vendor_completions.d/mpanel.fish"),
];

/// Fills the folder.
pub fn assemble(root: &Path, order: &Order, components: &[Component], folder: &Path) -> Result<()> {
    for program in ["mpanel", "mpanel-agent"] {
        let built = order.programs.join(program);
        ensure!(built.is_file(), "{} is not built", built.display());
        put(folder, &format!("usr/bin/{program}"), &fs::read(built)?, 0o755)?;
    }
    for (from, to) in [
        ("deploy/mpanel.service", "usr/lib/systemd/system/mpanel.service"),
        ("deploy/mpanel.sysusers", "usr/lib/sysusers.d/mpanel.conf"),
        ("deploy/debian/mpanel.tmpfiles", "usr/lib/tmpfiles.d/mpanel.conf"),
        ("deploy/debian/environment", "etc/mpanel/environment"),
    ] {
        put(
            folder,
            to,
            &fs::read(root.join(from)).with_context(|| from.to_owned())?,
            0o644,
        )?;
    }
    documents(root, order, components, folder)?;
    from_the_program(root, order, folder)
}

fn documents(root: &Path, order: &Order, components: &[Component], folder: &Path) -> Result<()> {
    let copyright = fs::read_to_string(root.join("deploy/debian/copyright"))?;
    put(
        folder,
        &format!("{DOC}/copyright"),
        (copyright + &third_parties(components)).as_bytes(),
        0o644,
    )?;
    let list = sbom::document(components, &order.version, &time(order.epoch, "%Y-%m-%dT%H:%M:%SZ")?);
    let list = format!("{}\n", serde_json::to_string_pretty(&list)?);
    zipped(folder, &format!("{DOC}/sbom.cdx.json"), list.as_bytes())?;
    zipped(
        folder,
        &format!("{DOC}/third-party-licences.txt"),
        licences::texts(components)?.as_bytes(),
    )?;
    zipped(folder, &format!("{DOC}/NEWS"), &fs::read(root.join("CHANGELOG.md"))?)?;
    let changelog = format!(
        "mpanel ({}) stable; urgency=medium\n\n  * See NEWS.gz.\n\n -- The mPanel authors <packages@mpanel.invalid>  {}\n",
        order.version,
        time(order.epoch, "%a, %d %b %Y %H:%M:%S +0000")?
    );
    zipped(folder, &format!("{DOC}/changelog"), changelog.as_bytes())
}

/// The libraries, as the end of the last paragraph of debian/copyright: its comment.
fn third_parties(components: &[Component]) -> String {
    let others = components.iter().filter(|component| component.origin != Origin::Own);
    let line = |component: &Component| format!("  {} {}: {}\n", component.name, component.version, component.licence);
    others.map(line).collect()
}

/// Manual pages and completions, which the program itself writes.
fn from_the_program(root: &Path, order: &Order, folder: &Path) -> Result<()> {
    let program = order.programs.join("mpanel");
    let pages = order.out.join("man");
    if pages.exists() {
        fs::remove_dir_all(&pages)?;
    }
    fs::create_dir_all(&pages)?;
    process::output(Command::new(&program).arg("manual").arg(&pages))?;
    let mut names: Vec<_> = fs::read_dir(&pages)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    names.sort();
    for name in names {
        let text = fs::read(pages.join(&name))?;
        zipped(folder, &format!("{MAN}/man1/{}", name.to_string_lossy()), &text)?;
    }
    fs::remove_dir_all(&pages)?;
    zipped(
        folder,
        &format!("{MAN}/man8/mpanel-agent.8"),
        &fs::read(root.join("deploy/debian/mpanel-agent.8"))?,
    )?;
    for (shell, place) in COMPLETIONS {
        let script = process::output(Command::new(&program).args(["completion", shell]))?;
        put(folder, place, script.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Writes a file and the folders above it, with modes that the caller's umask does not change.
pub fn put(folder: &Path, place: &str, content: &[u8], mode: u32) -> Result<()> {
    let path = folder.join(place);
    let parent = path.parent().context("a file has a folder")?;
    fs::create_dir_all(parent)?;
    for above in parent.ancestors().take_while(|above| above.starts_with(folder)) {
        fs::set_permissions(above, Permissions::from_mode(0o755))?;
    }
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, Permissions::from_mode(mode))?;
    Ok(())
}

/// The same compressed, without name and time inside.
fn zipped(folder: &Path, place: &str, content: &[u8]) -> Result<()> {
    put(folder, place, content, 0o644)?;
    process::run(Command::new("gzip").args(["-9n", "--force"]).arg(folder.join(place)))
}
