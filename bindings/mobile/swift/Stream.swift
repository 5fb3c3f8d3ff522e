/// What comes of saying something: pieces of the reply, then the reply that was checked and promised.
public enum Said: Sendable {
    case piece(String)
    case done(ChatTurn)
}

private final class Ear: ReplyListener, @unchecked Sendable {
    let hear: @Sendable (String) -> Bool
    init(_ hear: @escaping @Sendable (String) -> Bool) { self.hear = hear }
    func onText(text: String) -> Bool { hear(text) }
}

extension Chat {
    /// Says something; the reply comes as an asynchronous sequence. Who stops iterating stops listening: what the node has
    /// said is promised.
    public func stream(
        _ text: String, settings: ReplySettings, transport: any Transport
    ) -> AsyncThrowingStream<Said, any Error> {
        AsyncThrowingStream { continuation in
            let ear = Ear { piece in
                if case .terminated = continuation.yield(.piece(piece)) { return false }
                return true
            }
            Task {
                do {
                    let turn = try await self.say(text: text, settings: settings, transport: transport, listener: ear)
                    continuation.yield(.done(turn))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }
}
