import Foundation

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

/// What comes of having a text spoken: phrases, not checked yet, then the speech that was checked and promised.
public enum Heard: Sendable {
    /// Samples of one channel.
    case phrase([Int16], sampleRate: UInt32)
    case done(Spoken)
}

private final class SoundEar: SpeechListener, @unchecked Sendable {
    let hear: @Sendable ([Int16], UInt32) -> Bool
    init(_ hear: @escaping @Sendable ([Int16], UInt32) -> Bool) { self.hear = hear }
    func onSound(samples: Data, sampleRate: UInt32) -> Bool {
        let bytes = [UInt8](samples)
        let phrase = stride(from: 0, to: bytes.count - 1, by: 2).map {
            Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8)
        }
        return hear(phrase, sampleRate)
    }
}

extension Chat {
    /// Has a text spoken under the node's terms (`ModelOffer.speechTerms`); the sound comes as an asynchronous sequence, to be played as
    /// it comes. Who stops iterating stops listening: what the node has spoken is promised. The pace is in thousandths of the voice's
    /// own; `most` is the most that is paid, in base units.
    public func speech(
        _ text: String, terms: String, transport: any Transport, speedMilli: UInt32? = nil, most: String? = nil
    ) -> AsyncThrowingStream<Heard, any Error> {
        AsyncThrowingStream { continuation in
            let ear = SoundEar { phrase, rate in
                if case .terminated = continuation.yield(.phrase(phrase, sampleRate: rate)) { return false }
                return true
            }
            Task {
                do {
                    let spoken = try await self.speak(
                        text: text, speechTerms: terms, transport: transport, speedMilli: speedMilli, most: most, listener: ear)
                    continuation.yield(.done(spoken))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }
}
