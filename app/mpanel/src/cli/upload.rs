//! Uploads in pieces. Where one ends, through a lost connection or a lost process, the next attempt goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use serde_json::json;

use super::api::{Answer, Api};
use super::failure::Failure;
use super::{profiles, view};

/// Bytes of one request.
pub const PIECE: usize = 8 * 1024 * 1024;
/// Attempts without progress before giving up: about two minutes.
const ATTEMPTS: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What is uploaded, and where to.
#[derive(Debug)]
pub struct Upload<'a> {
    pub api: &'a Api,
    pub site: &'a str,
    pub file: &'a File,
    pub filename: &'a str,
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Where uploads in progress are remembered.
    pub journal: Journal,
    pub first_pause: Duration,
}

impl<'a> Upload<'a> {
    /// # Errors
    /// When the file cannot be read, or there is no place to remember it.
    pub fn new(api: &'a Api, site: &'a str, file: &'a File, filename: &'a str) -> Result<Self, Failure> {
        let (size, sha256) = measure(file)?;
        Ok(Self {
            api,
            site,
            file,
            filename,
            size,
            sha256,
            journal: Journal(profiles::state_folder()?.join("uploads.json")),
            first_pause: FIRST_PAUSE,
        })
    }

    fn key(&self) -> String {
        format!("{} {} {} {}", self.api.shown(), self.site, self.sha256, self.size)
    }

    /// Sends what is missing; answers with the upload's id.
    ///
    /// # Errors
    /// When the server refuses, or stays away for too long.
    pub async fn run(&self) -> Result<String, Failure> {
        let (id, mut offset) = match self.resume().await? {
            Some(resumed) => resumed,
            None => self.create().await?,
        };
        let path = ["sites", self.site, "uploads", &id];
        let mut bar = Bar::new(self.size, offset);
        let mut attempts = Attempts::new(self.first_pause);
        while offset < self.size {
            let sent = self.api.append(&path, offset, self.piece(offset)?).await;
            match sent {
                Ok(now) if now > offset && now <= self.size => {
                    offset = now;
                    attempts = Attempts::new(self.first_pause);
                    bar.draw(offset);
                }
                // It has something else than we think: ask.
                Ok(_) => offset = self.ask(&path, &mut attempts, None).await?,
                Err(failure) if failure.is_temporary() || failure.status() == Some(409) => {
                    offset = self.ask(&path, &mut attempts, Some(failure)).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(id)
    }

    /// Forgets the upload: its release has been accepted, or it is of no use.
    pub fn forget(&self) {
        self.journal.change(|uploads| uploads.remove(&self.key()));
    }

    /// The upload of the same file that an earlier process has begun.
    async fn resume(&self) -> Result<Option<(String, u64)>, Failure> {
        let Some(id) = self.journal.read().remove(&self.key()) else {
            return Ok(None);
        };
        match self.api.get(&["sites", self.site, "uploads", &id]).await {
            Ok(answer) if number(&answer, "/size") == Some(self.size) => {
                let offset = number(&answer, "/offset").unwrap_or(0).min(self.size);
                view::say(&format!(
                    "going on with the upload at {} of {}",
                    view::bytes(offset),
                    view::bytes(self.size)
                ));
                Ok(Some((id, offset)))
            }
            Ok(_) => Ok(None),
            Err(failure) if matches!(failure.status(), Some(404 | 410)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self) -> Result<(String, u64), Failure> {
        let body = json!({"filename": self.filename, "size": self.size});
        let answer = self.api.post(&["sites", self.site, "uploads"], &body).await?;
        let id = answer.text("/id").to_owned();
        if id.is_empty() {
            return Err(anyhow::anyhow!("the server has begun an upload without an id").into());
        }
        self.journal.change(|uploads| {
            // Begun and never finished, over a long time: the server has dropped them long since.
            if uploads.len() >= 100 {
                uploads.clear();
            }
            uploads.insert(self.key(), id.clone())
        });
        Ok((id, number(&answer, "/offset").unwrap_or(0)))
    }

    /// Asks how much the server has, again and again while it is away.
    async fn ask(&self, path: &[&str], attempts: &mut Attempts, mut why: Option<Failure>) -> Result<u64, Failure> {
        loop {
            attempts.wait(why.take()).await?;
            match self.api.get(path).await {
                Ok(answer) => {
                    let offset = number(&answer, "/offset").filter(|offset| *offset <= self.size);
                    return offset.ok_or_else(|| {
                        anyhow::anyhow!("the server does not say how much it has of the upload").into()
                    });
                }
                Err(failure) if failure.is_temporary() => why = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
    }

    fn piece(&self, offset: u64) -> Result<Vec<u8>, Failure> {
        let left = usize::try_from(self.size - offset).unwrap_or(PIECE);
        let mut piece = vec![0; left.min(PIECE)];
        let changed = |error| Failure::Invalid(format!("{}: {error} (has it changed?)", self.filename));
        self.file.read_exact_at(&mut piece, offset).map_err(changed)?;
        Ok(piece)
    }
}

fn number(answer: &Answer, pointer: &str) -> Option<u64> {
    answer.value.pointer(pointer)?.as_u64()
}

/// Size and SHA-256.
fn measure(mut file: &File) -> Result<(u64, String), Failure> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, super::hex(hash.finish().as_ref())));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Attempts since there was progress, each after a longer pause.
#[derive(Debug)]
struct Attempts {
    left: u32,
    pause: Duration,
}

impl Attempts {
    fn new(first: Duration) -> Self {
        Self {
            left: ATTEMPTS,
            pause: first,
        }
    }

    async fn wait(&mut self, why: Option<Failure>) -> Result<(), Failure> {
        if self.left == 0 {
            return Err(why.unwrap_or_else(|| anyhow::anyhow!("the upload does not move on").into()));
        }
        self.left -= 1;
        let asked = match &why {
            Some(Failure::Problem(problem)) => problem.retry_after.map(Duration::from_secs),
            _ => None,
        };
        tokio::time::sleep(asked.unwrap_or(self.pause).min(LONGEST_PAUSE)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Uploads in progress by what they are of. It only saves work: one that cannot be read or written is as good as none.
#[derive(Debug, Clone)]
pub struct Journal(pub PathBuf);

impl Journal {
    fn read(&self) -> BTreeMap<String, String> {
        let bytes = std::fs::read(&self.0).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) {
        let mut uploads = self.read();
        change(&mut uploads);
        let written = serde_json::to_vec(&uploads)
            .map_err(Failure::from)
            .and_then(|bytes| profiles::write_private(&self.0, &bytes));
        if let Err(failure) = written {
            view::say(&format!("an interrupted upload would start anew: {failure}"));
        }
    }
}

/// The progress on a terminal.
#[derive(Debug)]
struct Bar {
    total: u64,
    from: u64,
    started: Instant,
    shown: bool,
}

impl Bar {
    fn new(total: u64, from: u64) -> Self {
        Self {
            total,
            from,
            started: Instant::now(),
            shown: std::io::stderr().is_terminal(),
        }
    }

    fn draw(&mut self, offset: u64) {
        if !self.shown {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = ((offset - self.from) as f64 / seconds) as u64;
        let percent = (u128::from(offset) * 100 / u128::from(self.total.max(1))) as usize;
        let full = percent * 30 / 100;
        eprint!(
            "\r\x1b[K  {}{}  {percent} %  {} of {}  {}/s",
            "━".repeat(full),
            "·".repeat(30 - full),
            view::bytes(offset),
            view::bytes(self.total),
            view::bytes(rate)
        );
        // A bar that cannot be drawn is no reason to stop.
        let _unseen = std::io::stderr().flush();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
