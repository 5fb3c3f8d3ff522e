//! What creators would have their contributors sign.

use std::sync::Arc;

use lazai::Account;
use lazai::creator::{Creator, CreatorError};
use lazai::settle::Lineage;
use lazai::store::FolderStore;
use lazai_core::{BasisPoints, ClassId, VersionNumber};
use lazai_settle::lineage::MAX_KEEP_BPS;

use super::stage::Still;
use super::world::{CREATOR, World, signer};

fn next_version(world: &World, class: u64, keep: u16) -> Result<Lineage, CreatorError> {
    let account = Account::new(Still::of(world.market.clone()), Arc::new(signer(CREATOR)));
    let creator = Creator::new(account, Arc::new(FolderStore::new("unused")));
    creator.next_version(ClassId(class), BasisPoints::new(keep).unwrap())
}

/// What is signed names the last version of that moment, and stays at it: one that is minted later takes nothing of it.
#[test]
fn what_contributors_sign_names_a_version_that_there_is() {
    let mut world = World::minted();
    let signed = next_version(&world, 1, 2_000).unwrap();
    world.mint_next(2, [1, 1], 0);
    assert_eq!(signed.after(), Some(VersionNumber(1)));
    assert_eq!(next_version(&world, 1, 2_000).unwrap().after(), Some(VersionNumber(2)));
    assert!(matches!(next_version(&world, 2, 0), Err(CreatorError::NoVersion { class: ClassId(2) })));
    assert!(matches!(next_version(&world, 1, MAX_KEEP_BPS + 1), Err(CreatorError::Lineage(_))));
}
