//! EIP-712: hashing and signing of typed structured data: structs whose members are values, or arrays of structs.

use serde::{Deserialize, Serialize};

use crate::digest::keccak256;
use crate::id::{Address, Digest, NoRandomness};

/// The `EIP712Domain`: the scope of a signature. A signature of one domain is invalid in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Name of the application.
    pub name: String,
    /// Version of its signed types.
    pub version: String,
    /// EIP-155 chain id; a random number for an embedded ledger.
    pub chain_id: u64,
    /// The contract that checks the signature; a random address for an embedded ledger.
    pub verifying_contract: Address,
    /// The field `salt`; `None` leaves it out of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Digest>,
}

impl Domain {
    /// A domain that nobody else has: random chain id, contract and salt, for a ledger that is no chain.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random(name: &str, version: &str) -> Result<Self, NoRandomness> {
        let (chain, contract, salt) = (Digest::random()?, Digest::random()?, Digest::random()?);
        let chain_id = u32::from_le_bytes(*chain.as_bytes().first_chunk().unwrap_or(&[1; 4])).max(1);
        let contract = *contract.as_bytes().first_chunk().unwrap_or(&[0; 20]);
        Ok(Self {
            name: name.into(),
            version: version.into(),
            // JavaScript wallets hold chain ids in 53 bits.
            chain_id: chain_id.into(),
            verifying_contract: Address::from_bytes(contract),
            salt: Some(salt),
        })
    }

    /// `hashStruct(eip712Domain)`.
    #[must_use]
    pub fn separator(&self) -> Digest {
        let salt = if self.salt.is_some() { ",bytes32 salt" } else { "" };
        let fields = "string name,string version,uint256 chainId,address verifyingContract";
        let mut out = Encoder::new(&format!("EIP712Domain({fields}{salt})"));
        out.string(&self.name);
        out.string(&self.version);
        out.uint(self.chain_id.into());
        out.address(self.verifying_contract);
        if let Some(salt) = self.salt {
            out.bytes32(salt);
        }
        out.finish()
    }
}

/// A struct that can be signed under EIP-712.
///
/// ```
/// use lazai_core::{Address, TypedData, sign::Encoder};
/// struct Mail { to: Address, text: String }
/// impl TypedData for Mail {
///     const TYPE: &'static str = "Mail(address to,string text)";
///     fn encode(&self, out: &mut Encoder) {
///         out.address(self.to);
///         out.string(&self.text);
///     }
/// }
/// ```
pub trait TypedData {
    /// `encodeType`: the name and the members in order, such as `Mail(address to,string text)`; then the types it refers
    /// to, sorted by name.
    const TYPE: &'static str;

    /// Writes the members in the order of [`TypedData::TYPE`].
    fn encode(&self, out: &mut Encoder);

    /// `hashStruct`: the type's hash and the members' encodings, hashed.
    fn hash_struct(&self) -> Digest {
        let mut out = Encoder::new(Self::TYPE);
        self.encode(&mut out);
        out.finish()
    }
}

/// The digest that is signed: `keccak256(0x1901 ‖ domainSeparator ‖ hashStruct(value))`.
#[must_use]
pub fn signing_digest<T: TypedData>(domain: &Domain, value: &T) -> Digest {
    let mut bytes = Vec::with_capacity(66);
    bytes.extend_from_slice(&[0x19, 0x01]);
    bytes.extend_from_slice(domain.separator().as_bytes());
    bytes.extend_from_slice(value.hash_struct().as_bytes());
    keccak256(&bytes)
}

/// The JSON that wallets sign (`eth_signTypedData_v4`): domain, types and message. Numbers are decimal strings.
///
/// `None` for types with strings, which an encoding keeps the hashes of only.
///
/// Source: EIP-712, "Specification of the eth_signTypedData JSON RPC".
#[must_use]
pub fn typed_data_json<T: TypedData>(domain: &Domain, value: &T) -> Option<serde_json::Value> {
    use serde_json::{Map, Value, json};
    let (name, members) = T::TYPE.strip_suffix(')')?.split_once('(')?;
    let mut out = Encoder::new(T::TYPE);
    value.encode(&mut out);
    let (mut types, mut message) = (Vec::new(), Map::new());
    for (member, word) in members.split(',').zip(out.0[32..].chunks(32)) {
        let (kind, member) = member.split_once(' ')?;
        let number = || word.last_chunk().map(|bytes| u128::from_be_bytes(*bytes));
        let value = match kind {
            "address" => Value::from(format!("0x{}", hex::encode(&word[12..]))),
            "bool" => Value::from(number()? == 1),
            "bytes32" => Value::from(format!("0x{}", hex::encode(word))),
            _ if kind.starts_with("uint") => Value::from(number()?.to_string()),
            _ => return None,
        };
        types.push(json!({"name": member, "type": kind}));
        message.insert(member.into(), value);
    }
    let mut about = json!({
        "name": domain.name, "version": domain.version, "chainId": domain.chain_id.to_string(),
        "verifyingContract": domain.verifying_contract,
    });
    let mut of_domain = vec![
        json!({"name": "name", "type": "string"}),
        json!({"name": "version", "type": "string"}),
        json!({"name": "chainId", "type": "uint256"}),
        json!({"name": "verifyingContract", "type": "address"}),
    ];
    if let Some(salt) = domain.salt {
        about["salt"] = json!(salt);
        of_domain.push(json!({"name": "salt", "type": "bytes32"}));
    }
    Some(json!({
        "domain": about, "message": message, "primaryType": name,
        "types": {"EIP712Domain": of_domain, name: types},
    }))
}

/// The members of a value as a contract's call has them: 32 bytes each. That is Solidity's ABI encoding for structs whose
/// members are all of fixed size, and of no other.
#[must_use]
pub fn abi_words<T: TypedData>(value: &T) -> Vec<u8> {
    let mut words = Encoder(Vec::new());
    value.encode(&mut words);
    words.0
}

/// `encodeData`: 32 bytes for each member.
#[derive(Debug)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    fn new(encode_type: &str) -> Self {
        Self(keccak256(encode_type.as_bytes()).as_bytes().to_vec())
    }

    fn finish(self) -> Digest {
        keccak256(&self.0)
    }

    /// An unsigned integer of any width up to 128 bits.
    pub fn uint(&mut self, value: u128) {
        self.0.extend_from_slice(&[0; 16]);
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// A `bool`.
    pub fn boolean(&mut self, value: bool) {
        self.uint(value.into());
    }

    /// An `address`.
    pub fn address(&mut self, value: Address) {
        self.0.extend_from_slice(&[0; 12]);
        self.0.extend_from_slice(value.as_bytes());
    }

    /// A `bytes32`.
    pub fn bytes32(&mut self, value: Digest) {
        self.0.extend_from_slice(value.as_bytes());
    }

    /// A `string[]`, which enters as the hash of its strings' hashes.
    pub fn strings(&mut self, values: &[String]) {
        let hashes: Vec<u8> = values.iter().flat_map(|v| *keccak256(v.as_bytes()).as_bytes()).collect();
        self.0.extend_from_slice(keccak256(&hashes).as_bytes());
    }

    /// `bytes`, which enter as their hash.
    pub fn bytes(&mut self, value: &[u8]) {
        self.0.extend_from_slice(keccak256(value).as_bytes());
    }

    /// An array of structs, which enters as the hash of theirs.
    pub fn structs<T: TypedData>(&mut self, values: impl IntoIterator<Item = T>) {
        let hashes: Vec<u8> = values.into_iter().flat_map(|v| *v.hash_struct().as_bytes()).collect();
        self.0.extend_from_slice(keccak256(&hashes).as_bytes());
    }

    /// A `string`, which enters as its hash.
    pub fn string(&mut self, value: &str) {
        self.0.extend_from_slice(keccak256(value.as_bytes()).as_bytes());
    }
}
