//! Signed folders of a model's files, as the OpenSSF's Model Signing specification has them: `model_signing verify key` reads them.
//!
//! Beside the files stand three more: [`SIGNATURE_FILE`] is a Sigstore bundle (a DSSE envelope around an in-toto statement with the
//! SHA-256 digest of every file), [`KEY_FILE`] the public key (P-256) that it is checked with, and [`ACCOUNT_FILE`], if an account stands
//! for the key, that account's word (EIP-712). The last two are among the files that are signed. Verifiers of that format accept no keys
//! of secp256k1, so an account cannot sign the bundle itself.
//!
//! Source: OpenSSF Model Signing specification v1.0; in-toto Statement v1; DSSE v1.0.0.

mod bundle;
mod key;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::digest::sha256_reader;
use crate::file::write_privately;
use crate::id::{Address, Digest};
use crate::sign::Domain;
use bundle::Manifest;
pub use key::{AccountNote, FileKey, FileKeyClaim, PublicFileKey};

/// The signature's file.
pub const SIGNATURE_FILE: &str = "model.sig";
/// The file of the public key, PEM.
pub const KEY_FILE: &str = "model.pub";
/// The file of an account's word for the key, JSON.
pub const ACCOUNT_FILE: &str = "model.account.json";
/// Largest signature, key or word of an account that is read: 1 MiB.
pub const MAX_NOTE_BYTES: u64 = 1 << 20;
/// Most files of a signed folder.
pub const MAX_FILES: usize = 4096;
/// Most folders within one another.
const MAX_DEPTH: usize = 8;

/// Not signed: the signature, what the format leaves out by default, and what lies beside an adapter and is no part of the model.
const LEFT_OUT: [&str; 8] = [
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    "checkpoints",
    "record.json",
    "voice-checkpoint.safetensors",
    SIGNATURE_FILE,
];

/// Why files could not be signed, or are not what was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OmsError {
    /// The account's word for the key does not hold.
    #[error("{ACCOUNT_FILE}: {reason}")]
    Account {
        /// The reason.
        reason: String,
    },
    /// A file is another than the one that was signed.
    #[error("{file}: the file has digest {found}, {expected} was signed")]
    Changed {
        /// The file.
        file: String,
        /// The digest that was signed.
        expected: Digest,
        /// The file's digest.
        found: Digest,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The key is none, or of another curve than P-256.
    #[error("{path}: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The signature is no bundle of this format.
    #[error("{SIGNATURE_FILE}: {reason}")]
    Malformed {
        /// The reason.
        reason: String,
    },
    /// A file that was signed is not there.
    #[error("{file}: the file was signed, and is missing")]
    Missing {
        /// The file.
        file: String,
    },
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    NoRandomness,
    /// The key did not sign this.
    #[error("{SIGNATURE_FILE}: the signature is not of the key in {KEY_FILE}")]
    Signature,
    /// The folder has more than is looked at.
    #[error("{path}: {what}")]
    TooLarge {
        /// The place.
        path: PathBuf,
        /// The limit.
        what: String,
    },
    /// A file is there that was not signed.
    #[error("{file}: the file was not signed")]
    Unsigned {
        /// The file.
        file: String,
    },
}

impl OmsError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// A folder whose files are those that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFolder {
    /// The key that signed.
    pub key: PublicFileKey,
    /// The account that stands for the key, with the domain that it signed for. `None` if no account does: then the signature tells
    /// that the files belong together, and nothing of who made them.
    pub account: Option<(Address, Domain)>,
    /// The files that were signed, and their digests.
    pub files: BTreeMap<String, Digest>,
}

/// Signs the files of a folder. `account` is an account's word for this key.
///
/// # Errors
/// [`OmsError`].
pub fn sign_folder(folder: &Path, key: &FileKey, account: Option<&AccountNote>) -> Result<SignedFolder, OmsError> {
    let public = key.public();
    write(folder, KEY_FILE, public.pem().as_bytes())?;
    let account = match account {
        Some(note) => {
            write(folder, ACCOUNT_FILE, &note.to_bytes())?;
            Some((note.check(&public)?, note.domain.clone()))
        }
        None => {
            remove(&folder.join(ACCOUNT_FILE))?;
            None
        }
    };
    let files = digests(folder, &LEFT_OUT.map(str::to_owned))?;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("model");
    let manifest = Manifest { name: name.to_owned(), left_out: LEFT_OUT.map(str::to_owned).to_vec(), files };
    write(folder, SIGNATURE_FILE, &bundle::sign(&manifest, key))?;
    Ok(SignedFolder { key: public, account, files: manifest.files })
}

/// Holds the files of a folder to its signature, and the signature to the key beside it. Whether that key is the right one, its account says.
///
/// # Errors
/// [`OmsError`]; the first file that differs.
pub fn check_folder(folder: &Path) -> Result<SignedFolder, OmsError> {
    let path = folder.join(KEY_FILE);
    let key = PublicFileKey::from_pem(&read(&path)?).map_err(|reason| OmsError::Key { path, reason })?;
    let manifest = bundle::check(&read(&folder.join(SIGNATURE_FILE))?, &key)?;
    let found = digests(folder, &manifest.left_out)?;
    for (file, expected) in &manifest.files {
        match found.get(file) {
            None => return Err(OmsError::Missing { file: file.clone() }),
            Some(found) if found != expected => {
                return Err(OmsError::Changed { file: file.clone(), expected: *expected, found: *found });
            }
            Some(_) => {}
        }
    }
    if let Some(file) = found.into_keys().find(|file| !manifest.files.contains_key(file)) {
        return Err(OmsError::Unsigned { file });
    }
    let account = match manifest.files.contains_key(ACCOUNT_FILE) {
        true => {
            let note = AccountNote::from_bytes(&read(&folder.join(ACCOUNT_FILE))?)?;
            Some((note.check(&key)?, note.domain))
        }
        false => None,
    };
    Ok(SignedFolder { key, account, files: manifest.files })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), OmsError> {
    let path = folder.join(name);
    write_privately(&path, bytes).map_err(OmsError::file(&path))
}

fn remove(path: &Path) -> Result<(), OmsError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(OmsError::file(path)(error)),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OmsError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(OmsError::file(path))?;
    file.take(MAX_NOTE_BYTES + 1).read_to_end(&mut bytes).map_err(OmsError::file(path))?;
    if bytes.len() as u64 > MAX_NOTE_BYTES {
        let what = format!("more than {MAX_NOTE_BYTES} bytes");
        return Err(OmsError::TooLarge { path: path.into(), what });
    }
    Ok(bytes)
}

/// The digests of a folder's files by their paths in it, but for those that are left out.
fn digests(folder: &Path, left_out: &[String]) -> Result<BTreeMap<String, Digest>, OmsError> {
    let mut found = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((at, prefix, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(OmsError::TooLarge { path: at, what: format!("more than {MAX_DEPTH} folders in one another") });
        }
        for entry in std::fs::read_dir(&at).map_err(OmsError::file(&at))? {
            let entry = entry.map_err(OmsError::file(&at))?;
            let path = entry.path();
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| OmsError::Unsigned { file: name.to_string_lossy().into_owned() })?;
            let name = format!("{prefix}{name}");
            if left_out.contains(&name) {
                continue;
            }
            let kind = entry.file_type().map_err(OmsError::file(&path))?;
            if kind.is_dir() {
                open.push((path, format!("{name}/"), depth + 1));
                continue;
            }
            if !kind.is_file() {
                // A link may lead anywhere, and to something else tomorrow.
                return Err(OmsError::Unsigned { file: name });
            }
            let digest = File::open(&path).and_then(sha256_reader).map_err(OmsError::file(&path))?;
            found.insert(name, digest);
            if found.len() > MAX_FILES {
                return Err(OmsError::TooLarge { path: folder.into(), what: format!("more than {MAX_FILES} files") });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sign::LocalSigner;
    use crate::sign::Signer as _;

    fn adapter() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (name, bytes) in [("adapter_model.safetensors", &b"weights"[..]), ("adapter_config.json", b"{}")] {
            std::fs::write(home.path().join(name), bytes).unwrap();
        }
        // Beside the model, and no part of it.
        std::fs::create_dir(home.path().join("checkpoints")).unwrap();
        std::fs::write(home.path().join("checkpoints/step-5"), b"state").unwrap();
        home
    }

    fn domain() -> Domain {
        Domain::random("LazAI", "1").unwrap()
    }

    #[test]
    fn a_signed_folder_holds_and_says_who_stands_for_it() {
        let (home, key, signer) = (adapter(), FileKey::random().unwrap(), LocalSigner::random().unwrap());
        let note = pollster::block_on(AccountNote::sign(&signer, domain(), &key.public())).unwrap();
        let signed = sign_folder(home.path(), &key, Some(&note)).unwrap();
        let checked = check_folder(home.path()).unwrap();
        assert_eq!(checked, signed);
        assert_eq!(checked.account, Some((signer.address(), note.domain.clone())));
        let names: Vec<&str> = checked.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["adapter_config.json", "adapter_model.safetensors", ACCOUNT_FILE, KEY_FILE]);
        // What is no part of the model may change.
        std::fs::write(home.path().join("checkpoints/step-10"), b"state").unwrap();
        std::fs::write(home.path().join("record.json"), b"{}").unwrap();
        assert_eq!(check_folder(home.path()).unwrap(), signed);
        // Signing again without the account leaves none behind.
        assert_eq!(sign_folder(home.path(), &key, None).unwrap().account, None);
        assert_eq!(check_folder(home.path()).unwrap().account, None);
    }

    #[test]
    fn whatever_differs_is_named() {
        let (home, key) = (adapter(), FileKey::random().unwrap());
        sign_folder(home.path(), &key, None).unwrap();
        let path = |name: &str| home.path().join(name);
        let check = || check_folder(home.path());
        std::fs::write(path("adapter_model.safetensors"), b"weightz").unwrap();
        assert!(matches!(check(), Err(OmsError::Changed { file, .. }) if file == "adapter_model.safetensors"));
        std::fs::remove_file(path("adapter_model.safetensors")).unwrap();
        assert!(matches!(check(), Err(OmsError::Missing { file }) if file == "adapter_model.safetensors"));
        std::fs::write(path("adapter_model.safetensors"), b"weights").unwrap();
        std::fs::create_dir(path("more")).unwrap();
        std::fs::write(path("more/code.py"), b"").unwrap();
        assert!(matches!(check(), Err(OmsError::Unsigned { file }) if file == "more/code.py"));
        std::fs::remove_dir_all(path("more")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc/hosts", path("linked")).unwrap();
            assert!(matches!(check(), Err(OmsError::Unsigned { file }) if file == "linked"));
            std::fs::remove_file(path("linked")).unwrap();
        }
        assert!(check().is_ok());
        // Every byte of the signature counts, or changes nothing that is read.
        let signature = std::fs::read(path(SIGNATURE_FILE)).unwrap();
        let whole = check().unwrap();
        for at in (0..signature.len()).step_by(7) {
            let mut other = signature.clone();
            other[at] ^= 1;
            std::fs::write(path(SIGNATURE_FILE), &other).unwrap();
            match check() {
                Ok(found) => assert_eq!(found, whole, "flip at {at}"),
                Err(OmsError::Malformed { .. } | OmsError::Signature) => {}
                Err(other) => panic!("flip at {at}: {other}"),
            }
        }
        // The key of somebody else.
        std::fs::write(path(SIGNATURE_FILE), &signature).unwrap();
        std::fs::write(path(KEY_FILE), FileKey::random().unwrap().public().pem()).unwrap();
        assert!(matches!(check(), Err(OmsError::Malformed { .. } | OmsError::Signature)));
    }

    #[test]
    fn an_account_stands_for_one_key_alone() {
        let (home, key, signer) = (adapter(), FileKey::random().unwrap(), LocalSigner::random().unwrap());
        let other = FileKey::random().unwrap().public();
        let note = pollster::block_on(AccountNote::sign(&signer, domain(), &other)).unwrap();
        assert!(matches!(sign_folder(home.path(), &key, Some(&note)), Err(OmsError::Account { .. })));
        let mut note = pollster::block_on(AccountNote::sign(&signer, domain(), &key.public())).unwrap();
        note.domain.chain_id += 1;
        assert!(matches!(sign_folder(home.path(), &key, Some(&note)), Err(OmsError::Account { .. })));
    }

    #[test]
    fn a_key_is_kept_and_never_printed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys/model-key.pem");
        let first = FileKey::open_or_create(&path).unwrap();
        let again = FileKey::open_or_create(&path).unwrap();
        assert_eq!(first.public(), again.public());
        assert!(format!("{first:?}").contains("redacted"));
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(FileKey::open_or_create(&path), Err(OmsError::Key { .. })));
    }
}
