// A chat client for the command line: `ChatClientKt URL`, the URL of who publishes where a market is (`cargo xtask web`). It
// opens a session by the wallet, talks line by line, and pays for each reply. In an app, the wallet is the user's, the key the
// device's (Android's key store, by the interface Signer), the network OkHttp.
import com.google.gson.JsonArray
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.IOException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpResponse.BodyHandlers
import java.net.http.HttpRequest as JdkRequest
import kotlin.random.Random
import kotlin.random.nextULong
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.lazai.*

private val network: HttpClient = HttpClient.newHttpClient()

private fun get(url: String): ByteArray =
    network.send(JdkRequest.newBuilder(URI(url)).build(), BodyHandlers.ofByteArray()).body()

// ANCHOR: transport
/** A node, over the JDK's HTTP: requests are sealed to the key that the node signed, if it has one. */
class JdkTransport(private val url: String, private val model: ModelOffer, private val domain: Domain) : Transport {
    override suspend fun post(request: HttpRequest, sink: BodySink): UShort = withContext(Dispatchers.IO) {
        val sealed = model.sealTerms?.let { SealedPost(request, it, domain, model.offer.node) }
        val post = JdkRequest.newBuilder(URI(url + (sealed?.path() ?: request.path)))
        post.POST(JdkRequest.BodyPublishers.ofByteArray(sealed?.body() ?: request.body.toByteArray()))
        if (sealed != null) post.header("content-type", sealed.contentType())
        else request.headers.forEach { post.header(it.name, it.value) }
        try {
            val answer = network.send(post.build(), BodyHandlers.ofInputStream())
            // A refusal of the gateway itself is not sealed.
            val opener = sealed?.takeIf { answer.statusCode() == 200 }
            answer.body().use { body ->
                val buffer = ByteArray(8192)
                generateSequence { body.read(buffer).takeIf { it >= 0 } }.forEach {
                    val bytes = buffer.copyOf(it)
                    sink.push(opener?.open(bytes) ?: bytes)
                }
            }
            opener?.let { sink.push(it.finish()) }
            opener?.status() ?: answer.statusCode().toUShort()
        } catch (e: IOException) {
            throw LazaiException.Failed("node.transport", "$url: ${e.message}")
        }
    }
}
// ANCHOR_END: transport

/** A wallet behind JSON-RPC: here that of a test chain, whose node signs for its own account. */
class RpcWallet(private val url: String) {
    private fun request(method: String, vararg params: Any) = JsonObject().run {
        val array = JsonArray()
        params.forEach { if (it is JsonObject) array.add(it) else array.add(it.toString()) }
        addProperty("jsonrpc", "2.0")
        addProperty("id", 1)
        addProperty("method", method)
        add("params", array)
        val post = JdkRequest.newBuilder(URI(url)).header("content-type", "application/json")
        val answer = network.send(post.POST(JdkRequest.BodyPublishers.ofString(toString())).build(), BodyHandlers.ofString())
        val told = JsonParser.parseString(answer.body()).asJsonObject
        told.get("error")?.let { error("$method: $it") }
        told.get("result")
    }

    val account: String by lazy { request("eth_accounts").asJsonArray[0].asString }

    /** Sends a call, and waits until the chain shows it. */
    suspend fun send(call: WalletCall) {
        val transaction = JsonObject()
        mapOf("from" to account, "to" to call.to, "value" to call.value, "data" to call.data).forEach(transaction::addProperty)
        val hash = request("eth_sendTransaction", transaction).asString
        repeat(120) {
            val receipt = request("eth_getTransactionReceipt", hash)
            if (!receipt.isJsonNull) {
                check(receipt.asJsonObject.get("status").asString == "0x1") { "the chain refused the session" }
                return
            }
            delay(500)
        }
        error("the chain does not show $hash")
    }
}

fun main(args: Array<String>) = runBlocking {
    val publisher = args.single().trimEnd('/')
    val market = JsonParser.parseString(String(get("$publisher/market.json"))).asJsonObject
    // ANCHOR: session
    val place = readMarketPlace(get("$publisher/place.json"))
    val node = market.get("nodeUrl").asString
    val listed = readModels(get("$node/v1/models")).first()
    // By itself, a model has the card that is part of its prompts.
    val model = readModels(get("$node/v1/models/${listed.id}")).first()
    require(model.id == listed.id) { "the node answers with another character than ${listed.id}" }
    val wallet = RpcWallet(market.get("rpcUrl").asString)
    val deposit = market.get("deposit").asString

    val key = LocalKey.random()
    val nonce = Random.nextULong()
    println("${model.name ?: model.id}: opening a session with a deposit of $deposit base units")
    wallet.send(openSessionCall(place, nonce, key.address(), model, deposit))
    val chat = Chat(beginConversation(place, wallet.account, nonce, key.address(), model, deposit), place.domain, key.signer())
    // ANCHOR_END: session
    val transport = JdkTransport(node, model, place.domain)
    for (line in generateSequence(::readLine).filter { it.isNotBlank() }) {
        var tries = 0
        while (true) {
            try {
                chat.stream(line, ReplySettings(), transport).collect { said ->
                    when (said) {
                        is Said.Piece -> print(said.text)
                        is Said.Done -> with(said.turn) {
                            println("\n  [$completionTokens tokens, ${tokenCheck.name.lowercase()}, $owed owed so far, promised]")
                        }
                    }
                }
                break
            } catch (e: LazaiException.Failed) {
                // The node learns of the session from the chain; it may need a block more.
                if (e.code !in setOf("node.busy", "node.unknown_session") || ++tries > 20) throw e
                delay(500)
            }
        }
    }
    println("${chat.messages().size / 2} replies, ${chat.owed()} owed and promised")
}
