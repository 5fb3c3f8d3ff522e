import java.io.File
import kotlinx.coroutines.runBlocking
import org.lazai.*

/** Talks in a session that was opened; `transport` is the app's own network, the key may be the device's. */
fun quickstart(conversation: String, domain: Domain, key: Signer, transport: Transport) = runBlocking {
    val chat = Chat(conversation, domain, key)
    chat.stream("Who are you?", ReplySettings(seed = 1uL), transport).collect { said ->
        when (said) {
            is Said.Piece -> print(said.text)
            is Said.Done -> println("\n${said.turn.completionTokens} tokens, ${said.turn.owed} owed so far, promised")
        }
    }
    File("conversation.json").writeText(chat.toJson()) // to go on later, and as evidence
}
