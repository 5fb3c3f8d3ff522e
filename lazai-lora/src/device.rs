//! The compute device. A cargo feature only compiles a device in; a value selects it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::Device;

use crate::error::{ModelError, Result};

/// A compute device, and on the processor the threads that work there.
#[derive(Debug, Clone)]
pub struct Compute {
    device: Device,
    pool: Option<Arc<rayon::ThreadPool>>,
}

impl Compute {
    /// The processor, with as many threads as it has cores. All values made so share them; they are not those of rayon's
    /// global pool.
    #[must_use]
    pub fn cpu() -> Self {
        static POOL: OnceLock<Option<Arc<rayon::ThreadPool>>> = OnceLock::new();
        // Without threads of its own, work is done on the calling thread.
        let pool = POOL.get_or_init(|| {
            let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            pool(cores).ok().map(Arc::new)
        });
        Self { device: Device::Cpu, pool: pool.clone() }
    }

    /// The processor, with some threads of its own. Results do not depend on how many.
    ///
    /// # Errors
    /// [`ModelError::Compute`] if the system refuses a thread.
    pub fn cpu_threads(threads: NonZeroUsize) -> Result<Self> {
        Ok(Self { device: Device::Cpu, pool: Some(Arc::new(pool(threads.get())?)) })
    }

    /// An NVIDIA card, counted from 0. Needs the feature `cuda`.
    ///
    /// # Errors
    /// [`ModelError::Compute`] if there is none, or without the feature.
    pub fn cuda(ordinal: usize) -> Result<Self> {
        Ok(Self { device: Device::new_cuda(ordinal)?, pool: Self::cpu().pool })
    }

    /// An Apple graphics processor, counted from 0. Needs the feature `metal`.
    ///
    /// # Errors
    /// [`ModelError::Compute`] if there is none, or without the feature.
    pub fn metal(ordinal: usize) -> Result<Self> {
        Ok(Self { device: Device::new_metal(ordinal)?, pool: Self::cpu().pool })
    }

    /// Every device that is compiled in and present, the processor first.
    #[must_use]
    pub fn present() -> Vec<Self> {
        [Ok(Self::cpu()), Self::cuda(0), Self::metal(0)].into_iter().flatten().collect()
    }

    /// A name for records: `cpu`, `cuda` or `metal`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
        }
    }

    /// The kind of machine: on the same kind, the same run gives the same bits. On the processor it is the instruction sets
    /// and caches, by which the kernels of matrix products are chosen and cut.
    #[must_use]
    pub fn machine(&self) -> String {
        let caches = gemm_caches();
        format!("{} {} {} {caches}", self.name(), std::env::consts::ARCH, vectors())
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Runs something on this device's first thread, which shares its loops with the others. If any thread could run it,
    /// each would come to hold the memory of a whole step, since allocators keep freed memory per thread.
    pub(crate) fn install<R: Send>(&self, body: impl FnOnce() -> R + Send) -> R {
        let Some(pool) = self.pool.as_ref().filter(|pool| pool.current_thread_index().is_none()) else {
            return body();
        };
        let (body, result) = (Mutex::new(Some(body)), Mutex::new(None));
        pool.broadcast(|thread| {
            // The others must not wait for anything: they may be in the middle of another body's loop.
            if thread.index() != 0 {
                return;
            }
            let body = body.lock().ok().and_then(|mut body| body.take());
            if let Some(found) = body.map(|body| body())
                && let Ok(mut result) = result.lock()
            {
                *result = Some(found);
            }
        });
        let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.expect("the first thread ran it, or its panic went on here")
    }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("lazai-lora-{i}")).build();
    pool.map_err(|e| ModelError::from(candle_core::Error::Msg(e.to_string())))
}

fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    "baseline"
}

/// The depth at which products of 32-bit floats are cut, for a depth that no model exceeds: the only value that `gemm`
/// derives from the caches and that changes the order of a sum.
fn gemm_caches() -> String {
    let params = gemm_common::cache::kernel_params(1 << 10, 1 << 10, 1 << 20, 96, 4, size_of::<f32>());
    format!("kc{}", params.kc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    /// Many callers at once, each with loops inside loops: none waits for another that waits for it.
    #[test]
    #[allow(clippy::unwrap_used)]
    fn callers_share_the_threads() {
        for threads in [1, 2, 3] {
            let compute = Compute::cpu_threads(NonZeroUsize::new(threads).unwrap()).unwrap();
            let sum = |n: u64| -> u64 { compute.install(|| (0..n).into_par_iter().map(|i| i % 7).sum()) };
            std::thread::scope(|scope| {
                let callers: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| (0..50).map(|i| compute.install(|| sum(5_000 + i) + sum(10))).sum::<u64>()))
                    .collect();
                let found: Vec<u64> = callers.into_iter().map(|c| c.join().unwrap()).collect();
                assert!(found.iter().all(|f| *f == found[0]));
            });
        }
    }

    #[test]
    #[should_panic(expected = "inside")]
    fn a_panic_goes_on_where_it_was_called() {
        Compute::cpu().install(|| panic!("inside"));
    }
}
