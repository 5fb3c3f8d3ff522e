//! Signed folders of a model's files.

use std::path::Path;

use lazai_facade::LazaiError;
use lazai_facade::native::signed::{SIGNATURE_FILE, SignedModel, check_model};
use serde::Serialize;

use crate::{Output, refusal};

/// A folder, and whether its files are those that were signed.
#[derive(Serialize)]
struct Told {
    file: String,
    holds: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    signed: Option<SignedModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// Tells whether a path is a folder with a signature, or that signature.
pub(crate) fn is_signed(path: &Path) -> bool {
    folder(path).is_some()
}

fn folder(path: &Path) -> Option<&Path> {
    match path.is_dir() {
        true => Some(path).filter(|folder| folder.join(SIGNATURE_FILE).is_file()),
        false if path.file_name().is_some_and(|name| name == SIGNATURE_FILE) => path.parent(),
        false => None,
    }
}

/// Holds a folder to its signature, and tells.
pub(crate) fn inspect(path: &Path, out: &mut Output<'_>) -> Result<bool, LazaiError> {
    let folder = folder(path).unwrap_or(path);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let file = path.to_string_lossy().into_owned();
    let told = match check_model(folder.to_string_lossy().into_owned()) {
        Ok(signed) => Told { file, holds: true, signed: Some(signed), error: None },
        Err(error) if error.code().starts_with("signed.") => {
            Told { file, holds: false, signed: None, error: Some(refusal(&error)["error"].clone()) }
        }
        Err(error) => return Err(error),
    };
    out.tell(&told, |told| {
        let words = match &told.signed {
            Some(signed) => in_words(signed),
            None => {
                let why = told.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default();
                format!("its signature does not hold: {why}")
            }
        };
        format!("{}: {words}", told.file)
    })?;
    Ok(told.holds)
}

/// Who signed what, for people.
pub(crate) fn in_words(signed: &SignedModel) -> String {
    let SignedModel { key, account, files } = signed;
    let who = match account {
        Some(account) => format!("account {account} stands for it"),
        None => "no account stands for it".into(),
    };
    format!("signed: {} files, by key {}; {who}", files.len(), key.get(..16).unwrap_or(key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use lazai_facade::native::signed::sign_model;
    use serde_json::Value;

    fn inspect(path: &Path, words: &[&str]) -> (u8, String) {
        let words = ["lazai", "inspect"].iter().chain(words).map(OsString::from);
        let mut told = Vec::new();
        let code = crate::run(words.chain([path.into()]), Box::new(std::io::empty()), &mut told);
        (code, String::from_utf8(told).unwrap())
    }

    #[test]
    fn a_signed_folder_is_held_to_its_signature() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("adapter");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("adapter_model.safetensors"), b"weights").unwrap();
        let text = |path: &Path| path.display().to_string();
        sign_model(text(&folder), text(&home.path().join("key.pem"))).unwrap();
        let (code, told) = inspect(&folder, &[]);
        assert!(code == 0 && told.contains("signed: 2 files") && told.contains("no account stands"), "{told}");
        let (code, told) = inspect(&folder.join("model.sig"), &["--json"]);
        let facts: Value = serde_json::from_str(&told).unwrap();
        let files = serde_json::json!(["adapter_model.safetensors", "model.pub"]);
        assert_eq!((code, &facts["holds"], &facts["files"]), (0, &true.into(), &files), "{told}");
        std::fs::write(folder.join("adapter_model.safetensors"), b"weightz").unwrap();
        let (code, told) = inspect(&folder, &["--json"]);
        let facts: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (code, &facts["holds"], &facts["error"]["code"]),
            (1, &false.into(), &"signed.broken".into()),
            "{told}"
        );
        let (code, told) = inspect(&folder, &[]);
        assert!(code == 1 && told.contains("does not hold: adapter_model.safetensors"), "{told}");
    }
}
