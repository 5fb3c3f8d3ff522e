//! Threads, in a number that the caller gives, never a pool that everyone shares.

use std::num::NonZeroUsize;

/// Fewer items than this are not worth a thread.
const WORTH_IT: usize = 16;

/// Applies a function to items on some threads; the results come in the order of the items.
///
/// A panic of the function is the caller's panic.
///
/// ```
/// use std::num::NonZeroUsize;
/// let squares = lazai_core::parallel::map(NonZeroUsize::MIN, vec![1, 2, 3], |x| x * x);
/// assert_eq!(squares, [1, 4, 9]);
/// ```
pub fn map<T: Send, U: Send>(threads: NonZeroUsize, items: Vec<T>, apply: impl Fn(T) -> U + Sync) -> Vec<U> {
    if threads.get() == 1 || items.len() < WORTH_IT {
        return items.into_iter().map(apply).collect();
    }
    let share = items.len().div_ceil(threads.get());
    let mut items = items.into_iter();
    std::thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads.get());
        loop {
            let part: Vec<T> = items.by_ref().take(share).collect();
            if part.is_empty() {
                break;
            }
            let apply = &apply;
            running.push(scope.spawn(move || part.into_iter().map(apply).collect::<Vec<U>>()));
        }
        let joined = running.into_iter().flat_map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}
