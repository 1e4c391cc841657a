//! Web servers to measure beside each other: the edge from a file of its own, and what Debian packages. One worker each.

mod config;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::system;

pub use config::Serves;

/// A running server of a folder of its own.
#[derive(Debug)]
pub struct Server {
    /// With its version, but for ours.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
}

impl Server {
    /// The first of its processes.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    fn start(name: &str, address: SocketAddr, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join("log");
        let process = command
            .stdout(fs::File::create(&log)?)
            .stderr(fs::File::options().append(true).open(&log)?)
            .spawn()?;
        let mut server = Self {
            name: name.to_owned(),
            address,
            process,
        };
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            let running = matches!(server.process.try_wait(), Ok(None)) && begin.elapsed() < Duration::from_secs(20);
            ensure!(running, "{name} does not start: {}", fs::read_to_string(&log)?);
            sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        system::end(&mut self.process);
    }
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Edge,
    Nginx,
    Caddy,
    Haproxy,
    Varnish,
}

impl Kind {
    /// Starts one in a folder of its own below `folder`.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(self, serves: &Serves, folder: &Path) -> Result<Server> {
        let address = system::free_address()?;
        let own = tempfile::Builder::new()
            .prefix(&format!("{self:?}-").to_lowercase())
            .tempdir_in(folder)?
            .keep();
        let config = own.join("config");
        fs::write(&config, self.config(serves, address, &own)?)?;
        let program = self.program()?;
        let mut command = system::bound(&program);
        match self {
            Self::Edge => command.args(["edge", "serve", "--config"]).arg(&config),
            Self::Nginx => command.arg("-c").arg(&config).arg("-p").arg(&own),
            Self::Caddy => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&config)
                .env("GOMAXPROCS", "1")
                .env("XDG_CONFIG_HOME", &own)
                .env("XDG_DATA_HOME", &own),
            Self::Haproxy => command.arg("-db").arg("-f").arg(&config),
            Self::Varnish => command
                .args(["-F", "-j", "none", "-s", "malloc,256m", "-p", "thread_pools=1", "-a"])
                .arg(address.to_string())
                .arg("-n")
                .arg(own.join("work"))
                .arg("-f")
                .arg(&config),
        };
        Server::start(&self.name(&program)?, address, command, &own)
    }

    fn program(self) -> Result<PathBuf> {
        let name = match self {
            Self::Edge => return system::program("mpanel"),
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Varnish => "varnishd",
        };
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
            .iter()
            .map(|folder| Path::new(folder).join(name))
            .find(|path| path.exists())
            .with_context(|| format!("no {name}: `make bench-edge` installs it"))
    }

    fn name(self, program: &Path) -> Result<String> {
        let (name, argument) = match self {
            Self::Edge => return Ok("edge".to_owned()),
            Self::Nginx => ("nginx", "-v"),
            Self::Caddy => ("Caddy", "version"),
            Self::Haproxy => ("HAProxy", "-v"),
            Self::Varnish => ("Varnish", "-V"),
        };
        let output = Command::new(program).arg(argument).stdin(Stdio::null()).output()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let mut words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        let version = words.find(|word| word.contains('.')).unwrap_or_default();
        Ok(format!("{name} {version}"))
    }
}
