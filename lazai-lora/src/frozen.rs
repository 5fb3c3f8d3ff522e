//! A linear layer whose weight does not learn: its backward pass computes the input's gradient alone.
//!
//! candle's own matrix product also computes the gradient of the weight, which here is thrown away: a third of
//! the work and as much memory as the weights.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, MetalStorage, Result, Shape, Storage, Tensor};

/// `y = x W^T` for `x: [rows, in]`, `W: [out, in]`.
#[derive(Clone)]
pub(crate) struct FrozenLinear(pub(crate) Tensor);

impl FrozenLinear {
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self.clone())
    }

    /// The product on one backend; `of_backend` gives the weight if it lives there.
    fn product<B: BackendStorage>(
        &self,
        x: &B,
        layout: &Layout,
        of_backend: impl for<'a> Fn(&'a Storage) -> Option<&'a B>,
    ) -> Result<(B, Shape)> {
        let (rows, inner) = layout.shape().dims2()?;
        let (outer, expected) = self.0.dims2()?;
        if inner != expected {
            candle_core::bail!("input of width {inner}, weight of {expected}");
        }
        let (storage, weight) = self.0.storage_and_layout();
        let Some(w) = of_backend(&storage) else {
            candle_core::bail!("weight and input are on different devices");
        };
        let out = x.matmul(w, (1, rows, outer, inner), layout, &weight.transpose(0, 1)?)?;
        Ok((out, Shape::from((rows, outer))))
    }
}

impl CustomOp1 for FrozenLinear {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.product(x, layout, |s| if let Storage::Cpu(w) = s { Some(w) } else { None })
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.product(x, layout, |s| if let Storage::Cuda(w) = s { Some(w) } else { None })
    }

    fn metal_fwd(&self, x: &MetalStorage, layout: &Layout) -> Result<(MetalStorage, Shape)> {
        self.product(x, layout, |s| if let Storage::Metal(w) = s { Some(w) } else { None })
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(grad.contiguous()?.matmul(&self.0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// Value and gradient are those of candle's own product.
    #[test]
    fn agrees_with_the_plain_product() -> Result<()> {
        let weight = Tensor::randn(0f32, 1.0, (5, 3), &Device::Cpu)?;
        let x = Var::randn(0f32, 1.0, (4, 3), &Device::Cpu)?;
        let plain = x.matmul(&weight.t()?)?;
        let ours = FrozenLinear(weight).forward(x.as_tensor())?;
        let difference = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f32>();
        assert!(difference(&plain, &ours)? < 1e-6);
        let gradient = |y: &Tensor| -> Result<Tensor> {
            let gradients = y.sqr()?.sum_all()?.backward()?;
            gradients.get(&x).cloned().ok_or_else(|| candle_core::Error::Msg("no gradient".into()))
        };
        assert!(difference(&gradient(&plain)?, &gradient(&ours)?)? < 1e-5);
        Ok(())
    }
}
