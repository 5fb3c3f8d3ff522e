package org.lazai

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
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

/** What comes of having a text spoken: phrases, not checked yet, then the speech that was checked and promised. */
sealed interface Heard {
    /** Samples of one channel, for `AudioTrack` as they are. */
    class Phrase(val samples: ShortArray, val sampleRate: UInt) : Heard
    data class Done(val spoken: Spoken) : Heard
}

/**
 * Has a text spoken under the node's terms (`ModelOffer.speechTerms`); the sound comes as a flow, to be played as it comes. Who stops
 * collecting stops listening: what the node has spoken is promised. The pace is in thousandths of the voice's own; `most` is the most
 * that is paid, in base units.
 */
fun Chat.speech(
    text: String, terms: String, transport: Transport, speedMilli: UInt? = null, most: String? = null,
): Flow<Heard> = channelFlow<Heard> {
    val listener = object : SpeechListener {
        override fun onSound(samples: ByteArray, sampleRate: UInt): Boolean {
            val phrase = ShortArray(samples.size / 2)
            ByteBuffer.wrap(samples).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(phrase)
            return trySend(Heard.Phrase(phrase, sampleRate)).isSuccess
        }
    }
    val speaking = launch {
        send(Heard.Done(speak(text, terms, transport, speedMilli, most, listener)))
        close()
    }
    awaitClose { speaking.cancel() }
}.buffer(Channel.UNLIMITED) // Sound is played slower than it is made.
