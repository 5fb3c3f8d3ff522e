//! Which class a model becomes a version of, and what the versions before it keep of its revenue.

use lazai_core::{BasisPoints, ClassId};
use serde::{Deserialize, Serialize};

use crate::governance::OutOfBounds;

/// The most that the versions before keep: half. Whoever adds data to a character gets at least the other half.
pub const MAX_KEEP_BPS: u16 = 5_000;

/// Which class the model of a submission becomes a version of, and what the versions before keep of its revenue.
///
/// It is part of the submission: its submitter chose it, each contributor signed it, validators attested it; the ExEx
/// cannot choose another. Of what a version earns, `keep` goes to the version before, which keeps its own part of that
/// for the one before it, and so on.
///
/// ```
/// use lazai_core::{BasisPoints, ClassId};
/// use lazai_settle::lineage::Lineage;
/// let tenth = BasisPoints::new(1_000)?;
/// assert_eq!(Lineage::next(ClassId(7), tenth)?.class(), Some(ClassId(7)));
/// assert_eq!(Lineage::NEW_CLASS.class(), None);
/// assert!(Lineage::next(ClassId(7), BasisPoints::new(5_001)?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Lineage {
    class: Option<ClassId>,
    keep: BasisPoints,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    class: Option<ClassId>,
    keep: BasisPoints,
}

impl Lineage {
    /// A class of its own, with this as its first version.
    pub const NEW_CLASS: Self = Self { class: None, keep: BasisPoints::ZERO };

    /// The next version of a class of the submitter's.
    ///
    /// # Errors
    /// [`OutOfBounds`] beyond [`MAX_KEEP_BPS`].
    pub fn next(class: ClassId, keep: BasisPoints) -> Result<Self, OutOfBounds> {
        within(keep, MAX_KEEP_BPS)?;
        Ok(Self { class: Some(class), keep })
    }

    /// The class; none for a new one.
    #[must_use]
    pub const fn class(self) -> Option<ClassId> {
        self.class
    }

    /// What the versions before keep; 0 for a new class.
    #[must_use]
    pub const fn keep(self) -> BasisPoints {
        self.keep
    }

    /// As it is signed: the class's number, 0 for a new one, and basis points.
    pub(crate) fn numbers(self) -> (u128, u128) {
        (self.class.map_or(0, |class| class.0).into(), self.keep.get().into())
    }
}

impl TryFrom<Unchecked> for Lineage {
    type Error = OutOfBounds;

    fn try_from(found: Unchecked) -> Result<Self, OutOfBounds> {
        match found.class {
            Some(class) => Self::next(class, found.keep),
            None => within(found.keep, 0).map(|()| Self::NEW_CLASS),
        }
    }
}

impl From<Lineage> for Unchecked {
    fn from(lineage: Lineage) -> Self {
        Self { class: lineage.class, keep: lineage.keep }
    }
}

fn within(keep: BasisPoints, most: u16) -> Result<(), OutOfBounds> {
    let (value, most) = (keep.get().into(), most.into());
    if value <= most { Ok(()) } else { Err(OutOfBounds { parameter: "keep", value, least: 0, most }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_keeps_the_bounds() {
        let read = |text| serde_json::from_str::<Lineage>(text);
        assert_eq!(read(r#"{"class":null,"keep":0}"#).unwrap(), Lineage::NEW_CLASS);
        assert_eq!(read(r#"{"class":3,"keep":5000}"#).unwrap().class(), Some(ClassId(3)));
        for bad in [r#"{"class":3,"keep":5001}"#, r#"{"class":null,"keep":1}"#, r#"{"class":3,"keep":1,"more":1}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let next = Lineage::next(ClassId(3), BasisPoints::new(2_500).unwrap()).unwrap();
        assert_eq!(read(&serde_json::to_string(&next).unwrap()).unwrap(), next);
        assert_eq!(next.numbers(), (3, 2_500));
    }
}
