//! Reporting and blocking characters.
//!
//! The consumer of a session signs a report. It goes to the node that served the session, which keeps it for its operator
//! ([`Provider::reports`](crate::provider::Provider::reports)); no one else is told. The block list is the consumer's own,
//! kept by the consumer's app.

use std::collections::BTreeSet;

use lazai_core::sign::Encoder;
use lazai_core::{ClassId, Digest, SessionId, Signature, TypedData, VersionNumber};
use serde::{Deserialize, Serialize};

/// Longest text of a report: 2,000 bytes.
pub const MAX_REPORT_BYTES: usize = 2_000;
/// Most reports that a node keeps of one session.
pub const MAX_REPORTS: usize = 16;

/// The reason for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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

impl Concern {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Harmful => "harmful",
            Self::Illegal => "illegal",
            Self::Impersonation => "impersonation",
            Self::Infringing => "infringing",
            Self::Other => "other",
        }
    }

    /// Parses a concern from its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Harmful, Self::Illegal, Self::Impersonation, Self::Infringing, Self::Other];
        all.into_iter().find(|concern| concern.as_str() == name)
    }
}

/// A consumer's report of a character. Signed by the session's consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CharacterReport {
    /// The session in which the character spoke.
    pub session: SessionId,
    /// The class that was served.
    pub class: ClassId,
    /// The version that was served.
    pub version: VersionNumber,
    /// The reason.
    pub concern: Concern,
    /// The consumer's description: at most [`MAX_REPORT_BYTES`].
    pub words: String,
    /// The time of the report, in seconds since 1970.
    pub reported_at_s: u64,
}

impl TypedData for CharacterReport {
    const TYPE: &'static str = "CharacterReport(bytes32 session,uint64 class,uint32 version,string concern,string words,\
                                uint64 reportedAt)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.class.0.into());
        out.uint(self.version.0.into());
        out.string(self.concern.as_str());
        out.string(&self.words);
        out.uint(self.reported_at_s.into());
    }
}

/// A report with its consumer's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReport {
    /// The report.
    pub report: CharacterReport,
    /// The consumer's signature.
    pub signature: Signature,
}

/// A consumer's list of blocked characters.
///
/// ```
/// use lazai::core::ClassId;
/// use lazai::safety::Blocklist;
/// let mut list = Blocklist::default();
/// list.block(ClassId(7));
/// assert!(list.is_blocked(ClassId(7)) && !list.is_blocked(ClassId(8)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blocklist(BTreeSet<ClassId>);

impl Blocklist {
    /// Blocks a character, all versions of it.
    pub fn block(&mut self, class: ClassId) {
        self.0.insert(class);
    }

    /// Unblocks a character.
    pub fn unblock(&mut self, class: ClassId) {
        self.0.remove(&class);
    }

    /// Tells whether a character is blocked.
    #[must_use]
    pub fn is_blocked(&self, class: ClassId) -> bool {
        self.0.contains(&class)
    }

    /// The blocked characters.
    pub fn iter(&self) -> impl Iterator<Item = ClassId> + '_ {
        self.0.iter().copied()
    }
}
