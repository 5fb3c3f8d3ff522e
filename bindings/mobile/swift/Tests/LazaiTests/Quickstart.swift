import Foundation
import Lazai

/// Talks in a session that was opened; `transport` is the app's own network, the key may be the Keychain's.
func quickstart(conversation: String, domain: Domain, key: any Signer, transport: any Transport) async throws -> String {
    let chat = try Chat(conversation: conversation, domain: domain, signer: key)
    let settings = ReplySettings(seed: 1)
    for try await said in chat.stream("Who are you?", settings: settings, transport: transport) {
        switch said {
        case .piece(let piece): print(piece, terminator: "")
        case .done(let turn): print("\n\(turn.completionTokens) tokens, \(turn.owed) owed so far, promised")
        }
    }
    return try chat.toJson()  // to go on later, and as evidence
}
