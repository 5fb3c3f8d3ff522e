//! Terms that a node tells everybody: one key for each time.

use lazai_core::{Address, ClassId, Domain, VersionNumber};

use super::{CreditError, LEAST_PERIOD_S, SignedCreditTerms, TwoKeys};

/// The time by which the clocks of a node and its consumers may differ, in seconds.
const SKEW_S: u64 = 300;

/// Checks the terms that a node tells for a version, against one another and against those that are known of it from before: all are the
/// node's own, their periods are long and have begun, and no two are for one time. So all who buy in a period have one key and one price.
///
/// # Errors
/// [`CreditError`].
pub(super) fn check_told(
    domain: &Domain,
    (node, class, version): (Address, ClassId, VersionNumber),
    told: &[SignedCreditTerms],
    known: &[SignedCreditTerms],
    now_s: u64,
) -> Result<(), CreditError> {
    for signed in told {
        let terms = &signed.terms;
        if terms.node != node {
            return Err(CreditError::OtherNode { expected: node, found: terms.node });
        }
        let (expected, found) = ((class, version), (terms.class, terms.version));
        if expected != found {
            return Err(CreditError::OtherVersion { expected, found });
        }
        signed.signature.verify(domain, terms, node)?;
        let (from_s, until_s) = (terms.sold_from_s(), terms.sold_until_s);
        if terms.period_s() < LEAST_PERIOD_S || from_s > now_s.saturating_add(SKEW_S) {
            return Err(CreditError::Period { from_s, until_s, now_s });
        }
    }
    let mut all: Vec<_> = known.iter().chain(told).collect();
    // Periods that do not overlap are in one order by beginning and end: neighbours tell.
    all.sort_by_key(|signed| (signed.terms.sold_until_s, signed.terms.sold_from_s()));
    for pair in all.windows(2) {
        let [first, second] = pair else { continue };
        if first.terms != second.terms && first.terms.overlap(&second.terms) {
            let (first, second) = ((*first).clone(), (*second).clone());
            return Err(CreditError::TwoKeys(Box::new(TwoKeys { first, second })));
        }
    }
    Ok(())
}
