//! Reports of consumers, kept for the node's operator.

use std::path::PathBuf;

use lazai_core::digest::{canonical_json, sha256};
use lazai_core::quiet::json_error;
use lazai_settle::market::MarketError;

use super::Provider;
use crate::node::NodeError;
use crate::safety::{MAX_REPORT_BYTES, MAX_REPORTS, SignedReport};
use crate::store::write_privately;

impl Provider {
    /// Takes a report of a character that this node served, signed by the session's consumer. The same report is kept once.
    ///
    /// # Errors
    /// [`NodeError::Market`] for an unknown session or another's signature, [`NodeError::NotServed`] for a session of
    /// another node or character, and for more or longer reports than are kept; [`NodeError::Book`].
    pub async fn report(&self, signed: &SignedReport) -> Result<(), NodeError> {
        let report = &signed.report;
        let id = report.session;
        self.learn_of(id).await?;
        let market = self.account.ledger().market();
        let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
        let checked = signed.signature.verify(market.domain(), report, session.consumer);
        checked.map_err(|source| MarketError::Signature { what: "report", source })?;
        let refused = |reason| Err(NodeError::NotServed { session: id, reason });
        let offer = &session.offer;
        if offer.node != self.address() || (offer.class, offer.version) != (report.class, report.version) {
            return refused("it is of another node or character");
        }
        if report.words.len() > MAX_REPORT_BYTES {
            return refused("the report is too long");
        }
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("report: {e}") };
        let bytes = canonical_json(signed).map_err(|e| failed(&e))?;
        let folder = self.reports_folder().join(id.to_string());
        let path = folder.join(sha256(&bytes).to_string()).with_extension("json");
        if path.is_file() {
            return Ok(());
        }
        if std::fs::read_dir(&folder).is_ok_and(|kept| kept.count() >= MAX_REPORTS) {
            return refused("report limit reached");
        }
        write_privately(&path, &bytes).map_err(|e| failed(&e))
    }

    /// The reports received.
    ///
    /// # Errors
    /// [`NodeError::Book`].
    pub fn reports(&self) -> Result<Vec<SignedReport>, NodeError> {
        let failed = |e: &dyn std::fmt::Display| NodeError::Book { reason: format!("report: {e}") };
        let list = |folder: PathBuf| -> std::io::Result<Vec<PathBuf>> {
            match std::fs::read_dir(folder) {
                Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(e) => Err(e),
            }
        };
        let mut reports = Vec::new();
        for session in list(self.reports_folder()).map_err(|e| failed(&e))? {
            for path in list(session).map_err(|e| failed(&e))? {
                let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
                reports.push(serde_json::from_slice(&bytes).map_err(|e| failed(&json_error(&e)))?);
            }
        }
        Ok(reports)
    }

    fn reports_folder(&self) -> PathBuf {
        self.folder.join("reports")
    }
}
