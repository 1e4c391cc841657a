use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mpanel_process::{Process, Signal, Spawn, procfs};
use tempfile::TempDir;

/// Far more than anything takes; only a failure waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder, and whatever supervisors ran on it.
pub struct Folder {
    dir: TempDir,
    pub options: Vec<String>,
    pub environment: BTreeMap<String, String>,
    runs: u32,
}

/// A supervisor. It ends with the test's thread.
pub struct Up {
    pub process: Process,
    output: PathBuf,
}

impl Folder {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mp-up").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let child = Path::new(env!("CARGO_BIN_EXE_mpanel"))
            .parent()
            .unwrap()
            .join("examples/child");
        for name in ["mpanel", "mpanel-agent"] {
            symlink(&child, bin.join(name)).unwrap();
        }
        let options = ["--panel", "--edge-http", "--edge-https", "--dns"];
        let options = options
            .iter()
            .flat_map(|name| [(*name).to_owned(), "127.0.0.1:0".to_owned()])
            .collect();
        Self {
            dir,
            options,
            environment: BTreeMap::new(),
            runs: 0,
        }
    }

    /// Puts another file in the place of a program, as a package manager does.
    pub fn replace_program(&self, name: &str) {
        let place = self.dir.path().join("bin").join(name);
        let fresh = self.dir.path().join("bin/fresh");
        std::fs::copy(&place, &fresh).unwrap();
        std::fs::rename(fresh, place).unwrap();
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn start(&mut self) -> Up {
        self.runs += 1;
        let output = self.dir.path().join(format!("output-{}", self.runs));
        let mut command = Spawn::new(env!("CARGO_BIN_EXE_mpanel"))
            .arg("up")
            .arg("--data")
            .arg(self.data())
            .arg("--bin-dir")
            .arg(self.dir.path().join("bin"))
            .args(&self.options)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/nonexistent")
            .output(std::fs::File::create(&output).unwrap())
            .dies_with_thread("TERM");
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        Up {
            process: command.start().unwrap(),
            output,
        }
    }

    /// Starts and waits until the panel serves.
    pub fn start_ready(&mut self) -> Up {
        let up = self.start();
        up.wait_for_output("is ready: http");
        up
    }

    fn state(&self) -> serde_json::Value {
        let text = std::fs::read(self.data().join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Pids of the living children by name.
    pub fn children(&self) -> BTreeMap<String, u32> {
        let state = self.state();
        let children = state["children"].as_array().cloned().unwrap_or_default();
        let child =
            |child: &serde_json::Value| Some((child["name"].as_str()?.to_owned(), child["pid"].as_u64()? as u32));
        children
            .iter()
            .filter_map(child)
            .filter(|(_, pid)| procfs::stat(*pid).is_some_and(|stat| stat.is_alive()))
            .collect()
    }

    pub fn address(&self, setting: &str) -> SocketAddr {
        self.state()["addresses"][setting]
            .as_str()
            .unwrap_or_else(|| panic!("no address of {setting}"))
            .parse()
            .unwrap()
    }

    pub fn postmaster(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.data().join("postgres/postmaster.pid")).ok()?;
        text.lines()
            .next()?
            .parse()
            .ok()
            .filter(|pid| procfs::stat(*pid).is_some_and(|stat| stat.is_alive()))
    }

    /// What answers on a TCP listener: `edge 1234`.
    pub fn ask_tcp(&self, setting: &str) -> String {
        let mut stream = TcpStream::connect(self.address(setting)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    pub fn ask_udp(&self) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(b"?", self.address("dns")).unwrap();
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).unwrap();
        std::str::from_utf8(&answer[..length]).unwrap().trim().to_owned()
    }

    pub fn run(&self, file: &str) -> PathBuf {
        self.data().join("run").join(file)
    }
}

impl Drop for Folder {
    /// A test that failed half-way leaves no process behind.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for run in 1..=self.runs {
                let output = std::fs::read_to_string(self.dir.path().join(format!("output-{run}"))).unwrap_or_default();
                eprintln!("--- output of supervisor {run}\n{output}");
            }
        }
        for _ in 0..200 {
            let left: Vec<u32> = self.children().into_values().chain(self.postmaster()).collect();
            if left.is_empty() {
                return;
            }
            for pid in left {
                kill(pid, Signal::QUIT);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Up {
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    pub fn wait_for_output(&self, text: &str) {
        eventually(&format!("the output says {text:?}"), || {
            assert!(
                self.is_alive() || self.output().contains(text),
                "the supervisor ended:\n{}",
                self.output()
            );
            self.output().contains(text)
        });
    }

    pub fn is_alive(&self) -> bool {
        procfs::stat(self.process.pid()).is_some_and(|stat| stat.is_alive())
    }

    /// Waits for the end and gives exit code and output.
    pub fn end(mut self) -> (Option<i32>, String) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let exit = runtime
            .block_on(self.process.wait_for(PATIENCE))
            .unwrap()
            .unwrap_or_else(|| panic!("it does not end:\n{}", self.output()));
        (exit.status.unwrap().code(), self.output())
    }

    pub fn stop(self) -> (Option<i32>, String) {
        self.process.signal(Signal::TERM).unwrap();
        self.end()
    }

    pub fn kill(self) {
        self.process.signal(Signal::KILL).unwrap();
        self.end();
    }
}

pub fn kill(pid: u32, signal: Signal) {
    let Some(stat) = procfs::stat(pid) else { return };
    if let Ok(Some(process)) = Process::adopt(pid, stat.start) {
        process.signal(signal).unwrap();
    }
}

/// Kills and waits until the process accepts nothing any more.
pub fn kill_and_wait(pid: u32) {
    kill(pid, Signal::KILL);
    eventually("the killed process is gone", || {
        !procfs::stat(pid).is_some_and(|stat| stat.is_alive())
    });
}

/// An address that was free a moment ago.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
