//! The walls between the processes of an installation that root has started.

use std::path::{Path, PathBuf};
use std::process::Command;

use mpanel_testkit::root;

use crate::harness::accounts::claim;
use crate::harness::system::tree;
use crate::harness::{System, binaries, website};

/// User, group and further groups of a running process.
struct Identity {
    uid: String,
    gid: String,
    groups: String,
}

impl Identity {
    fn of(system: &System, process: &str) -> Self {
        let pid = system.pid(process).expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let words = |name: &str| -> Vec<String> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect()
        };
        // The second is the effective one.
        Self {
            uid: words("Uid:")[1].clone(),
            gid: words("Gid:")[1].clone(),
            groups: words("Groups:").join(","),
        }
    }

    /// What a process like this one is told when it reads a file.
    fn read(&self, file: &Path) -> Result<Vec<u8>, String> {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.uid, "--regid", &self.gid]);
        match self.groups.as_str() {
            "" => command.arg("--clear-groups"),
            groups => command.args(["--groups", groups]),
        };
        let output = command
            .args(["--inh-caps=-all", "--bounding-set=-all", "cat", "--"])
            .arg(file)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = tree(folder).into_iter().map(|name| folder.join(name));
    all.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn the_panels_user_reads_neither_sites_nor_the_edges_keys() {
    if !root::here_or_excused("one user cannot be kept from its own files") {
        return;
    }
    let system = System::start().await;
    let owner = claim(&system).await;
    let site = owner.site("www.walled.example").await;
    let release = owner.publish(&site, &website::page("behind a wall")).await;
    let browser = system.browser(&["www.walled.example"]).await;
    browser.shows("www.walled.example", "/", "behind a wall").await;

    let (serve, edge) = (Identity::of(&system, "serve"), Identity::of(&system, "edge"));
    assert_ne!(serve.uid, "0");
    assert_ne!(serve.uid, edge.uid);
    let data = system.data();
    let page = data
        .join("sites")
        .join(&site)
        .join("releases")
        .join(&release)
        .join("index.html");
    let mut closed = vec![page.clone()];
    closed.extend(files(&data.join("edge")));
    assert!(closed.contains(&data.join("edge/node.key")), "{closed:?}");
    for file in closed {
        let refused = serve.read(&file).expect_err("the panel's user reads it");
        assert!(refused.contains("Permission denied"), "{}: {refused}", file.display());
        // Nothing else is in the way; but the edge may have replaced a file of its own meanwhile.
        if let Err(error) = edge.read(&file) {
            assert!(!file.exists(), "{}: {error}", file.display());
        }
    }
    // And the other way round: what the panel keeps is closed to the edge.
    let keys = files(&data.join("keys"));
    assert!(!keys.is_empty());
    for file in keys {
        let refused = edge.read(&file).expect_err("the edge's user reads it");
        assert!(refused.contains("Permission denied"), "{}: {refused}", file.display());
        assert!(serve.read(&file).is_ok(), "{}", file.display());
    }

    let output = Command::new(binaries::mpanel())
        .args(["selftest", "isolation", "--data"])
        .arg(&data)
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains(&format!("ok      site {site} has a user of its own")),
        "{text}"
    );
}
