//! Certificate stores: the machine's, and those that browsers keep for themselves (NSS).

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::api;
use super::authority::normal;
use super::failure::Failure;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An authority by its certificate, or, to be removed, by its fingerprint alone.
#[derive(Debug)]
pub struct Authority {
    pem: Option<String>,
    /// Lower-case hexadecimal.
    fingerprint: String,
}

impl Authority {
    /// # Errors
    /// When it is no certificate.
    pub fn new(pem: String) -> Result<Self, Failure> {
        Ok(Self {
            fingerprint: normal(&api::fingerprint(&pem)?),
            pem: Some(pem),
        })
    }

    pub fn known(fingerprint: String) -> Self {
        Self { pem: None, fingerprint }
    }

    /// As `mpanel up` shows it: `AB:CD:…`.
    pub fn shown(&self) -> String {
        let upper = self.fingerprint.to_ascii_uppercase();
        let pairs: Vec<&str> = (0..upper.len())
            .step_by(2)
            .filter_map(|at| upper.get(at..at + 2))
            .collect();
        pairs.join(":")
    }

    /// What distinguishes it in a store.
    fn short(&self) -> &str {
        self.fingerprint.get(..16).unwrap_or(&self.fingerprint)
    }

    fn pem(&self) -> Result<&str, Failure> {
        Ok(self.pem.as_deref().context("only known by its fingerprint")?)
    }
}

/// The machine's store: a folder of certificates, and the program that gathers them.
#[derive(Debug)]
pub struct System {
    pub folder: PathBuf,
    pub refresh: PathBuf,
}

impl System {
    /// Debian's way, or Fedora's.
    pub fn find() -> Option<Self> {
        let known = [
            ("/usr/local/share/ca-certificates", "update-ca-certificates"),
            ("/etc/pki/ca-trust/source/anchors", "update-ca-trust"),
        ];
        known.into_iter().find_map(|(folder, refresh)| {
            let folder = PathBuf::from(folder);
            folder.is_dir().then_some(())?;
            Some(Self {
                folder,
                refresh: program(refresh)?,
            })
        })
    }

    fn file(&self, authority: &Authority) -> PathBuf {
        self.folder.join(format!("mpanel-{}.crt", authority.short()))
    }

    /// # Errors
    /// When the store cannot be written to.
    pub fn add(&self, authority: &Authority) -> Result<String, Failure> {
        let (file, pem) = (self.file(authority), authority.pem()?);
        if fs::read_to_string(&file).is_ok_and(|held| held == pem) {
            return Ok("trusts it already".to_owned());
        }
        match fs::write(&file, pem) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(needs_root()),
            written => written.with_context(|| file.display().to_string())?,
        }
        run(&self.refresh, &[])?;
        Ok(format!("trusts it now ({})", file.display()))
    }

    /// # Errors
    /// When the store cannot be written to.
    pub fn remove(&self, authority: &Authority) -> Result<String, Failure> {
        let file = self.file(authority);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok("does not trust it".to_owned()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(needs_root()),
            removed => removed.with_context(|| file.display().to_string())?,
        }
        run(&self.refresh, &[])?;
        Ok("trusts it no longer".to_owned())
    }
}

fn needs_root() -> Failure {
    let program = std::env::current_exe().map_or_else(|_| "mpanel".to_owned(), |path| path.display().to_string());
    Failure::Invalid(format!("only root can change this store: sudo {program} trust"))
}

/// The stores of Chromium and Firefox.
#[derive(Debug)]
pub struct Browsers {
    databases: Vec<PathBuf>,
    certutil: Option<PathBuf>,
}

type Results = Vec<(String, Result<String, Failure>)>;

impl Browsers {
    /// Those below a home folder.
    pub fn find(home: &Path) -> Self {
        let chromium = home.join(".pki/nssdb");
        let mut databases = vec![home.join(".local/share/pki/nssdb")];
        databases.extend(
            fs::read_dir(home.join(".mozilla/firefox"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path()),
        );
        databases.retain(|folder| folder.join("cert9.db").is_file());
        // Chromium reads this one from its first start on, whether it is there yet or not.
        databases.insert(0, chromium);
        databases.sort();
        Self {
            databases,
            certutil: program("certutil"),
        }
    }

    /// Adds it where it is missing.
    pub fn add(&self, authority: &Authority) -> Results {
        self.each(|certutil, folder| {
            let database = format!("sql:{}", folder.display());
            let name = nickname(authority);
            if !folder.join("cert9.db").is_file() {
                fs::create_dir_all(folder)?;
                run(certutil, &["-N", "-d", &database, "--empty-password"])?;
            }
            if run(certutil, &["-L", "-d", &database, "-n", &name]).is_ok() {
                return Ok("trusts it already".to_owned());
            }
            let mut file = tempfile::NamedTempFile::new()?;
            file.write_all(authority.pem()?.as_bytes())?;
            let path = file.path().to_string_lossy().into_owned();
            run(
                certutil,
                &["-A", "-d", &database, "-t", "C,,", "-n", &name, "-i", &path],
            )?;
            Ok("trusts it now; restart the browser".to_owned())
        })
    }

    /// Removes it where it is.
    pub fn remove(&self, authority: &Authority) -> Results {
        self.each(|certutil, folder| {
            let database = format!("sql:{}", folder.display());
            let name = nickname(authority);
            let held =
                folder.join("cert9.db").is_file() && run(certutil, &["-L", "-d", &database, "-n", &name]).is_ok();
            if !held {
                return Ok("does not trust it".to_owned());
            }
            run(certutil, &["-D", "-d", &database, "-n", &name])?;
            Ok("trusts it no longer; restart the browser".to_owned())
        })
    }

    fn each(&self, work: impl Fn(&Path, &Path) -> Result<String, Failure>) -> Results {
        let Some(certutil) = &self.certutil else {
            let text = "their stores need `certutil`: install libnss3-tools (Fedora: nss-tools) and run this again";
            return vec![("browsers".to_owned(), Ok(text.to_owned()))];
        };
        let one = |folder: &PathBuf| (format!("browsers ({})", folder.display()), work(certutil, folder));
        self.databases.iter().map(one).collect()
    }
}

fn nickname(authority: &Authority) -> String {
    format!("mPanel {}", authority.short())
}

/// A program by name, at the usual places.
fn program(name: &str) -> Option<PathBuf> {
    PATH.split(':')
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

fn run(program: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.display().to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(anyhow::anyhow!("{} ended with {}: {}", program.display(), output.status, said.trim()).into())
}
