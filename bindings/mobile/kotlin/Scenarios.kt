// Runs scenarios/*.json word for word, and what only Kotlin can show; every other language has a runner like this.
import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import java.io.File
import java.util.concurrent.Executors
import java.util.concurrent.Callable
import kotlin.system.exitProcess
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.lazai.*

val root = File(System.getenv("LAZAI_ROOT"))

fun JsonObject.text(name: String): String = get(name).asString
fun JsonObject.obj(name: String): JsonObject = getAsJsonObject(name)
fun JsonObject.optional(name: String): JsonElement? = get(name)?.takeUnless { it.isJsonNull }
fun String.unsigned(): ULong = toULong()

fun domain(o: JsonObject) =
    Domain(o.text("name"), o.text("version"), o.text("chainId").unsigned(), o.text("verifyingContract"), o.optional("salt")?.asString)

fun voucher(o: JsonObject) =
    Voucher(o.text("session"), o.text("node"), o.text("classId").unsigned(), o.get("version").asInt.toUInt(), o.text("cumulative"))

fun offer(o: JsonObject) = Offer(
    o.text("node"), o.text("classId").unsigned(), o.get("version").asInt.toUInt(), o.text("asset"), o.text("promptPrice"),
    o.text("completionPrice"), o.get("promptCeiling").asInt.toUInt(), o.get("completionCeiling").asInt.toUInt(),
    o.text("sessionS").unsigned(), o.text("validUntilS").unsigned(), o.text("minDeposit"), o.text("quotaDeposit"),
    o.text("series").unsigned(),
)

fun receipt(o: JsonObject) = Receipt(
    o.text("session"), o.get("turn").asInt.toUInt(), o.text("requestDigest"), o.text("replyDigest"),
    o.text("promptTokens").unsigned(), o.text("completionTokens").unsigned(), o.text("tokenizerDigest"),
    o.get("temperatureMilli").asInt.toUInt(), o.get("topPMilli").asInt.toUInt(), o.text("seed").unsigned(),
    o.text("baseDigest"), o.text("adapterDigest"), o.text("cumulative"),
)

fun model(o: JsonObject) =
    ModelOffer(o.text("id"), o.optional("name")?.asString, offer(o.obj("offer")), o.text("signature"), o.optional("publicPart")?.asString, o.optional("characterPrice")?.asString, o.optional("speechTerms")?.asString, o.optional("sealTerms")?.asString)

fun place(a: JsonObject) = readMarketPlace(content(a.obj("place")))

fun report(o: JsonObject) = CharacterReport(
    o.text("session"), o.text("classId").unsigned(), o.get("version").asInt.toUInt(), Concern.valueOf(o.text("concern").uppercase()), o.text("words"),
    o.text("reportedAtS").unsigned(),
)

fun content(source: JsonObject): ByteArray {
    source.optional("text")?.let { return it.asString.toByteArray() }
    var data = File(root, source.text("file")).readBytes()
    source.optional("replace")?.asJsonArray?.let {
        data = String(data).replaceFirst(it[0].asString, it[1].asString).toByteArray()
    }
    source.optional("flip")?.let { data[it.asInt] = (data[it.asInt].toInt() xor 1).toByte() }
    return source.optional("cut")?.let { data.copyOf(it.asInt) } ?: data
}

fun String.replaceFirst(old: String, new: String): String =
    indexOf(old).let { if (it < 0) this else substring(0, it) + new + substring(it + old.length) }

fun json(vararg fields: Pair<String, Any?>): JsonElement = JsonObject().apply { fields.forEach { (k, v) -> add(k, json(v)) } }
fun json(value: Any?): JsonElement = when (value) {
    null, is Unit -> JsonNull.INSTANCE
    is JsonElement -> value
    is String -> JsonPrimitive(value)
    is Boolean -> JsonPrimitive(value)
    is ULong -> JsonPrimitive(value.toString())
    is UInt -> JsonPrimitive(value.toLong())
    is List<*> -> JsonArray().apply { value.forEach { add(json(it)) } }
    is RevenueParts -> json("creator" to value.creator, "node" to value.node, "pool" to value.pool)
    is Provenance -> json("holds" to value.holds, "links" to value.links)
    is ProvenanceLink -> json("name" to value.name, "trust" to value.trust.name.lowercase(), "says" to value.says, "notSaid" to value.notSaid)
    is ContributorFacts -> json("address" to value.address, "records" to value.records, "tokens" to value.tokens, "root" to value.root)
    is ProofFacts -> json(
        "ledger" to value.ledger, "submitter" to value.submitter, "submission" to value.submission, "root" to value.root,
        "records" to value.records, "tokens" to value.tokens, "vocabSize" to value.vocabSize, "contributors" to value.contributors,
    )
    is WalletCall -> json("to" to value.to, "value" to value.value, "data" to value.data)
    is Header -> json("name" to value.name, "value" to value.value)
    is HttpRequest -> json("path" to value.path, "headers" to value.headers, "body" to value.body)
    is ChatTurn -> json(
        "text" to value.text, "finishReason" to value.finishReason.name.lowercase(),
        "promptTokens" to value.promptTokens, "completionTokens" to value.completionTokens,
        "owed" to value.owed, "tokenCheck" to value.tokenCheck.name.lowercase(), "modelChecked" to value.modelChecked,
        "payment" to value.payment,
    )
    is Spoken -> json(
        "sampleRate" to value.sampleRate, "characters" to value.characters, "owed" to value.owed,
        "voice" to value.voice.name.lowercase(), "payment" to value.payment,
    )
    is SpeechNote -> json(
        "node" to value.node, "model" to value.model, "voice" to value.voice.name.lowercase(), "voiceDigest" to value.voiceDigest,
        "characters" to value.characters, "session" to value.session,
    )
    is PaymentOutcome -> json("success" to value.success, "transaction" to value.transaction, "reason" to value.reason)
    else -> error("no JSON for $value")
}

fun JsonElement.isAny() = isJsonPrimitive && asJsonPrimitive.isString && asString == "*"

fun agrees(found: JsonElement, wanted: JsonElement): Boolean = when {
    wanted.isAny() -> true
    wanted is JsonObject && found is JsonObject ->
        wanted.keySet() == found.keySet() && wanted.keySet().all { agrees(found.get(it), wanted.get(it)) }
    wanted is JsonArray && found is JsonArray -> wanted.size() == found.size() && wanted.zip(found).all { (w, f) -> agrees(f, w) }
    wanted is JsonPrimitive && found is JsonPrimitive -> wanted.asString == found.asString
    else -> wanted == found
}

fun same(found: Any?, wanted: JsonElement, what: String) =
    check(agrees(json(found), wanted)) { "$what: ${json(found)}, expected $wanted" }

class Vector(source: JsonObject) {
    val json: JsonObject = JsonParser.parseString(String(content(source))).asJsonObject
    val key = LocalKey.fromHex(json.text("key"))
    val chat = Chat(json.text("conversation"), domain(json.obj("domain")), key.signer())
    val settings by lazy { ReplySettings(seed = json.obj("settings").get("seed").asString.unsigned()) }
    val messages by lazy { messageList(json.getAsJsonArray("messages")) }
}

fun openCounter(source: JsonObject): TokenCounter = when (val gguf = source.optional("gguf")) {
    null -> TokenCounter.fromJson(content(source.obj("tokenizer")), content(source.obj("config")), null)
    else -> TokenCounter.fromGguf(content(gguf.asJsonObject))
}

fun messageList(list: JsonArray) = list.map { Message(Role.valueOf(it.asJsonObject.text("role").uppercase()), it.asJsonObject.text("content")) }

fun count(a: JsonObject): Any? {
    val counter = openCounter(a.obj("counter"))
    val count = counter.count(messageList(a.getAsJsonArray("messages")), a.getAsJsonArray("texts").map { it.asString })
    return json("digest" to counter.digest(), "promptTokens" to count.promptTokens, "ids" to count.ids)
}

suspend fun turn(a: JsonObject): Any? {
    val vector = Vector(a.obj("chat"))
    a.optional("counter")?.let { vector.chat.recountWith(openCounter(it.asJsonObject)) }
    val request = vector.chat.ask(vector.messages, vector.settings)
    val wanted = vector.json.obj("request")
    same(request.path, wanted.get("path"), "path")
    same(request.headers, wanted.get("headers"), "headers")
    check(JsonParser.parseString(request.body) == JsonParser.parseString(wanted.text("body"))) { "body" }
    var stream = vector.json.text(a.optional("says")?.asString ?: "stream")
    a.optional("replace")?.asJsonArray?.let { stream = stream.replaceFirst(it[0].asString, it[1].asString) }
    val heard = stream.toByteArray().toList().chunked(a.get("chunk").asInt).flatMap { vector.chat.hear(it.toByteArray()) }
    val turn = vector.chat.finish()
    vector.chat.paid()
    val agreed = vector.json.obj("turn").deepCopy()
    agreed.addProperty("tokenCheck", if (a.has("counter")) "counted" else "bounded")
    same(turn, agreed, "turn")
    check(heard.joinToString("") == turn.text && vector.chat.owed() == turn.owed) { "heard" }
    return "*"
}

suspend fun speech(a: JsonObject): Any? {
    val vector = Vector(a.obj("chat"))
    val (text, terms) = vector.json.text("text") to vector.json.text("speechTerms")
    val speed = vector.json.get("speedMilli").asInt.toUInt()
    val request = vector.chat.askSpeech(text, terms, speed, a.optional("most")?.asString)
    val wanted = vector.json.obj("request")
    same(request.path, wanted.get("path"), "path")
    same(request.headers, wanted.get("headers"), "headers")
    check(JsonParser.parseString(request.body) == JsonParser.parseString(wanted.text("body"))) { "body" }
    var stream = vector.json.text(a.optional("says")?.asString ?: "stream")
    a.optional("replace")?.asJsonArray?.let { stream = stream.replaceFirst(it[0].asString, it[1].asString) }
    val chunks = stream.toByteArray().toList().chunked(a.get("chunk").asInt)
    val heard = chunks.flatMap { vector.chat.hearSpeech(it.toByteArray()).toList() }
    val spoken = vector.chat.finishSpeech()
    vector.chat.paid()
    same(spoken, vector.json.get("spoken"), "spoken")
    same(speechNote(spoken.wav), vector.json.get("note"), "note")
    check(spoken.wav.drop(44).take(heard.size) == heard && vector.chat.owed() == spoken.owed) { "heard" }
    return "*"
}

fun headers(answer: JsonObject) =
    answer.getAsJsonArray("headers").map { it.asJsonObject }.map { Header(it.text("name"), it.text("value")) }

/** A payer that is asked for a payment, maybe once more, and maybe told what became of it. */
suspend fun pay(a: JsonObject): Any {
    val key = LocalKey.fromHex(a.text("key"))
    val limits = a.getAsJsonArray("limits").map { it.asJsonObject }
        .map { SpendingLimit(it.text("network"), it.text("asset"), it.text("payment"), it.text("total")) }
    val (request, now) = a.text("request") to a.text("nowS").unsigned()
    val payer = Payer(Wallet(key), limits, null)
    suspend fun asked(answer: JsonObject) = payer.pay(request, headers(answer), answer.text("body").toByteArray(), now)
    val payment = asked(a.obj("asked"))
    val same = a.optional("again")?.let { asked(it.asJsonObject) == payment }
    val outcome = a.optional("answered")?.asJsonObject?.let {
        payer.answered(payment, it.get("status").asInt.toUShort(), headers(it), it.text("body").toByteArray())
    }
    val spent = payer.spent(limits[0].network, limits[0].asset)
    // What was signed outlives the app.
    val open = Payer(Wallet(key), limits, payer.toJson()).open(request, now) != null
    return json(
        "header" to payment.header.name, "network" to payment.network, "amount" to payment.amount, "payTo" to payment.payTo,
        "spent" to spent, "same" to same, "open" to open, "outcome" to outcome,
    )
}

suspend fun call(name: String, a: JsonObject): Any? {
    val key by lazy { LocalKey.fromHex(a.text("key")) }
    return when (name) {
        "split_revenue" -> splitRevenue(
            a.text("amount"), a.get("creator_bps").asInt.toUShort(), a.get("node_bps").asInt.toUShort(), a.get("pool_bps").asInt.toUShort(),
        )
        "key_address" -> key.address()
        "voucher_digest" -> voucherDigest(domain(a.obj("domain")), voucher(a.obj("voucher")))
        "sign_voucher" -> signVoucher(domain(a.obj("domain")), voucher(a.obj("voucher")), key.signer())
        "check_voucher" -> checkVoucher(domain(a.obj("domain")), voucher(a.obj("voucher")), a.text("signature"), a.text("signer"))
        "sign_offer" -> signOffer(domain(a.obj("domain")), offer(a.obj("offer")), Wallet(key))
        "check_offer" -> checkOffer(domain(a.obj("domain")), offer(a.obj("offer")), a.text("signature"))
        "offer_step" -> offerStep(offer(a.obj("offer")))
        "sign_receipt" -> signReceipt(domain(a.obj("domain")), receipt(a.obj("receipt")), Wallet(key))
        "check_receipt" -> checkReceipt(domain(a.obj("domain")), receipt(a.obj("receipt")), a.text("signature"), a.text("node"))
        "count_tokens" -> count(a)
        "verify_evidence" -> verifyEvidence(content(a.obj("evidence")), content(a.obj("anchor")))
        "verify_words" -> {
            val conversation = content(a.obj("conversation")).decodeToString()
            val evidence = evidenceWithWords(content(a.obj("evidence")), conversation)
            verifyEvidence(evidence.toByteArray(), content(a.obj("anchor")))
        }
        "verify_proof" -> verifyProof(content(a.obj("statement")), content(a.obj("proof")))
        "open_character" -> Character.fromBytes(content(a.obj("card"))).use {
            json("name" to it.name(), "lorebookEntries" to it.lorebookEntries())
        }
        "copy_character" -> {
            val first = Character.fromBytes(content(a.obj("card")))
            val copied = when (a.text("form")) {
                "v2" -> first.toV2Json().toByteArray()
                "v3" -> first.toV3Json().toByteArray()
                else -> first.toPng(content(a.obj("image")))
            }
            if (Character.fromBytes(copied).toV3Json() == first.toV3Json()) "same" else "different"
        }
        "report_character" -> reportCharacter(domain(a.obj("domain")), report(a.obj("report")), key.signer())
        "blocklist" -> Blocklist.fromJson(a.text("list")).use { list ->
            val (block, unblock) = listOf("block", "unblock").map { name -> a.getAsJsonArray(name).map { it.asString.toULong() } }
            block.forEach { list.block(it) }
            unblock.forEach { list.unblock(it) }
            json("list" to list.toJson(), "blocked" to (unblock + block.take(1)).map { list.isBlocked(it) })
        }
        "fail_with" -> failWith(a.text("code"))
        "open_session_call" ->
            openSessionCall(place(a), a.text("nonce").unsigned(), a.text("consumer"), model(a.obj("model")), a.text("deposit"))
        "begin_conversation" -> beginConversation(
            place(a), a.text("payer"), a.text("nonce").unsigned(), a.text("consumer"), model(a.obj("model")), a.text("deposit"),
        )
        "close_session_call" ->
            closeSessionCall(place(a), a.text("payer"), a.text("nonce").unsigned(), a.text("consumer"), model(a.obj("model")))
        "withdraw_call" -> withdrawCall(place(a), a.text("asset"), a.text("to"), a.text("amount"))
        "pay" -> pay(a)
        "chat_turn" -> turn(a)
        "chat_speech" -> speech(a)
        "chat_refusal" -> throw Vector(a.obj("chat")).chat.refusal(a.get("status").asInt.toUShort(), a.text("body").toByteArray())
        else -> error("no call $name")
    }
}

/** A signer of one's own, such as Android's key store would be. */
class Wallet(private val key: LocalKey, private val refuses: Boolean = false) : Signer {
    override fun address() = key.address()
    override suspend fun sign(request: SigningRequest): String {
        if (refuses) throw LazaiException.Failed("signer.refused", "not today")
        return key.signDigest(request.digest)
    }
}

fun scenario(file: File): Int {
    val scenario = JsonParser.parseString(file.readText()).asJsonObject
    val steps = scenario.getAsJsonArray("steps").map { it.asJsonObject }
    steps.forEachIndexed { number, step ->
        val place = "step $number, ${step.text("call")}"
        val fails = step.optional("fails")?.asString
        val found = try {
            runBlocking { call(step.text("call"), step.obj("args")) }
        } catch (e: LazaiException.Failed) {
            check(e.code == fails && e.detail.isNotEmpty()) { "$place: $e" }
            return@forEachIndexed
        }
        check(fails == null) { "$place: $found, expected $fails" }
        same(found, step.get("gives"), place)
    }
    println("scenario ${scenario.text("name")}: ${steps.size} steps")
    System.getenv("LAZAI_RAN")?.let { File(it).appendText("Kotlin ${scenario.text("name")} ${steps.size}\n") }
    return steps.size
}

/** A node that says what a real one said. */
class Recorded(private val vector: Vector, private val status: Int = 200) : Transport {
    val paths = mutableListOf<String>()
    override suspend fun post(request: HttpRequest, sink: BodySink): UShort {
        paths += request.path
        if (request.path.endsWith("vouchers")) return 204.toUShort()
        vector.json.text("stream").toByteArray().toList().chunked(50).forEach { sink.push(it.toByteArray()) }
        return status.toUShort()
    }
}

fun vector(name: String = "reply") = Vector(JsonObject().apply { addProperty("file", "vectors/chat/$name.json") })

fun main() {
    var passed = 0
    var failed = 0
    fun test(name: String, body: () -> Unit) = try {
        body()
        println("ok - $name")
        passed++
    } catch (e: Throwable) {
        println("FAILED - $name: $e")
        failed++
    }
    File(root, "scenarios").listFiles()!!.filter { it.extension == "json" }.sorted().forEach { file ->
        test("scenario ${file.nameWithoutExtension}") { check(scenario(file) > 0) }
    }
    test("a reply comes as a flow, and is promised") {
        val vector = vector()
        val node = Recorded(vector)
        val said = runBlocking { vector.chat.stream("Who are you?", vector.settings, node).toList() }
        val done = said.last() as Said.Done
        check(said.filterIsInstance<Said.Piece>().joinToString("") { it.text } == done.turn.text)
        check(said.size > 3 && node.paths == listOf("/v1/chat/completions", "/v1/lazai/vouchers"))
        check("\"cumulative\":\"${done.turn.owed}\"" in vector.chat.toJson())
    }
    test("speech comes as a flow of phrases, and is promised") {
        val vector = vector("speech")
        val node = Recorded(vector)
        val terms = vector.json.text("speechTerms")
        val speed = vector.json.get("speedMilli").asInt.toUInt()
        val heard = runBlocking { vector.chat.speech(vector.json.text("text"), terms, node, speed).toList() }
        val phrases = heard.filterIsInstance<Heard.Phrase>()
        val spoken = (heard.last() as Heard.Done).spoken
        check(phrases.size == 3 && phrases.all { it.sampleRate == spoken.sampleRate && it.samples.size == 500 })
        // The first sample of the file, after its head.
        check(phrases[0].samples[0].toInt() == spoken.wav[44].toInt().and(255) + spoken.wav[45].toInt().shl(8))
        check(node.paths == listOf("/v1/audio/speech", "/v1/lazai/vouchers") && spoken.payment == null)
        check("\"cumulative\":\"${spoken.owed}\"" in vector.chat.toJson())
    }
    test("the book's program") {
        val vector = vector()
        val node = Recorded(vector)
        quickstart(vector.json.text("conversation"), domain(vector.json.obj("domain")), Wallet(vector.key), node)
        check(node.paths.size == 2 && "receipts" in File("conversation.json").readText())
    }
    test("a wallet that refuses is heard") {
        val vector = vector()
        val chat = Chat(vector.json.text("conversation"), domain(vector.json.obj("domain")), Wallet(vector.key, refuses = true))
        val code = try { runBlocking { chat.ask(vector.messages, vector.settings) }; "" } catch (e: LazaiException.Failed) { e.code }
        check(code == "signer.refused") { code }
    }
    test("every code crosses") { check(errorCodes().let { it.size > 40 && it == it.sorted().distinct() }) }
    test("eight threads") {
        val pool = Executors.newFixedThreadPool(8)
        val statement = File(root, "vectors/zk/statement.json").readBytes()
        val proof = File(root, "vectors/zk/proof.bin").readBytes()
        val found = pool.invokeAll(List(64) { Callable { verifyProof(statement, proof).tokens } }).map { it.get() }.toSet()
        pool.shutdown()
        check(found == setOf(2654UL)) { found }
    }
    test("ten thousand rounds of each handle leave no memory behind") {
        val card = File(root, "vectors/characters/json/v2.json").readBytes()
        val vector = vector()
        val conversation = vector.json.text("conversation")
        val about = domain(vector.json.obj("domain"))
        fun resident() = File("/proc/self/statm").takeIf { it.exists() }?.readText()?.split(" ")?.get(1)?.toLong()?.times(4096) ?: 0
        fun round() {
            Character.fromBytes(card).close()
            Blocklist.fromJson("[1]").close()
            LocalKey.fromHex(vector.json.text("key")).use { key -> Chat(conversation, about, Wallet(key)).close() }
        }
        repeat(3_000) { round() }
        System.gc()
        val before = resident()
        repeat(10_000) { round() }
        System.gc()
        val grown = resident() - before
        println("10000 rounds: $grown bytes more")
        // The machine's own heap is in it.
        check(grown < 64 shl 20) { grown }
    }
    println("$passed passed, $failed failed")
    exitProcess(if (failed == 0) 0 else 1)
}
