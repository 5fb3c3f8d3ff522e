//! The names and shapes of all weights, here and in the package's ONNX file.

use super::{
    ACOUSTIC_BLOCKS, ACOUSTIC_REPEATS, ACOUSTIC_TEXT, ACOUSTIC_WIDTH, HEAD, PROSODY_BLOCKS, PROSODY_REPEATS,
    PROSODY_WIDTH, VOCABULARY,
};
use crate::adapter::Module;

/// How the package's ONNX file keeps a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As floats, under the same name.
    Floats,
    /// As bytes, `[input, output]`, under the name of the operation that transposed it.
    Quantised(String),
}

/// Every tensor: its name, its shape, and how the package keeps it.
pub(crate) fn tensors() -> Vec<(String, Vec<usize>, Stored)> {
    let mut all = List(Vec::new());
    // Repeated names of operations got a number, in the order of the export: the acoustic network's come first.
    all.text("m.text", ACOUSTIC_TEXT, ("", "", "/Transpose_2"));
    all.text("pn.text", PROSODY_WIDTH, ("_1", "_4", "/Transpose_25"));
    all.floats("m.dec_in", &[ACOUSTIC_WIDTH, ACOUSTIC_TEXT + 2, 7]);
    for i in 0..ACOUSTIC_BLOCKS {
        all.block(&format!("m.dec.{i}"), &format!("/dec.{i}"), "", [ACOUSTIC_WIDTH, 3 * ACOUSTIC_WIDTH, 7]);
    }
    all.norm("m.dec_norm", ACOUSTIC_WIDTH);
    all.linear("m.head.weight", "m.head.bias", "/head/Transpose", [ACOUSTIC_WIDTH, HEAD]);
    for (name, shape) in [
        ("pn.dur.0", [PROSODY_WIDTH, PROSODY_WIDTH, 3]),
        ("pn.dur.2", [1, PROSODY_WIDTH, 1]),
        ("pn.pro_in", [PROSODY_WIDTH, PROSODY_WIDTH, 1]),
        ("pn.pro_out", [4, PROSODY_WIDTH, 1]),
    ] {
        all.floats(name, &shape);
    }
    for i in 0..PROSODY_BLOCKS {
        all.block(&format!("pn.pro.{i}"), &format!("/pro.{i}"), "", [PROSODY_WIDTH, 2 * PROSODY_WIDTH, 7]);
    }
    all.0
}

struct List(Vec<(String, Vec<usize>, Stored)>);

impl List {
    fn one(&mut self, name: String, shape: &[usize], stored: Stored) {
        self.0.push((name, shape.to_vec(), stored));
    }

    /// A weight and a bias of the weight's first size.
    fn floats(&mut self, name: &str, shape: &[usize]) {
        self.one(format!("{name}.weight"), shape, Stored::Floats);
        self.one(format!("{name}.bias"), &shape[..1], Stored::Floats);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.floats(name, &[width]);
    }

    fn linear(&mut self, weight: &str, bias: &str, operation: &str, [input, output]: [usize; 2]) {
        let stored = Stored::Quantised(format!("{operation}_output_0"));
        self.one(weight.to_owned(), &[output, input], stored);
        self.one(bias.to_owned(), &[output], Stored::Floats);
    }

    fn block(&mut self, name: &str, operation: &str, number: &str, [channels, inner, taps]: [usize; 3]) {
        self.one(format!("{name}.gamma"), &[channels], Stored::Floats);
        self.floats(&format!("{name}.dw"), &[channels, 1, taps]);
        self.norm(&format!("{name}.norm"), channels);
        for (part, shape) in [("pw1", [channels, inner]), ("pw2", [inner, channels])] {
            let operation = format!("{operation}/{part}{number}/Transpose");
            self.linear(&format!("{name}.{part}.weight"), &format!("{name}.{part}.bias"), &operation, shape);
        }
    }

    fn text(&mut self, name: &str, width: usize, (block, layer, heads): (&str, &str, &str)) {
        self.one(format!("{name}.emb.weight"), &[VOCABULARY, width], Stored::Floats);
        for i in 0..2 {
            self.block(&format!("{name}.convs.{i}"), &format!("/convs.{i}"), block, [width, 2 * width, 5]);
        }
        let attention = format!("{name}.attn");
        for part in ["norm1", "norm2"] {
            self.norm(&format!("{attention}.{part}"), width);
        }
        for (weight, bias, operation, shape) in [
            ("self_attn.in_proj_weight", "self_attn.in_proj_bias", heads.to_owned(), [width, 3 * width]),
            (
                "self_attn.out_proj.weight",
                "self_attn.out_proj.bias",
                format!("/out_proj{layer}/Transpose"),
                [width, width],
            ),
            ("linear1.weight", "linear1.bias", format!("/linear1{layer}/Transpose"), [width, 2 * width]),
            ("linear2.weight", "linear2.bias", format!("/linear2{layer}/Transpose"), [2 * width, width]),
        ] {
            self.linear(&format!("{attention}.{weight}"), &format!("{attention}.{bias}"), &operation, shape);
        }
        self.norm(&format!("{name}.norm"), width);
    }
}

/// The linear modules that an adapter changes, in the order of their places. A layer that is applied several times counts as
/// often: each time has factors of its own.
pub(crate) fn modules() -> Vec<Module> {
    let mut all = Vec::new();
    let mut add = |name: String, input, output| all.push(Module { name, input, output });
    let nets = [("m.text", ACOUSTIC_TEXT, ACOUSTIC_REPEATS), ("pn.text", PROSODY_WIDTH, PROSODY_REPEATS)];
    for (net, (text, width, repeats)) in nets.into_iter().enumerate() {
        for i in 0..2 {
            add(format!("{text}.convs.{i}.pw1"), width, 2 * width);
            add(format!("{text}.convs.{i}.pw2"), 2 * width, width);
        }
        for i in 0..repeats {
            for (part, input, output) in [
                ("self_attn.in_proj", width, 3 * width),
                ("self_attn.out_proj", width, width),
                ("linear1", width, 2 * width),
                ("linear2", 2 * width, width),
            ] {
                add(format!("{text}.attn.{i}.{part}"), input, output);
            }
        }
        let (blocks, name, channels, inner) = match net {
            0 => (ACOUSTIC_BLOCKS, "m.dec", ACOUSTIC_WIDTH, 3 * ACOUSTIC_WIDTH),
            _ => (PROSODY_BLOCKS, "pn.pro", PROSODY_WIDTH, 2 * PROSODY_WIDTH),
        };
        for i in 0..blocks {
            add(format!("{name}.{i}.pw1"), channels, inner);
            add(format!("{name}.{i}.pw2"), inner, channels);
        }
        if net == 0 {
            add("m.head".into(), ACOUSTIC_WIDTH, HEAD);
        }
    }
    all
}
