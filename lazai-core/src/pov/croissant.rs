//! A description of a dataset for machines that look for some: Croissant 1.0 by MLCommons.

use serde_json::{Map, Value, json};

use super::PublicPart;
use crate::digest::sha256;
use crate::id::{Digest, SubmissionId};

/// What everybody may know of a private part: what the submission, the statement and the store say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateAbout<'a> {
    /// The submission.
    pub submission: SubmissionId,
    /// The address of the ciphertext.
    pub url: &'a str,
    /// SHA-256 of the ciphertext.
    pub ciphertext: Digest,
    /// Bytes of the ciphertext.
    pub bytes: u64,
    /// The root that the dataset's proof commits to.
    pub root: Digest,
    /// Its records.
    pub records: u64,
    /// Its tokens.
    pub tokens: u64,
    /// The day that it was submitted, as ISO 8601 writes it.
    pub published: &'a str,
}

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

    /// As [`croissant`](Self::croissant), of the whole dataset: the private part as a file, encrypted as it lies in its store, and what its
    /// proof says of it. Nothing of its contents is told, so it has no record set.
    #[must_use]
    pub fn croissant_of_all(&self, bytes: &[u8], url: &str, private: &PrivateAbout<'_>) -> Value {
        let mut described = self.croissant(bytes, url);
        let PrivateAbout { submission, url, ciphertext, bytes, root, records, tokens, published } = private;
        let file = json!({
            "@type": "cr:FileObject",
            "@id": "private-part",
            "name": "private-part",
            "description": "The private part of a POV dataset, encrypted (LZE1); its key is sealed to the execution node of the submission",
            "contentUrl": url,
            "encodingFormat": "application/octet-stream",
            "contentSize": format!("{bytes} B"),
            "sha256": ciphertext.to_string().trim_start_matches("0x"),
        });
        if let Some(files) = described["distribution"].as_array_mut() {
            files.push(file);
        }
        let measured = |name: &str, value: Value| json!({"@type": "sc:PropertyValue", "name": name, "value": value});
        described["variableMeasured"] = json!([
            measured("records", (*records).into()),
            measured("tokens", (*tokens).into()),
            measured("root", root.to_string().into()),
        ]);
        described["identifier"] = submission.to_string().into();
        described["datePublished"] = (*published).into();
        described
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
