//! Atomic file writes: a crash never leaves half a file, and other users cannot read private ones.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Result, Write};
use std::path::Path;

/// The readers of a file, and of the folders that are made for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// The readers that the process's umask allows.
    Umask,
    /// The process's own user: 0600, and 0700 for folders.
    Owner,
}

/// Replaces a file so that a crash leaves either the old or the new one. Once this returns, it is the new one.
///
/// # Errors
/// The operating system's error.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, Readers::Umask)
}

/// As [`write_atomically`], for conversations, keys, secrets and what is learnt of private data: on Unix, the file and the
/// folders made for it are for the process's own user alone (0600, 0700). An existing folder stays as it is.
///
/// # Errors
/// The operating system's error.
pub fn write_privately(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, Readers::Owner)
}

/// Makes a folder, with its parents, for the process's own user alone (0700 on Unix). An existing folder stays as it is.
///
/// # Errors
/// The operating system's error.
pub fn make_private_folder(folder: &Path) -> Result<()> {
    make_folder(folder, Readers::Owner)
}

/// The folder of a file, or the one the process is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    let folder = folder_of(path);
    make_folder(folder, readers)?;
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    if readers == Readers::Owner {
        born_private(&mut options);
    }
    let mut file = options.open(&partial)?;
    if readers == Readers::Owner {
        // One that a crash left may be for everybody.
        restrict(&file)?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    sync_folder(folder)
}

fn make_folder(folder: &Path, readers: Readers) -> Result<()> {
    let is_new = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let new: Vec<&Path> = folder.ancestors().take_while(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    if readers == Readers::Owner {
        for_owner(&mut builder);
    }
    builder.create(folder)?;
    let parents = new.into_iter().filter_map(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
    parents.into_iter().try_for_each(sync_folder)
}

#[cfg(unix)]
fn born_private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(unix)]
fn restrict(file: &File) -> Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(unix)]
fn for_owner(builder: &mut DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

/// Writes a folder to the disk, so that a renamed file in it outlives a power cut.
///
/// # Errors
/// The operating system's error.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn born_private(_: &mut OpenOptions) {}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
fn restrict(_: &File) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn for_owner(_: &mut DirBuilder) {}

/// Has a folder written to the disk, so that a file that was renamed in it outlives a power cut: nothing to do here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
pub fn sync_folder(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_private_is_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/page.json");
        write_privately(&path, b"one").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&home.path().join("a"))), (0o600, 0o700, 0o700));
        // Files that were readable before, or that a crash left readable, are not any more.
        for name in ["page.json", "page.partial"] {
            std::fs::write(path.with_file_name(name), b"old").unwrap();
            let everybody = PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(path.with_file_name(name), everybody).unwrap();
        }
        write_privately(&path, b"two").unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o600, b"two".to_vec()));
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store/object");
        for bytes in [&b"one"[..], b"two and more", b""] {
            write_atomically(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
