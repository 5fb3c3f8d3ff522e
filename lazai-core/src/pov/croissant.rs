//! A description of the public part for machines that look for datasets: Croissant 1.0 by MLCommons.

use serde_json::{Map, Value, json};

use super::PublicPart;
use crate::digest::sha256;

impl PublicPart {
    /// A [Croissant](https://docs.mlcommons.org/croissant/docs/croissant-spec.html) description (JSON-LD) of the
    /// public part: the character's name and description, contributors and licences, and the prompts as a record set.
    ///
    /// `bytes` are the public part's own, from [`to_bytes`](Self::to_bytes); `url` is their address.
    #[must_use]
    pub fn croissant(&self, bytes: &[u8], url: &str) -> Value {
        let profile = &self.character;
        let mut licences: Vec<&str> = self.contributors.iter().map(|c| c.licence.as_str()).collect();
        licences.sort_unstable();
        licences.dedup();
        let licences: Vec<String> = licences.iter().map(|l| format!("https://spdx.org/licenses/{l}.html")).collect();
        let creators = self
            .contributors
            .iter()
            .map(|c| json!({"@type": "Person", "name": c.name, "identifier": c.address.to_string()}));
        json!({
            "@context": context(),
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": profile.name,
            "description": profile.persona("user"),
            "keywords": profile.tags,
            "license": licences,
            "creator": creators.collect::<Vec<_>>(),
            "url": url,
            "version": "1.0.0",
            "distribution": [{
                "@type": "cr:FileObject",
                "@id": "public-part",
                "name": "public-part",
                "description": "The public part of a POV dataset, lazai.pov.public.v1",
                "contentUrl": url,
                "encodingFormat": "application/json",
                "contentSize": format!("{} B", bytes.len()),
                "sha256": sha256(bytes).to_string().trim_start_matches("0x"),
            }],
            "recordSet": [{
                "@type": "cr:RecordSet",
                "@id": "prompts",
                "name": "prompts",
                "description": "Prompts that show how to talk with the character",
                "field": [{
                    "@type": "cr:Field",
                    "@id": "prompts/text",
                    "name": "prompts/text",
                    "description": "What a user says",
                    "dataType": "sc:Text",
                    "source": {"fileObject": {"@id": "public-part"}, "extract": {"jsonPath": "$.prompts[*]"}},
                }],
            }],
        })
    }
}

/// Terms of Croissant, all of which the specification wants in the context, used or not.
const TERMS: [&str; 29] = [
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
    "data",
    "dataType",
    "examples",
];

/// The specification's context.
fn context() -> Value {
    let mut context = Map::new();
    for term in TERMS {
        let value = match term {
            "data" | "examples" => json!({"@id": format!("cr:{term}"), "@type": "@json"}),
            "dataType" => json!({"@id": "cr:dataType", "@type": "@vocab"}),
            _ => format!("cr:{term}").into(),
        };
        context.insert(term.into(), value);
    }
    for (term, meaning) in [
        ("@language", "en"),
        ("@vocab", "https://schema.org/"),
        ("conformsTo", "dct:conformsTo"),
        ("cr", "http://mlcommons.org/croissant/"),
        ("dct", "http://purl.org/dc/terms/"),
        ("rai", "http://mlcommons.org/croissant/RAI/"),
        ("sc", "https://schema.org/"),
    ] {
        context.insert(term.into(), meaning.into());
    }
    context.into()
}
