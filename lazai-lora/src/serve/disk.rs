//! Pages on disk: what there is no room for in memory is read again, rather than computed again.
//!
//! Pages tell what was said. So they are encrypted under a key that this process alone has: what is left of the file when it has ended
//! is noise, and the next process begins with nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key as CipherKey, Nonce, Tag};
use lazai_core::Digest;
use lazai_core::file::make_private_folder;

use super::pages::{Page, Shape};
use super::prepare::News;
use super::store::Key;
use crate::error::{ModelError, Result};

/// Pages that wait to be written, at most: what a slow disk cannot take is forgotten, as without one.
const WAITING: usize = 64;

/// Room on a disk for what was computed of conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskRoom {
    /// The folder; it is made, for its owner alone, if it is not there. The file in it has no name where the system allows that, and is
    /// encrypted.
    pub folder: PathBuf,
    /// Most bytes of the file.
    pub bytes: u64,
}

/// What the disk's thread is asked for.
enum Order {
    Write(u64, Arc<Page>),
    Read { ticket: u64, places: Vec<u64> },
}

/// What is on the disk, as the thread that computes knows it.
pub(super) struct Disk {
    places: HashMap<Key, (u64, u64)>,
    /// The least recently used first.
    order: BTreeMap<(u64, u64), Key>,
    clock: u64,
    free: Vec<u64>,
    orders: mpsc::SyncSender<Order>,
}

impl Disk {
    /// A file in a folder, and the thread that writes and reads it.
    pub(super) fn open(room: &DiskRoom, shape: Shape, news: mpsc::Sender<News>) -> Result<Self> {
        let failed = |source: io::Error| ModelError::File { path: room.folder.clone(), source };
        make_private_folder(&room.folder).map_err(failed)?;
        let file = tempfile::tempfile_in(&room.folder).map_err(failed)?;
        let secret = Digest::random().map_err(|error| failed(io::Error::other(error.to_string())))?;
        let cipher = ChaCha20Poly1305::new(&CipherKey::from(*secret.as_bytes()));
        let (orders, received) = mpsc::sync_channel(WAITING);
        let writer = Writer { file, cipher, shape, written: HashMap::new(), nonce: 0, failed: false };
        super::engine::spawn("lazai engine: disk", move || writer.run(&received, &news))?;
        // The last place is the first to be taken.
        let free = (0..room.bytes / shape.bytes().max(1) as u64).rev().collect();
        Ok(Self { places: HashMap::new(), order: BTreeMap::new(), clock: 0, free, orders })
    }

    /// Keeps a page that there is no room for in memory.
    pub(super) fn keep(&mut self, key: Key, page: Arc<Page>) {
        if self.touch(key) {
            return;
        }
        let Some(place) = self.free.pop().or_else(|| self.forget_oldest()) else { return };
        if self.orders.try_send(Order::Write(place, page)).is_err() {
            self.free.push(place);
            return;
        }
        self.clock += 1;
        self.places.insert(key, (place, self.clock));
        self.order.insert((self.clock, place), key);
    }

    /// Places of the pages of a conversation, as far as all of them are there.
    pub(super) fn find(&mut self, keys: &[Key]) -> Vec<u64> {
        let mut found = Vec::new();
        for key in keys {
            let Some((place, _)) = self.places.get(key).copied() else { break };
            self.touch(*key);
            found.push(place);
        }
        found
    }

    /// Has pages read; they come as [`News::Pages`] with this ticket. False if the disk has too much to do.
    pub(super) fn read(&self, ticket: u64, places: Vec<u64>) -> bool {
        self.orders.try_send(Order::Read { ticket, places }).is_ok()
    }

    fn touch(&mut self, key: Key) -> bool {
        let Some((place, used)) = self.places.get_mut(&key) else { return false };
        self.clock += 1;
        self.order.remove(&(*used, *place));
        *used = self.clock;
        self.order.insert((self.clock, *place), key);
        true
    }

    fn forget_oldest(&mut self) -> Option<u64> {
        let (_, key) = self.order.pop_first()?;
        self.places.remove(&key).map(|(place, _)| place)
    }
}

/// The thread that writes and reads: in the order in which it is asked, so that a place is never read as what it was before.
struct Writer {
    file: File,
    cipher: ChaCha20Poly1305,
    shape: Shape,
    /// What each place was encrypted with.
    written: HashMap<u64, (Nonce, Tag)>,
    nonce: u64,
    failed: bool,
}

impl Writer {
    fn run(mut self, orders: &mpsc::Receiver<Order>, news: &mpsc::Sender<News>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Write(place, page) => {
                    self.written.remove(&place);
                    if let Err(error) = self.write(place, &page) {
                        self.tell(&error);
                    }
                }
                Order::Read { ticket, places } => {
                    let mut pages = Vec::with_capacity(places.len());
                    for place in places {
                        match self.read(place) {
                            Ok(Some(page)) => pages.push(page),
                            Ok(None) => break,
                            Err(error) => {
                                self.tell(&error);
                                break;
                            }
                        }
                    }
                    if news.send(News::Pages(ticket, pages)).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn write(&mut self, place: u64, page: &Page) -> io::Result<()> {
        // SAFETY: a page that is kept is full, and nobody writes a full page.
        #[allow(unsafe_code, reason = "pages are shared between threads")]
        let mut bytes = unsafe { page.to_bytes() };
        self.nonce += 1;
        let mut nonce = Nonce::default();
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        let tag = self.cipher.encrypt_inout_detached(&nonce, &place.to_le_bytes(), bytes.as_mut_slice().into());
        let tag = tag.map_err(|error| io::Error::other(error.to_string()))?;
        self.file.seek(SeekFrom::Start(place * bytes.len() as u64))?;
        self.file.write_all(&bytes)?;
        self.written.insert(place, (nonce, tag));
        Ok(())
    }

    /// The page at a place; `None` if it was not written.
    fn read(&mut self, place: u64) -> io::Result<Option<Arc<Page>>> {
        let Some((nonce, tag)) = self.written.get(&place) else { return Ok(None) };
        let mut bytes = vec![0; self.shape.bytes()];
        self.file.seek(SeekFrom::Start(place * bytes.len() as u64))?;
        self.file.read_exact(&mut bytes)?;
        let opened = self.cipher.decrypt_inout_detached(nonce, &place.to_le_bytes(), bytes.as_mut_slice().into(), tag);
        opened.map_err(|_| io::Error::other("a page is not as it was written"))?;
        Ok(Some(Arc::new(self.shape.page_of(&bytes))))
    }

    /// Once is enough: what the disk does not hold is computed again.
    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            tracing::warn!(%error, "the disk for earlier conversations fails");
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::{BaseModel, WeightFormat};
    use crate::device::Compute;

    #[test]
    fn what_is_on_the_disk_tells_nothing_and_cannot_be_changed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
        let base = BaseModel::open(&path, &Compute::cpu(), WeightFormat::F32).unwrap();
        let shape = Shape::new(base.config());
        let (folder, cipher) = (tempfile::tempdir().unwrap(), ChaCha20Poly1305::new(&CipherKey::from([7; 32])));
        let path = folder.path().join("pages");
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        let mut writer = Writer { file, cipher, shape, written: HashMap::new(), nonce: 0, failed: false };
        let pages = [1, 2].map(|value: u8| shape.page_of(&vec![value; shape.bytes()]));
        for (place, page) in pages.iter().enumerate() {
            writer.write(place as u64, page).unwrap();
        }
        let mut kept = std::fs::read(&path).unwrap();
        assert_eq!(kept.len(), 2 * shape.bytes());
        for value in [1, 2] {
            assert!(!kept.windows(8).any(|bytes| bytes == [value; 8]), "in clear");
        }
        let read =
            |writer: &mut Writer, place| writer.read(place).map(|page| page.map(|page| unsafe { page.to_bytes()[0] }));
        assert_eq!([0, 1, 2].map(|place| read(&mut writer, place).unwrap()), [Some(1), Some(2), None]);
        // Turned about, or with a bit that is another, a page is none.
        kept.rotate_left(shape.bytes());
        std::fs::write(&path, &kept).unwrap();
        assert!(read(&mut writer, 0).is_err());
        kept.rotate_left(shape.bytes());
        kept[5] ^= 1;
        std::fs::write(&path, &kept).unwrap();
        assert!(read(&mut writer, 0).is_err() && read(&mut writer, 1).unwrap() == Some(2));
    }
}
