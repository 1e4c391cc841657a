use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::frame::{Item, Position};
use crate::mirror::Mirror;

/// A journal of this size is not worth a new snapshot, however small that is (bytes).
const SMALL: u64 = 1024 * 1024;

/// A [`Mirror`] with its copy on disk: a snapshot, and a journal of what has changed since.
///
/// An item is in the journal before it is acknowledged, so that a killed process never comes back with less than it
/// has said it serves. A power failure may cost what came after the last [`Kept::settle`]; the feed sends it again.
#[derive(Debug)]
pub struct Kept {
    mirror: Mirror,
    snapshot: PathBuf,
    journal: Option<File>,
    journal_bytes: u64,
    snapshot_bytes: u64,
}

/// One line of the journal.
#[derive(Serialize, Deserialize)]
struct Line<I> {
    epoch: String,
    item: I,
}

impl Kept {
    /// Reads what is on disk. The journal lies beside the snapshot, as `<name>.journal`.
    #[must_use]
    pub fn load(snapshot: &Path) -> Self {
        let mut kept = Self {
            mirror: Mirror::load(snapshot),
            snapshot: snapshot.to_owned(),
            journal: None,
            journal_bytes: 0,
            snapshot_bytes: std::fs::metadata(snapshot).map_or(0, |file| file.len()),
        };
        // Without a snapshot nothing says what the journal adds to.
        if kept.mirror.position.is_some()
            && let Err(error) = kept.replay()
        {
            tracing::warn!(path = %kept.journal_path().display(), %error, "journal on disk cannot be used");
            kept.journal = None;
        }
        kept
    }

    #[must_use]
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// How the control plane calls the node.
    pub fn name_node(&mut self, node: String) {
        self.mirror.node = Some(node);
    }

    /// Takes one item on, in memory and on disk; returns whether anything changed.
    pub fn apply(&mut self, item: &Item, epoch: &str) -> bool {
        let changed = self.mirror.apply(item);
        if changed && let Err(error) = self.append(item, epoch) {
            // The next settling writes a whole snapshot instead.
            self.journal = None;
            tracing::error!(%error, "cannot write the journal; a restart without the control plane would serve an older state");
        }
        changed
    }

    /// Everything up to `seq` has been seen; returns whether that is news.
    pub fn move_to(&mut self, seq: i64, epoch: &str) -> bool {
        let is_news = self.mirror.position.as_ref().is_none_or(|position| position.seq < seq);
        if is_news {
            self.mirror.position = Some(Position {
                epoch: epoch.to_owned(),
                seq,
            });
        }
        is_news
    }

    /// Replaces everything by a complete snapshot, in memory; [`Kept::save`] writes it.
    pub fn replace(&mut self, items: impl IntoIterator<Item = Item>, position: Position) {
        self.mirror.replace(items, position);
    }

    /// Brings what is written onto the disk itself, and shortens a long journal.
    pub fn settle(&mut self) {
        let is_long = self.journal_bytes > self.snapshot_bytes.max(SMALL);
        match &self.journal {
            Some(journal) if !is_long => {
                if let Err(error) = journal.sync_data() {
                    tracing::error!(%error, "the journal does not reach the disk");
                    self.save();
                }
            }
            _ => self.save(),
        }
    }

    /// Writes everything. One that cannot be written must not stop serving: the next settling tries again.
    pub fn save(&mut self) {
        let saved = self
            .mirror
            .save(&self.snapshot)
            .map_err(io::Error::other)
            .and_then(|()| {
                self.snapshot_bytes = std::fs::metadata(&self.snapshot)?.len();
                // What is in it is in the snapshot. Killed in between, the numbers say so.
                self.open_journal()?.set_len(0)?;
                self.journal_bytes = 0;
                Ok(())
            });
        if let Err(error) = saved {
            self.journal = None;
            tracing::error!(%error, "cannot write the snapshot; a restart without the control plane would serve an older state");
        }
    }

    fn append(&mut self, item: &Item, epoch: &str) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            epoch: epoch.to_owned(),
            item,
        })?;
        line.push(b'\n');
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        journal.write_all(&line)?;
        self.journal_bytes += line.len() as u64;
        Ok(())
    }

    fn journal_path(&self) -> PathBuf {
        self.snapshot.with_extension("journal")
    }

    fn open_journal(&mut self) -> io::Result<&mut File> {
        if self.journal.is_none() {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(self.journal_path())?;
            self.journal = Some(file);
        }
        Ok(self.journal.as_mut().expect("just opened"))
    }

    /// Adds what the journal has to the snapshot, up to the first line that is not whole, and cuts it off there.
    fn replay(&mut self) -> io::Result<()> {
        let mut lines = BufReader::new(self.open_journal()?.try_clone()?);
        lines.seek(SeekFrom::Start(0))?;
        let (mut line, mut whole) = (Vec::new(), 0);
        while lines.read_until(b'\n', &mut line)? > 0 {
            let Ok(Line { epoch, item }) = serde_json::from_slice::<Line<Item>>(&line) else {
                break;
            };
            if !line.ends_with(b"\n") {
                break;
            }
            whole += line.len() as u64;
            line.clear();
            let position = self.mirror.position.as_ref();
            if position.is_some_and(|position| position.epoch == epoch && position.seq < item.seq) {
                self.mirror.apply(&item);
                self.move_to(item.seq, &epoch);
            }
        }
        self.open_journal()?.set_len(whole)?;
        self.journal_bytes = whole;
        Ok(())
    }
}
