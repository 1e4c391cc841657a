//! Walls between sites, and between sites and the machine. The names follow the vulnerabilities of other
//! panels that the tests keep out.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use mpanel_agent_protocol::{Agent, ArchiveFormat, Failure};
use mpanel_kernel::ids::ReleaseId;

use crate::archives::{stored, zip};
use crate::crashes::{helper_of, slow_archive};
use crate::node::{EDGE_GID, GID, Node, UID, blob, failure, is_root, listing, request, root_or_excused};

#[tokio::test]
async fn a_release_belongs_to_its_site_and_only_the_edge_may_read_it() {
    if !root_or_excused("without root all sites are one user") {
        return;
    }
    let node = Node::start();
    fs::set_permissions(node.data.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("a/index.html", b"secret"), stored("b", b"x")]))
        .await
        .unwrap();
    let dir = node.release_dir(&unpack);
    for path in listing(&dir) {
        let metadata = fs::metadata(dir.join(&path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (UID, EDGE_GID), "{path}");
    }
    assert_eq!(fs::metadata(node.sites()).unwrap().permissions().mode() & 0o7777, 0o711);
    let page = dir.join("a/index.html");
    let reads = |uid: u32, gid: u32| {
        Command::new("cat")
            .arg(&page)
            .uid(uid)
            .gid(gid)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(reads(UID, GID));
    assert!(reads(UID + 1, EDGE_GID));
    assert!(!reads(UID + 1, GID), "another site of the same tenant");
    assert!(!reads(65_534, 65_534), "nobody");
    let writes = Command::new("touch")
        .arg(&page)
        .uid(UID + 1)
        .gid(EDGE_GID)
        .output()
        .unwrap();
    assert!(!writes.status.success(), "the edge writes");
}

/// What `/proc` says of a helper at work.
struct Helper {
    status: String,
    environment: Vec<u8>,
    limits: String,
    /// Names its network namespace.
    network: PathBuf,
    /// Its interfaces and routes.
    interfaces: Vec<String>,
    routes: usize,
}

impl Helper {
    async fn of(node: &Node) -> Self {
        let seen = Mutex::new(None);
        let look = |_| {
            let mut seen = seen.lock().unwrap();
            if let (None, Some(helper)) = (&*seen, helper_of(node.pid())) {
                let read = |name: &str| fs::read_to_string(format!("/proc/{helper}/{name}")).unwrap();
                let interfaces = read("net/dev");
                let names = interfaces.lines().filter_map(|line| line.split_once(':'));
                *seen = Some(Self {
                    status: read("status"),
                    environment: fs::read(format!("/proc/{helper}/environ")).unwrap_or_default(),
                    limits: read("limits"),
                    network: fs::read_link(format!("/proc/{helper}/ns/net")).unwrap(),
                    interfaces: names.map(|(name, _)| name.trim().to_owned()).collect(),
                    routes: read("net/route").lines().skip(1).count(),
                });
            }
        };
        let unpack = request(ArchiveFormat::TarGz);
        let unpacked = node.agent.unpack_release(unpack, blob(&slow_archive()), &look).await;
        assert_eq!(unpacked.unwrap().files, 97);
        let dir = node.release_dir(&unpack);
        assert_eq!(fs::metadata(dir.join("noise/1.bin")).unwrap().len(), 1 << 20);
        seen.into_inner().unwrap().expect("no helper was seen")
    }

    fn field(&self, name: &str) -> String {
        let mut lines = self.status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        value.trim().to_owned()
    }

    fn assert_has_no_network(&self) {
        assert_ne!(self.network, fs::read_link("/proc/self/ns/net").unwrap());
        assert_eq!(self.interfaces, ["lo"]);
        assert_eq!(self.routes, 0);
        assert_eq!(self.field("CapEff:"), "0000000000000000");
        assert_eq!(self.field("CapPrm:"), "0000000000000000");
    }
}

#[tokio::test]
async fn the_helper_has_no_network_whatever_rights_the_agent_has() {
    if !root_or_excused("whether users may make namespaces is for the machine to say") {
        return;
    }
    Helper::of(&Node::start()).await.assert_has_no_network();
    // As the service's unit starts it.
    let bounded = Helper::of(&Node::start_without("-sys_admin")).await;
    bounded.assert_has_no_network();
    assert_eq!(bounded.field("Uid:"), format!("{UID}\t{UID}\t{UID}\t{UID}"));
    let rootless = Helper::of(&Node::start_as(Some(64_322))).await;
    rootless.assert_has_no_network();
}

#[tokio::test]
async fn the_helper_has_given_up_everything() {
    let node = Node::start();
    let helper = Helper::of(&node).await;
    let (environment, limits) = (&helper.environment, &helper.limits);
    let field = |name: &str| helper.field(name);
    assert_eq!(field("NoNewPrivs:"), "1");
    assert!(environment.is_empty());
    assert!(
        limits
            .lines()
            .any(|line| line.starts_with("Max processes") && line.contains(" 0 "))
    );
    assert!(
        limits
            .lines()
            .any(|line| line.starts_with("Max core file size") && line.contains(" 0 "))
    );
    if is_root() {
        assert_eq!(field("Uid:"), format!("{UID}\t{UID}\t{UID}\t{UID}"));
        assert_eq!(field("Gid:"), format!("{GID}\t{GID}\t{GID}\t{GID}"));
        assert_eq!(field("Groups:"), "");
        assert_eq!(field("CapEff:"), "0000000000000000");
        assert_eq!(field("CapPrm:"), "0000000000000000");
    }
}

/// What a tenant must not change, and how it stood.
struct Victim {
    dir: tempfile::TempDir,
}

impl Victim {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/shadow"), "root:secret").unwrap();
        fs::set_permissions(dir.path().join("etc/shadow"), fs::Permissions::from_mode(0o600)).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn assert_untouched(&self, when: &str) {
        assert_eq!(listing(self.path()), ["etc", "etc/shadow"], "{when}");
        let shadow = fs::metadata(self.path().join("etc/shadow")).unwrap();
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(
            (shadow.uid(), shadow.permissions().mode() & 0o7777),
            (own, 0o600),
            "{when}"
        );
        assert_eq!(
            fs::metadata(self.path()).unwrap().permissions().mode() & 0o7777,
            0o755,
            "{when}"
        );
        assert_eq!(
            fs::read_to_string(self.path().join("etc/shadow")).unwrap(),
            "root:secret",
            "{when}"
        );
    }
}

/// cPanel: root changed modes through links that a user had put into his own folder (also LiteSpeed's plugin,
/// CVE-2026-54420). Here links stand wherever a tenant could put one, and every verb runs.
#[tokio::test]
async fn cve_2026_29203_symlink_chmod() {
    for place in [
        "releases",
        "manifests",
        "releases/partial",
        "releases/deleting",
        "releases/release",
        "releases/other",
        "manifests/file",
    ] {
        let node = Node::start();
        let victim = Victim::new();
        let unpack = request(ArchiveFormat::Zip);
        let archive = zip(&[stored("index.html", b"x"), stored("etc/shadow", b"owned")]);
        node.unpack(unpack, &archive).await.unwrap();
        let site = node.sites().join(unpack.site.to_string());
        let mut next = unpack;
        next.release = ReleaseId::generate();
        let (link, target) = match place {
            "releases/partial" => (
                site.join(format!("releases/.{}.partial", next.release)),
                victim.path().to_owned(),
            ),
            "releases/deleting" => (
                site.join(format!("releases/.{}.deleting", unpack.release)),
                victim.path().to_owned(),
            ),
            "releases/release" => (
                site.join(format!("releases/{}", next.release)),
                victim.path().to_owned(),
            ),
            "releases/other" => (site.join("releases/other"), victim.path().to_owned()),
            "manifests/file" => (
                site.join(format!("manifests/.{}.json", next.release)),
                victim.path().join("etc/shadow"),
            ),
            whole => {
                fs::rename(site.join(whole), site.join("moved")).unwrap();
                (site.join(whole), victim.path().to_owned())
            }
        };
        symlink(&target, &link).unwrap();
        // Some of these fail, some succeed beside the link: what counts is the victim.
        let _ = node.unpack(next, &archive).await;
        victim.assert_untouched(&format!("{place}: unpack"));
        let _ = node.agent.measure_site(unpack.site, unpack.uid).await;
        let _ = node.agent.list_releases(unpack.site, unpack.uid).await;
        let _ = node.agent.delete_release(unpack.site, next.release, unpack.uid).await;
        let _ = node.agent.delete_release(unpack.site, unpack.release, unpack.uid).await;
        victim.assert_untouched(&format!("{place}: delete release"));
        let _ = node.agent.delete_site(unpack.site, unpack.uid).await;
        victim.assert_untouched(&format!("{place}: delete site"));
    }
}

/// The whole site's folder as a link: only root could put it there, and still nothing follows it.
#[tokio::test]
async fn a_link_in_place_of_a_site_is_refused() {
    let node = Node::start();
    node.agent.version().await.unwrap();
    let victim = Victim::new();
    let unpack = request(ArchiveFormat::Zip);
    symlink(victim.path(), node.sites().join(unpack.site.to_string())).unwrap();
    let archive = zip(&[stored("index.html", b"x")]);
    assert!(matches!(
        failure(node.unpack(unpack, &archive).await),
        Failure::Internal { .. }
    ));
    assert!(matches!(
        failure(node.agent.delete_site(unpack.site, unpack.uid).await),
        Failure::Internal { .. }
    ));
    assert_eq!(node.agent.list_sites().await.unwrap(), []);
    victim.assert_untouched("site is a link");
}

/// Coolify: a database's name reached a shell (also Dokploy's CVE-2026-27130 and others). Names are data here,
/// and there is nothing that would read them as more.
#[tokio::test]
async fn cve_2025_66209_shell_injection_has_no_shell() {
    let node = Node::start();
    let marker = node.data.path().join("owned");
    let touch = format!("touch {}", marker.display()).replace('/', "${HOME%${HOME#?}}");
    let names = [
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("; {touch} #"),
        format!("| {touch}"),
        "-rf".to_owned(),
        "'\"*?".to_owned(),
    ];
    let entries: Vec<_> = names.iter().map(|name| stored(name, b"x")).collect();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&entries)).await.unwrap();
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!(listing(&node.release_dir(&unpack)), expected);
    node.agent.delete_site(unpack.site, unpack.uid).await.unwrap();
    assert!(!marker.exists());
    let binary = fs::read(env!("CARGO_BIN_EXE_mpanel-agent")).unwrap();
    assert!(
        !binary.windows(8).any(|bytes| bytes == b"/bin/sh\0"),
        "the agent knows a shell"
    );
}

/// Coolify: policies that did not check whose container it was. The caller's word on the owner is compared
/// with the disk.
#[tokio::test]
async fn cve_2026_48742_other_tenants_site_stays_closed() {
    if !root_or_excused("without root all sites are one user") {
        return;
    }
    let node = Node::start();
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("index.html", b"x")])).await.unwrap();
    let mut other = unpack;
    other.uid = mpanel_agent_protocol::SiteUid::new(UID + 7).unwrap();
    other.release = ReleaseId::generate();
    let refused = failure(node.unpack(other, &zip(&[stored("index.html", b"owned")])).await);
    assert_eq!(refused, Failure::WrongOwner { actual: UID });
}

#[tokio::test]
async fn rootless_everything_stays_the_agents_own_user() {
    if !root_or_excused("without root the agent is an ordinary user already, as in all other tests") {
        return;
    }
    let node = Node::start_as(Some(64_321));
    assert!(node.agent.version().await.unwrap().rootless);
    let unpack = request(ArchiveFormat::Zip);
    node.unpack(unpack, &zip(&[stored("a/index.html", b"x"), stored("a/b", b"x")]))
        .await
        .unwrap();
    for path in listing(&node.release_dir(&unpack)) {
        assert_eq!(
            fs::metadata(node.release_dir(&unpack).join(path)).unwrap().uid(),
            64_321
        );
    }
    node.agent
        .delete_release(unpack.site, unpack.release, unpack.uid)
        .await
        .unwrap();
    node.agent.delete_site(unpack.site, unpack.uid).await.unwrap();
    assert_eq!(fs::read_dir(node.sites()).unwrap().count(), 0);
}

#[test]
fn the_agent_does_not_start_in_the_wrong_mode() {
    let data = tempfile::tempdir().unwrap();
    let wrong: &[&[&str]] = if is_root() {
        &[&["--rootless"], &[], &["--edge-gid", "0"]]
    } else {
        &[&[]]
    };
    for arguments in wrong {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mpanel-agent"));
        command
            .arg("--data")
            .arg(data.path())
            .arg("--socket")
            .arg(data.path().join("s"))
            .args(["--allow-uid", "1"]);
        let output = command.args(*arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}
