//! Rules of stores.

use futures_util::future::join_all;
use lazai_core::Digest;
use lazai_core::digest::sha256;

use crate::store::{Store, StoreError};

/// Sizes about which storages differ: nothing, one, a block and its neighbours, several.
const SIZES: [usize; 6] = [0, 1, 4_095, 4_096, 4_097, 100_000];

fn object(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place * 31 % 251) as u8).collect()
}

pub async fn an_object_is_read_as_it_was_written(store: impl Store) {
    for size in SIZES {
        let object = object(size);
        let digest = store.put(&object).await.expect("an object of a usual size is stored");
        assert_eq!(digest, sha256(&object), "the name of an object is its SHA-256");
        assert_eq!(store.get(digest, size as u64).await.expect("what was stored is read"), object, "{size} bytes");
    }
}

pub async fn writing_twice_is_writing_once(store: impl Store) {
    let first = store.put(b"object").await.expect("stored");
    let second = store.put(b"object").await.expect("stored again");
    assert_eq!(first, second);
    assert_eq!(store.get(first, 6).await.expect("read"), b"object");
}

pub async fn no_more_is_read_than_asked_for(store: impl Store) {
    let digest = store.put(&object(4_096)).await.expect("stored");
    let refused = store.get(digest, 4_095).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { most: 4_095, .. })), "{refused:?}");
}

pub async fn what_is_not_there_is_an_error(store: impl Store) {
    let missing = store.get(sha256(b"never stored"), 100).await;
    assert!(missing.is_err(), "{missing:?}");
    assert!(store.get(Digest::ZERO, 100).await.is_err(), "a digest of nothing");
}

pub async fn objects_are_written_side_by_side(store: impl Store) {
    let objects: Vec<Vec<u8>> = (0..16).map(|number| vec![number; 2_000]).collect();
    let store = &store;
    let write = |object: Vec<u8>| async move { store.put(&object).await.expect("stored") };
    for (object, digest) in objects.iter().zip(join_all(objects.iter().cloned().map(write)).await) {
        assert_eq!(&store.get(digest, 2_000).await.expect("read"), object);
    }
}
