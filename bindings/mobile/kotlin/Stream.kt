package org.lazai

import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.launch

/** What comes of saying something: pieces of the reply, then the reply that was checked and promised. */
sealed interface Said {
    data class Piece(val text: String) : Said
    data class Done(val turn: ChatTurn) : Said
}

/** Says something; the reply comes as a flow. Who stops collecting stops listening: what the node has said is promised. */
fun Chat.stream(text: String, settings: ReplySettings, transport: Transport): Flow<Said> = channelFlow {
    val listener = object : ReplyListener {
        override fun onText(text: String): Boolean = trySend(Said.Piece(text)).isSuccess
    }
    val talking = launch {
        send(Said.Done(say(text, settings, transport, listener)))
        close()
    }
    awaitClose { talking.cancel() }
}
