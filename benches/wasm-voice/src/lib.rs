//! Functions for a host without any glue: memory for bytes, a base voice out of its file, sentences spoken.

use std::cell::RefCell;

use lazai_voice::base::{Base, SpeechBase, Utterance};

thread_local! {
    static VOICE: RefCell<Option<Base>> = const { RefCell::new(None) };
}

/// Reserves memory for so many bytes, aligned for numbers.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(bytes: usize) -> *mut u8 {
    Box::leak(vec![0_u32; bytes.div_ceil(4)].into_boxed_slice()).as_mut_ptr().cast()
}

/// Opens the package's ONNX file: 0 if it is one.
///
/// # Safety
/// The pointer is from [`reserve`], with its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(onnx: *const u8, bytes: usize) -> u32 {
    // SAFETY: the caller's promise.
    let onnx = unsafe { std::slice::from_raw_parts(onnx, bytes) };
    let Ok(base) = Base::convert(onnx).and_then(|converted| Base::from_bytes(&converted)) else { return 1 };
    VOICE.with_borrow_mut(|voice| *voice = Some(base));
    0
}

/// Speaks so many phonemes; gives the number of samples, and 0 where nothing can be spoken.
///
/// # Safety
/// The pointer is from [`reserve`], with room for the ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn speak(ids: *const u32, count: usize) -> usize {
    // SAFETY: the caller's promise.
    let ids = unsafe { std::slice::from_raw_parts(ids, count) };
    VOICE.with_borrow(|voice| {
        let spoken = voice.as_ref().and_then(|base| base.speak(&Utterance::new(ids), None).ok());
        spoken.map_or(0, |speech| speech.samples.len())
    })
}

/// Samples a second.
#[unsafe(no_mangle)]
pub extern "C" fn rate() -> u32 {
    VOICE.with_borrow(|voice| voice.as_ref().map_or(0, SpeechBase::sample_rate_hz))
}
