//! Reporting a character, and blocking one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::core::{ClassId, VersionNumber};
use lazai::safety::{self, MAX_REPORT_BYTES, SignedReport};

use crate::sign::Foreign;
use crate::transport::{HttpRequest, json_post};
use crate::{Domain, LazaiError, Signer, record, same_words, words};

words! {
    /// The concern of a report.
    pub enum Concern {
        /// It harms or encourages harm.
        Harmful,
        /// It breaks the law.
        Illegal,
        /// It passes for a person who did not agree.
        Impersonation,
        /// It uses somebody's work without a licence.
        Infringing,
        /// Something else, in words.
        Other,
    }
}
same_words!(Concern, safety::Concern, Harmful, Illegal, Impersonation, Infringing, Other);

record! {
    /// A consumer's report of a character.
    pub struct CharacterReport {
        /// The session in which the character spoke.
        pub session: String,
        /// The class that was served.
        pub class_id: u64,
        /// The version that was served.
        pub version: u32,
        /// The concern.
        pub concern: Concern,
        /// A description: at most 2,000 bytes.
        pub words: String,
        /// The time of the report, seconds since 1970.
        pub reported_at_s: u64,
    }
}

/// Signs a report, as the session's consumer; returns the request that brings it to the node.
///
/// # Errors
/// `report.too_long`, `hex.…`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn report_character(
    domain: Domain,
    report: CharacterReport,
    signer: Arc<dyn Signer>,
) -> Result<HttpRequest, LazaiError> {
    if report.words.len() > MAX_REPORT_BYTES {
        let bytes = report.words.len();
        return Err(LazaiError::new("report.too_long", format!("{bytes} bytes, at most {MAX_REPORT_BYTES} are taken")));
    }
    let report = safety::CharacterReport {
        session: report.session.parse()?,
        class: ClassId(report.class_id),
        version: VersionNumber(report.version),
        concern: report.concern.into(),
        words: report.words,
        reported_at_s: report.reported_at_s,
    };
    let signature = lazai::core::sign::sign(&Foreign::new(signer)?, &domain.parse()?, &report).await?;
    json_post("/v1/lazai/reports", &SignedReport { report, signature })
}

/// A consumer's list of blocked characters, kept by the consumer's app.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug, Default)]
pub struct Blocklist(Mutex<safety::Blocklist>);

impl Blocklist {
    fn list(&self) -> MutexGuard<'_, safety::Blocklist> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Blocklist {
    /// A list from [`to_json`](Self::to_json); `[]` is an empty one.
    ///
    /// # Errors
    /// `json.malformed`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_json(json: String) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(Mutex::new(serde_json::from_str(&json)?))))
    }

    /// The list as JSON.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&*self.list())?)
    }

    /// Blocks a character, all versions of it.
    pub fn block(&self, class_id: u64) {
        self.list().block(ClassId(class_id));
    }

    /// Unblocks a character.
    pub fn unblock(&self, class_id: u64) {
        self.list().unblock(ClassId(class_id));
    }

    /// Tells whether a character is blocked.
    pub fn is_blocked(&self, class_id: u64) -> bool {
        self.list().is_blocked(ClassId(class_id))
    }
}
