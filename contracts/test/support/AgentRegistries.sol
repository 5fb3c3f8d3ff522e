// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A stand-in for ERC-8004's identity and reputation registries, as far as they are called and read here
/// @notice Written by the interfaces; it is not the code that is deployed on public chains.
contract AgentRegistry {
    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    event MetadataSet(uint256 indexed agentId, string indexed indexedKey, string key, bytes value);
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);
    event NewFeedback(
        uint256 indexed agentId, address indexed clientAddress, int128 value, string feedbackURI, bytes32 feedbackHash
    );

    error NotOwner();

    uint256 private last;
    mapping(uint256 agentId => address) public ownerOf;
    mapping(uint256 agentId => string) public tokenURI;
    mapping(uint256 agentId => mapping(string key => bytes)) public getMetadata;

    modifier onlyOwner(uint256 agentId) {
        if (ownerOf[agentId] != msg.sender) revert NotOwner();
        _;
    }

    function register(string calldata agentURI) external returns (uint256 agentId) {
        agentId = ++last;
        ownerOf[agentId] = msg.sender;
        tokenURI[agentId] = agentURI;
        emit Registered(agentId, agentURI, msg.sender);
    }

    function setAgentURI(uint256 agentId, string calldata newURI) external onlyOwner(agentId) {
        tokenURI[agentId] = newURI;
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    function setMetadata(uint256 agentId, string calldata key, bytes calldata value) external onlyOwner(agentId) {
        getMetadata[agentId][key] = value;
        emit MetadataSet(agentId, key, key, value);
    }

    function getAgentWallet(uint256) external pure returns (address) {
        return address(0);
    }

    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8,
        string memory,
        string memory,
        string memory,
        string memory feedbackURI,
        bytes32 feedbackHash
    ) external {
        emit NewFeedback(agentId, msg.sender, value, feedbackURI, feedbackHash);
    }
}

/// @title A stand-in for ERC-8217's binding contract
contract AgentBindings {
    enum TokenStandard {
        ERC721,
        ERC1155,
        ERC6909
    }

    struct Binding {
        TokenStandard standard;
        address tokenContract;
        uint256 tokenId;
    }

    event AgentBound(
        uint256 indexed agentId,
        TokenStandard indexed standard,
        address indexed tokenContract,
        uint256 tokenId,
        address registeredBy
    );

    error Bound();

    mapping(uint256 agentId => Binding) private bindings;

    function bind(uint256 agentId, TokenStandard standard, address tokenContract, uint256 tokenId) external {
        if (bindings[agentId].tokenContract != address(0)) revert Bound();
        bindings[agentId] = Binding(standard, tokenContract, tokenId);
        emit AgentBound(agentId, standard, tokenContract, tokenId, msg.sender);
    }

    function bindingOf(uint256 agentId) external view returns (Binding memory) {
        return bindings[agentId];
    }
}
