// An app's side of a session on iOS and macOS. No dependency.
//
//     let session = Session(base: URL(string: "https://shop.example/auth/")!, clientID: "phone")
//     try await session.logIn(username: "ada", password: "s3cret-enough")
//     let (data, response) = try await session.data(for: URLRequest(url: orders))
//
// One store for each session: a Keychain item. The rules that matter are marked (1) to (4); the server cannot
// tell a client that breaks them from a thief.

import Foundation
import Security

enum SessionError: Error {
    /// The session is over: send the user to the login.
    case loggedOut
    /// Nobody answered, or not now. The session goes on; try again later.
    case unavailable
    /// The server refused what was asked, for example a wrong password.
    case refused(String)
    /// Another step of the login is needed, by one of these methods.
    case interactionRequired(challenge: String, methods: [String])
    /// The Keychain does not answer, for example before the first unlock.
    case keychain(OSStatus)
}

/// What one session holds.
struct Held: Codable {
    var refreshToken: String
    var accessToken: String
    var accessExpires: Date
    var deviceID: String
    /// The Idempotency-Key of the exchange that is under way.
    var key: String?
}

actor Session {
    private let base: URL
    private let clientID: String
    private let store: KeychainStore
    private let http: URLSession
    /// The exchange that is under way: whoever comes meanwhile waits for it.
    private var exchange: Task<Held, Error>?

    /// - Parameters:
    ///   - base: Where the site has put tokenauth's URLs, with a slash at its end.
    ///   - accessGroup: The Keychain group of an app and its extensions, if they share the session.
    ///   - lockFile: A file in the container that they share; they then refresh one after the other.
    init(base: URL, clientID: String, accessGroup: String? = nil, lockFile: URL? = nil) {
        self.base = base
        self.clientID = clientID
        self.store = KeychainStore(account: "\(base.absoluteString)|\(clientID)", group: accessGroup, lockFile: lockFile)
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 15
        configuration.waitsForConnectivity = false
        self.http = URLSession(configuration: configuration)
    }

    func logIn(username: String, password: String, deviceName: String = "") async throws {
        var form = ["username": username, "password": password, "device_name": deviceName]
        form["device_id"] = try store.locked { try store.read() }?.deviceID
        try await loggedIn(path: "login/", form: form)
    }

    func continueLogin(challenge: String, method: String, response: String) async throws {
        try await loggedIn(
            path: "login/continue/", form: ["challenge": challenge, "method": method, "response": response])
    }

    /// As `URLSession.data(for:)`, with an access token that is refreshed when it has to be.
    func data(for request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        var held = try await usable()
        var (data, response) = try await send(request, bearer: held.accessToken)
        let challenge = response.value(forHTTPHeaderField: "WWW-Authenticate") ?? ""
        if response.statusCode == 401 && challenge.contains("invalid_token") {
            held = try await refresh(held)
            (data, response) = try await send(request, bearer: held.accessToken)
        }
        return (data, response)
    }

    /// Forget the tokens here, then tell the server.
    func logOut() async throws {
        guard let held = try store.locked({ try store.read() }) else { return }
        try store.locked { try store.delete(ifStillHolding: held.refreshToken) }
        _ = try await post(path: "token/revoke/", form: ["token": held.refreshToken], key: nil)
    }

    private func usable() async throws -> Held {
        guard let held = try store.locked({ try store.read() }) else { throw SessionError.loggedOut }
        return held.accessExpires.timeIntervalSinceNow > 15 ? held : try await refresh(held)
    }

    private func refresh(_ old: Held) async throws -> Held {
        if let exchange { return try await exchange.value }
        let task = Task { try await exchanged(old) }
        exchange = task
        defer { exchange = nil }
        return try await task.value
    }

    private func exchanged(_ old: Held) async throws -> Held {
        // (1) the key is stored beside the token before anything is sent: every retry, after a crash and
        // from an extension too, sends the same
        let sent: Held = try store.locked {
            guard var held = try store.read() else { throw SessionError.loggedOut }
            if held.refreshToken == old.refreshToken && held.key == nil {
                held.key = UUID().uuidString
                try store.write(held)
            }
            return held
        }
        guard sent.refreshToken == old.refreshToken else { return sent }  // another process was faster

        let answer = try await post(path: "token/refresh/", form: ["refresh_token": sent.refreshToken], key: sent.key)
        return try store.locked {
            if answer.status == 200 {
                // (2) written only if the store still holds the token that was sent, (3) and before it is used
                if try store.read()?.refreshToken == sent.refreshToken { try store.write(answer.held()) }
            } else if answer.reauthenticate {
                try store.delete(ifStillHolding: sent.refreshToken)
            } else {
                throw SessionError.refused(answer.error)
            }
            guard let held = try store.read() else { throw SessionError.loggedOut }
            return held
        }
    }

    private func loggedIn(path: String, form: [String: String]) async throws {
        let answer = try await post(path: path, form: form, key: UUID().uuidString)
        if answer.error == "interaction_required" {
            throw SessionError.interactionRequired(challenge: answer.challenge, methods: answer.methods)
        }
        guard answer.status == 200 else { throw SessionError.refused(answer.error) }
        try store.locked { try store.write(answer.held()) }
    }

    /// POST, and after a lost answer, a 429 or a 5xx (4) the same request again: it consumed nothing.
    private func post(path: String, form: [String: String], key: String?) async throws -> Answer {
        var request = URLRequest(url: URL(string: path, relativeTo: base)!)
        request.httpMethod = "POST"
        request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
        if let key { request.setValue(key, forHTTPHeaderField: "Idempotency-Key") }
        request.httpBody = encoded(form.merging(["client_id": clientID]) { $1 })

        for tried in 0..<4 {
            var wait = 0.25 * pow(2, Double(tried)) * Double.random(in: 0.5...1.5)
            do {
                let (data, response) = try await send(request, bearer: nil)
                if response.statusCode != 429 && response.statusCode < 500 {
                    return Answer(status: response.statusCode, data: data)
                }
                wait = max(wait, Double(response.value(forHTTPHeaderField: "Retry-After") ?? "0") ?? 0)
            } catch is URLError {
                // nobody heard us, or we did not hear the answer: the same either way
            }
            if tried < 3 { try await Task.sleep(nanoseconds: UInt64(wait * 1_000_000_000)) }
        }
        throw SessionError.unavailable
    }

    private func send(_ request: URLRequest, bearer: String?) async throws -> (Data, HTTPURLResponse) {
        var request = request
        if let bearer { request.setValue("Bearer \(bearer)", forHTTPHeaderField: "Authorization") }
        let (data, response) = try await http.data(for: request)
        guard let answered = response as? HTTPURLResponse else { throw SessionError.unavailable }
        return (data, answered)
    }

    private func encoded(_ form: [String: String]) -> Data {
        let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let pairs = form.filter { !$0.value.isEmpty }.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: plain) ?? "")"
        }
        return Data(pairs.joined(separator: "&").utf8)
    }
}

/// What the server said.
private struct Answer {
    let status: Int
    private let members: [String: Any]

    init(status: Int, data: Data) {
        self.status = status
        self.members = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }

    var error: String { members["error"] as? String ?? "" }
    var reauthenticate: Bool { members["reauthenticate"] as? Bool ?? false }
    var challenge: String { members["challenge"] as? String ?? "" }
    var methods: [String] { members["methods"] as? [String] ?? [] }

    func held() -> Held {
        Held(
            refreshToken: members["refresh_token"] as? String ?? "",
            accessToken: members["access_token"] as? String ?? "",
            accessExpires: Date(timeIntervalSinceNow: members["expires_in"] as? Double ?? 0),
            deviceID: members["device_id"] as? String ?? "",
            key: nil)
    }
}

/// One Keychain item. It never leaves this device, and opens after the first unlock: so background work can
/// refresh, and no backup carries a session away.
private struct KeychainStore {
    let account: String
    let group: String?
    let lockFile: URL?

    /// Do something that no other process with the same lock file does meanwhile.
    func locked<T>(_ work: () throws -> T) throws -> T {
        guard let lockFile else { return try work() }
        let file = open(lockFile.path, O_CREAT | O_RDWR, 0o600)
        guard file >= 0, flock(file, LOCK_EX) == 0 else { throw SessionError.unavailable }
        defer { close(file) }
        return try work()
    }

    func read() throws -> Held? {
        var query = item
        query[kSecReturnData as String] = true
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        guard status == errSecSuccess, let data = found as? Data else { throw SessionError.keychain(status) }
        return try? JSONDecoder().decode(Held.self, from: data)
    }

    func write(_ held: Held) throws {
        let new: [String: Any] = [
            kSecValueData as String: try JSONEncoder().encode(held),
            kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(item as CFDictionary, new as CFDictionary)
        if status == errSecItemNotFound {
            status = SecItemAdd(item.merging(new) { $1 } as CFDictionary, nil)
        }
        guard status == errSecSuccess else { throw SessionError.keychain(status) }
    }

    func delete(ifStillHolding token: String) throws {
        guard try read()?.refreshToken == token else { return }
        let status = SecItemDelete(item as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw SessionError.keychain(status) }
    }

    private var item: [String: Any] {
        var query: [String: Any] = [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: "tokenauth",
            kSecAttrAccount as String: account,
            kSecUseDataProtectionKeychain as String: true,
        ]
        if let group { query[kSecAttrAccessGroup as String] = group }
        return query
    }
}
