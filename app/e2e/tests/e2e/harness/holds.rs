//! Places in operations at which the server stands still until it is told to go on, so that a test can kill what it wants
//! exactly there. Debug builds of `mpanel_jobs` offer them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{System, eventually};

/// A place at which the first operation that comes there is held.
#[derive(Debug)]
pub struct Hold {
    point: String,
    asked: PathBuf,
}

/// The folder in which places are asked for; the server renames the files in it.
pub fn make(folder: &Path) -> PathBuf {
    let holds = folder.join("holds");
    std::fs::create_dir(&holds).unwrap();
    std::fs::set_permissions(&holds, std::fs::Permissions::from_mode(0o777)).unwrap();
    holds
}

impl System {
    /// Asks for a hold at `<kind>,<step>,<before|after|failed|undo-before|undo-after>`; the step `finished` is the end.
    pub fn hold(&self, point: &str) -> Hold {
        let asked = self.holds().join(point);
        std::fs::write(&asked, "").unwrap();
        Hold {
            point: point.to_owned(),
            asked,
        }
    }
}

impl Hold {
    fn held(&self) -> PathBuf {
        self.asked.with_added_extension("held")
    }

    /// Waits until an operation stands there.
    pub async fn reached(&self) {
        eventually(&format!("an operation comes to {}", self.point), async || {
            self.held().exists().then_some(())
        })
        .await;
    }

    /// Lets it go on, if it still lives.
    pub fn go_on(self) {
        std::fs::remove_file(self.held()).unwrap();
    }
}
