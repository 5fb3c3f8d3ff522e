//! Writing files so that a crash never leaves half of one.

use std::io::Write;
use std::path::Path;

/// Replaces a file so that a crash leaves either the old or the new one.
///
/// # Errors
/// What the operating system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let partial = path.with_extension("partial");
    let mut file = std::fs::File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}
