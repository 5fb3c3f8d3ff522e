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

/// A node, over URLSession: the body is passed on as it comes.
final class SessionTransport: NSObject, Transport, URLSessionDataDelegate, @unchecked Sendable {
    private let node: String
    private let lock = NSLock()
    private var sinks: [Int: (BodySink, CheckedContinuation<UInt16, any Error>)] = [:]
    private lazy var session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)

    init(_ node: String) { self.node = node }

    func post(request: HttpRequest, sink: BodySink) async throws -> UInt16 {
        var post = URLRequest(url: URL(string: node + request.path)!)
        post.httpMethod = "POST"
        post.httpBody = Data(request.body.utf8)
        for header in request.headers { post.setValue(header.value, forHTTPHeaderField: header.name) }
        return try await withCheckedThrowingContinuation { done in
            let task = session.dataTask(with: post)
            lock.withLock { sinks[task.taskIdentifier] = (sink, done) }
            task.resume()
        }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        lock.withLock { sinks[dataTask.taskIdentifier]?.0 }?.push(bytes: data)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let (_, done) = lock.withLock({ sinks.removeValue(forKey: task.taskIdentifier) }) else { return }
        if let answer = task.response as? HTTPURLResponse, error == nil {
            done.resume(returning: UInt16(answer.statusCode))
        } else {
            let detail = "\(node): \(error?.localizedDescription ?? "no answer")"
            done.resume(throwing: LazaiError.Failed(code: "node.transport", detail: detail))
        }
    }
}

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
let transport = SessionTransport(node)
while let line = readLine(), !line.isEmpty { try await say(line, chat, transport) }
print("\(chat.messages().count / 2) replies, \(chat.owed()) owed and promised")
