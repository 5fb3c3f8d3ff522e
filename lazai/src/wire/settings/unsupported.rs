//! What no node heeds, and refuses by name.

use serde_json::Value;

/// A parameter, and a test for values that change nothing.
pub(in crate::wire) type Parameter = (&'static str, fn(&Value) -> bool);

/// Parameters that would change the reply if they were ignored.
pub(super) const UNSUPPORTED: &[Parameter] = &[
    ("allowed_token_ids", is_nothing),
    ("bad_words", is_nothing),
    ("best_of", |v| v.is_null() || v == 1),
    ("dry_penalty_last_n", |v| v.is_null() || *v == -1),
    ("dynatemp_range", is_zero),
    ("function_call", |v| v.is_null() || v == "none" || v == "auto"),
    ("functions", is_nothing),
    ("grammar", is_nothing),
    ("guided_decoding_backend", is_nothing),
    ("guided_whitespace_pattern", is_nothing),
    ("ignore_eos", is_false),
    ("include_stop_str_in_output", is_false),
    ("json_schema", is_nothing),
    ("length_penalty", is_one),
    ("mirostat", is_zero),
    ("prompt_logprobs", is_nothing),
    ("repeat_penalty", is_one),
    ("structured_outputs", is_nothing),
    ("top_n_sigma", |v| v.as_f64().is_none_or(|sigma| sigma <= 0.0)),
    ("use_beam_search", is_false),
    ("web_search_options", Value::is_null),
    ("xtc_probability", is_zero),
];

pub(in crate::wire) fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == ""
}

fn is_zero(value: &Value) -> bool {
    value.is_null() || value.as_f64() == Some(0.0)
}

fn is_one(value: &Value) -> bool {
    value.is_null() || value.as_f64() == Some(1.0)
}

pub(in crate::wire) fn is_false(value: &Value) -> bool {
    value.is_null() || *value == false
}
