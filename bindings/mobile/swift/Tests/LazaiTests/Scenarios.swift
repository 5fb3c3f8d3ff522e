// Runs scenarios/*.json word for word; every other language has a runner like this.
import Foundation
import XCTest

@testable import Lazai

typealias Object = [String: Any]

let root = URL(fileURLWithPath: ProcessInfo.processInfo.environment["LAZAI_ROOT"]!)

func text(_ o: Object, _ name: String) -> String { o[name] as! String }
func word<T>(_ o: Object, _ name: String, _ all: [T]) -> T { all.first { "\($0)" == text(o, name) }! }
func object(_ o: Object, _ name: String) -> Object { o[name] as! Object }
func int(_ o: Object, _ name: String) -> Int { (o[name] as! NSNumber).intValue }
func u64(_ o: Object, _ name: String) -> UInt64 { (o[name] as? String).flatMap(UInt64.init) ?? UInt64(int(o, name)) }

func domain(_ o: Object) -> Domain {
    Domain(
        name: text(o, "name"), version: text(o, "version"), chainId: u64(o, "chainId"),
        verifyingContract: text(o, "verifyingContract"), salt: o["salt"] as? String)
}

func voucher(_ o: Object) -> Voucher {
    Voucher(
        session: text(o, "session"), node: text(o, "node"), classId: u64(o, "classId"), version: UInt32(int(o, "version")),
        cumulative: text(o, "cumulative"))
}

func offer(_ o: Object) -> Offer {
    Offer(
        node: text(o, "node"), classId: u64(o, "classId"), version: UInt32(int(o, "version")), asset: text(o, "asset"),
        promptPrice: text(o, "promptPrice"), completionPrice: text(o, "completionPrice"),
        promptCeiling: UInt32(int(o, "promptCeiling")), completionCeiling: UInt32(int(o, "completionCeiling")),
        sessionS: u64(o, "sessionS"), validUntilS: u64(o, "validUntilS"), minDeposit: text(o, "minDeposit"),
        quotaDeposit: text(o, "quotaDeposit"), series: u64(o, "series"))
}

func model(_ o: Object) -> ModelOffer {
    ModelOffer(id: text(o, "id"), name: o["name"] as? String, offer: offer(object(o, "offer")), signature: text(o, "signature"),
        publicPart: o["publicPart"] as? String, characterPrice: o["characterPrice"] as? String,
        speechTerms: o["speechTerms"] as? String, sealTerms: o["sealTerms"] as? String)
}

func place(_ a: Object) throws -> MarketPlace { try readMarketPlace(json: content(object(a, "place"))) }

func receipt(_ o: Object) -> Receipt {
    Receipt(
        session: text(o, "session"), turn: UInt32(int(o, "turn")), requestDigest: text(o, "requestDigest"),
        replyDigest: text(o, "replyDigest"), promptTokens: u64(o, "promptTokens"),
        completionTokens: u64(o, "completionTokens"), tokenizerDigest: text(o, "tokenizerDigest"),
        temperatureMilli: UInt32(int(o, "temperatureMilli")), topPMilli: UInt32(int(o, "topPMilli")),
        seed: u64(o, "seed"), baseDigest: text(o, "baseDigest"), adapterDigest: text(o, "adapterDigest"),
        cumulative: text(o, "cumulative"))
}

func replacing(_ whole: String, _ pair: [String]) -> String {
    guard let range = whole.range(of: pair[0]) else { return whole }
    return whole.replacingCharacters(in: range, with: pair[1])
}

func content(_ source: Object) throws -> Data {
    if let text = source["text"] as? String { return Data(text.utf8) }
    var data = try Data(contentsOf: root.appendingPathComponent(text(source, "file")))
    if let pair = source["replace"] as? [String] { data = Data(replacing(String(decoding: data, as: UTF8.self), pair).utf8) }
    if source["flip"] != nil { data[int(source, "flip")] ^= 1 }
    return source["cut"] == nil ? data : data.prefix(int(source, "cut"))
}

/// A record as the JSON that scenarios have.
func plain(_ value: Any?) -> Any {
    switch value {
    case let v as RevenueParts: return ["creator": v.creator, "node": v.node, "pool": v.pool]
    case let v as Provenance: return ["holds": v.holds, "links": v.links.map { plain($0) }] as Object
    case let v as ProvenanceLink:
        return ["name": v.name, "trust": "\(v.trust)", "says": v.says, "notSaid": v.notSaid]
    case let v as ContributorFacts:
        return ["address": v.address, "records": String(v.records), "tokens": String(v.tokens), "root": v.root]
    case let v as ProofFacts:
        return [
            "ledger": v.ledger, "submitter": v.submitter, "submission": v.submission, "root": v.root,
            "records": String(v.records), "tokens": String(v.tokens), "vocabSize": NSNumber(value: v.vocabSize),
            "contributors": v.contributors.map { plain($0) },
        ] as Object
    case let v as HttpRequest:
        return ["path": v.path, "headers": v.headers.map { ["name": $0.name, "value": $0.value] }, "body": v.body] as Object
    case let v as WalletCall: return ["to": v.to, "value": v.value, "data": v.data]
    case let v as ChatTurn:
        return [
            "text": v.text, "finishReason": "\(v.finishReason)", "promptTokens": String(v.promptTokens), "completionTokens": String(v.completionTokens),
            "owed": v.owed, "tokenCheck": "\(v.tokenCheck)", "modelChecked": NSNumber(value: v.modelChecked),
            "payment": plain(v.payment),
        ] as Object
    case let v as Spoken:
        return [
            "sampleRate": NSNumber(value: v.sampleRate), "characters": String(v.characters), "owed": v.owed, "voice": "\(v.voice)",
            "payment": plain(v.payment),
        ] as Object
    case let v as SpeechNote:
        return [
            "node": v.node, "model": v.model, "voice": "\(v.voice)", "voiceDigest": plain(v.voiceDigest),
            "characters": String(v.characters), "session": v.session,
        ] as Object
    case let v as PaymentOutcome:
        return ["success": NSNumber(value: v.success), "transaction": v.transaction, "reason": v.reason] as Object
    case .some(let v): return v
    case .none: return NSNull()
    }
}

func agrees(_ found: Any, _ wanted: Any) -> Bool {
    if wanted as? String == "*" { return true }
    if let wanted = wanted as? Object, let found = found as? Object {
        return wanted.count == found.count && wanted.allSatisfy { key, value in found[key].map { agrees($0, value) } ?? false }
    }
    if let wanted = wanted as? [Any], let found = found as? [Any] {
        return wanted.count == found.count && zip(found, wanted).allSatisfy { agrees($0, $1) }
    }
    // Numbers of 64 bits may stand as text.
    return "\(found)" == "\(wanted)" || (found as? NSObject) == (wanted as? NSObject)
}

struct Different: Error, CustomStringConvertible {
    let description: String
}

func same(_ found: Any, _ wanted: Any, _ what: String) throws {
    if !agrees(found, wanted) { throw Different(description: "\(what): \(found), expected \(wanted)") }
}

struct Vector {
    let json: Object
    let key: LocalKey
    let chat: Chat
    var settings: ReplySettings { ReplySettings(seed: u64(object(json, "settings"), "seed")) }
    var messages: [Message] { messageList(json["messages"]) }

    init(_ source: Object) throws {
        json = try JSONSerialization.jsonObject(with: content(source)) as! Object
        key = try LocalKey.fromHex(secret: text(json, "key"))
        chat = try Chat(conversation: text(json, "conversation"), domain: domain(object(json, "domain")), signer: key.signer())
    }
}

func openCounter(_ source: Object) throws -> TokenCounter {
    if let gguf = source["gguf"] as? Object { return try TokenCounter.fromGguf(bytes: content(gguf)) }
    return try TokenCounter.fromJson(
        tokenizer: content(object(source, "tokenizer")), config: content(object(source, "config")), template: nil)
}

func messageList(_ list: Any?) -> [Message] {
    (list as! [Object]).map { Message(role: word($0, "role", Role.allCases), content: text($0, "content")) }
}

func count(_ a: Object) throws -> Any {
    let counter = try openCounter(object(a, "counter"))
    let count = try counter.count(messages: messageList(a["messages"]), texts: a["texts"] as! [String])
    return [
        "digest": counter.digest(), "promptTokens": String(count.promptTokens),
        "ids": count.ids.map { $0.map { NSNumber(value: $0) } },
    ] as Object
}

func turn(_ a: Object) async throws -> Any {
    let vector = try Vector(object(a, "chat"))
    if let source = a["counter"] as? Object { vector.chat.recountWith(counter: try openCounter(source)) }
    let request = try await vector.chat.ask(messages: vector.messages, settings: vector.settings)
    let wanted = object(vector.json, "request")
    let found = plain(request) as! Object
    try same(found["path"]!, wanted["path"]!, "path")
    try same(found["headers"]!, wanted["headers"]!, "headers")
    let body = { (json: Any) in try JSONSerialization.jsonObject(with: Data((json as! String).utf8)) as! NSDictionary }
    if try body(request.body) != body(wanted["body"]!) { throw Different(description: "body") }
    var stream = text(vector.json, a["says"] as? String ?? "stream")
    if let pair = a["replace"] as? [String] { stream = replacing(stream, pair) }
    let bytes = Array(stream.utf8)
    var heard = ""
    for at in Swift.stride(from: 0, to: bytes.count, by: int(a, "chunk")) {
        heard += try vector.chat.hear(bytes: Data(bytes[at..<min(at + int(a, "chunk"), bytes.count)])).joined()
    }
    let turn = try await vector.chat.finish()
    vector.chat.paid()
    var agreed = object(vector.json, "turn")
    agreed["tokenCheck"] = a["counter"] == nil ? "bounded" : "counted"
    try same(plain(turn), agreed, "turn")
    try same([heard, vector.chat.owed()], [turn.text, turn.owed], "heard")
    return "*"
}

func speech(_ a: Object) async throws -> Any {
    let vector = try Vector(object(a, "chat"))
    let request = try await vector.chat.askSpeech(
        text: text(vector.json, "text"), speechTerms: text(vector.json, "speechTerms"),
        speedMilli: UInt32(int(vector.json, "speedMilli")), most: a["most"] as? String)
    let wanted = object(vector.json, "request")
    let found = plain(request) as! Object
    try same(found["path"]!, wanted["path"]!, "path")
    try same(found["headers"]!, wanted["headers"]!, "headers")
    let body = { (json: Any) in try JSONSerialization.jsonObject(with: Data((json as! String).utf8)) as! NSDictionary }
    if try body(request.body) != body(wanted["body"]!) { throw Different(description: "body") }
    var stream = text(vector.json, a["says"] as? String ?? "stream")
    if let pair = a["replace"] as? [String] { stream = replacing(stream, pair) }
    let bytes = Array(stream.utf8)
    var heard = Data()
    for at in Swift.stride(from: 0, to: bytes.count, by: int(a, "chunk")) {
        heard += try vector.chat.hearSpeech(bytes: Data(bytes[at..<min(at + int(a, "chunk"), bytes.count)]))
    }
    let spoken = try await vector.chat.finishSpeech()
    vector.chat.paid()
    try same(plain(spoken), object(vector.json, "spoken"), "spoken")
    try same(plain(try speechNote(file: spoken.wav)), object(vector.json, "note"), "note")
    if spoken.wav.dropFirst(44).prefix(heard.count) != heard { throw Different(description: "heard") }
    try same(vector.chat.owed(), spoken.owed, "owed")
    return "*"
}

func headers(_ answer: Object) -> [Header] {
    (answer["headers"] as! [Object]).map { Header(name: text($0, "name"), value: text($0, "value")) }
}

/// A payer that is asked for a payment, maybe once more, and maybe told what became of it.
func pay(_ a: Object) async throws -> Any {
    let key = try LocalKey.fromHex(secret: text(a, "key"))
    let limits = (a["limits"] as! [Object]).map {
        SpendingLimit(network: text($0, "network"), asset: text($0, "asset"), payment: text($0, "payment"), total: text($0, "total"))
    }
    let (request, now) = (text(a, "request"), u64(a, "nowS"))
    let payer = try Payer(signer: Wallet(key), limits: limits, book: nil)
    func asked(_ answer: Object) async throws -> SignedPayment {
        try await payer.pay(request: request, headers: headers(answer), body: Data(text(answer, "body").utf8), nowS: now)
    }
    let payment = try await asked(object(a, "asked"))
    var same: NSNumber?
    if let again = a["again"] as? Object { same = NSNumber(value: try await asked(again) == payment) }
    var outcome: PaymentOutcome?
    if let told = a["answered"] as? Object {
        outcome = try payer.answered(
            payment: payment, status: UInt16(int(told, "status")), headers: headers(told), body: Data(text(told, "body").utf8))
    }
    let spent = try payer.spent(network: limits[0].network, asset: limits[0].asset)
    // What was signed outlives the app.
    let next = try Payer(signer: Wallet(key), limits: limits, book: payer.toJson())
    let open = NSNumber(value: next.open(request: request, nowS: now) != nil)
    return [
        "header": payment.header.name, "network": payment.network, "amount": payment.amount, "payTo": payment.payTo,
        "spent": spent, "same": plain(same), "open": open, "outcome": plain(outcome),
    ] as Object
}

func call(_ name: String, _ a: Object) async throws -> Any {
    func key() throws -> LocalKey { try LocalKey.fromHex(secret: text(a, "key")) }
    func about() -> Domain { domain(object(a, "domain")) }
    switch name {
    case "split_revenue":
        return plain(
            try splitRevenue(
                amount: text(a, "amount"), creatorBps: UInt16(int(a, "creator_bps")), nodeBps: UInt16(int(a, "node_bps")),
                poolBps: UInt16(int(a, "pool_bps"))))
    case "key_address": return try key().address()
    case "voucher_digest": return try voucherDigest(domain: about(), voucher: voucher(object(a, "voucher")))
    case "sign_voucher":
        return try await signVoucher(domain: about(), voucher: voucher(object(a, "voucher")), signer: key().signer())
    case "check_voucher":
        try checkVoucher(
            domain: about(), voucher: voucher(object(a, "voucher")), signature: text(a, "signature"), signer: text(a, "signer"))
        return NSNull()
    case "sign_offer": return try await signOffer(domain: about(), offer: offer(object(a, "offer")), signer: key().signer())
    case "check_offer":
        try checkOffer(domain: about(), offer: offer(object(a, "offer")), signature: text(a, "signature"))
        return NSNull()
    case "offer_step": return try offerStep(offer: offer(object(a, "offer")))
    case "sign_receipt":
        return try await signReceipt(domain: about(), receipt: receipt(object(a, "receipt")), signer: key().signer())
    case "check_receipt":
        try checkReceipt(
            domain: about(), receipt: receipt(object(a, "receipt")), signature: text(a, "signature"), node: text(a, "node"))
        return NSNull()
    case "count_tokens": return try count(a)
    case "verify_evidence":
        return plain(try verifyEvidence(evidence: content(object(a, "evidence")), anchor: content(object(a, "anchor"))))
    case "verify_words":
        let conversation = String(decoding: try content(object(a, "conversation")), as: UTF8.self)
        let evidence = try evidenceWithWords(evidence: content(object(a, "evidence")), conversation: conversation)
        return plain(try verifyEvidence(evidence: Data(evidence.utf8), anchor: content(object(a, "anchor"))))
    case "verify_proof":
        return plain(try verifyProof(statement: content(object(a, "statement")), proof: content(object(a, "proof"))))
    case "open_character":
        let character = try Character.fromBytes(bytes: content(object(a, "card")))
        return ["name": character.name(), "lorebookEntries": NSNumber(value: character.lorebookEntries())] as Object
    case "copy_character":
        let first = try Character.fromBytes(bytes: content(object(a, "card")))
        let copied: Data
        switch text(a, "form") {
        case "v2": copied = Data(first.toV2Json().utf8)
        case "v3": copied = Data(first.toV3Json().utf8)
        default: copied = try first.toPng(image: content(object(a, "image")))
        }
        return try Character.fromBytes(bytes: copied).toV3Json() == first.toV3Json() ? "same" : "different"
    case "report_character":
        let o = object(a, "report")
        let report = CharacterReport(
            session: text(o, "session"), classId: u64(o, "classId"), version: UInt32(int(o, "version")),
            concern: word(o, "concern", Concern.allCases), words: text(o, "words"), reportedAtS: u64(o, "reportedAtS"))
        return plain(try await reportCharacter(domain: about(), report: report, signer: key().signer()))
    case "blocklist":
        let list = try Blocklist.fromJson(json: text(a, "list"))
        let classes = { (name: String) in (a[name] as! [String]).map { UInt64($0)! } }
        classes("block").forEach { list.block(classId: $0) }
        classes("unblock").forEach { list.unblock(classId: $0) }
        let asked = classes("unblock") + classes("block").prefix(1)
        return ["list": try list.toJson(), "blocked": asked.map { NSNumber(value: list.isBlocked(classId: $0)) }] as Object
    case "fail_with":
        try failWith(code: text(a, "code"))
        return NSNull()
    case "open_session_call":
        return plain(
            try openSessionCall(
                place: place(a), nonce: u64(a, "nonce"), consumer: text(a, "consumer"), model: model(object(a, "model")),
                deposit: text(a, "deposit")))
    case "begin_conversation":
        return try beginConversation(
            place: place(a), payer: text(a, "payer"), nonce: u64(a, "nonce"), consumer: text(a, "consumer"),
            model: model(object(a, "model")), deposit: text(a, "deposit"))
    case "close_session_call":
        return plain(
            try closeSessionCall(
                place: place(a), payer: text(a, "payer"), nonce: u64(a, "nonce"), consumer: text(a, "consumer"),
                model: model(object(a, "model"))))
    case "withdraw_call":
        return plain(
            try withdrawCall(place: place(a), asset: text(a, "asset"), to: text(a, "to"), amount: text(a, "amount")))
    case "pay": return try await pay(a)
    case "chat_turn": return try await turn(a)
    case "chat_speech": return try await speech(a)
    case "chat_refusal":
        throw try Vector(object(a, "chat")).chat.refusal(status: UInt16(int(a, "status")), body: Data(text(a, "body").utf8))
    default: throw Different(description: "no call \(name)")
    }
}

/// A signer of one's own, such as the Keychain's would be.
final class Wallet: Signer, @unchecked Sendable {
    let key: LocalKey
    let refuses: Bool
    init(_ key: LocalKey, refuses: Bool = false) { (self.key, self.refuses) = (key, refuses) }
    func address() -> String { key.address() }
    func sign(request: SigningRequest) async throws -> String {
        if refuses { throw LazaiError.Failed(code: "signer.refused", detail: "not today") }
        return try key.signDigest(digest: request.digest)
    }
}

/// A node that says what a real one said.
final class Recorded: Transport, @unchecked Sendable {
    let stream: [UInt8]
    var paths: [String] = []
    init(_ vector: Vector) { stream = Array(text(vector.json, "stream").utf8) }
    func post(request: HttpRequest, sink: BodySink) async throws -> UInt16 {
        paths.append(request.path)
        if request.path.hasSuffix("vouchers") { return 204 }
        for at in Swift.stride(from: 0, to: stream.count, by: 50) {
            sink.push(bytes: Data(stream[at..<min(at + 50, stream.count)]))
        }
        return 200
    }
}

final class LazaiTests: XCTestCase {
    let file: Object = ["file": "vectors/chat/reply.json"]

    func testScenarios() async throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: root.appendingPathComponent("scenarios"), includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        XCTAssertGreaterThanOrEqual(files.count, 5)
        for file in files {
            let scenario = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! Object
            let steps = scenario["steps"] as! [Object]
            for (number, step) in steps.enumerated() {
                let place = "\(text(scenario, "name")), step \(number), \(text(step, "call"))"
                let fails = step["fails"] as? String
                do {
                    let found = try await call(text(step, "call"), object(step, "args"))
                    XCTAssertNil(fails, "\(place): \(found)")
                    if let wanted = step["gives"] { try same(found, wanted, place) }
                } catch LazaiError.Failed(let code, let detail) {
                    XCTAssertEqual(code, fails, "\(place): \(detail)")
                    XCTAssertFalse(detail.isEmpty)
                }
            }
            print("scenario \(text(scenario, "name")): \(steps.count) steps")
            if let ran = ProcessInfo.processInfo.environment["LAZAI_RAN"], let file = FileHandle(forWritingAtPath: ran) {
                file.seekToEndOfFile()
                file.write(Data("Swift \(text(scenario, "name")) \(steps.count)\n".utf8))
                file.closeFile()
            }
        }
    }

    func testReplyComesAsSequenceAndIsPaid() async throws {
        let vector = try Vector(file)
        let node = Recorded(vector)
        var heard = ""
        var turn: ChatTurn?
        for try await said in vector.chat.stream("Who are you?", settings: vector.settings, transport: node) {
            switch said {
            case .piece(let piece): heard += piece
            case .done(let done): turn = done
            }
        }
        XCTAssertEqual(heard, turn?.text)
        XCTAssertEqual(node.paths, ["/v1/chat/completions", "/v1/lazai/vouchers"])
        XCTAssertTrue(try vector.chat.toJson().contains("\"cumulative\":\"\(turn!.owed)\""))
    }

    func testSpeechComesAsPhrasesAndIsPaid() async throws {
        let vector = try Vector(["file": "vectors/chat/speech.json"])
        let node = Recorded(vector)
        var samples: [Int16] = []
        var phrases = 0
        var spoken: Spoken?
        let heard = vector.chat.speech(
            text(vector.json, "text"), terms: text(vector.json, "speechTerms"), transport: node,
            speedMilli: UInt32(int(vector.json, "speedMilli")))
        for try await part in heard {
            switch part {
            case .phrase(let phrase, let rate):
                XCTAssertEqual(rate, 24_000)
                samples += phrase
                phrases += 1
            case .done(let done): spoken = done
            }
        }
        let wav = [UInt8](spoken!.wav)
        XCTAssertEqual([phrases, samples.count], [3, 1_500])
        XCTAssertEqual(samples[0], Int16(bitPattern: UInt16(wav[44]) | UInt16(wav[45]) << 8))
        XCTAssertEqual(node.paths, ["/v1/audio/speech", "/v1/lazai/vouchers"])
        XCTAssertTrue(try vector.chat.toJson().contains("\"cumulative\":\"\(spoken!.owed)\""))
    }

    func testProgramOfTheReadme() async throws {
        let vector = try Vector(file)
        let node = Recorded(vector)
        let kept = try await quickstart(
            conversation: text(vector.json, "conversation"), domain: domain(object(vector.json, "domain")),
            key: Wallet(vector.key), transport: node)
        XCTAssertEqual(node.paths.count, 2)
        XCTAssertTrue(kept.contains("receipts"))
    }

    func testWalletThatRefuses() async throws {
        let vector = try Vector(file)
        let about = domain(object(vector.json, "domain"))
        let signature = try await vector.chat.ask(messages: vector.messages, settings: vector.settings)
        XCTAssertFalse(signature.body.isEmpty)
        let chat = try Chat(
            conversation: text(vector.json, "conversation"), domain: about, signer: Wallet(vector.key, refuses: true))
        do {
            _ = try await chat.ask(messages: vector.messages, settings: vector.settings)
            XCTFail("it signed")
        } catch LazaiError.Failed(let code, _) {
            XCTAssertEqual(code, "signer.refused")
        }
    }

    func testEveryCode() {
        let codes = errorCodes()
        XCTAssertGreaterThan(codes.count, 40)
        XCTAssertEqual(codes, Array(Set(codes)).sorted())
    }

    func testEightTasks() async throws {
        let statement = try content(["file": "vectors/zk/statement.json"])
        let proof = try content(["file": "vectors/zk/proof.bin"])
        try await withThrowingTaskGroup(of: UInt64.self) { group in
            for _ in 0..<8 {
                group.addTask { try verifyProof(statement: statement, proof: proof).tokens }
            }
            for try await tokens in group { XCTAssertEqual(tokens, 2654) }
        }
    }

    func testTenThousandRounds() throws {
        let card = try content(["file": "vectors/characters/json/v2.json"])
        let vector = try Vector(file)
        let about = domain(object(vector.json, "domain"))
        func round() throws {
            _ = try Character.fromBytes(bytes: card)
            _ = try Blocklist.fromJson(json: "[1]")
            let key = try LocalKey.fromHex(secret: text(vector.json, "key"))
            _ = try Chat(conversation: text(vector.json, "conversation"), domain: about, signer: Wallet(key))
        }
        func resident() -> Int {
            let statm = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? "0 0"
            return (Int(statm.split(separator: " ")[1]) ?? 0) * 4096
        }
        for _ in 0..<1_000 { try round() }
        let before = resident()
        for _ in 0..<10_000 { try round() }
        let grown = resident() - before
        print("10000 rounds: \(grown) bytes more")
        XCTAssertLessThan(grown, 16 << 20)
    }
}
