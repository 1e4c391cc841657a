use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::frame::{Item, Position};

/// A consumer's copy of the state it follows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    pub position: Option<Position>,
    /// The node this process belongs to, as the control plane calls it.
    pub node: Option<String>,
    items: BTreeMap<String, BTreeMap<String, Entry>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    seq: i64,
    generation: i64,
    value: serde_json::Value,
}

/// The copy on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("snapshot {path}: {source}")]
    Io { path: String, source: io::Error },
}

impl Mirror {
    /// Reads the copy on disk; an absent or unreadable one is as good as none, since the control
    /// plane sends everything again.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "snapshot on disk is damaged and is fetched anew");
                Self::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "snapshot on disk cannot be read and is fetched anew");
                Self::default()
            }
        }
    }

    /// Writes the copy so that a crash leaves the old one or the new one, never half of one.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn save(&self, path: &Path) -> Result<(), MirrorError> {
        let io_error = |source| MirrorError::Io {
            path: path.display().to_string(),
            source,
        };
        let partial = path.with_extension("partial");
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            let mut buffered = io::BufWriter::new(&mut file);
            serde_json::to_writer(&mut buffered, self)?;
            buffered.flush()?;
            drop(buffered);
            file.sync_all()?;
            std::fs::rename(&partial, path)?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        write().map_err(io_error)
    }

    /// Takes one item on; returns whether anything changed.
    pub fn apply(&mut self, item: &Item) -> bool {
        let topic = self.items.entry(item.topic.clone()).or_default();
        match &item.value {
            Some(value) => {
                let newer = topic.get(&item.key).is_none_or(|entry| entry.seq < item.seq);
                if newer {
                    let entry = Entry {
                        seq: item.seq,
                        generation: item.generation,
                        value: value.clone(),
                    };
                    topic.insert(item.key.clone(), entry);
                }
                newer
            }
            // What has come since is not removed by what went before it.
            None if topic.get(&item.key).is_some_and(|entry| entry.seq > item.seq) => false,
            None => topic.remove(&item.key).is_some(),
        }
    }

    /// Everything it holds, topic by topic.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.items.iter().flat_map(|(topic, entries)| {
            entries.iter().map(move |(key, entry)| Item {
                seq: entry.seq,
                topic: topic.clone(),
                key: key.clone(),
                generation: entry.generation,
                value: Some(entry.value.clone()),
            })
        })
    }

    /// Replaces everything by a complete snapshot.
    pub fn replace(&mut self, items: impl IntoIterator<Item = Item>, position: Position) {
        self.items.clear();
        for item in items {
            self.apply(&item);
        }
        self.position = Some(position);
    }
}
