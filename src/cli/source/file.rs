//! Reading files and standard input: bounded, and as text.

use std::fs::File;
use std::io::{self, Read as _, StdinLock};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::Failure;

/// Largest file that is read, in bytes: more than ten times what a Kubernetes object can hold.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// Standard input. Whoever asks for it a second time would find it empty.
pub(in crate::cli) fn standard_input() -> Result<StdinLock<'static>, Failure> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return Err(
            "standard input is asked for twice, and can be read once: name a file for one of the two".to_owned()
        );
    }
    Ok(io::stdin().lock())
}

/// Reads a file, or standard input for `-`.
pub(in crate::cli) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = name(path);
    let mut bytes = Vec::new();
    let outcome = if path == Path::new("-") {
        standard_input()?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            Err(format!("{name}: is a directory; name a file in it"))
        }
        Err(error) => Err(format!("{name}: {error}")),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err(format!("{name}: is larger than {MAX_FILE_BYTES} bytes; no policy is, is it the right file?"))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Reads a file, or standard input for `-`, as text.
pub(in crate::cli) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let is_utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        let what = if is_utf16 { "is UTF-16; save it as UTF-8" } else { "is not UTF-8 text" };
        format!("{}: {what} (byte {offset})", name(path))
    })
}

/// How messages name a file.
pub(in crate::cli) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
