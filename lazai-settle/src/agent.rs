//! Calls to the registries of agents (ERC-8004), and the binding of an agent to a token (ERC-8217), written down without a node: a user's
//! wallet sends them.
//!
//! The registries are contracts of others, one of each a chain. Nothing of the market's contracts knows of them. Source: ERC-8004 as it is
//! deployed since January 2026 (its text is under review), ERC-8217 (draft of April 2026).

use lazai_core::digest::keccak256;
use lazai_core::{Address, Digest};

/// ERC-8217's reserved key of an agent's metadata: the binding contract's address.
pub const BINDING_KEY: &str = "agent-binding";

/// An argument of a call.
enum Argument<'a> {
    /// A value of fixed size.
    Word([u8; 32]),
    /// A `string`, or `bytes`: behind all words, with its length.
    Bytes(&'a [u8]),
}

fn number(value: u128) -> Argument<'static> {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    Argument::Word(word)
}

fn signed(value: i128) -> Argument<'static> {
    let mut word = [if value < 0 { 0xff } else { 0 }; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    Argument::Word(word)
}

fn text_of(text: &str) -> Argument<'_> {
    Argument::Bytes(text.as_bytes())
}

fn call(function: &str, arguments: &[Argument<'_>]) -> Vec<u8> {
    let mut data = keccak256(function.as_bytes()).as_bytes()[..4].to_vec();
    let mut tail = Vec::new();
    let push = |out: &mut Vec<u8>, value: usize| {
        out.extend([0; 24]);
        out.extend((value as u64).to_be_bytes());
    };
    for argument in arguments {
        match argument {
            Argument::Word(word) => data.extend(word),
            Argument::Bytes(bytes) => {
                push(&mut data, arguments.len() * 32 + tail.len());
                push(&mut tail, bytes.len());
                tail.extend_from_slice(bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
        }
    }
    data.extend(tail);
    data
}

/// `IdentityRegistry.register`: the sender owns a new agent, whose registration file is at this URI.
#[must_use]
pub fn register(uri: &str) -> Vec<u8> {
    call("register(string)", &[Argument::Bytes(uri.as_bytes())])
}

/// `IdentityRegistry.setAgentURI`: the agent's registration file is elsewhere now.
#[must_use]
pub fn set_uri(agent: u128, uri: &str) -> Vec<u8> {
    call("setAgentURI(uint256,string)", &[number(agent), Argument::Bytes(uri.as_bytes())])
}

/// `IdentityRegistry.setMetadata` of ERC-8217's key: the contract that says which token the agent is bound to. Who may write it, and how
/// the contract comes to know the token, is the contract's own affair: the draft leaves it open.
#[must_use]
pub fn set_binding(agent: u128, binding: Address) -> Vec<u8> {
    let arguments = [number(agent), Argument::Bytes(BINDING_KEY.as_bytes()), Argument::Bytes(binding.as_bytes())];
    call("setMetadata(uint256,string,bytes)", &arguments)
}

/// `IdentityRegistry.getMetadata` of ERC-8217's key.
#[must_use]
pub fn get_binding(agent: u128) -> Vec<u8> {
    call("getMetadata(uint256,string)", &[number(agent), Argument::Bytes(BINDING_KEY.as_bytes())])
}

/// The binding contract that [`get_binding`] answered: `bytes` of exactly twenty, in Solidity's ABI. `None` for anything else.
#[must_use]
pub fn read_binding(answer: &[u8]) -> Option<Address> {
    let (words, _) = answer.as_chunks::<32>();
    let [offset, length, value] = words else { return None };
    let is = |word: &[u8; 32], expected: u8| word[..31] == [0; 31] && word[31] == expected;
    let holds = is(offset, 32) && is(length, 20) && value[20..] == [0; 12] && answer.len() == 96;
    value.first_chunk::<20>().filter(|_| holds).map(|bytes| Address::from_bytes(*bytes))
}

/// The token that an agent is bound to (ERC-8217).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// 0 for ERC-721 (and what extends it, as our token does), 1 for ERC-1155, 2 for ERC-6909.
    pub standard: u8,
    /// The token's contract.
    pub contract: Address,
    /// The token.
    pub token: u128,
}

/// `bindingOf` of a binding contract.
#[must_use]
pub fn binding_of(agent: u128) -> Vec<u8> {
    call("bindingOf(uint256)", &[number(agent)])
}

/// The binding that [`binding_of`] answered. `None` for anything else, and for a token's number of more than 128 bits.
#[must_use]
pub fn read_binding_of(answer: &[u8]) -> Option<Binding> {
    let (words, rest) = answer.as_chunks::<32>();
    let [standard, contract, token] = words else { return None };
    let holds = rest.is_empty() && standard[..31] == [0; 31] && standard[31] < 3 && contract[..12] == [0; 12];
    let token = token.last_chunk::<16>().filter(|_| holds && token[..16] == [0; 16])?;
    let contract = Address::from_bytes(*contract.last_chunk()?);
    Some(Binding { standard: standard[31], contract, token: u128::from_be_bytes(*token) })
}

/// What a client says of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// The agent.
    pub agent: u128,
    /// The value, of which `decimals` digits are behind the point.
    pub value: i128,
    /// Those digits, at most 18.
    pub decimals: u8,
    /// Two words to find it by.
    pub tags: [&'a str; 2],
    /// The endpoint that it is about.
    pub endpoint: &'a str,
    /// Where the file behind it is: the evidence of a reply, which holds its receipt.
    pub uri: &'a str,
    /// That file, as it is; none if there is no file.
    pub file: Option<&'a [u8]>,
}

/// `ReputationRegistry.giveFeedback`. The digest of the file is on the chain: whoever reads the feedback can check that there was a reply, by
/// verifying the evidence.
#[must_use]
pub fn give_feedback(feedback: &Feedback<'_>) -> Vec<u8> {
    let Feedback { agent, value, decimals, tags: [first, second], endpoint, uri, file } = feedback;
    let digest = file.map_or(Digest::ZERO, keccak256);
    let arguments = [
        number(*agent),
        signed(*value),
        number((*decimals).into()),
        text_of(first),
        text_of(second),
        text_of(endpoint),
        text_of(uri),
        Argument::Word(*digest.as_bytes()),
    ];
    call("giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)", &arguments)
}

#[cfg(all(test, feature = "evm"))]
#[allow(missing_docs, clippy::too_many_arguments, reason = "what `sol!` writes")]
mod tests {
    use alloy_primitives::{Bytes, U256};
    use alloy_sol_types::{SolCall, SolValue, sol};

    use super::*;

    sol! {
        enum Standard { ERC721, ERC1155, ERC6909 }
        struct Bound { Standard standard; address tokenContract; uint256 tokenId; }
        function register(string agentURI) external returns (uint256);
        function setAgentURI(uint256 agentId, string newURI) external;
        function setMetadata(uint256 agentId, string key, bytes value) external;
        function getMetadata(uint256 agentId, string key) external view returns (bytes);
        function bindingOf(uint256 agentId) external view returns (Bound);
        function giveFeedback(
            uint256 agentId, int128 value, uint8 valueDecimals, string tag1, string tag2, string endpoint, string feedbackURI,
            bytes32 feedbackHash
        ) external;
    }

    const CONTRACT: Address = Address::from_bytes([9; 20]);

    /// The words are those that the registries' interfaces give.
    #[test]
    fn calls_are_what_alloy_makes_of_the_interfaces() {
        let agent = U256::from(7);
        for uri in ["", "https://node.example/agent.json", &"x".repeat(64), &"é".repeat(33)] {
            assert_eq!(register(uri), registerCall { agentURI: uri.into() }.abi_encode());
            assert_eq!(set_uri(7, uri), setAgentURICall { agentId: agent, newURI: uri.into() }.abi_encode());
        }
        let (key, value) = (BINDING_KEY.to_owned(), Bytes::copy_from_slice(CONTRACT.as_bytes()));
        assert_eq!(
            set_binding(7, CONTRACT),
            setMetadataCall { agentId: agent, key: key.clone(), value: value.clone() }.abi_encode()
        );
        assert_eq!(get_binding(7), getMetadataCall { agentId: agent, key }.abi_encode());
        assert_eq!(binding_of(7), bindingOfCall { agentId: agent }.abi_encode());
        for (value, file) in [(95, Some(&b"evidence"[..])), (-3, None), (i128::MIN, Some(b""))] {
            let ours = Feedback {
                agent: 7,
                value,
                decimals: 2,
                tags: ["chat", ""],
                endpoint: "https://node.example",
                uri: "ipfs://x",
                file,
            };
            let theirs = giveFeedbackCall {
                agentId: agent,
                value,
                valueDecimals: 2,
                tag1: "chat".into(),
                tag2: String::new(),
                endpoint: "https://node.example".into(),
                feedbackURI: "ipfs://x".into(),
                feedbackHash: file.map_or(Digest::ZERO, keccak256).as_bytes().into(),
            };
            assert_eq!(give_feedback(&ours), theirs.abi_encode());
        }
    }

    #[test]
    fn answers_are_read_and_nothing_else_is() {
        let answer = Bytes::copy_from_slice(CONTRACT.as_bytes()).abi_encode();
        assert_eq!(read_binding(&answer), Some(CONTRACT));
        for other in [&[1; 19][..], &[1; 21], &[1; 32], b""] {
            assert_eq!(read_binding(&Bytes::copy_from_slice(other).abi_encode()), None);
        }
        for at in 0..answer.len() {
            assert_eq!(read_binding(&answer[..at]), None);
        }
        let bound = |token: U256| {
            let contract = alloy_primitives::Address::from(*CONTRACT.as_bytes());
            Bound { standard: Standard::ERC721, tokenContract: contract, tokenId: token }.abi_encode()
        };
        let expected = Binding { standard: 0, contract: CONTRACT, token: 12 };
        assert_eq!(read_binding_of(&bound(U256::from(12))), Some(expected));
        assert_eq!(read_binding_of(&bound(U256::MAX)), None);
        assert_eq!(read_binding_of(&[0xff; 96]), None);
        assert_eq!(read_binding_of(&[0; 95]), None);
    }
}
