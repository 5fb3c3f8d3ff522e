//! The lineage of a version: its class, the version it comes after, and the part of revenue that version keeps.

use lazai_core::{BasisPoints, ClassId, VersionNumber};
use serde::{Deserialize, Serialize};

use crate::governance::OutOfBounds;

/// The most that the version before keeps: half. The version that adds data gets at least the other half.
pub const MAX_KEEP_BPS: u16 = 5_000;

/// The lineage of a submission's model: its class, the version it comes after, and the part of revenue that version keeps.
///
/// It is part of the submission: the submitter chose it, each contributor signed it, validators attested it; the ExEx
/// cannot choose another. Of a version's revenue, `keep` goes to the version that it comes `after`; that one passes a part
/// on to its own predecessor, and so on. The predecessor is fixed by its number; it is not the last version at the time of
/// minting. Otherwise the class's owner could have one minted in between, and take what is passed on. So two versions may
/// come after the same one.
///
/// ```
/// use lazai_core::{BasisPoints, ClassId, VersionNumber};
/// use lazai_settle::lineage::Lineage;
/// let (class, first, tenth) = (ClassId(7), VersionNumber(1), BasisPoints::new(1_000)?);
/// assert_eq!(Lineage::next(class, first, tenth)?.class(), Some(class));
/// assert_eq!(Lineage::NEW_CLASS.class(), None);
/// assert!(Lineage::next(class, first, BasisPoints::new(5_001)?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Lineage {
    class: Option<ClassId>,
    after: Option<VersionNumber>,
    keep: BasisPoints,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    class: Option<ClassId>,
    after: Option<VersionNumber>,
    keep: BasisPoints,
}

impl Lineage {
    /// A class of its own, with this as its first version.
    pub const NEW_CLASS: Self = Self { class: None, after: None, keep: BasisPoints::ZERO };

    /// A further version of one of the submitter's classes, after an existing version, which keeps `keep` of its revenue.
    ///
    /// # Errors
    /// [`OutOfBounds`] beyond [`MAX_KEEP_BPS`], and for a class or version 0, which never exists.
    pub fn next(class: ClassId, after: VersionNumber, keep: BasisPoints) -> Result<Self, OutOfBounds> {
        within("class", class.0, 1, u64::MAX)?;
        within("after", after.0.into(), 1, u32::MAX.into())?;
        within("keep", keep.get().into(), 0, MAX_KEEP_BPS.into())?;
        Ok(Self { class: Some(class), after: Some(after), keep })
    }

    /// The class; none for a new one.
    #[must_use]
    pub const fn class(self) -> Option<ClassId> {
        self.class
    }

    /// The version that the new one comes after; none for a new class.
    #[must_use]
    pub const fn after(self) -> Option<VersionNumber> {
        self.after
    }

    /// The part that the predecessor keeps; 0 for a new class.
    #[must_use]
    pub const fn keep(self) -> BasisPoints {
        self.keep
    }

    /// As it is signed: the numbers of the class and of the version before, 0 for a new class, and basis points.
    pub(crate) fn numbers(self) -> (u64, u32, u16) {
        let after = self.after.map_or(0, |version| version.0);
        (self.class.map_or(0, |class| class.0), after, self.keep.get())
    }

    pub(crate) fn from_numbers(class: u64, after: u32, keep: BasisPoints) -> Result<Self, OutOfBounds> {
        if class != 0 {
            return Self::next(ClassId(class), VersionNumber(after), keep);
        }
        within("after", after.into(), 0, 0)?;
        within("keep", keep.get().into(), 0, 0)?;
        Ok(Self::NEW_CLASS)
    }
}

impl TryFrom<Unchecked> for Lineage {
    type Error = OutOfBounds;

    fn try_from(found: Unchecked) -> Result<Self, OutOfBounds> {
        let (class, after) = (found.class.unwrap_or(ClassId(0)), found.after.unwrap_or(VersionNumber(0)));
        match (found.class, found.after) {
            (None, None) => Self::from_numbers(0, 0, found.keep),
            _ => Self::next(class, after, found.keep),
        }
    }
}

impl From<Lineage> for Unchecked {
    fn from(lineage: Lineage) -> Self {
        Self { class: lineage.class, after: lineage.after, keep: lineage.keep }
    }
}

fn within(parameter: &'static str, value: u64, least: u64, most: u64) -> Result<(), OutOfBounds> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(OutOfBounds { parameter, value, least, most }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_keeps_the_bounds() {
        let read = |text| serde_json::from_str::<Lineage>(text);
        assert_eq!(read(r#"{"class":null,"after":null,"keep":0}"#).unwrap(), Lineage::NEW_CLASS);
        assert_eq!(read(r#"{"class":3,"after":2,"keep":5000}"#).unwrap().class(), Some(ClassId(3)));
        for bad in [
            r#"{"class":3,"after":2,"keep":5001}"#,
            r#"{"class":3,"after":0,"keep":5000}"#,
            r#"{"class":3,"after":null,"keep":5000}"#,
            r#"{"class":0,"after":null,"keep":0}"#,
            r#"{"class":null,"after":null,"keep":1}"#,
            r#"{"class":null,"after":1,"keep":0}"#,
            r#"{"class":3,"after":2,"keep":1,"more":1}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let next = Lineage::next(ClassId(3), VersionNumber(2), BasisPoints::new(2_500).unwrap()).unwrap();
        assert_eq!(read(&serde_json::to_string(&next).unwrap()).unwrap(), next);
        assert_eq!(next.numbers(), (3, 2, 2_500));
    }
}
