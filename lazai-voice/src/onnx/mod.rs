//! The weights inside an ONNX file: initializers, and the nodes that use them. Nothing is executed.
//!
//! ONNX is protobuf (`onnx.proto` of the ONNX project). Of its messages, the fields read here are those that hold weights;
//! all others are stepped over. Sizes are checked before anything is kept.

mod wire;

use std::collections::BTreeMap;

use crate::error::{Result, SpeechError};
use wire::{Field, Fields};

/// Largest file that is read: 64 MiB.
pub const MAX_BYTES: usize = 64 << 20;
/// Most nodes, and most initializers.
pub const MAX_ITEMS: usize = 65_536;
/// Most names of one node.
const MAX_NAMES: usize = 1_024;
/// Most dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

/// The nodes and initializers of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    tensors: BTreeMap<String, Initializer>,
}

/// An operation, by the names of what it reads and writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The node's name.
    pub name: String,
    /// The operator, such as `MatMul`.
    pub op: String,
    /// Names of tensors read; empty for an optional one that is left out.
    pub inputs: Vec<String>,
    /// Names of tensors written.
    pub outputs: Vec<String>,
    /// The value of a `Constant`.
    pub value: Option<Initializer>,
}

/// A tensor of weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Initializer {
    /// The dimensions; none for a single value.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Values,
}

/// The values of a tensor in the types that weights have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// A type that no weights have, by its number in `onnx.proto`; its values are not kept.
    Other(i64),
}

impl Default for Values {
    fn default() -> Self {
        Self::Other(0)
    }
}

impl Values {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Other(_) => 0,
        }
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy as floats; empty for types that no weights have.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F32(v) => v.clone(),
            Self::I8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Self::I32(v) => v.iter().map(|&x| x as f32).collect(),
            Self::I64(v) => v.iter().map(|&x| x as f32).collect(),
            Self::Other(_) => Vec::new(),
        }
    }
}

impl Graph {
    /// Reads a model.
    ///
    /// # Errors
    /// [`SpeechError::TooLarge`] over [`MAX_BYTES`] or [`MAX_ITEMS`], [`SpeechError::Malformed`] if it is no ONNX model.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(SpeechError::TooLarge { what: "bytes of an ONNX file", found: bytes.len(), max: MAX_BYTES });
        }
        let mut graph = Self::default();
        let mut found = false;
        for field in Fields(bytes) {
            if let (7, Field::Bytes(part)) = field? {
                found = true;
                graph.read(part)?;
            }
        }
        if found { Ok(graph) } else { Err(bad("no graph")) }
    }

    fn read(&mut self, part: &[u8]) -> Result<()> {
        for field in Fields(part) {
            match field? {
                (1, Field::Bytes(node)) => {
                    within("nodes of an ONNX file", self.nodes.len() + 1, MAX_ITEMS)?;
                    self.nodes.push(Node::read(node)?);
                }
                (5, Field::Bytes(tensor)) => {
                    within("tensors of an ONNX file", self.tensors.len() + 1, MAX_ITEMS)?;
                    let (name, tensor) = Initializer::read(tensor)?;
                    if self.tensors.insert(name.clone(), tensor).is_some() {
                        return Err(bad(&format!("two tensors named {name:?}")));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The nodes, in the file's order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// An initializer by its name.
    ///
    /// # Errors
    /// [`SpeechError::Malformed`] if there is none.
    pub fn tensor(&self, name: &str) -> Result<&Initializer> {
        self.tensors.get(name).ok_or_else(|| bad(&format!("no tensor {name:?}")))
    }

    /// Finite floats of a given shape.
    ///
    /// # Errors
    /// [`SpeechError::Malformed`] if there is no such tensor.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.tensor(name)?;
        match &tensor.values {
            _ if tensor.shape != shape => Err(bad(&format!("{name:?} is {:?}, expected {shape:?}", tensor.shape))),
            Values::F32(values) if values.iter().all(|v| v.is_finite()) => Ok(values.clone()),
            _ => Err(bad(&format!("{name:?}: expected finite floats"))),
        }
    }

    /// A quantised matrix as floats: `NAME_quantized`, less `NAME_zero_point`, times `NAME_scale`, the way that ONNX Runtime's
    /// quantiser names them. One scale is for the whole matrix, or one for each column.
    ///
    /// # Errors
    /// [`SpeechError::Malformed`] if one of the three is missing or of another shape.
    pub fn dequantised(&self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        let part = |suffix: &str| self.tensor(&format!("{name}{suffix}"));
        let (quantised, scale, zero) = (part("_quantized")?, part("_scale")?, part("_zero_point")?);
        let columns = shape[1];
        let whole = |tensor: &Initializer| tensor.values.len() == 1 || tensor.values.len() == columns;
        let is_bytes = matches!(quantised.values, Values::I8(_) | Values::U8(_));
        if !is_bytes || quantised.shape != shape || !whole(scale) || !whole(zero) {
            return Err(bad(&format!("{name:?} is {:?}, expected bytes of {shape:?}", quantised.shape)));
        }
        let (mut values, scale, zero) = (quantised.values.to_f32(), scale.values.to_f32(), zero.values.to_f32());
        if !scale.iter().all(|s| s.is_finite()) {
            return Err(bad(&format!("{name:?}: expected finite scales")));
        }
        for row in values.chunks_exact_mut(columns) {
            for (i, value) in row.iter_mut().enumerate() {
                *value = (*value - zero[i % zero.len()]) * scale[i % scale.len()];
            }
        }
        Ok(values)
    }
}

impl Node {
    fn read(part: &[u8]) -> Result<Self> {
        let mut node = Self::default();
        for field in Fields(part) {
            match field? {
                (1, Field::Bytes(name)) => node.inputs.push(text(name)?),
                (2, Field::Bytes(name)) => node.outputs.push(text(name)?),
                (3, Field::Bytes(name)) => node.name = text(name)?,
                (4, Field::Bytes(name)) => node.op = text(name)?,
                (5, Field::Bytes(attribute)) => {
                    for field in Fields(attribute) {
                        if let (5, Field::Bytes(tensor)) = field? {
                            node.value = Some(Initializer::read(tensor)?.1);
                        }
                    }
                }
                _ => {}
            }
            within("names of a node", node.inputs.len() + node.outputs.len(), MAX_NAMES)?;
        }
        Ok(node)
    }
}

impl Initializer {
    fn read(part: &[u8]) -> Result<(String, Self)> {
        let (mut name, mut shape, mut kind, mut raw) = (String::new(), Vec::new(), 0, None);
        let (mut floats, mut integers) = (Vec::new(), Vec::new());
        for field in Fields(part) {
            match field? {
                (1, field) => field.integers(&mut shape)?,
                (2, Field::Integer(number)) => kind = number,
                (4, Field::Bytes(packed)) => {
                    floats.extend(packed.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)))
                }
                (4, Field::Four(one)) => floats.push(f32::from_le_bytes(one)),
                (5 | 7, field) => field.integers(&mut integers)?,
                (8, Field::Bytes(bytes)) => name = text(bytes)?,
                (9, Field::Bytes(bytes)) => raw = Some(bytes),
                // `external_data`; a `data_location` other than the default.
                (13, _) | (14, Field::Integer(1..)) => return Err(bad("values outside of the file")),
                _ => {}
            }
        }
        within("dimensions of a tensor", shape.len(), MAX_DIMENSIONS)?;
        let shape = shape.into_iter().map(|size| usize::try_from(size).map_err(|_| bad("a negative size")));
        let shape = shape.collect::<Result<Vec<usize>>>()?;
        let count = shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
        let count = count.ok_or_else(|| bad("a size beyond all memory"))?;
        let values = match (kind, raw) {
            (1, Some(raw)) => Values::F32(raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            (1, None) => Values::F32(floats),
            (2, Some(raw)) => Values::U8(raw.to_vec()),
            (2, None) => Values::U8(narrowed(&integers)?),
            (3, Some(raw)) => Values::I8(raw.iter().map(|&b| b.cast_signed()).collect()),
            (3, None) => Values::I8(narrowed(&integers)?),
            (6, Some(raw)) => Values::I32(raw.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b)).collect()),
            (6, None) => Values::I32(narrowed(&integers)?),
            (7, Some(raw)) => Values::I64(raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            (7, None) => Values::I64(integers),
            (other, _) => Values::Other(other),
        };
        if !matches!(values, Values::Other(_)) && values.len() != count {
            return Err(bad(&format!("{name:?} has {} values, expected {count}", values.len())));
        }
        Ok((name, Self { shape, values }))
    }
}

fn bad(reason: &str) -> SpeechError {
    SpeechError::malformed("ONNX file", reason)
}

fn within(what: &'static str, found: usize, max: usize) -> Result<()> {
    if found > max { Err(SpeechError::TooLarge { what, found, max }) } else { Ok(()) }
}

fn text(bytes: &[u8]) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| bad("a name that is no UTF-8"))
}

fn narrowed<T: TryFrom<i64>>(integers: &[i64]) -> Result<Vec<T>> {
    integers.iter().map(|&n| T::try_from(n).map_err(|_| bad("an integer out of its type's range"))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn tensor(name: &str, kind: u8, shape: &[u8], values: &[u8]) -> Vec<u8> {
        let parts = [field(1, shape), vec![2 << 3, kind], field(8, name.as_bytes()), values.to_vec()];
        field(5, &parts.concat())
    }

    fn model() -> Vec<u8> {
        let halves: Vec<u8> = [0.5f32, -0.25].iter().flat_map(|v| v.to_le_bytes()).collect();
        let node = [field(1, b"x"), field(1, b"w"), field(2, b"y"), field(4, b"MatMul")].concat();
        let parts = [
            tensor("w", 1, &[2], &field(9, &halves)),
            tensor("m_quantized", 3, &[2, 2], &field(9, &[1, 2, 0xff, 4])),
            tensor("m_scale", 1, &[], &field(4, &0.5f32.to_le_bytes())),
            tensor("m_zero_point", 3, &[], &field(5, &[1])),
            field(1, &node),
        ];
        field(7, &parts.concat())
    }

    #[test]
    fn weights_are_read() {
        let graph = Graph::parse(&model()).unwrap();
        assert_eq!(graph.floats("w", &[2]).unwrap(), [0.5, -0.25]);
        assert_eq!(graph.dequantised("m", [2, 2]).unwrap(), [0.0, 0.5, -1.0, 1.5]);
        assert_eq!(graph.nodes()[0].inputs, ["x", "w"]);
        assert_eq!(graph.nodes()[0].op, "MatMul");
        assert!(graph.floats("w", &[3]).is_err() && graph.dequantised("w", [1, 2]).is_err());
    }

    #[test]
    fn sizes_that_lie_are_refused() {
        let lying = field(7, &tensor("w", 1, &[9], &field(9, &[0; 8])));
        assert!(Graph::parse(&lying).unwrap_err().to_string().contains("has 2 values, expected 9"));
        assert!(Graph::parse(&[]).is_err());
        assert!(Graph::parse(&[7 << 3 | 2, 0xff, 0xff, 0x03]).is_err());
        let outside = field(7, &tensor("w", 1, &[2], &field(13, b"")));
        assert!(Graph::parse(&outside).unwrap_err().to_string().contains("outside"));
    }

    proptest! {
        /// Whatever is changed or cut, the reader answers.
        #[test]
        fn damage_never_panics(at in 0usize..200, byte: u8, cut in 0usize..200) {
            let mut bytes = model();
            let place = at % bytes.len();
            bytes[place] = byte;
            let _ = Graph::parse(&bytes);
            let _ = Graph::parse(&bytes[..cut.min(bytes.len())]);
        }
    }
}
