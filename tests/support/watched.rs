//! A directory in which Envoy watches for files that are moved there.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// The link that leads to the files in force, as Kubernetes has it in the volumes it mounts.
const CURRENT: &str = "current";

/// The directory. It is removed with the value.
pub struct Watched {
    directory: PathBuf,
    generation: AtomicU32,
}

impl Watched {
    /// Makes an empty one.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("watched-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory to watch");
        Self { directory, generation: AtomicU32::new(0) }
    }

    /// Where a file of the set in force is to be found.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(CURRENT).join(file)
    }

    /// What Envoy is told of the directory itself.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "path": self.directory })
    }

    /// A discovery service that is one file of the set.
    #[must_use]
    pub fn source(&self, file: &str) -> Value {
        json!({
            "resource_api_version": "V3",
            "path_config_source": { "path": self.path(file), "watched_directory": self.to_json() },
        })
    }

    /// Puts a whole set of files in the place of the one before it, at one stroke.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn publish<'a>(&self, files: impl IntoIterator<Item = (&'a str, impl AsRef<[u8]>)>) {
        self.swap(files).expect("the files are written");
    }

    fn swap<'a>(&self, files: impl IntoIterator<Item = (&'a str, impl AsRef<[u8]>)>) -> io::Result<()> {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let set = self.directory.join(format!("set-{generation}"));
        fs::create_dir(&set)?;
        for (name, bytes) in files {
            fs::write(set.join(name), bytes)?;
        }
        let next = self.directory.join("next");
        symlink(&set, &next)?;
        fs::rename(&next, self.directory.join(CURRENT))?;
        // Envoy may still be reading the set before this one, but hardly the one before that.
        if let Some(old) = generation.checked_sub(2) {
            fs::remove_dir_all(self.directory.join(format!("set-{old}")))?;
        }
        Ok(())
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
