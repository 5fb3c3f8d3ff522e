// A chat client for the command line: `lazai-chat URL`, the URL of who publishes where a market is (`cargo xtask web`). It
// opens a session by the wallet, talks line by line, and pays for each reply. In an app, the wallet is the user's, and the key
// is the Keychain's, by the protocol Signer.
import Foundation
import Lazai

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

struct Failure: Error, CustomStringConvertible {
    let description: String
}

func get(_ url: String) async throws -> Data { try await answered(URLRequest(url: URL(string: url)!)).0 }

func answered(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
    try await withCheckedThrowingContinuation { done in
        URLSession.shared.dataTask(with: request) { data, response, error in
            if let data, let response = response as? HTTPURLResponse {
                done.resume(returning: (data, response))
            } else {
                done.resume(throwing: error ?? Failure(description: "no answer from \(request.url!)"))
            }
        }.resume()
    }
}

// ANCHOR: transport
/// A node, over URLSession: requests are sealed to the key that the node signed, if it has one; the answer's body is passed on as it comes.
final class SessionTransport: NSObject, Transport, URLSessionDataDelegate, @unchecked Sendable {
    /// An answer on its way.
    private final class Awaited {
        let sink: BodySink
        let sealed: SealedPost?
        let done: CheckedContinuation<UInt16, any Error>
        var failed: (any Error)?

        init(_ sink: BodySink, _ sealed: SealedPost?, _ done: CheckedContinuation<UInt16, any Error>) {
            (self.sink, self.sealed, self.done) = (sink, sealed, done)
        }
    }

    private let (url, model, domain): (String, ModelOffer, Domain)
    private let lock = NSLock()
    private var awaited: [Int: Awaited] = [:]
    private lazy var session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)

    init(_ url: String, _ model: ModelOffer, _ domain: Domain) { (self.url, self.model, self.domain) = (url, model, domain) }

    func post(request: HttpRequest, sink: BodySink) async throws -> UInt16 {
        let sealed = try model.sealTerms.map {
            try SealedPost(request: request, sealTerms: $0, domain: domain, node: model.offer.node)
        }
        var post = URLRequest(url: URL(string: url + (sealed?.path() ?? request.path))!)
        post.httpMethod = "POST"
        post.httpBody = sealed?.body() ?? Data(request.body.utf8)
        if let sealed {
            post.setValue(sealed.contentType(), forHTTPHeaderField: "content-type")
        } else {
            for header in request.headers { post.setValue(header.value, forHTTPHeaderField: header.name) }
        }
        return try await withCheckedThrowingContinuation { done in
            let task = session.dataTask(with: post)
            lock.withLock { awaited[task.taskIdentifier] = Awaited(sink, sealed, done) }
            task.resume()
        }
    }

    /// The opener of a sealed answer: a refusal of the gateway itself is not sealed.
    private func opener(_ task: URLSessionTask, _ awaited: Awaited) -> SealedPost? {
        (task.response as? HTTPURLResponse)?.statusCode == 200 ? awaited.sealed : nil
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard let awaited = lock.withLock({ awaited[dataTask.taskIdentifier] }) else { return }
        do {
            awaited.sink.push(bytes: try opener(dataTask, awaited)?.open(bytes: data) ?? data)
        } catch {
            awaited.failed = error
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let awaited = lock.withLock({ awaited.removeValue(forKey: task.taskIdentifier) }) else { return }
        let done = awaited.done
        if let failed = awaited.failed {
            done.resume(throwing: failed)
        } else if let answer = task.response as? HTTPURLResponse, error == nil {
            do {
                let opener = opener(task, awaited)
                if let opener { awaited.sink.push(bytes: try opener.finish()) }
                done.resume(returning: opener?.status() ?? UInt16(answer.statusCode))
            } catch {
                done.resume(throwing: error)
            }
        } else {
            let detail = "\(url): \(error?.localizedDescription ?? "no answer")"
            done.resume(throwing: LazaiError.Failed(code: "node.transport", detail: detail))
        }
    }
}
// ANCHOR_END: transport

/// A wallet behind JSON-RPC: here that of a test chain, whose node signs for its own account.
struct RpcWallet {
    let url: String

    private func request(_ method: String, _ params: [Any]) async throws -> Any {
        var post = URLRequest(url: URL(string: url)!)
        post.httpMethod = "POST"
        post.setValue("application/json", forHTTPHeaderField: "content-type")
        post.httpBody = try JSONSerialization.data(
            withJSONObject: ["jsonrpc": "2.0", "id": 1, "method": method, "params": params] as [String: Any])
        let told = try await JSONSerialization.jsonObject(with: answered(post).0) as? [String: Any] ?? [:]
        if let error = told["error"] { throw Failure(description: "\(method): \(error)") }
        return told["result"] ?? NSNull()
    }

    func account() async throws -> String {
        guard let accounts = try await request("eth_accounts", []) as? [String], let first = accounts.first else {
            throw Failure(description: "the wallet has no account")
        }
        return first
    }

    /// Sends a call, and waits until the chain shows it.
    func send(_ call: WalletCall, from account: String) async throws {
        let transaction = ["from": account, "to": call.to, "value": call.value, "data": call.data]
        let hash = try await request("eth_sendTransaction", [transaction])
        for _ in 0..<120 {
            if let receipt = try await request("eth_getTransactionReceipt", [hash]) as? [String: Any] {
                guard receipt["status"] as? String == "0x1" else { throw Failure(description: "the chain refused the session") }
                return
            }
            try await Task.sleep(nanoseconds: 500_000_000)
        }
        throw Failure(description: "the chain does not show \(hash)")
    }
}

/// Says a line; the node learns of the session from the chain, and may need a block more.
func say(_ line: String, _ chat: Chat, _ transport: any Transport) async throws {
    let settings = ReplySettings()
    for tries in 0... {
        do {
            for try await said in chat.stream(line, settings: settings, transport: transport) {
                switch said {
                case .piece(let piece): print(piece, terminator: "")
                case .done(let turn):
                    print("\n  [\(turn.completionTokens) tokens, \(turn.tokenCheck), \(turn.owed) owed so far, promised]")
                }
            }
            return
        } catch LazaiError.Failed(let code, _) where ["node.busy", "node.unknown_session"].contains(code) && tries < 20 {
            try await Task.sleep(nanoseconds: 500_000_000)
        }
    }
}

guard CommandLine.arguments.count == 2 else { throw Failure(description: "usage: lazai-chat URL") }
var publisher = CommandLine.arguments[1]
while publisher.hasSuffix("/") { publisher.removeLast() }
let market = try JSONSerialization.jsonObject(with: await get(publisher + "/market.json")) as? [String: Any] ?? [:]
guard let node = market["nodeUrl"] as? String, let rpc = market["rpcUrl"] as? String, let deposit = market["deposit"] as? String
else { throw Failure(description: "market.json says nothing of the market") }
// ANCHOR: session
let place = try readMarketPlace(json: await get(publisher + "/place.json"))
// By itself, a model has the card that is part of its prompts.
guard let listed = try readModels(body: await get(node + "/v1/models")).first,
    let model = try readModels(body: await get(node + "/v1/models/" + listed.id)).first, model.id == listed.id
else {
    throw Failure(description: "the node offers no character")
}
let wallet = RpcWallet(url: rpc)
let payer = try await wallet.account()
let key = try LocalKey.random()
let nonce = UInt64.random(in: 0...UInt64.max)
print("\(model.name ?? model.id): opening a session with a deposit of \(deposit) base units")
let call = try openSessionCall(place: place, nonce: nonce, consumer: key.address(), model: model, deposit: deposit)
try await wallet.send(call, from: payer)
let conversation = try beginConversation(
    place: place, payer: payer, nonce: nonce, consumer: key.address(), model: model, deposit: deposit)
let chat = try Chat(conversation: conversation, domain: place.domain, signer: key.signer())
// ANCHOR_END: session
let transport = SessionTransport(node, model, place.domain)
while let line = readLine(), !line.isEmpty { try await say(line, chat, transport) }
print("\(chat.messages().count / 2) replies, \(chat.owed()) owed and promised")
