//! File systems so small that a test can fill them.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One in memory, with nothing else in it. It is unmounted with the value.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    mebibytes: u64,
}

impl Disk {
    /// Makes the folder `at`, readable like any of the data folder, and mounts there.
    ///
    /// # Panics
    /// When this process may not mount: root may, outside of containers that forbid it.
    pub fn mount(at: &Path, mebibytes: u64) -> Self {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(at)
            .unwrap();
        let options = format!("size={mebibytes}m,mode=711");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at))
        .unwrap();
        Self {
            at: at.to_owned(),
            mebibytes,
        }
    }

    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Leaves so many free KiB.
    pub fn leave(&self, kibibytes: u64) {
        let output = Command::new("stat")
            .args(["--file-system", "--format", "%b %f %S"])
            .arg(&self.at)
            .output()
            .unwrap();
        let numbers: Vec<u64> = String::from_utf8_lossy(&output.stdout)
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        let [blocks, free, size] = numbers[..] else {
            panic!("{output:?}")
        };
        // Whatever is written meanwhile is refused or makes less than was asked for; a page is the least there can be.
        let used = ((blocks - free) * size).div_ceil(1024);
        self.resize((used + kibibytes).max(4));
    }

    /// Gives the space back.
    pub fn restore(&self) {
        self.resize(self.mebibytes * 1024);
    }

    /// Makes it larger than it ever was.
    pub fn grow(&self, mebibytes: u64) {
        self.resize(mebibytes * 1024);
    }

    fn resize(&self, kibibytes: u64) {
        run(Command::new("mount")
            .args(["-o", &format!("remount,size={kibibytes}k")])
            .arg(&self.at))
        .unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.at);
    }
}

/// Unmounts what a killed test run left below `folder`.
pub fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for at in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        if Path::new(at).starts_with(folder) {
            unmount(Path::new(at));
        }
    }
}

/// Also while something still has a file open there.
fn unmount(at: &Path) {
    let unmounted = run(Command::new("umount").arg("--lazy").arg(at));
    // A second panic would end the test run, and everybody else's tests with it.
    assert!(unmounted.is_ok() || std::thread::panicking(), "{unmounted:?}");
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
